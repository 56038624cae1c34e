"""Whether a backup holds so much less than the one before that something must be wrong."""

from __future__ import annotations

from collections.abc import Iterator

from chainsaw.model.backup import Ending, Made

FEW, LITTLE = 20, 2**20
"""Members and bytes below which a change of size says nothing."""


def shrunken(former: Made, ending: Ending) -> Iterator[str]:
    """Yield what there is less than half as much of as in the former backup."""
    members = sum(tree.members for tree in ending.volumes.values()) + len(ending.dumps)
    if former.members >= FEW and members < former.members / 2:
        yield f"{members} files, of {former.members}"
    if former.data >= LITTLE and ending.data < former.data / 2:
        yield f"{ending.data} bytes, of {former.data}"
    for path, size in former.parts.items():
        now = ending.parts.get(path)
        if now is not None and size >= LITTLE and now < size / 2:
            yield f"{now} bytes in {path}, of {size}"
