"""Copies what is missing of a directory of the admin: nothing that is there is changed."""

from __future__ import annotations

import os
import shutil
import stat

from chainsaw.host import disk


def fill(source: str, target: str, left: frozenset[str] = frozenset()) -> None:
    """Copy a directory, or a file, to where it is missing, with modes and times; no link is followed.

    `left` are paths of the source that are left out. After a crash it can be repeated: a file is there as a whole, or
    not at all.
    """
    if source in left:
        return
    known = os.lstat(source)
    if stat.S_ISDIR(known.st_mode):
        disk.make_directories(target)
        with os.scandir(source) as entries:
            names = sorted(entry.name for entry in entries)
        for name in names:
            fill(f"{source}/{name}", f"{target}/{name}", left)
        os.chmod(target, stat.S_IMODE(known.st_mode))
    elif not os.path.lexists(target):
        disk.make_directories(os.path.dirname(target))
        partial = f"{target}.partial"
        if os.path.lexists(partial):
            os.unlink(partial)
        shutil.copy2(source, partial, follow_symlinks=False)
        os.replace(partial, target)


def sync(path: str) -> None:
    """Write what was copied to the disk."""
    disk.sync_file_system(path)


def below(path: str) -> list[str]:
    """Return the files below a directory, by their paths in it, sorted; neither directories nor links."""
    found = []
    for place, _, names in os.walk(path):
        every = (f"{place}/{name}" for name in names)
        found += [os.path.relpath(file, path) for file in every if stat.S_ISREG(os.lstat(file).st_mode)]
    return sorted(found)


def content(path: str) -> bytes:
    """Return what is in a file."""
    with open(path, "rb") as file:
        return file.read()
