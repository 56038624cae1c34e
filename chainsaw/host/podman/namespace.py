"""The words before a program that run it in another user namespace (user_namespaces(7), unshare(1))."""

from __future__ import annotations

import os
from collections.abc import Sequence

from chainsaw.host import files
from chainsaw.model.block import SIZE, Range

FURTHER = [
    "unshare", "--user", "--mount", "--setuid=0", "--setgid=0",
    *(f"--map-{kind}={ids}" for kind in ("users", "groups") for ids in ("0:0:1", f"1:1:{SIZE}")),
]  # fmt: skip
"""The words before a program that take from it all that root of the present user namespace may do to it."""
RESTRICTED = "/proc/sys/kernel/apparmor_restrict_unprivileged_userns"


def is_restricted() -> bool:
    """Return whether AppArmor keeps unknown programs from making a user namespace."""
    return (files.read_text(RESTRICTED) or "0").strip() != "0"


def namespace(uids: Sequence[Range], gids: Sequence[Range], *options: str) -> list[str]:
    """Return the words before a program that run it as root of a user namespace: the admin is 0, and ids follow."""
    words = ["unshare", "--user", *options, "--setuid=0", "--setgid=0"]
    for kind, own, ranges in (("users", os.getuid(), uids), ("groups", os.getgid(), gids)):
        words.append(f"--map-{kind}=0:{own}:1")
        inside = 1
        for item in ranges:
            words.append(f"--map-{kind}={inside}:{item.start}:{item.count}")
            inside += item.count
    return words
