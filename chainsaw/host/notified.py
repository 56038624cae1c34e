"""The record of what was told to the admin; on a full disk it is kept in memory, so that nothing is told twice."""

from __future__ import annotations

from contextlib import suppress

from pydantic import ValidationError

from chainsaw.errors import ChainsawError
from chainsaw.host import files
from chainsaw.host.account import Account
from chainsaw.model.notified import Notified


def _in_memory(account: Account) -> str:
    return f"{account.runtime}/chainsaw-notified.json"


def read_notified(account: Account) -> Notified:
    """Return what was told; nothing where there is no record that is known."""
    for path in (_in_memory(account), account.paths.notified):
        with suppress(ChainsawError, ValidationError):
            if (text := files.read_text(path)) is not None:
                return Notified.model_validate_json(text)
    return Notified()


def write_notified(account: Account, record: Notified) -> None:
    """Replace the record; raise OSError when it can be kept neither on the disk nor in memory."""
    content, memory = f"{record.model_dump_json()}\n".encode(), _in_memory(account)
    try:
        files.write_atomic(account.paths.notified, content, 0o600)
    except OSError:
        files.write_atomic(memory, content, 0o600)
    else:
        files.remove(memory)
