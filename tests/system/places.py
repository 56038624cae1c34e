"""Directories on a file system of their own for a while: one that is full, or one that cannot be written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from .machine import Machine

READ_ONLY = 'mount --bind "$0" "$0"; mount -o remount,bind,ro "$0"'
FULL = """
    size=$(du -sk "$0" | cut -f1)
    mount -t tmpfs -o size=$((size + 400))k tmpfs /mnt
    cp -a "$0/." /mnt/
    mount --bind /mnt "$0"
    umount /mnt
    mkdir "$0/filler"
    dd if=/dev/zero of="$0/filler/zeros" bs=4k 2>/dev/null || true
"""
"""A small file system in the place of a directory, with its content, and no byte left."""


@contextmanager
def mounted(machine: Machine, place: str, how: str) -> Iterator[None]:
    """Let a directory be on a file system of its own; `how` is the script that mounts it."""
    machine.root("sh", "-ec", how, place)
    try:
        yield
    finally:
        machine.root("umount", place)
