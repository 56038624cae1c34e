"""A program that makes members of an archive of a tree that a stranger has made.

`python3 -I packer.py SOURCE NAME FIRST SIZE LIST FORMER`: the members go to standard output, in the form of tar (POSIX
pax), and a line of JSON for each to the descriptor LIST: see Entry. With the descriptor FORMER of such a list, which an
earlier run over the same tree has written, only what has changed since is read and written again, while all is listed;
FORMER is -1 for none, and FORMER+ keeps what is gone in the list.

It runs as root of the admin's user namespace. No path is used but SOURCE: everything below is opened in its directory,
by a name alone and without following a link (openat(2), O_NOFOLLOW). Ids from FIRST on, SIZE many, are listed as those
that they are in the container, and others, which are the admin's, as -1.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import os
import resource
import stat
import sys
import tarfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import IO

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
CHUNK = 1 << 20
BLOCK = tarfile.BLOCKSIZE
KINDS = {"file": tarfile.REGTYPE, "directory": tarfile.DIRTYPE, "symlink": tarfile.SYMTYPE, "link": tarfile.LNKTYPE}
KINDS["fifo"] = tarfile.FIFOTYPE


@dataclass
class Entry:
    """One member: what is restored of it, and in `seen` what tells that it has not changed: inode and ctime, ns.

    `path` begins with the tree's name. `mtime` is in nanoseconds since 1970, `target` is where a link leads: for
    `link`, a further name of a file, the path of an earlier member. `attributes` are in base64.
    """

    path: str
    kind: str
    mode: int
    uid: int
    gid: int
    mtime: int
    size: int = 0
    sha256: str = ""
    target: str = ""
    attributes: dict[str, str] = field(default_factory=dict)
    seen: tuple[int, ...] = ()

    @property
    def order(self) -> tuple[str, ...]:
        """Its place among the others: what is in a directory follows it, by name."""
        return tuple(self.path.split("/"))


@dataclass
class Level:
    """A directory that is being read: its descriptor, its path, and the names that are left."""

    descriptor: int
    path: str
    left: Iterator[str]


@dataclass
class Packer:
    """Writes members; of a file with several names, the first path is kept in `links` until the tree is done."""

    inside: Callable[[int], int]
    out: IO[bytes]
    listing: IO[str]
    former: Iterator[Entry]
    keeps: bool = False
    links: dict[tuple[int, int], str] = field(default_factory=dict)
    ahead: Entry | None = None

    def pack(self, source: str, name: str) -> None:
        """Write a directory with all that is in it; raise OSError for what cannot be read."""
        self.ahead = next(self.former, None)
        descriptor = os.open(source, DIRECTORY)
        self._member(descriptor, "", name, os.fstat(descriptor))
        levels = [self._level(descriptor, name)]
        while levels:
            level = levels[-1]
            entry = next(level.left, None)
            if entry is None:
                os.close(levels.pop().descriptor)
                continue
            below = self._entry(level, entry)
            if below is not None:
                levels.append(below)
        self._until(None)
        self.out.flush()
        self.listing.flush()

    def _level(self, descriptor: int, path: str) -> Level:
        return Level(descriptor, path, iter(sorted(os.listdir(descriptor))))

    def _entry(self, level: Level, name: str) -> Level | None:
        """Write an entry; return the level below where it is a directory. What is gone meanwhile is left out."""
        try:
            known = os.stat(name, dir_fd=level.descriptor, follow_symlinks=False)
            path = f"{level.path}/{name}"
            self._member(level.descriptor, name, path, known)
            if stat.S_ISDIR(known.st_mode):
                return self._level(os.open(name, DIRECTORY, dir_fd=level.descriptor), path)
        except FileNotFoundError:
            return None
        return None

    def _member(self, directory: int, name: str, path: str, known: os.stat_result) -> None:
        """List a member, and write it unless it has not changed. Sockets and devices are none."""
        kind = _kind(known.st_mode)
        if not kind:
            return
        first = self.links.setdefault((known.st_dev, known.st_ino), path) if _has_names(known) else path
        former = self._until(tuple(path.split("/")))
        seen = (known.st_ino, known.st_ctime_ns)
        kind, target = ("link", first) if first != path else (kind, "")
        if former and former.seen == seen and (former.kind, former.target if kind == "link" else "") == (kind, target):
            self._list(former)
            return
        owner = (self.inside(known.st_uid), self.inside(known.st_gid))
        entry = Entry(path, kind, _mode(known.st_mode), *owner, known.st_mtime_ns, target=target, seen=seen)
        if kind == "file":
            self._file(directory, name, entry)
            return
        if kind == "symlink":
            entry.target = os.readlink(name, dir_fd=directory)
        elif kind == "directory":
            entry.attributes = _attributes(directory) if not name else _attributes_of(directory, name)
        self._head(entry)
        self._list(entry)

    def _until(self, order: tuple[str, ...] | None) -> Entry | None:
        """Return the former entry at a place in the order; those before it are gone, and listed if that is kept."""
        while self.ahead is not None and (order is None or self.ahead.order < order):
            if self.keeps:
                self._list(self.ahead)
            self.ahead = next(self.former, None)
        if self.ahead is None or self.ahead.order != order:
            return None
        found, self.ahead = self.ahead, next(self.former, None)
        return found

    def _file(self, directory: int, name: str, entry: Entry) -> None:
        descriptor = os.open(name, FILE, dir_fd=directory)
        try:
            known = os.fstat(descriptor)
            entry.size, entry.attributes = known.st_size, _attributes(descriptor)
            entry.seen = (known.st_ino, known.st_ctime_ns)
            self._head(entry)
            entry.sha256 = self._content(descriptor, entry.size)
            if os.fstat(descriptor).st_ctime_ns != known.st_ctime_ns:
                # It was written meanwhile: it counts as changed for whoever comes next.
                entry.seen = ()
        finally:
            os.close(descriptor)
        self._list(entry)

    def _content(self, descriptor: int, size: int) -> str:
        """Write as many bytes as were announced, zeros where the file has become shorter; return their SHA-256."""
        digest, left = hashlib.sha256(), size
        while left:
            piece = os.read(descriptor, min(CHUNK, left)) or bytes(min(CHUNK, left))
            digest.update(piece)
            self.out.write(piece)
            left -= len(piece)
        self.out.write(bytes(-size % BLOCK))
        return digest.hexdigest()

    def _head(self, entry: Entry) -> None:
        self.out.write(header(entry))

    def _list(self, entry: Entry) -> None:
        self.listing.write(line(entry))


def header(entry: Entry) -> bytes:
    """Return what comes before the content of a member (pax(1))."""
    member = tarfile.TarInfo(entry.path)
    member.type, member.mode, member.size = KINDS[entry.kind], entry.mode, entry.size
    member.uid, member.gid, member.mtime = max(entry.uid, 0), max(entry.gid, 0), entry.mtime // 10**9
    member.linkname = entry.target
    return member.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def line(entry: Entry) -> str:
    """Return a member's line in the list."""
    return f"{json.dumps(asdict(entry))}\n"


