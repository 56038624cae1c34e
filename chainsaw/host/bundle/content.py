"""What a packer reads of one file: its data between holes, and its attributes."""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Callable
from contextlib import suppress

from chainsaw.host.bundle.archive import EXTENTS
from chainsaw.host.bundle.form import ACLS, DISK_BLOCK, renumbered
from chainsaw.host.bundle.places import SMALLEST_HOLE

Extent = tuple[int, int]


def extents(descriptor: int, size: int) -> list[Extent]:
    """Return where a file has data, as offsets and lengths (lseek(2), SEEK_DATA); small holes count as data.

    Of a file with very many holes, only the larger ones are left.
    """
    found: list[Extent] = []
    at, smallest = 0, SMALLEST_HOLE
    while at < size:
        try:
            start = os.lseek(descriptor, at, os.SEEK_DATA)
            at = os.lseek(descriptor, start, os.SEEK_HOLE)
            at = min(at + -at % DISK_BLOCK, size)
        except OSError as error:
            if error.errno == errno.ENXIO:
                break
            if error.errno == errno.EINVAL:
                return [(0, size)]
            raise
        if start < at:
            _add(found, start, at - start, smallest)
        while len(found) > EXTENTS:
            smallest *= 2
            before, found = found, []
            for start, length in before:
                _add(found, start, length, smallest)
    return found


def _add(found: list[Extent], start: int, length: int, smallest: int) -> None:
    """Add a row of data, to the last one if the hole between them is small."""
    length += start % DISK_BLOCK
    start -= start % DISK_BLOCK
    if found and start - sum(found[-1]) < smallest:
        found[-1] = (found[-1][0], start + length - found[-1][0])
    elif not found and start < smallest:
        found.append((0, start + length))
    else:
        found.append((start, length))


def is_dense(found: list[Extent], size: int) -> bool:
    """Return whether a file has no holes that are worth a map."""
    return sum(length for _, length in found) > size - SMALLEST_HOLE


def attributes(descriptor: int, inside: Callable[[int], int]) -> tuple[dict[str, bytes], int]:
    """Return the attributes that an application has given a file (xattr(7)), and how many others there are."""
    try:
        keys = sorted(os.listxattr(descriptor))
    except OSError as error:
        if error.errno != errno.ENOTSUP:
            raise
        return {}, 0
    found: dict[str, bytes] = {}
    others = 0
    for key in keys:
        if not (key.startswith("user.") or key in ACLS) or not key.isprintable():
            # The system gives each file the label of its directory.
            others += key != "security.selinux"
            continue
        try:
            value = os.getxattr(descriptor, key)
        except OSError as error:
            if error.errno != errno.ENODATA:
                raise
            continue
        found[key] = renumbered(value, inside) if key in ACLS else value
    return found, others


def write_dirty(descriptor: int) -> bool:
    """Write the file system of a directory to its disk (syncfs(2)); return whether it was.

    A page that a program has mapped changes the file's ctime only when it is written to the first time after that.
    """
    try:
        return int(ctypes.CDLL(None).syncfs(descriptor)) == 0
    except (AttributeError, OSError):
        return False


def write_file(descriptor: int) -> None:
    """Write a file to its disk, for the same reason, where that can be."""
    with suppress(OSError):
        os.fdatasync(descriptor)
