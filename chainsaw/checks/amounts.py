"""Whether an instance has more on the disk than is expected of it: of bytes, and of files."""

from __future__ import annotations

from collections.abc import Mapping

from chainsaw.checks.check import Check
from chainsaw.checks.observed import DiskUse
from chainsaw.model.quantity import bytes_for_people

BYTES_FOR_EACH_FILE = 16384
"""So many bytes of a disk have one inode, where nobody asked ext4 for another number (mke2fs.conf(5), inode_ratio)."""
GIGABYTE = 2**30


def files_expected(amount: int) -> int:
    """Return how many files and directories are expected of an instance that may take so many bytes."""
    return amount // BYTES_FOR_EACH_FILE


def excess(use: DiskUse, amount: int) -> str:
    """Return what an instance has more of than its amount in bytes, in words; '' where nothing more was counted."""
    found = []
    if use.bytes is not None and use.bytes > amount:
        of_caches = f", {bytes_for_people(use.caches)} of it caches," if use.caches and use.caches > amount // 2 else ""
        more = f"{of_caches} where {bytes_for_people(amount)} are expected"
        found.append(f"{bytes_for_people(use.bytes)} on the disk{more}")
    if use.files is not None and use.files > files_expected(amount):
        found.append(f"{use.files} files where {files_expected(amount)} are expected")
    return " and ".join(found)


def remedy(name: str, use: DiskUse) -> str:
    """Return the commands for an instance with more than its amount: where it is, and how to expect it."""
    wanted = max(use.bytes or 0, (use.files or 0) * BYTES_FOR_EACH_FILE) * 5 // 4
    enough = GIGABYTE
    while enough < wanted:
        enough *= 2
    return f"chainsaw inventory {name}; if that is right: chainsaw config set {name} disk {enough // GIGABYTE}G"


def disk_use(name: str, use: DiskUse, amount: int, patience: float) -> Check:
    """Check an instance against its amount in bytes; it was counted for `patience` seconds."""
    topic = "disk use"
    if found := excess(use, amount):
        return Check(topic, "warn", f"it has {found}", remedy(name, use), name)
    if use.bytes is None or use.files is None:
        return Check(topic, "unknown", f"not counted within {patience:g} s", f"chainsaw inventory {name}", name)
    found = f"{bytes_for_people(use.bytes)} and {use.files} files, of {bytes_for_people(amount)}"
    return Check(topic, "ok", f"{found} and {files_expected(amount)} that are expected", subject=name)


def uncounted(uses: Mapping[str, DiskUse]) -> list[str]:
    """Return the instances of which not everything was counted in time."""
    return sorted(name for name, use in uses.items() if use.bytes is None or use.files is None)
