"""What an interrupted restore has left behind, and how it is undone."""

from __future__ import annotations

import json

from chainsaw.host import files
from chainsaw.host.account import Account
from chainsaw.model.paths import Paths
from chainsaw.plan.resources import RESTORING

FORMAT = 1


def mark(account: Account, name: str, backup: str, former: str | None) -> None:
    """Record that a restore has begun to change an instance; `former` is the text of its file, if it had one."""
    text = json.dumps({"format": FORMAT, "backup": backup, "former": former}) + "\n"
    with account.steps.step(f"record that {name} is being restored"):
        files.write_atomic(_file(account.paths, name), text.encode(), 0o600)


def unmark(account: Account, name: str) -> None:
    """Record that an instance is as it should be again."""
    with account.steps.step(f"record that the restore of {name} is over"):
        files.remove(_file(account.paths, name))


def marked(paths: Paths) -> dict[str, tuple[str, str | None]]:
    """Return, for each instance whose restore has not ended, the backup and the text of its file before."""
    found = {}
    for name in files.list_directory(f"{paths.root}/instances"):
        text = files.read_text(_file(paths, name))
        if text is not None:
            known = json.loads(text)
            found[name] = (str(known["backup"]), known["former"])
    return found


def _file(paths: Paths, name: str) -> str:
    return f"{paths.instance(name)}/{RESTORING}"
