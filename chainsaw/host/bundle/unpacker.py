"""Makes a tree of an archive that a stranger may have made.

What is in it is refused unless a packer would write it, is compared with its list, and has its owner and mode only
then. It runs as root of the instance's containers. Everything is opened in its directory, by a name alone and without
following a link (openat(2), O_NOFOLLOW).
"""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field

from chainsaw.host.bundle import form
from chainsaw.host.bundle.archive import CHUNK, Member, Source
from chainsaw.host.bundle.confined import DIRECTORY, FILE, confine, prepare
from chainsaw.host.bundle.form import ADMIN, OWN, Entry, RefusedError, encoded, shown
from chainsaw.host.bundle.ledger import Sink, examine
from chainsaw.host.bundle.places import SMALLEST_HOLE, Filling, Places, Spread, write

MOST_ZEROS = 50_000
NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass
class Level:
    """A directory below the top that is being settled: the names in it that are left, and its time."""

    descriptor: int
    name: str
    left: Iterator[str]
    mtime: int | None = None


@dataclass
class Unpacker:
    """Takes the members of an archive: makes those below the paths `only`, or all, in the directory `top`.

    No more than `room` bytes and `count` of them are there at once.
    """

    top: int
    first: int
    admin: int
    room: int
    count: int
    only: tuple[str, ...] = ()
    places: Places = field(init=False)
    levels: list[Level] = field(default_factory=list)
    missing: set[str] = field(init=False)
    descriptor: int = -1
    counts: bool = False
    """Whether the whole size of the file that is open was counted."""
    zeros: dict[int, int] = field(default_factory=dict)
    """What was counted of files that are less on the disk, as there are zeros in them, by inode."""

    def __post_init__(self) -> None:
        """Begin at the top."""
        self.places, self.missing = Places(self.top), set(self.only)

    def _is_wanted(self, path: str) -> bool:
        """Return whether a path is below one that is wanted, or on the way to one."""
        if path in OWN:
            return False
        return not self.only or any(
            path == only or path.startswith(f"{only}/") or only.startswith(f"{path}/") for only in self.only
        )

    def take(self, member: Member) -> Sink | None:
        """Make a member in place of what is there."""
        if not self._is_wanted(member.path):
            return None
        *above, name = member.path.split("/")
        parent = self.places.directory(above)
        mode = _mode(parent, name)
        if member.kind == "directory" and stat.S_ISDIR(mode):
            return None
        if mode:
            self._remove(parent, name)
        self.room, self.count = self.room - _blocks(member.stored), self.count - 1
        if self.room < 0:
            raise OSError(errno.ENOSPC, "there is not enough room on the disk for what is in it", shown(member.path))
        if self.count < 0:
            raise RefusedError(f"it holds too many members: {shown(member.path)}")
        if member.kind == "file":
            return self._new(parent, name, member)
        if member.kind == "directory":
            os.mkdir(name, 0o700, dir_fd=parent)
        elif member.kind == "symlink":
            os.symlink(member.target, name, dir_fd=parent)
        elif member.kind == "fifo":
            os.mkfifo(name, 0o600, dir_fd=parent)
        else:
            self._link(member, parent, name)
        return None

    def _new(self, parent: int, name: str, member: Member) -> Sink:
        self.descriptor = descriptor = os.open(name, NEW, 0o600, dir_fd=parent)
        self.counts = member.extents is None
        if member.extents is None and member.size < SMALLEST_HOLE:
            return lambda piece: write(descriptor, piece)
        os.ftruncate(descriptor, member.size)
        if member.extents is None:
            return Filling(descriptor).write
        return Spread(descriptor, member.extents).write

    def _link(self, member: Member, parent: int, name: str) -> None:
        """Make a further name of a file, which the ledger knows to be one."""
        if not self._is_wanted(member.target):
            raise OSError(errno.EINVAL, f"it is a further name of {shown(member.target)}, ask for both", member.path)
        *above, first = member.target.split("/")
        places = Places(self.top)
        try:
            there = places.directory(above)
            if not stat.S_ISREG(_mode(there, first)):
                raise RefusedError(f"a further name of what is no file: {shown(member.path)}")
            os.link(first, name, src_dir_fd=there, dst_dir_fd=parent, follow_symlinks=False)
        finally:
            places.close()

    def close(self) -> None:
        """Close the file that was written."""
        if self.descriptor < 0:
            return
        known = os.fstat(self.descriptor)
        if known.st_blocks * 512 < known.st_size and self.counts and len(self.zeros) < MOST_ZEROS:
            self.zeros[known.st_ino] = _blocks(known.st_size)
        os.close(self.descriptor)
        self.descriptor = -1

    def _remove(self, parent: int, name: str) -> None:
        """Remove what is there under a name, with all that is in it, and count it no more."""
        levels: list[Level] = []
        while True:
            here = levels[-1].descriptor if levels else parent
            if stat.S_ISDIR(_mode(here, name)):
                below = os.open(name, DIRECTORY, dir_fd=here)
                levels.append(Level(below, name, iter(os.listdir(below))))
            else:
                self._unlink(here, name)
            while levels:
                following = next(levels[-1].left, None)
                if following is not None:
                    name = following
                    break
                done = levels.pop()
                os.close(done.descriptor)
                os.rmdir(done.name, dir_fd=levels[-1].descriptor if levels else parent)
                self.count += 1
            if not levels:
                return

    def _unlink(self, parent: int, name: str) -> None:
        known = os.stat(name, dir_fd=parent, follow_symlinks=False)
        os.unlink(name, dir_fd=parent)
        self.count += 1
        # Of one with holes it is not known how much was counted.
        if stat.S_ISREG(known.st_mode) and known.st_nlink == 1:
            is_whole = known.st_blocks * 512 >= known.st_size
            self.room += _blocks(known.st_size) if is_whole else self.zeros.pop(known.st_ino, 0)

    def settle(self, entry: Entry) -> None:
        """Give a member its owner, mode and time; remove what is there before it and is not listed."""
        if entry.path in OWN or not self._is_wanted(entry.path):
            return
        self.missing.discard(entry.path)
        if not self.levels:
            self.places.close()
            self._enter(self.top, "", None)
        *above, name = entry.path.split("/")
        while [level.name for level in self.levels[1:]] != above[: len(self.levels) - 1]:
            self._leave()
        level = self.levels[-1]
        following = next((other for other in level.left if self._is_or_after(level, other, name)), None)
        if len(self.levels) != len(above) + 1 or following is None:
            raise RefusedError(f"{shown(entry.path)} is listed, and missing")
        if entry.kind != "link":
            self._give(level, name, entry)

    def _is_or_after(self, level: Level, found: str, wanted: str) -> bool:
        """Return whether a name is what is wanted; remove it if it is before that, and so not listed."""
        if found == wanted:
            return True
        if encoded(found) > encoded(wanted):
            raise RefusedError(f"{shown(wanted)} is listed, and missing")
        self._remove(level.descriptor, found)
        return False

    def _enter(self, descriptor: int, name: str, mtime: int | None) -> None:
        self.levels.append(Level(descriptor, name, iter(sorted(os.listdir(descriptor), key=encoded)), mtime))

    def _leave(self) -> None:
        """Remove what is left in a directory, and give it its time."""
        level = self.levels.pop()
        for name in level.left:
            self._remove(level.descriptor, name)
        if level.mtime is not None:
            os.utime(level.descriptor, ns=(level.mtime, level.mtime))
            os.close(level.descriptor)

    def _give(self, level: Level, name: str, entry: Entry) -> None:
        parent, owner, times = level.descriptor, (self._id(entry.uid), self._id(entry.gid)), (entry.mtime,) * 2
        if entry.kind in ("symlink", "fifo"):
            os.chown(name, *owner, dir_fd=parent, follow_symlinks=False)
            if entry.kind == "fifo":
                # It is what this has made, and nobody else is here.
                os.chmod(name, entry.mode, dir_fd=parent)
            os.utime(name, ns=times, dir_fd=parent, follow_symlinks=False)
            return
        descriptor = os.open(name, DIRECTORY if entry.kind == "directory" else FILE, dir_fd=parent)
        try:
            for key, value in entry.attributes.items():
                os.setxattr(descriptor, key, form.renumbered(value, self._id) if key in form.ACLS else value)
            # A change of owner takes bits of the mode away (chown(2)).
            os.fchown(descriptor, *owner)
            os.fchmod(descriptor, entry.mode)
            if entry.kind == "directory":
                self._enter(os.dup(descriptor), name, entry.mtime)
            else:
                os.utime(descriptor, ns=times)
        finally:
            os.close(descriptor)

    def _id(self, number: int) -> int:
        return self.admin if number == ADMIN else self.first + number

    def finish(self) -> None:
        """Remove what is not listed, and give the last directories their times; raise OSError if nothing was wanted."""
        if self.missing:
            raise FileNotFoundError(errno.ENOENT, "it is not in the backup", min(self.missing))
        self.places.close()
        if not self.levels:
            self._enter(self.top, "", None)
        while self.levels:
            self._leave()


def _blocks(size: int) -> int:
    return -(-size // form.DISK_BLOCK) * form.DISK_BLOCK


def _mode(parent: int, name: str) -> int:
    """Return the type and mode of what is there under a name; 0 for nothing."""
    try:
        return os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return 0


def main(argv: list[str]) -> int:
    """Unpack TARGET FIRST ADMIN BYTES COUNT ONLY...: from standard input; print what stands in its end.

    TARGET is an empty directory. An id of a container is FIRST more here, and the admin's own is ADMIN.
    """
    target, first, admin, room, count, *only = argv
    prepare()
    stream = os.fdopen(0, "rb", CHUNK)
    unpacker = Unpacker(confine(target), int(first), int(admin), int(room), int(count), tuple(only))
    known = examine(Source(stream), unpacker)
    os.write(1, json.dumps(known).encode() + b"\n")
    return 0
