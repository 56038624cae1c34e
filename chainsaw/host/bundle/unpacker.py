"""A program that makes a tree of an archive that a stranger may have made.

`python3 -I unpacker.py TARGET FIRST ADMIN BYTES COUNT` reads the members that packer.py writes from standard input, and
after them a member LIST with a line of JSON for each of those that count. It prints how many those were. Nothing that
packer.py would not write is taken, and what is there in the end is compared with the list, one by one. TARGET is an
empty directory; no more than BYTES and COUNT come into it. An id of the list is FIRST more here, and -1 is ADMIN.

No path is used but TARGET: all below it is opened in its directory, by a name alone and without following a link
(openat(2), O_NOFOLLOW). It runs as root of the instance's containers.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import resource
import shutil
import stat
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
LIST, END = LAST = "members.jsonl", "complete.json"
CHUNK = 1 << 20
LONGEST, DEEPEST = 4095, 500
"""Bytes of a path (path_resolution(7)), and names in it."""
LARGEST_HEADER = 1 << 20
"""Bytes between the contents of two members: tarfile reads them into memory."""
ZEROS = bytes(CHUNK)
FIELDS: dict[str, type] = {"attributes": dict, **dict.fromkeys(("path", "kind", "target", "sha256"), str)}
FIELDS.update(dict.fromkeys(("mode", "uid", "gid", "mtime", "size"), int))
KINDS = {"file": stat.S_IFREG, "directory": stat.S_IFDIR, "symlink": stat.S_IFLNK, "fifo": stat.S_IFIFO, "link": 0}
PAX = {"path", "linkpath", "size", "hdrcharset"}
"""What packer.py writes in an extended header (pax(1)): long names, those that are no text, and sizes above 8 GB."""


class RefusedError(Exception):
    """The archive is not taken, and why."""


@dataclass
class Measured:
    """A stream of which no more than `left` bytes may be read."""

    stream: IO[bytes]
    left: int = LARGEST_HEADER

    def read(self, size: int) -> bytes:
        """Return the next bytes."""
        content = self.stream.read(size)
        self.left -= len(content)
        if self.left < 0:
            raise RefusedError("the header of a member is too long")
        return content


def names_of(path: str) -> list[str]:
    """Return the names in the path of a member; raise RefusedError for one that leads elsewhere."""
    names = path.split("/")
    if any(name in ("", ".", "..") or "\0" in name for name in names):
        raise RefusedError(f"a path that leads elsewhere: {path!r}")
    if len(os.fsencode(path)) > LONGEST or len(names) > DEEPEST:
        raise RefusedError(f"a path that is too long: {path[:60]!r}…")
    return names


@dataclass
class Unpacker:
    """Makes what is in an archive below the directory `top`."""

    top: int
    first: int
    admin: int
    room: int
    count: int

    def unpack(self, stream: IO[bytes]) -> None:
        """Take all members; raise RefusedError, OSError or tarfile.TarError."""
        measured = Measured(stream)
        with tarfile.open(fileobj=measured, mode="r|", errorlevel=2) as archive:  # type: ignore[call-overload]  # it only reads
            for member in archive:
                self.room, self.count = self.room - max(member.size, 0), self.count - 1
                if self.room < 0 or self.count < 0 or member.size < 0:
                    raise RefusedError("it holds more than it says")
                measured.left = LARGEST_HEADER + member.size
                self._member(archive, member)

    def _member(self, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        names = names_of(member.name)
        if member.issparse() or set(member.pax_headers) - PAX:
            raise RefusedError(f"a member of another form: {member.name!r}")
        with self._parent(names) as parent:
            name = names[-1]
            if member.isdir() and stat.S_ISDIR(_mode(parent, name)):
                return
            _remove(parent, name)
            if member.type == tarfile.REGTYPE:
                content = archive.extractfile(member)
                assert content
                _write(parent, name, content)
            elif member.isdir():
                os.mkdir(name, 0o700, dir_fd=parent)
            elif member.type == tarfile.SYMTYPE:
                os.symlink(member.linkname, name, dir_fd=parent)
            elif member.type == tarfile.FIFOTYPE:
                os.mkfifo(name, 0o600, dir_fd=parent)
            elif member.type == tarfile.LNKTYPE:
                self._link(member, names, parent)
            else:
                raise RefusedError(f"neither a file nor a directory nor a link: {member.name!r}")

    def _link(self, member: tarfile.TarInfo, names: list[str], parent: int) -> None:
        """Make a further name of a file in the same volume."""
        target = names_of(member.linkname)
        if target[:2] != names[:2] or len(names) < 3:
            raise RefusedError(f"a further name of a file that is elsewhere: {member.name!r}")
        with self._parent(target) as there:
            if not stat.S_ISREG(os.stat(target[-1], dir_fd=there, follow_symlinks=False).st_mode):
                raise RefusedError(f"a further name of what is no file: {member.name!r}")
            os.link(target[-1], names[-1], src_dir_fd=there, dst_dir_fd=parent, follow_symlinks=False)

    @contextmanager
    def _parent(self, names: list[str]) -> Iterator[int]:
        """Open the directory that holds a member, which has come before it."""
        descriptor = os.dup(self.top)
        try:
            for name in names[:-1]:
                below = os.open(name, DIRECTORY, dir_fd=descriptor)
                os.close(descriptor)
                descriptor = below
            yield descriptor
        except (FileNotFoundError, NotADirectoryError) as error:
            raise RefusedError(f"no directory has come before {'/'.join(names)!r}") from error
        except OSError as error:
            raise RefusedError(f"{'/'.join(names)!r}: {error.strerror}") from error
        finally:
            os.close(descriptor)

    def settle(self) -> int:
        """Give each member its owner, mode and time; raise RefusedError unless all is there as it is listed."""
        with os.fdopen(os.open(LIST, FILE, dir_fd=self.top), encoding="utf-8", errors="surrogateescape") as lines:
            return self._settle(map(_entry, lines))

    def _settle(self, listed: Iterator[dict[str, Any]]) -> int:
        count, walk = 0, self._walk()
        for entry in listed:
            path = next(walk, "")
            while path and path.split("/") < entry["path"].split("/"):
                self._forget(path)
                path = next(walk, "")
            if path != entry["path"]:
                raise RefusedError(f"{entry['path']!r} is listed, and missing")
            self._check(entry)
            count += 1
        for path in walk:
            self._forget(path)
        return count

    def _walk(self) -> Iterator[str]:
        """Yield the paths of all that is there, each directory before what is in it, by name."""
        waiting = [name for name in sorted(os.listdir(self.top), reverse=True) if name not in LAST]
        while waiting:
            path = waiting.pop()
            names = path.split("/")
            yield path
            with self._parent(names) as parent:
                if stat.S_ISDIR(_mode(parent, names[-1])):
                    with _opened(names[-1], DIRECTORY, parent) as descriptor:
                        waiting += [f"{path}/{name}" for name in sorted(os.listdir(descriptor), reverse=True)]

    def _forget(self, path: str) -> None:
        """Remove what an earlier pass has seen, and a later one has not."""
        names = path.split("/")
        with self._parent(names) as parent:
            known = os.fstat(parent)
            _remove(parent, names[-1])
            os.utime(parent, ns=(known.st_atime_ns, known.st_mtime_ns))

    def _check(self, entry: dict[str, Any]) -> None:
        names = names_of(entry["path"])
        with self._parent(names) as parent:
            found = os.stat(names[-1], dir_fd=parent, follow_symlinks=False)
            if entry["kind"] == "link":
                target = names_of(entry["target"])
                with self._parent(target) as there:
                    other = os.stat(target[-1], dir_fd=there, follow_symlinks=False)
                _equal(entry, (found.st_dev, found.st_ino), (other.st_dev, other.st_ino))
                return
            _equal(entry, stat.S_IFMT(found.st_mode), KINDS[entry["kind"]])
            owner, times = self._owner(entry), (entry["mtime"],) * 2
            if entry["kind"] == "symlink":
                _equal(entry, os.readlink(names[-1], dir_fd=parent), entry["target"])
                os.chown(names[-1], *owner, dir_fd=parent, follow_symlinks=False)
                os.utime(names[-1], ns=times, dir_fd=parent, follow_symlinks=False)
                return
            with _opened(names[-1], DIRECTORY if entry["kind"] == "directory" else FILE, parent) as descriptor:
                if entry["kind"] == "file":
                    _equal(entry, (found.st_size, _digest(descriptor)), (entry["size"], entry["sha256"]))
                for key, value in entry["attributes"].items():
                    os.setxattr(descriptor, key, base64.b64decode(value))
                os.fchown(descriptor, *owner)
                os.fchmod(descriptor, entry["mode"])
                os.utime(descriptor, ns=times)

    def _owner(self, entry: dict[str, Any]) -> tuple[int, int]:
        uid, gid = (self.admin if entry[key] < 0 else entry[key] + self.first for key in ("uid", "gid"))
        return uid, gid


def _entry(line: str) -> dict[str, Any]:
    """Return what a line of the list says; raise RefusedError for what packer.py would not write."""
    try:
        entry = json.loads(line)
    except ValueError as error:
        raise RefusedError(f"a line of the list that is none: {line[:60]!r}") from error
    if not isinstance(entry, dict) or any(not isinstance(entry.get(key), kind) for key, kind in FIELDS.items()):
        raise RefusedError(f"a line of the list that is none: {line[:60]!r}")
    most = 0o7777 if entry["kind"] == "directory" else 0o777
    if not (0 <= entry["mode"] <= most and -1 <= entry["uid"] < 65536 and -1 <= entry["gid"] < 65536):
        raise RefusedError(f"a mode or an owner that no file of an instance has: {entry['path']!r}")
    if not all(key.startswith("user.") and isinstance(value, str) for key, value in entry["attributes"].items()):
        raise RefusedError(f"an attribute that is not an application's: {entry['path']!r}")
    if entry["kind"] not in KINDS:
        raise RefusedError(f"neither a file nor a directory nor a link: {entry['path']!r}")
    return entry


def _equal(entry: dict[str, Any], found: object, listed: object) -> None:
    if found != listed:
        raise RefusedError(f"{entry['path']!r} is not as it is listed")


def _digest(descriptor: int) -> str:
    digest = hashlib.sha256()
    while piece := os.read(descriptor, CHUNK):
        digest.update(piece)
    return digest.hexdigest()


def _write(parent: int, name: str, content: IO[bytes]) -> None:
    """Write a file; long rows of zeros become holes."""
    with _opened(name, NEW, parent) as descriptor:
        size = 0
        while piece := content.read(CHUNK):
            if piece != ZEROS:
                os.pwrite(descriptor, piece, size)
            size += len(piece)
        os.ftruncate(descriptor, size)


@contextmanager
def _opened(name: str, flags: int, parent: int) -> Iterator[int]:
    descriptor = os.open(name, flags, 0o600, dir_fd=parent)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _mode(parent: int, name: str) -> int:
    """Return the type and mode of what is there under a name; 0 for nothing."""
    try:
        return os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return 0


def _remove(parent: int, name: str) -> None:
    """Remove what is there under a name, if anything is."""
    if stat.S_ISDIR(found := _mode(parent, name)):
        shutil.rmtree(name, dir_fd=parent)
    elif found:
        os.unlink(name, dir_fd=parent)


def main(argv: list[str]) -> int:
    """Unpack an archive; print how many members there are, or what is wrong with it."""
    target, *numbers = argv
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    try:
        unpacker = Unpacker(os.open(target, DIRECTORY), *map(int, numbers))
        unpacker.unpack(sys.stdin.buffer)
        os.write(1, b"%d\n" % unpacker.settle())
    except (RefusedError, tarfile.TarError, OSError, RecursionError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
