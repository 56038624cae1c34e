"""remove --purge, as an admin asks for it: what is deleted is backed up first, and its backups stay."""

from __future__ import annotations

from dataclasses import replace

from chainsaw.errors import ChainsawError, Diagnostic, invalid
from chainsaw.host.account import Account
from chainsaw.work.backup.expire import delete_all
from chainsaw.work.backup.find import own_of
from chainsaw.work.backup.make import Wanted, back_up_one
from chainsaw.work.config.on_disk import data_places
from chainsaw.work.lifecycle.remove import check_known
from chainsaw.work.lifecycle.remove import purge as delete
from chainsaw.work.locks import holding
from chainsaw.work.result import Reporter, Request, Result


def purge_with_backups(account: Account, name: str, request: Request, report: Reporter) -> Result:
    """Delete an instance for good, and then its backups, in all places that are there.

    Raise ChainsawError, with nothing deleted, when there is no instance to delete.
    """
    # When it is gone, nobody knows any more where they are.
    doomed = own_of(account, name)
    result = purge(account, name, request, report, backs_up=False)
    gone = delete_all(account, doomed)
    lines = tuple(f"  deleted: {path}" for path in gone) or ("  there was no backup of it",)
    return replace(result, data={**result.data, "backups": gone}, lines=(*result.lines, *lines))


def purge(account: Account, name: str, request: Request, report: Reporter, *, backs_up: bool) -> Result:
    """Delete an instance for good, after a backup; raise ChainsawError, with nothing deleted, when that fails."""
    with holding(account, (name,), f"chainsaw remove {name} --purge", report, wait=request.wait):
        check_known(account, name)
        is_applied = name in account.current().instances
        if backs_up and not is_applied and data_places(account.paths, name):
            message = f"{name} was removed, so it cannot be backed up before it is deleted for good"
            hint = f"chainsaw rollback {name}, and then purge it; or chainsaw remove {name} --purge --no-backup"
            raise invalid(Diagnostic("not-backed-up", message, hint=hint))
        if not (backs_up and is_applied):
            return delete(account, name, request, report)
        try:
            done = back_up_one(account, name, Wanted(shrinks=True, before="purge"), report)
        except ChainsawError as error:
            message = f"{name} was not deleted: it could not be backed up before"
            hint = f"chainsaw remove {name} --purge --no-backup deletes it without"
            raise ChainsawError(
                [*error.diagnostics, Diagnostic("not-backed-up", message, hint=hint)], error.exit
            ) from error
        result = delete(account, name, request, report)
    place, index = next(iter(done.made.items()))
    kept = f"{place}/{index.file}" if index.file else f"{place}#{index.backup.id}"
    line = f"  it is kept as {kept}: chainsaw restore {index.backup.id} brings it back"
    data = {**result.data, "backup": index.backup.id}
    return replace(
        result, data=data, lines=(*result.lines, line), diagnostics=(*result.diagnostics, *done.problems(name))
    )
