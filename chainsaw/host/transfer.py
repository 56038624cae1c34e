"""Copying the data of one instance to another, with its ids changed from one block to the other."""

from __future__ import annotations

import tarfile
from typing import IO

from chainsaw.host import files, process
from chainsaw.host.podman import Podman
from chainsaw.host.podman.program import UNPACK
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

    def renumbered(number: int) -> int:
        return number + shift if first <= number < first + SIZE else number

    def renumber(incoming: IO[bytes], outgoing: IO[bytes]) -> None:
        with (
            tarfile.open(fileobj=incoming, mode="r|") as reader,
            tarfile.open(fileobj=outgoing, mode="w|", format=tarfile.PAX_FORMAT) as writer,
        ):
            for member in reader:
                member.uid, member.gid = renumbered(member.uid), renumbered(member.gid)
                member.uname = member.gname = ""
                writer.addfile(member, reader.extractfile(member) if member.isreg() else None)

    partial = f"{target}.partial"
    podman.remove_trees([partial])
    process.run([*podman.enter(), "mkdir", "-p", partial])
    # Only this format has fractions of seconds, and attributes of files.
    pack = [*podman.enter(), "tar", "-C", source, "--format=pax", "--xattrs", "--numeric-owner", "-cf", "-", "."]
    process.pump(pack, [*podman.enter(), *UNPACK, "--xattrs", "-C", partial, "-f", "-"], renumber)
    podman.remove_trees([target])
    files.publish((partial, target))
