"""What the checks of the host are made from, as plain values; None means that it could not be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Files = tuple[tuple[str, str], ...]
"""Configuration files as path and text, in the order in which they are read; a later value replaces an earlier one."""


@dataclass(frozen=True)
class ImageStore:
    """Podman's store of images: the drivers that made one, and the mark that an overlay keeps of its mount program."""

    drivers: frozenset[str] = frozenset()
    mount_program: str | None = None


@dataclass(frozen=True)
class JournalStore:
    """Where the journal is written: to the disk, to memory; `size` is the bytes of it on the disk."""

    on_disk: bool
    in_memory: bool
    size: int


@dataclass(frozen=True)
class Clock:
    """The clock: seconds since 1970, and its largest error in seconds as the kernel estimates it.

    `written` is the time of the last apply, in seconds since 1970, 0 for never. In a container the clock is that of
    its host.
    """

    now: float
    error: float | None
    written: float = 0.0
    in_container: bool = False


@dataclass(frozen=True)
class Space:
    """A file system: what of chainsaw's is on it, its mount point, its size and free space in bytes and in inodes.

    A file system that creates inodes when it needs them has 0 inodes (statvfs(3), f_files).
    """

    contents: tuple[str, ...]
    place: str
    size: int
    free: int
    inodes: int
    inodes_free: int


@dataclass(frozen=True)
class DiskUse:
    """What an instance has on the disk: bytes of data, bytes of caches, and how many files and directories.

    None is what was not counted in time.
    """

    data: int | None = None
    caches: int | None = None
    files: int | None = None

    @property
    def bytes(self) -> int | None:
        """All bytes; None when a part is not known."""
        return None if self.data is None or self.caches is None else self.data + self.caches


@dataclass(frozen=True)
class Taken:
    """How many of something are taken that the kernel gives to all together, and how many there are; None for unknown.

    `setting` is what the limit is set by: a name of sysctl(8), or of a property of a unit and the unit.
    """

    what: str
    used: int | None
    limit: int | None
    setting: str

    @property
    def share(self) -> float | None:
        """The part that is taken; None when it is not known."""
        return None if self.used is None or not self.limit else self.used / self.limit


@dataclass(frozen=True)
class Leftovers:
    """What a crash left: whether the last apply was interrupted, generations that never became current, and *.partial.

    `unfinished_files` are those that the next apply writes again, `others` belong to volumes, backups and secrets.
    `holder` is the command that is running now, if any; the files may be its own then.
    """

    unfinished: bool = False
    newer: tuple[int, ...] = ()
    unfinished_files: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    holder: str = ""


@dataclass(frozen=True)
class PlainAnswer:
    """What came of a request on the front's plain port: a status, 0 for a closed connection, or a problem."""

    status: int = 0
    location: str = ""
    problem: str = ""


@dataclass(frozen=True)
class ShownCertificate:
    """The certificate that the front shows for a host: from when to when it is valid, seconds since 1970; a problem.

    `refused` is true when there is one and it is not valid. `serial` is its serial number in hexadecimal.
    """

    since: float = 0.0
    until: float = 0.0
    problem: str = ""
    refused: bool = False
    serial: str = ""


@dataclass(frozen=True)
class Resolved:
    """A resolver's answer for a name: its addresses; none when there is no such name; or a problem."""

    addresses: frozenset[str] = frozenset()
    problem: str = ""


@dataclass(frozen=True)
class Addresses:
    """The addresses of this host, and the names that it resolves itself, without DNS."""

    own: frozenset[str] = frozenset()
    own_names: frozenset[str] = frozenset()


@dataclass(frozen=True)
class IdNames:
    """The names that `ps` and `ls` have for the first id of each block, by instance; None for a number."""

    names: Mapping[str, str | None] = field(default_factory=dict)
    by_systemd: bool = True
