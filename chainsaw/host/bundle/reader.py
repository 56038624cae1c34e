"""Read a bundle without unpacking it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import IO, Any, TypeVar

from chainsaw.errors import ChainsawError, Diagnostic, Exit
from chainsaw.host.bundle.archive import Source, read_whole
from chainsaw.host.bundle.form import FIRST, NewerError, RefusedError, shown
from chainsaw.host.bundle.ledger import Nobody, check_format, examine

Result = TypeVar("Result")
NEWER = "apt upgrade chainsaw on this host, or restore it where chainsaw is newer"


def leading(stream: IO[bytes], prefixes: Collection[str], most_bytes: int) -> dict[str, bytes]:
    """Return the plain files at the beginning of a bundle whose paths have one of the prefixes, up to another member.

    The first member is always among them. Directories between them count as neither. Nothing of it is compared with
    the list. Raise ChainsawError for what is no bundle, and for files of more bytes.
    """
    return _told(lambda: _leading(stream, prefixes, most_bytes))


def check(stream: IO[bytes]) -> dict[str, Any]:
    """Read a whole bundle, and return what stands in its end; raise ChainsawError unless all is as it is listed."""
    return _told(lambda: examine(Source(stream), Nobody()))


def _leading(stream: IO[bytes], prefixes: Collection[str], most_bytes: int) -> dict[str, bytes]:
    source, found = Source(stream), dict[str, bytes]()
    for member in source.members():
        if not found and member.path != FIRST:
            raise RefusedError(f"no backup: it does not begin with {FIRST}")
        is_wanted = member.path == FIRST or any(
            member.path.startswith(prefix) or f"{member.path}/" == prefix for prefix in prefixes
        )
        if not is_wanted or member.kind not in ("file", "directory"):
            break
        if member.kind == "directory":
            continue
        if member.path in found:
            raise RefusedError(f"it is there twice: {shown(member.path)}")
        found[member.path] = read_whole(source, member, most_bytes - sum(map(len, found.values())))
        if member.path == FIRST:
            check_format(found[FIRST])
    return found


def _told(read: Callable[[], Result]) -> Result:
    try:
        return read()
    except NewerError as error:
        raise ChainsawError(Diagnostic("newer-backup", str(error), hint=NEWER), Exit.INVALID) from error
    except RefusedError as error:
        raise ChainsawError(Diagnostic("bundle", f"This backup is not taken: {error}")) from error
