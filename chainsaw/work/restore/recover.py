"""Restores that were interrupted: they go on, or all becomes what it was before."""

from __future__ import annotations

from chainsaw.errors import ChainsawError, Exit
from chainsaw.host import files
from chainsaw.host.account import Account
from chainsaw.load.edit import with_key
from chainsaw.work.apply.apply import apply
from chainsaw.work.lifecycle.remove import purge
from chainsaw.work.locks import holding
from chainsaw.work.restore.stage import Stage, former_of, place_of
from chainsaw.work.restore.unfinished import Unfinished, finish, marked, unmark
from chainsaw.work.result import Reporter, Request

COMMAND = "chainsaw restore"


def write_file(account: Account, name: str, text: str) -> None:
    """Write the file of an instance."""
    file = account.paths.instance_file(name)
    with account.steps.step(f"write {file}"):
        files.write_atomic(file, text.encode(), 0o600)


def apply_one(account: Account, name: str, report: Reporter, request: Request | None = None) -> None:
    """Apply an instance; raise ChainsawError unless it works."""
    result = apply(account, request or Request((name,), command="restore"), report)
    if result.exit is not Exit.OK:
        raise ChainsawError(list(result.diagnostics), result.exit)


def stopped_text(text: str) -> str:
    """Return the file of an instance that is stopped."""
    return with_key(text, ("serving",), "stopped")


def end(account: Account, name: str, stage: Stage) -> None:
    """Record that a restore is over, and delete what it has put aside."""
    finish(account, name)
    stage.clear()
    unmark(account, name)


def undo(account: Account, name: str, report: Reporter) -> None:
    """Finish a restore that was interrupted; do nothing where there is none.

    If all data was in its place already, it goes on; else, or if that fails, all becomes what it was before.
    """
    known = marked(account.paths).get(name)
    if known is None:
        return
    if known.over:
        account.podman.remove_trees([place_of(account.paths, name), former_of(account.paths, name)])
        unmark(account, name)
    elif not (known.coming and _goes_on(account, name, known, report)):
        go_back(account, name, report)


def _goes_on(account: Account, name: str, known: Unfinished, report: Reporter) -> bool:
    """Start an instance whose data is all in its place; return whether it works."""
    report.note(f"the restore of {name} from {known.backup} was interrupted, and goes on")
    try:
        write_file(account, name, known.coming)
        apply_one(account, name, report)
    except (ChainsawError, OSError) as error:
        report.note(f"{name} does not work: {error}")
        return False
    end(account, name, Stage(account, account.current().instances[name]))
    return True


def go_back(account: Account, name: str, report: Reporter) -> None:
    """Put an instance back to what it was before a restore; one that was not there before is deleted.

    Raise ChainsawError when it does not work then either: its data is back all the same.
    """
    known = marked(account.paths).get(name)
    if known is None or known.over:
        return
    report.note(f"the restore of {name} from {known.backup} did not end: it becomes what it was before")
    if known.former is None:
        purge(account, name, Request((name,), command="restore", prunes=False), report)
        return
    write_file(account, name, stopped_text(known.former))
    apply_one(account, name, report)
    Stage(account, account.current().instances[name]).put_back()
    write_file(account, name, known.former)
    unmark(account, name)
    apply_one(account, name, report)


def undo_all(account: Account, report: Reporter) -> None:
    """Undo every restore that did not end; one that another command is at is left to that."""
    for name in marked(account.paths):
        try:
            with holding(account, (name,), COMMAND, report, wait=False):
                undo(account, name, report)
        except (ChainsawError, OSError) as error:
            # What else is to be done must not wait for this.
            if not (isinstance(error, ChainsawError) and error.exit is Exit.LOCKED):
                report.note(f"{name}: {error}")
