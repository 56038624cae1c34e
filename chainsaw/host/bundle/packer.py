"""Makes members of an archive of a tree that a stranger has made, and that may change meanwhile.

With the list that an earlier pass over the same tree has left, only what has changed since, by inode and ctime, is read
and written again, while all is listed. It runs as root of the admin's user namespace. Everything is opened in its
directory, by a name alone and without following a link (openat(2), O_NOFOLLOW), and what is known of it is what the
descriptor says; where that is not what its name led to a moment before, the name is looked at again.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO, Any

from chainsaw.host.bundle import content, form
from chainsaw.host.bundle.archive import BLOCK, CHUNK, Member, header, map_of
from chainsaw.host.bundle.choice import Choice, read_choice
from chainsaw.host.bundle.confined import DIRECTORY, FILE, confine, prepare
from chainsaw.host.bundle.form import Entry, RefusedError, line, shown
from chainsaw.host.bundle.former import Former, Level, entries, list_names
from chainsaw.host.bundle.links import Links

OTHER = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
FLAGS = {"file": FILE, "directory": DIRECTORY, "symlink": OTHER, "fifo": OTHER}
KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "symlink", stat.S_IFIFO: "fifo"}
AGAIN = (errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.ENXIO)
TRIES = 100
RECENT = 20_000_000
"""Nanoseconds in which two changes may have the same ctime: two ticks of the slowest clock."""


NOTHING_LEFT_OUT = Choice()


class ChangedError(Exception):
    """What a name leads to is not what it led to a moment before."""


@dataclass
class Packer:
    """Writes members to `out` and lines to `listing`; if it is `dense`, holes are written and listed as zeros."""

    inside: Callable[[int], int]
    out: IO[bytes]
    listing: IO[str]
    former: Former
    choice: Choice = NOTHING_LEFT_OUT
    dense: bool = False
    links: Links = field(default_factory=Links)
    left: Counter[str] = field(default_factory=Counter)
    totals: Counter[str] = field(default_factory=Counter)
    buffer: memoryview = field(default_factory=lambda: memoryview(bytearray(CHUNK)))
    clean_since: int = 0

    def pack(self, top: int, name: str) -> None:
        """Write an open directory with all that is in it; raise OSError or RefusedError for what cannot be."""
        # The clock of files is behind this one, by a tick.
        now = time.time_ns() - RECENT
        self.clean_since = now if content.write_dirty(top) else 0
        self.former.list_gone = self._gone
        if self.former.keeps:
            self.links.fates = {}
        former = self.former.until(name)
        levels = [self._directory(os.dup(top), name, former)]
        while levels:
            level = levels[-1]
            entry = next(level.left, None)
            if entry is None:
                os.close(levels.pop().descriptor)
                continue
            below = self._entry(level, entry)
            if below is not None:
                levels.append(below)
        self.former.until(None)
        self.out.flush()
        self.listing.write(json.dumps({"summary": self.summary()}) + "\n")
        self.listing.flush()

    def summary(self) -> dict[str, Any]:
        """Return how much is listed, the highest id of a container's that has any of it, and what was left out."""
        gone = {"gone_members": self.former.members, "gone_bytes": self.former.bytes}
        totals = {key: self.totals[key] for key in form.TOTALS}
        return {**totals, **gone, "left": {key: count for key, count in sorted(self.left.items()) if count}}

    def _entry(self, level: Level, name: str) -> Level | None:
        """Write an entry; return the level below where it is a directory. What is gone meanwhile is left out."""
        path = f"{level.path}/{name}"
        form.names_of(path)
        copy, former = self.choice.copy_of(path), self.former.until(path)
        if copy is None:
            self.left["excluded"] += 1
            return None
        directory, name = (self.choice.elsewhere, copy) if copy else (level.descriptor, name)
        for _ in range(TRIES):
            try:
                return self._look(directory, name, path, former)
            except FileNotFoundError:
                if former:
                    self.former.gone(former)
                return None
            except ChangedError:
                continue
            except OSError as error:
                if error.errno not in AGAIN:
                    raise type(error)(error.errno, error.strerror, shown(path)) from error
        raise OSError(errno.EBUSY, "it is replaced again and again", shown(path))

    def _look(self, directory: int, name: str, path: str, former: Entry | None) -> Level | None:
        named = os.stat(name, dir_fd=directory, follow_symlinks=False)
        kind = _kind(named.st_mode)
        if not kind:
            self.left["sockets" if stat.S_ISSOCK(named.st_mode) else "devices"] += 1
            if former:
                self.former.gone(former)
            return None
        if kind != "directory" and self._is_known(named, kind, path, former):
            return None
        descriptor = os.open(name, FLAGS[kind], dir_fd=directory)
        try:
            known = os.fstat(descriptor)
            if (known.st_dev, known.st_ino, _kind(known.st_mode)) != (named.st_dev, named.st_ino, kind):
                raise ChangedError
            if kind == "directory":
                return self._directory(os.dup(descriptor), path, former)
            if kind == "file":
                self._file(descriptor, known, path, former)
            else:
                entry = self._entry_of(known, kind, path)
                if kind == "symlink":
                    entry.target = os.readlink("", dir_fd=descriptor)
                    form.check_target(path, entry.target)
                self._write(entry)
        finally:
            os.close(descriptor)
        return None

    def _is_known(self, named: os.stat_result, kind: str, path: str, former: Entry | None) -> bool:
        """List what is the same as in an earlier pass, or a further name of what was written; return whether it is."""
        first = self.links.first(named) if kind == "file" else None
        seen = (named.st_ino, named.st_ctime_ns)
        is_same = former is not None and former.seen == seen
        if first:
            entry = Entry(path, "link", first=first.path, seen=_settled(named), names=named.st_nlink)
            if is_same and former and former.first == first.path and not first.written:
                self._list(former)
            else:
                self._write(entry)
            return True
        if former is None or not is_same or former.kind != kind:
            return False
        self._list(former)
        if kind == "file":
            self.links.add(named, path, written=False, names=former.names)
        return True

    def _directory(self, descriptor: int, path: str, former: Entry | None) -> Level:
        # A directory that is removed meanwhile fails here, before it is written.
        level = Level(descriptor, path, list_names(descriptor, path))
        known = os.fstat(descriptor)
        if former and former.kind == "directory" and former.seen == (known.st_ino, known.st_ctime_ns):
            self._list(former)
        else:
            entry = self._entry_of(known, "directory", path)
            self._attributes(descriptor, entry)
            self._write(entry)
        return level

    def _entry_of(self, known: os.stat_result, kind: str, path: str) -> Entry:
        mode = stat.S_IMODE(known.st_mode) & (0o7777 if kind == "directory" else 0o777)
        times = min(max(known.st_mtime_ns, form.OLDEST * form.SECOND), form.NEWEST * form.SECOND)
        owner = (self.inside(known.st_uid), self.inside(known.st_gid))
        return Entry(path, kind, mode, *owner, times, seen=_settled(known), names=known.st_nlink)

    def _attributes(self, descriptor: int, entry: Entry) -> None:
        entry.attributes, others = content.attributes(descriptor, self.inside)
        self.left["attributes"] += others
        form.check_attributes(entry)

    def _file(self, descriptor: int, known: os.stat_result, path: str, former: Entry | None) -> None:
        if known.st_ctime_ns >= self.clean_since:
            content.write_file(descriptor)
            known = os.fstat(descriptor)
        entry = self._entry_of(known, "file", path)
        self._attributes(descriptor, entry)
        entry.size = known.st_size
        if former and former.stored >= 0:
            # Whoever unpacks it does not count that less.
            self.former.bytes += form.room(former)
        found = [(0, entry.size)]
        if known.st_blocks * BLOCK < entry.size and not self.dense:
            found = content.extents(descriptor, entry.size)
        if entry.size > form.LARGEST:
            raise RefusedError(f"a file of more than {form.LARGEST} bytes: {shown(path)}")
        entry.sha256 = self._content(descriptor, entry, found)
        if os.fstat(descriptor).st_ctime_ns != known.st_ctime_ns:
            # It was written meanwhile: it counts as changed for whoever comes next.
            entry.seen = ()
        self._list(entry)
        self.links.add(known, path, written=True, names=former.names if former else 1)

    def _content(self, descriptor: int, entry: Entry, found: list[content.Extent]) -> str:
        """Write as many bytes as are announced, zeros where the file has become shorter; return their SHA-256."""
        mapped, stored = b"", entry.size
        if content.is_dense(found, entry.size):
            found = [(0, entry.size)]
        else:
            mapped = map_of(found, entry.size)
            entry.stored = stored = len(mapped) + sum(length for _, length in found)
        self._head(entry, found)
        self.out.write(mapped)
        digest = hashlib.sha256(mapped)
        for start, length in found:
            at, end = start, start + length
            while at < end:
                piece = self.buffer[: min(CHUNK, end - at)]
                got = os.preadv(descriptor, [piece], at)
                if not got:
                    got = len(piece)
                    piece[:] = bytes(got)
                digest.update(piece[:got])
                self.out.write(piece[:got])
                at += got
        self.out.write(bytes(-stored % BLOCK))
        return digest.hexdigest()

    def _head(self, entry: Entry, found: list[content.Extent] | None = None) -> None:
        target, numbers = entry.first or entry.target, (entry.mode, entry.uid, entry.gid, entry.mtime // form.SECOND)
        is_sparse = entry.stored >= 0
        stored = entry.stored if is_sparse else entry.size
        member = Member(entry.path, entry.kind, target, entry.size, stored, *numbers, found if is_sparse else None)
        self.out.write(header(member))

    def _write(self, entry: Entry) -> None:
        self._head(entry)
        self._list(entry)

    def _gone(self, entry: Entry) -> None:
        """List what is gone since, and is kept; a further name of a file that was written again is written, too."""
        fates = self.links.fates or {}
        if entry.kind == "link":
            if entry.first not in fates:
                return
            if fates[entry.first]:
                self._head(entry)
        elif entry.kind == "file":
            self.links.remember(entry.path, entry.names, written=False)
        self._list(entry)

    def _list(self, entry: Entry) -> None:
        self.listing.write(line(entry, internal=True))
        self.former.listed(entry)
        form.add_up(self.totals, entry)


def _kind(mode: int) -> str:
    return KINDS.get(stat.S_IFMT(mode), "")


def _settled(known: os.stat_result) -> tuple[int, ...]:
    """Return what tells that something has not changed; nothing if a change could still have the same ctime."""
    return (known.st_ino, known.st_ctime_ns) if known.st_ctime_ns < time.time_ns() - RECENT else ()


def main(argv: list[str]) -> int:
    """Pack SOURCE NAME FIRST SIZE LIST FORMER COPIES EXCLUDE...: members to standard output, lines to LIST.

    LIST is a descriptor. With the descriptor FORMER of such a list, of an earlier pass, what has not changed since is
    not written; FORMER is -1 for none, and FORMER+ lists what is gone, too. Ids from FIRST on, SIZE many, are listed as
    those that they are in the container. What matches EXCLUDE in the tree is left out, unless it has a copy in the
    directory COPIES.
    """
    run(argv, 1)
    return 0


def run(argv: list[str], target: int, *, dense: bool = False) -> None:
    """Pack, with members to a descriptor; see main, and for `dense` Packer."""
    source, name, first, size, listed, former, copies, *excludes = argv
    block = range(int(first), int(first) + int(size))
    number = int(former.rstrip("+"))
    prepare()
    out, lines = os.fdopen(target, "wb", CHUNK), os.fdopen(int(listed), "w", CHUNK)
    earlier = entries(os.fdopen(number)) if number >= 0 else iter(())
    choice = read_choice(excludes, copies)
    top = confine(source)

    def inside(number: int) -> int:
        return number - block.start if number in block else form.ADMIN

    Packer(inside, out, lines, Former(earlier, former.endswith("+")), choice, dense).pack(top, name)
