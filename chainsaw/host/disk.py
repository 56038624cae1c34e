"""The disk: what is written survives a power cut, and how much room there is."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

SHARE, MOST_SPARE = 20, 512 * 2**20
"""That part of a disk stays free, but no more than so many bytes."""


def sync_directory(path: str) -> None:
    """Make the names in a directory survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_parents(paths: Iterable[str]) -> None:
    """Make the names of some files and directories survive a power cut; each directory above them is synced once."""
    for directory in sorted({os.path.dirname(os.path.abspath(path)) for path in paths}):
        sync_directory(directory)


def sync_file_system(path: str) -> None:
    """Bring everything written to the file system of a path to its disk: one call for any number of files.

    Raise OSError when the disk reports that something was not written.
    """
    import ctypes

    library = ctypes.CDLL(None, use_errno=True)
    if not hasattr(library, "syncfs"):
        os.sync()
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        if library.syncfs(descriptor):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), path)
    finally:
        os.close(descriptor)


def make_directories(path: str) -> None:
    """Make a directory and its missing parents, so that all of them survive a power cut."""
    missing = []
    place = Path(path)
    while not place.is_dir():
        missing.append(str(place))
        place = place.parent
    Path(path).mkdir(parents=True, exist_ok=True)
    sync_parents(missing)


def free_bytes(path: str) -> int:
    """Return how many bytes an unprivileged user can still write at a path."""
    found = _disk_at(path)
    return found.f_bavail * found.f_frsize


def spare_bytes(path: str) -> int:
    """Return how many bytes should stay free at a path whatever is written there: applications write, too."""
    found = _disk_at(path)
    return min(found.f_blocks * found.f_frsize // SHARE, MOST_SPARE)


def _disk_at(path: str) -> os.statvfs_result:
    place = Path(path)
    while not place.exists():
        place = place.parent
    return os.statvfs(place)
