"""A program that copies a tree that a stranger has made: `python3 -I copier.py SOURCE TARGET FIRST SIZE SHIFT`.

It runs as root of the admin's user namespace. No path is used but SOURCE and TARGET: everything below is opened in its
directory, by a name alone and without following a link (openat(2), O_NOFOLLOW), so it may be of any depth. Holes of
sparse files stay holes. Ids from FIRST on, SIZE many, are changed by SHIFT. TARGET is an empty directory.
"""

from __future__ import annotations

import errno
import itertools
import os
import resource
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
CHUNK = 1 << 23
Renumber = Callable[[int], int]


@dataclass
class Level:
    """A directory that is being copied: both descriptors, what the source's is, and its entries that are left."""

    source: int
    target: int
    known: os.stat_result
    left: Iterator[str]


@dataclass
class Copier:
    """Copies trees; a file that has more names is kept under its inode's number in `links` until all are copied."""

    renumber: Renumber
    links: int = -1
    linked: set[str] = field(default_factory=set)

    def copy(self, source: str, target: str) -> None:
        """Copy what is in one directory into another; raise OSError for what cannot be read or written."""
        top = self._level(os.open(source, DIRECTORY), os.open(target, DIRECTORY))
        place = _free_name(os.listdir(top.source))
        os.mkdir(place, 0o700, dir_fd=top.target)
        self.links = os.open(place, DIRECTORY, dir_fd=top.target)
        levels = [top]
        while levels:
            level = levels[-1]
            name = next(level.left, None)
            if name is None:
                if level is top:
                    self._forget_links(top, place)
                self._finish(levels.pop())
                continue
            below = self._entry(level, name)
            if below is not None:
                levels.append(below)

    def _level(self, source: int, target: int) -> Level:
        # A listing that stays open would see changes of the directory; names are few beside files.
        return Level(source, target, os.fstat(source), iter(sorted(os.listdir(source))))

    def _entry(self, level: Level, name: str) -> Level | None:
        """Copy an entry; return the level below where it is a directory."""
        known = os.stat(name, dir_fd=level.source, follow_symlinks=False)
        if stat.S_ISDIR(known.st_mode):
            source = os.open(name, DIRECTORY, dir_fd=level.source)
            os.mkdir(name, 0o700, dir_fd=level.target)
            return self._level(source, os.open(name, DIRECTORY, dir_fd=level.target))
        if self._is_linked(level, name, known):
            return None
        if stat.S_ISREG(known.st_mode):
            self._file(level, name)
        elif stat.S_ISLNK(known.st_mode):
            os.symlink(os.readlink(name, dir_fd=level.source), name, dir_fd=level.target)
            self._own(level, name, known)
        elif stat.S_ISFIFO(known.st_mode):
            os.mkfifo(name, 0o600, dir_fd=level.target)
            self._own(level, name, known)
            os.chmod(name, stat.S_IMODE(known.st_mode), dir_fd=level.target)
            os.utime(name, ns=(known.st_atime_ns, known.st_mtime_ns), dir_fd=level.target, follow_symlinks=False)
        # A socket belongs to the process that made it, and a device cannot be made here.
        if known.st_nlink > 1:
            self._remember(level, name, known)
        return None

    def _file(self, level: Level, name: str) -> None:
        source = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=level.source)
        try:
            known = os.fstat(source)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            target = os.open(name, flags, 0o600, dir_fd=level.target)
            try:
                copy_content(source, target, known.st_size)
                self._finish_descriptor(source, target, known)
            finally:
                os.close(target)
        finally:
            os.close(source)

    def _is_linked(self, level: Level, name: str, known: os.stat_result) -> bool:
        """Make a further name of a file that was copied; return whether it was."""
        key = f"{known.st_dev}-{known.st_ino}"
        if key not in self.linked:
            return False
        os.link(key, name, src_dir_fd=self.links, dst_dir_fd=level.target, follow_symlinks=False)
        return True

    def _remember(self, level: Level, name: str, known: os.stat_result) -> None:
        if stat.S_ISREG(known.st_mode):
            key = f"{known.st_dev}-{known.st_ino}"
            os.link(name, key, src_dir_fd=level.target, dst_dir_fd=self.links, follow_symlinks=False)
            self.linked.add(key)

    def _forget_links(self, top: Level, place: str) -> None:
        for key in self.linked:
            os.unlink(key, dir_fd=self.links)
        os.close(self.links)
        os.rmdir(place, dir_fd=top.target)

    def _own(self, level: Level, name: str, known: os.stat_result) -> None:
        uid, gid = self.renumber(known.st_uid), self.renumber(known.st_gid)
        os.chown(name, uid, gid, dir_fd=level.target, follow_symlinks=False)
        if stat.S_ISLNK(known.st_mode):
            times = (known.st_atime_ns, known.st_mtime_ns)
            os.utime(name, ns=times, dir_fd=level.target, follow_symlinks=False)

    def _finish(self, level: Level) -> None:
        self._finish_descriptor(level.source, level.target, level.known)
        os.close(level.source)
        os.close(level.target)

    def _finish_descriptor(self, source: int, target: int, known: os.stat_result) -> None:
        for key in _attributes(source):
            os.setxattr(target, key, os.getxattr(source, key))
        # A change of owner takes bits of the mode away (chown(2)).
        os.fchown(target, self.renumber(known.st_uid), self.renumber(known.st_gid))
        os.fchmod(target, stat.S_IMODE(known.st_mode))
        os.utime(target, ns=(known.st_atime_ns, known.st_mtime_ns))


def _free_name(taken: list[str]) -> str:
    """Return a name that is not taken."""
    return next(name for number in itertools.count() if (name := f".links-{number}") not in taken)


def _attributes(descriptor: int) -> list[str]:
    """Return the attributes that an application has given a file; none where the file system has none."""
    try:
        return [key for key in os.listxattr(descriptor) if key.startswith("user.")]
    except OSError as error:
        if error.errno != errno.ENOTSUP:
            raise
        return []


def copy_content(source: int, target: int, size: int) -> None:
    """Copy a file's content, its holes left out (lseek(2), SEEK_DATA)."""
    os.ftruncate(target, size)
    position = 0
    while position < size:
        try:
            position = os.lseek(source, position, os.SEEK_DATA)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            # There is nothing but a hole from here on.
            return
        end = os.lseek(source, position, os.SEEK_HOLE)
        while position < end:
            copied = _copy_range(source, target, position, min(CHUNK, end - position))
            if not copied:
                raise OSError(errno.EIO, "the file became shorter while it was copied")
            position += copied


def _copy_range(source: int, target: int, position: int, count: int) -> int:
    """Copy some bytes, by reference where the file system can (copy_file_range(2)); return how many."""
    try:
        return os.copy_file_range(source, target, count, position, position)
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
            raise
    return os.pwrite(target, os.pread(source, count, position), position)


def main(argv: list[str]) -> int:
    """Copy a tree; print what went wrong."""
    source, target, *numbers = argv
    first, size, shift = map(int, numbers)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Each level of the tree takes two descriptors.
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    try:
        Copier(lambda number: number + shift if first <= number < first + size else number).copy(source, target)
    except OSError as error:
        sys.stderr.write(f"{error.strerror}: {error.filename or target}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
