"""Puts one file that is unpacked into a tree that a stranger has made: `place SOURCE TARGET PATH`.

It runs as root of a user namespace. No directory on the way is a link (openat(2), O_NOFOLLOW), and what is there
already is never replaced.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat

from chainsaw.host.bundle.confined import DIRECTORY, FILE, confine, prepare
from chainsaw.host.bundle.form import RefusedError, names_of, shown

NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def main(argv: list[str]) -> int:
    """Copy the file PATH of the directory SOURCE to the same path in TARGET, with its owner, mode and time."""
    source, target, path = argv
    prepare()
    *above, name = names_of(path)
    there = os.open(source, DIRECTORY)
    here = confine(target)
    for part in above:
        here = _below(here, there, part)
        there = os.open(part, DIRECTORY, dir_fd=there)
    descriptor = os.open(name, FILE, dir_fd=there)
    known = os.fstat(descriptor)
    if not stat.S_ISREG(known.st_mode):
        raise RefusedError(f"it is not a plain file in the backup: {shown(path)}")
    partial = f".{name[:100]}.restored"
    new = os.open(partial, NEW, 0o600, dir_fd=here)
    try:
        with os.fdopen(descriptor, "rb") as file, os.fdopen(new, "wb") as copy:
            shutil.copyfileobj(file, copy, 1 << 20)
            copy.flush()
            os.fchown(copy.fileno(), known.st_uid, known.st_gid)
            os.fchmod(copy.fileno(), stat.S_IMODE(known.st_mode))
            os.utime(copy.fileno(), ns=(known.st_mtime_ns, known.st_mtime_ns))
            os.fsync(copy.fileno())
        # Unlike a rename, this fails where something is there.
        os.link(partial, name, src_dir_fd=here, dst_dir_fd=here, follow_symlinks=False)
    except FileExistsError as error:
        raise RefusedError(f"there is something at {shown(path)} now: move it away first") from error
    finally:
        os.unlink(partial, dir_fd=here)
    return 0


def _below(here: int, there: int, part: str) -> int:
    """Open a directory on the way, or make it as it is in the backup."""
    try:
        return os.open(part, DIRECTORY, dir_fd=here)
    except OSError as error:
        if error.errno in (errno.ENOTDIR, errno.ELOOP):
            raise RefusedError(f"there is no directory {shown(part)} now") from error
        if error.errno != errno.ENOENT:
            raise
    below = os.open(part, DIRECTORY, dir_fd=there)
    known = os.fstat(below)
    os.close(below)
    os.mkdir(part, 0o700, dir_fd=here)
    made = os.open(part, DIRECTORY, dir_fd=here)
    os.fchown(made, known.st_uid, known.st_gid)
    os.fchmod(made, stat.S_IMODE(known.st_mode))
    return made
