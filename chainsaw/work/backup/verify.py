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
from chainsaw.work.result import Reporter, Result


def verify(account: Account, word: str, identity: str, report: Reporter) -> Result:
    """Read the backup that a word means, see find, as `verify_one` does."""
    return verify_one(account, find(account, word), identity, report)


def verify_one(account: Account, stored: Stored, identity: str, report: Reporter) -> Result:
    """Compare a backup's file with its index, and if it can be decrypted, each member with what is listed of it.

    Raise ChainsawError when they are not the same.
    """
    if stored.problem:
        raise ChainsawError(Diagnostic("backup", stored.problem, stored.path))
    index, name = stored.index, stored.index.backup.instance
    report.doing(f"reading {stored.path}")
    is_closed = stored.is_sealed and not identity
    if is_closed:
        found = sealed.digest_of(stored.path)
        if found.sha256 != index.sha256:
            raise ChainsawError(
                Diagnostic("backup", "it has changed since it was written", stored.path, hint=_other(name))
            )
        line = f"{stored.id} is as it was written; what is in it was not read: --identity FILE reads that, too"
    else:
        ending = sealed.check(stored.opened_with(identity), PATIENCE)
        if ending.get("sha256") != index.ending.sha256:
            message = "it is not the one that its index describes"
            raise ChainsawError(Diagnostic("backup", message, stored.path, hint=_other(name)))
        line = f"{stored.id} is whole: each of its {ending['members']} members is as it is listed"
    remember(account, stored)
    data = {"id": stored.id, "path": stored.path, "content": not is_closed, "members": index.ending.members}
    return Result(data, (line,))


def remember(account: Account, stored: Stored) -> None:
    """Record that a backup was read as a whole."""
    name = stored.index.backup.instance
    record = backups.read_backups(account.paths, name)
    with account.steps.step(f"record that {stored.id} is verified"):
        verified = {**record.verified, stored.id: int(time.time())}
        backups.write_backups(account.paths, name, record.model_copy(update={"verified": verified}))


def _other(name: str) -> str:
    return f"chainsaw backups {name} lists others; chainsaw backup {name} makes one"
