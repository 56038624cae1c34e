"""backup verify: reads a backup as a whole, and compares it with what it lists."""

from __future__ import annotations

import time

from chainsaw.errors import ChainsawError, Diagnostic
from chainsaw.host.account import Account
from chainsaw.host.bundle import sealed
from chainsaw.host.store import backups
from chainsaw.work.backup.find import find
from chainsaw.work.backup.stored import Stored
from chainsaw.work.backup.write import PATIENCE
from chainsaw.work.locks import holding
from chainsaw.work.result import Reporter, Result

COMMAND = "chainsaw backup verify"


def verify(account: Account, word: str, identity: str, report: Reporter) -> Result:
    """Compare a backup's file with its index, and if it can be decrypted, each member with what is listed of it.

    Raise ChainsawError when they are not the same; the backup counts as none from then on.
    """
    stored = find(account, word)
    name, step = stored.index.backup.instance, f"record what was found in {stored.id}"
    try:
        line = compare(stored, identity, report)
    except ChainsawError as error:
        if is_bad(stored, error):
            # One of the instance may be written now.
            with holding(account, (name,), COMMAND, report), account.steps.step(step):
                remember(account, stored, error.diagnostics[0].message)
        raise
    with holding(account, (name,), COMMAND, report), account.steps.step(step):
        remember(account, stored)
    is_read = not stored.is_sealed or bool(identity)
    data = {"id": stored.id, "path": stored.path, "content": is_read, "members": stored.index.ending.members}
    return Result(data, (line,))


def compare(stored: Stored, identity: str, report: Reporter) -> str:
    """Read a backup as `verify` does, and return what is to be said; nothing is recorded."""
    if stored.problem and not stored.is_there:
        raise ChainsawError(Diagnostic("backup", stored.problem, stored.path))
    report.doing(f"reading {stored.path}")
    is_closed = stored.is_sealed and not identity
    return _compare_file(stored) if is_closed else _compare_members(stored, identity)


def _compare_file(stored: Stored) -> str:
    if sealed.digest_of(stored.path).sha256 != stored.index.sha256:
        raise _changed(stored, "it has changed since it was written")
    return f"{stored.id} is as it was written; what is in it was not read: --identity FILE reads that, too"


def _compare_members(stored: Stored, identity: str) -> str:
    ending = sealed.check(stored.opened_with(identity), PATIENCE)
    if ending.get("sha256") != stored.index.ending.sha256:
        raise _changed(stored, "it is not the one that its index describes")
    return f"{stored.id} is whole: each of its {ending['members']} members is as it is listed"


def _changed(stored: Stored, message: str) -> ChainsawError:
    name = stored.index.backup.instance
    hint = f"chainsaw backups {name} lists others; chainsaw backup {name} makes one"
    return ChainsawError(Diagnostic("backup", message, stored.path, hint=hint))


def is_bad(stored: Stored, error: ChainsawError) -> bool:
    """Return whether it is the backup that is wrong, and not the key or the way to it."""
    if stored.source:
        return error.diagnostics[0].code in ("bundle", "backup")
    try:
        return sealed.digest_of(stored.path).sha256 != stored.index.sha256
    except OSError:
        return False


def remember(account: Account, stored: Stored, problem: str = "") -> None:
    """Record that a backup was read as a whole, and what was wrong with it; the lock of its instance is held."""
    name = stored.index.backup.instance
    record = backups.read_backups(account.paths, name)
    bad = {path: why for path, why in record.bad.items() if path != stored.path}
    changes: dict[str, object] = {"bad": {**bad, stored.path: problem} if problem else bad}
    if not problem:
        changes["verified"] = {**record.verified, stored.id: int(time.time())}
    backups.write_backups(account.paths, name, record.model_copy(update=changes))
