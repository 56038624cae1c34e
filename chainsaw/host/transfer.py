"""Copying the data of one instance to another, with its ids changed from one block to the other."""

from __future__ import annotations

import sys

from chainsaw.host import copier, files, process
from chainsaw.host.podman import Podman
from chainsaw.model.block import SIZE, intermediate


def copy_tree(podman: Podman, source: str, target: str, start: int | None, new_start: int | None) -> None:
    """Copy a directory to another place, with the ids of the block at `start` as those of the one at `new_start`.

    What has no block is the admin's, and stays so. Nothing may write to it meanwhile. What was there before goes only
    when the copy is complete.
    """
    first = shift = 0
    if start is not None and new_start is not None:
        first = intermediate(podman.uids, start)
        shift = intermediate(podman.uids, new_start) - first
    partial = f"{target}{files.PARTIAL}"
    podman.remove_trees([partial])
    process.run(["mkdir", "-p", partial], within=podman.enter())
    program = [sys.executable, "-I", copier.__file__]
    process.run([*program, source, partial, str(first), str(SIZE), str(shift)], within=podman.enter())
    podman.remove_trees([target])
    files.publish((partial, target))
