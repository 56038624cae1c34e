"""What an interrupted restore has left behind, and how it is undone."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace

from chainsaw.host import files
from chainsaw.host.account import Account
from chainsaw.model.paths import Paths
from chainsaw.plan.resources import RESTORING

FORMAT = 1


@dataclass(frozen=True)
class Unfinished:
    """A restore that is changing an instance: from which backup, and the text of its file before, if any.

    Once all data is in its place, the `coming` text of its file is known, and the restore goes on. When it is `over`,
    only what it has put aside is still to be deleted.
    """

    backup: str
    former: str | None
    coming: str = ""
    over: bool = False


def mark(account: Account, name: str, backup: str, former: str | None) -> None:
    """Record that a restore begins to change an instance; `former` is the text of its file, if it had one."""
    with account.steps.step(f"record that {name} is being restored"):
        files.make_directory(account.paths.instance(name), 0o711)
        _write(account.paths, name, Unfinished(backup, former))


def advance(account: Account, name: str, coming: str) -> None:
    """Record that all data of an instance is in its place, and how its file will be."""
    known = marked(account.paths)[name]
    with account.steps.step(f"record that {name} is filled"):
        _write(account.paths, name, replace(known, coming=coming))


def finish(account: Account, name: str) -> None:
    """Record that an instance is as it should be, and that it stays so."""
    known = marked(account.paths)[name]
    with account.steps.step(f"record that the restore of {name} is over"):
        _write(account.paths, name, replace(known, over=True))


def unmark(account: Account, name: str) -> None:
    """Forget a restore of which nothing is left."""
    with account.steps.step(f"forget the restore of {name}"):
        files.remove(_file(account.paths, name))


def marked(paths: Paths) -> dict[str, Unfinished]:
    """Return what is known of each instance whose restore has not ended."""
    found = {}
    for name in files.list_directory(f"{paths.root}/instances"):
        text = files.read_text(_file(paths, name))
        if text is not None:
            known = json.loads(text)
            found[name] = Unfinished(
                str(known["backup"]), known["former"], str(known.get("coming", "")), bool(known.get("over"))
            )
    return found


def _write(paths: Paths, name: str, known: Unfinished) -> None:
    text = json.dumps({"format": FORMAT, **asdict(known)}) + "\n"
    files.write_atomic(_file(paths, name), text.encode(), 0o600)


def _file(paths: Paths, name: str) -> str:
    return f"{paths.instance(name)}/{RESTORING}"
