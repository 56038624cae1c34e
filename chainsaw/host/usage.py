"""What processes and files take: memory as the kernel shares it out, and bytes on the disk whoever owns them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence

from chainsaw.host import files, process

PAUSE = "libpod/tmp/pause.pid"


def memory_of(processes: Iterable[int]) -> int:
    """Return the proportional set size of processes, in bytes (proc(5), smaps_rollup).

    The admin may read it of a container's process, whose user namespace is the admin's own (ptrace(2)).
    """
    total = 0
    for number in processes:
        try:
            with open(f"/proc/{number}/smaps_rollup", encoding="ascii") as file:
                found = re.search(r"^Pss: +(\d+) kB", file.read(), re.MULTILINE)
        except OSError:
            continue
        total += int(found[1]) * 1024 if found else 0
    return total


def processor_seconds(processes: Iterable[int]) -> float:
    """Return the time for which processes and their children that ended had a processor (proc(5), stat)."""
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


def disk_usage(paths: Sequence[str], runtime: str, patience: float) -> dict[str, int]:
    """Return the bytes that each file or directory takes on the disk; what takes too long to count is left out.

    Whatever an instance owns is closed to the admin, and open to root of the user namespace that Podman keeps alive
    by one process (podman-unshare(1)). `runtime` is XDG_RUNTIME_DIR, `patience` in seconds.
    """
    present = [path for path in paths if files.exists(path)]
    if not present:
        return {}
    argv = [*_enter(runtime), "stdbuf", "-oL", "du", "--summarize", "--block-size=1", "--", *present]
    found: dict[str, int] = {}
    for entry in process.run_briefly(argv, patience).splitlines():
        size, _, path = entry.partition("\t")
        if path in present and size.isdigit():
            found[path] = int(size)
    return found


def total(paths: Sequence[str], counted: Mapping[str, int]) -> int | None:
    """Return the bytes of all paths that are there; None when one of them was not counted, or none is there."""
    present = [path for path in paths if files.exists(path)]
    return sum(counted[path] for path in present) if present and all(path in counted for path in present) else None


def _enter(runtime: str) -> list[str]:
    """Return the words before a program that run it as root of Podman's user namespace."""
    pause = (files.read_text(f"{runtime}/{PAUSE}") or "").strip()
    if pause.isdigit() and files.exists(f"/proc/{pause}/ns/user"):
        return ["nsenter", "--user", f"--target={pause}", "--setuid=0", "--setgid=0"]
    return ["podman", "unshare"]
