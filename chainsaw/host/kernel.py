"""How much is taken of what the kernel gives to all instances together, read from /proc and the control groups."""

from __future__ import annotations

import re
from collections.abc import Iterator

from chainsaw.checks.observed import Taken
from chainsaw.host.readings import CONTROL_GROUPS, text_of

NO_LIMIT = 2**62
"""systemd sets fs.file-max to the largest number that there is, which means none."""


def taken(uid: int, root: str = "") -> Iterator[Taken]:
    """Yield what is taken now of each of these, by a user and mostly by all others too; `root` is where /proc is."""
    system = f"{root}/proc/sys"
    yield _tasks(uid, root)
    keys, most = _keys(uid, root)
    yield Taken("keys", keys, most, "kernel.keys.maxkeys")
    pty = f"{system}/kernel/pty"
    limit, kept = _number(f"{pty}/max"), _number(f"{pty}/reserve")
    # The kernel keeps some for those who log in (Documentation/filesystems/devpts.rst).
    free = None if limit is None or kept is None else limit - kept
    yield Taken("terminals", _number(f"{pty}/nr"), free, "kernel.pty.max")
    aio = f"{system}/fs/aio"
    yield Taken("requests of asynchronous I/O", _number(f"{aio}-nr"), _number(f"{aio}-max-nr"), "fs.aio-max-nr")
    opened, most = _number(f"{system}/fs/file-nr"), _number(f"{system}/fs/file-max")
    if most is None or most < NO_LIMIT:
        yield Taken("open files", opened, most, "fs.file-max")
    tracked = f"{system}/net/netfilter/nf_conntrack"
    most = _number(f"{tracked}_max")
    if most is not None:
        yield Taken("tracked connections", _number(f"{tracked}_count"), most, "net.netfilter.nf_conntrack_max")


def _tasks(uid: int, root: str) -> Taken:
    """Return the processes and threads of a user where they have a limit, otherwise those of the host."""
    group = f"{root}{CONTROL_GROUPS}/user.slice/user-{uid}.slice/pids"
    own, most = _number(f"{group}.current"), _number(f"{group}.max")
    if own is not None and most is not None:
        return Taken("processes and threads", own, most, f"TasksMax of user-{uid}.slice")
    # proc(5), loadavg: the fourth field is how many of all tasks can run, and how many there are.
    every = re.search(r"\d+/(\d+) \d+$", (text_of(f"{root}/proc/loadavg") or "").strip())
    return Taken(
        "processes and threads",
        int(every[1]) if every else None,
        _number(f"{root}/proc/sys/kernel/threads-max"),
        "kernel.threads-max",
    )


def _keys(uid: int, root: str) -> tuple[int | None, int | None]:
    """Return how many keys count for a user, and how many may (proc(5), key-users); each container has one."""
    text = text_of(f"{root}/proc/key-users")
    found = re.search(rf"^ *{uid}: +\d+ +\d+/\d+ +(\d+)/(\d+) ", text or "", re.MULTILINE)
    if found:
        return int(found[1]), int(found[2])
    return (None, None) if text is None else (0, _number(f"{root}/proc/sys/kernel/keys/maxkeys"))


def _numbers(path: str) -> list[int]:
    return [int(word) for word in (text_of(path) or "").split() if word.isdigit()]


def _number(path: str) -> int | None:
    return next(iter(_numbers(path)), None)
