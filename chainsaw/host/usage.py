"""Memory of processes, and bytes of files on the disk, whichever user owns them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from chainsaw.host import files, process, streams

BYTES, INODES = "--block-size=1", "--inodes"
"""What du(1) counts."""
DISK_BLOCK = 4096
"""In so many bytes the room for a file is counted."""
PROGRAMS, ABREAST = 8, 4
"""So many of them count, and so many at a time."""


def memory_of(processes: Iterable[int]) -> int:
    """Return the proportional set size of processes, in bytes (proc(5), smaps_rollup).

    The admin may read that of a container's process, because the admin owns its user namespace (ptrace(2)).
    """
    total = 0
    for number in processes:
        try:
            with open(f"/proc/{number}/smaps_rollup", encoding="ascii") as file:
                found = re.search(r"^Pss: +(\d+) kB", file.read(), re.MULTILINE)
        except OSError:
            # A process that is ending cannot be read any more.
            continue
        total += int(found[1]) * 1024 if found else 0
    return total


def processor_seconds(processes: Iterable[int]) -> float:
    """Return the CPU time of processes and of their children that ended (proc(5), stat)."""
    ticks = 0
    for number in processes:
        text = files.read_text(f"/proc/{number}/stat") if files.exists(f"/proc/{number}") else None
        fields = (text or "").rpartition(")")[2].split()
        ticks += sum(int(value) for value in fields[11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


def host_memory() -> dict[str, int]:
    """Return the memory of the host in bytes: total, available, swap_total and swap_free (proc(5), meminfo)."""
    found = dict(re.findall(r"^(\w+): +(\d+) kB$", files.read_text("/proc/meminfo") or "", re.MULTILINE))
    names = {"total": "MemTotal", "available": "MemAvailable", "swap_total": "SwapTotal", "swap_free": "SwapFree"}
    return {name: int(found.get(field, 0)) * 1024 for name, field in names.items()}


def memory_and_swap() -> int:
    """Return the memory of the host with its swap space, in bytes."""
    known = host_memory()
    return known["total"] + known["swap_total"]


def members_of(path: str, enter: Sequence[str]) -> tuple[int, int]:
    """Return how many files and directories a tree has, itself among them, and the bytes of the files in blocks.

    A file with several names is counted once. Raise ChainsawError for a tree that cannot be read.
    """
    members = size = 0
    seen = set[bytes]()
    words = [*enter, "find", path, "-printf", r"%y %n %i %s\n"]
    with streams.tapped([words], None) as printed:
        for line in printed:
            kind, names, inode, length = line.split()
            members += 1
            if kind == b"f" and inode not in seen:
                size += -(-int(length) // DISK_BLOCK) * DISK_BLOCK
                if names != b"1":
                    seen.add(inode)
    return members, size


def disk_usage(paths: Sequence[str], enter: list[str], patience: float) -> dict[str, int]:
    """Return the bytes of each file or directory on the disk; those that take too long to count are left out.

    The admin cannot read files of instances: `enter` are the words before a program that run it as root of a user
    namespace in which all have an id. `patience` is the time limit in seconds. Each file counts once, for the first of
    the paths that it is in.
    """
    return _counted(BYTES, [paths], enter, patience)


@dataclass(frozen=True)
class Counted:
    """The bytes and the inodes of files and directories, by path; those that took too long to count are left out."""

    bytes: Mapping[str, int]
    inodes: Mapping[str, int]


def count(groups: Sequence[Sequence[str]], enter: list[str], patience: float) -> Counted:
    """Count the paths of some groups as `disk_usage` does; one that takes too long keeps few of the others waiting.

    All groups have the same number of paths.
    """

    def counted(what: str) -> dict[str, int]:
        return _counted(what, groups, enter, patience)

    with ThreadPoolExecutor(max_workers=2) as pool:
        return Counted(*pool.map(counted, (BYTES, INODES)))


def _counted(what: str, groups: Sequence[Sequence[str]], enter: list[str], patience: float) -> dict[str, int]:
    paths = [path for group in groups for path in group]
    if not any(map(files.exists, paths)):
        return {}
    together = len(groups[0]) * -(-len(groups) // PROGRAMS)
    # timeout(1) stops everything that it has started; killing the first program alone would leave the others.
    argv = [*enter, "timeout", f"{patience}", "xargs", "-0", f"-n{together}", f"-P{ABREAST}"]
    argv += ["stdbuf", "-oL", "du", "--summarize", what, "--"]
    found: dict[str, int] = {}
    for entry in process.run_briefly(argv, patience + 0.5, "\0".join(paths)).splitlines():
        size, _, path = entry.partition("\t")
        if path in paths and size.isdigit():
            found[path] = int(size)
    return found


def total(paths: Sequence[str], counted: Mapping[str, int]) -> int | None:
    """Return the bytes of all paths that exist; None when one of them was not counted, or none exists."""
    present = [path for path in paths if files.exists(path)]
    return sum(counted[path] for path in present) if present and all(path in counted for path in present) else None
