"""Files that the admin names on the command line, in any directory."""

from __future__ import annotations

import os
import secrets

from chainsaw.errors import Diagnostic, invalid
from chainsaw.host import disk


def check_target(path: str) -> str:
    """Return the absolute path of a file that can be written; raise ChainsawError for any other, and for a link."""
    target = os.path.abspath(path)
    directory = os.path.dirname(target)
    if not os.path.isdir(directory):
        raise invalid(Diagnostic("target", "there is no such directory", directory, hint=f"mkdir -p {directory}"))
    if os.path.lexists(target) and (os.path.islink(target) or not os.path.isfile(target)):
        raise invalid(Diagnostic("target", "is there already, and no file", target, hint=f"mv {target} {target}.old"))
    if not os.access(directory, os.W_OK):
        raise invalid(Diagnostic("target", "cannot be written to by you", directory, hint="choose another directory"))
    return target


def write_private(path: str, content: bytes) -> None:
    """Write a file for the admin alone in one rename, so that a link of that name would be replaced, not followed."""
    directory, name = os.path.split(path)
    partial = f"{directory}/.{name[:100]}.{secrets.token_hex(8)}"
    # Where others may write, too, none of them can have made this one.
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException:
        os.unlink(partial)
        raise
    disk.sync_parents([path])
