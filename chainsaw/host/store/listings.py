"""What was last listed of volumes, so that the next backup into a repository hashes only what has changed."""

from __future__ import annotations

import os
import shutil
import tempfile
from typing import IO

from chainsaw.host import files
from chainsaw.model.paths import Paths


def open_listing(paths: Paths, name: str, volume: str) -> IO[str]:
    """Return the last list of a volume, or an empty one."""
    try:
        return open(f"{paths.listings(name)}/{volume}.jsonl")
    except FileNotFoundError:
        return tempfile.TemporaryFile("w+", dir=f"{paths.state}/chainsaw")


def keep_listing(paths: Paths, name: str, volume: str, listing: IO[str]) -> None:
    """Remember the list of a volume; one that is lost costs time, and nothing else."""
    place = f"{paths.listings(name)}/{volume}.jsonl"
    files.make_directory(paths.listings(name), 0o700)
    with open(f"{place}{files.PARTIAL}", "w") as target:
        shutil.copyfileobj(listing, target)
    os.replace(f"{place}{files.PARTIAL}", place)
