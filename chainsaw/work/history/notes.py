"""note: notes on an instance, kept beside its file."""

from __future__ import annotations

import time

from chainsaw.errors import Diagnostic, invalid
from chainsaw.host import files
from chainsaw.host.account import Account
from chainsaw.model.names import check_text
from chainsaw.work.config.names import instance_names, no_instance
from chainsaw.work.history.history import ChangeRecord, commit_change
from chainsaw.work.locks import holding, site
from chainsaw.work.result import Reporter, Result


def note(account: Account, name: str, text: str, report: Reporter) -> Result:
    """Add a note to an instance; raise ChainsawError for an unknown name, or a text of several lines."""
    try:
        check_text(text)
    except ValueError as error:
        raise invalid(Diagnostic("note", str(error), key="note")) from None
    with holding(account, (name,), f"chainsaw note {name}", report):
        return _add(account, name, text, report)


def _add(account: Account, name: str, text: str, report: Reporter) -> Result:
    paths = account.paths
    if name not in instance_names(account):
        raise no_instance(paths, name, frozenset(instance_names(account)))
    line = f"- {time.strftime('%Y-%m-%d %H:%M')} {account.name}: {text}\n"
    file = paths.notes_file(name)
    with account.steps.step(f"write {file}"):
        files.write_atomic(file, ((files.read_text(file) or "") + line).encode(), 0o600)
    with site(account, f"chainsaw note {name}", report), account.steps.step("commit the change"):
        problems = commit_change(account, ChangeRecord("note", (name,), (f"{name}: {text}",), files=("notes",)))
    return Result({"instance": name, "note": text, "path": file}, (f"noted for {name}",), tuple(problems))


def notes_of(account: Account, name: str) -> list[str]:
    """Return the notes on an instance, oldest first."""
    lines = (files.read_text(account.paths.notes_file(name)) or "").splitlines()
    return [line.removeprefix("- ") for line in lines if line.strip()]