def _kind(mode: int) -> str:
    checks = {"file": stat.S_ISREG, "directory": stat.S_ISDIR, "symlink": stat.S_ISLNK, "fifo": stat.S_ISFIFO}
    return next((kind for kind, check in checks.items() if check(mode)), "")


def _mode(mode: int) -> int:
    """Return the bits of a mode that are kept: a file that runs as its owner is none that a container would obey."""
    return stat.S_IMODE(mode) & (0o7777 if stat.S_ISDIR(mode) else 0o777)


def _has_names(known: os.stat_result) -> bool:
    return known.st_nlink > 1 and stat.S_ISREG(known.st_mode)


def _attributes_of(directory: int, name: str) -> dict[str, str]:
    descriptor = os.open(name, DIRECTORY, dir_fd=directory)
    try:
        return _attributes(descriptor)
    finally:
        os.close(descriptor)


def _attributes(descriptor: int) -> dict[str, str]:
    """Return the attributes that an application has given a file (xattr(7)); none where the file system has none."""
    try:
        keys = [key for key in os.listxattr(descriptor) if key.startswith("user.")]
        return {key: base64.b64encode(os.getxattr(descriptor, key)).decode() for key in sorted(keys)}
    except OSError:
        return {}


def entries(lines: Iterable[str]) -> Iterator[Entry]:
    """Yield what a list holds."""
    for text in lines:
        known = json.loads(text)
        yield Entry(**{**known, "seen": tuple(known["seen"])})


def main(argv: list[str]) -> int:
    """Pack a tree; print what went wrong."""
    source, name, first, size, listed, former = argv
    block = range(int(first), int(first) + int(size))
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))

    def inside(number: int) -> int:
        return number - block.start if number in block else -1

    try:
        with os.fdopen(1, "wb", CHUNK) as out, os.fdopen(int(listed), "w", CHUNK) as lines:
            number = int(former.rstrip("+"))
            earlier = entries(os.fdopen(number)) if number >= 0 else itertools.repeat(Entry("", "", 0, 0, 0, 0), 0)
            Packer(inside, out, lines, earlier, former.endswith("+")).pack(source, name)
    except OSError as error:
        sys.stderr.write(f"{error.strerror}: {error.filename or source}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
