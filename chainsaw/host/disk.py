"""Syncing writes to the disk, so that they survive a power cut."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path


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
