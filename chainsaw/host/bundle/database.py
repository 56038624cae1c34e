"""Copies the SQLite databases in a tree with SQLite's own backup, each as the user who owns it, confined to the tree.

A database that an application has made is read by SQLite in a process that has the application's ids, no capability,
and nothing of this host but the tree and a directory for its copy.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sqlite3
import stat
import sys
from collections.abc import Iterator, Sequence
from urllib.parse import quote

from chainsaw.host.bundle.choice import COPIES, patterns
from chainsaw.host.bundle.confined import DIRECTORY, FILE, prepare
from chainsaw.host.bundle.form import shown
from chainsaw.host.restic.enclosure import BIND, PRIVATE, RECURSIVE, mount

MAGIC = b"SQLite format 3\0"
"""How a database begins (fileformat.html of SQLite, 1.3.1)."""
NEW_MOUNTS = 0x00020000
"""The flag of unshare(2) for a mount namespace, CLONE_NEWNS."""
BUSY = 120.0
"""Seconds to wait for a lock of the application."""
LONGEST = 6 * 3600
MEMORY = 2**29
SOURCE, TARGET, ROOT = "/source", "/target", "root"


def main(argv: Sequence[str]) -> int:
    """Copy those of SOURCE that match a PATTERN into TARGET, with a list of them there: SOURCE TARGET PATTERN..."""
    source, target, *wanted = argv
    prepare()
    _enclose(source, target)
    copies = {path: _copy(path, number) for number, path in enumerate(_matching(wanted))}
    with open(f"{TARGET}/{COPIES}", "w") as file:
        json.dump(copies, file)
    return 0


def _enclose(source: str, target: str) -> None:
    """Make a root that holds the tree and the directory for copies, and nothing else."""
    import ctypes

    library = ctypes.CDLL(None, use_errno=True)
    if library.unshare(NEW_MOUNTS):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), "a mount namespace")
    mount("none", "/", PRIVATE | RECURSIVE)
    root = f"{target}/{ROOT}"
    os.mkdir(root)
    mount("chainsaw", root, 0, "tmpfs")
    os.chmod(root, 0o755)  # noqa: S103  # the users of databases pass through it
    for path, place in ((source, SOURCE), (target, TARGET)):
        os.mkdir(f"{root}{place}", 0o755)
        mount(path, f"{root}{place}", BIND)
    os.chmod(f"{root}{TARGET}", 0o711)  # noqa: S103  # the same
    os.chroot(root)
    os.chdir("/")


def _matching(wanted: Sequence[str]) -> Iterator[str]:
    """Yield the plain files in the tree that match a pattern."""
    found = patterns(wanted)
    deepest = max((text.count("/") for text in wanted), default=0)
    waiting = [("", os.open(SOURCE, DIRECTORY))]
    while waiting:
        above, descriptor = waiting.pop()
        for name in sorted(os.listdir(descriptor)):
            path = f"{above}{name}"
            try:
                mode = os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_mode
                if stat.S_ISDIR(mode) and path.count("/") < deepest:
                    waiting.append((f"{path}/", os.open(name, DIRECTORY, dir_fd=descriptor)))
            except OSError:
                continue
            if stat.S_ISREG(mode) and any(pattern.fullmatch(path) for pattern in found):
                yield path
        os.close(descriptor)


def _copy(path: str, number: int) -> str:
    """Copy one database; return the name of the copy, or nothing for a file that is no database."""
    descriptor = _open(path)
    try:
        known = os.fstat(descriptor)
        if os.read(descriptor, len(MAGIC)) != MAGIC:
            return ""
        place = f"{TARGET}/{number}"
        os.mkdir(place, 0o700)
        os.chown(place, known.st_uid, known.st_gid)
        child = os.fork()
        if not child:
            _become(known)
            os._exit(_back_up(path, f"{place}/copy"))
        _, status = os.waitpid(child, 0)
        if status:
            raise OSError(0, "SQLite could not copy it, see above", shown(path))
        os.chmod(f"{place}/copy", stat.S_IMODE(known.st_mode))
        os.utime(f"{place}/copy", ns=(known.st_mtime_ns, known.st_mtime_ns))
    finally:
        os.close(descriptor)
    return f"{number}/copy"


def _open(path: str) -> int:
    """Open a file without following a link on the way."""
    descriptor = os.open(SOURCE, DIRECTORY)
    *above, name = path.split("/")
    for part in above:
        below = os.open(part, DIRECTORY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    file = os.open(name, FILE, dir_fd=descriptor)
    os.close(descriptor)
    return file


def _become(owner: os.stat_result) -> None:
    """Become the user who owns a database; all capabilities are lost with that (capabilities(7))."""
    os.setgroups([])
    os.setresgid(owner.st_gid, owner.st_gid, owner.st_gid)
    os.setresuid(owner.st_uid, owner.st_uid, owner.st_uid)
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    signal.alarm(LONGEST)


def _back_up(path: str, copy: str) -> int:
    """Copy a database in one state, and check the copy; print what is wrong, and return 1 then."""
    try:
        source = sqlite3.connect(f"file:{quote(f'{SOURCE}/{path}')}?mode=rw", uri=True, timeout=BUSY)
        target = sqlite3.connect(copy)
        with source, target:
            source.backup(target)
        source.close()
        found = target.execute("PRAGMA quick_check(1)").fetchone()[0]
        target.close()
    except (sqlite3.Error, OSError) as error:
        sys.stderr.write(f"{shown(path)}: {error}\n")
        return 1
    if found != "ok":
        sys.stderr.write(f"{shown(path)}: the database is damaged: {found}\n")
        return 1
    return 0
