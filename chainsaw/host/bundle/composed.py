"""A backup whose parts are kept apart, as an archive again: each member as it is listed, whatever else a part holds."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import groupby
from typing import IO, Any

from chainsaw.errors import ChainsawError, Diagnostic
from chainsaw.host.bundle.archive import BLOCK, CHUNK, Member, header, plain
from chainsaw.host.bundle.form import END, SECOND, Entry, entry_of, order, shown
from chainsaw.host.bundle.writer import write_list
from chainsaw.model.backup import DUMPS, VOLUMES

HEADLESS = (f"{DUMPS}/", f"{VOLUMES}/")
"""What is not in the head: data."""


class Tree:
    """An archive of tar(5) with files in the order of a list, that is read once."""

    def __init__(self, stream: IO[bytes]) -> None:
        """Take the stream."""
        self.archive = tarfile.open(fileobj=stream, mode="r|", encoding="utf-8", errors="surrogateescape")  # noqa: SIM115  # its stream is closed by whoever has opened it
        self.ahead = self._next()

    def _next(self) -> tarfile.TarInfo | None:
        # It remembers all that it has read, for whoever goes back.
        self.archive.members = []  # type: ignore[attr-defined]  # it is its list of members
        return self.archive.next()

    def member(self, path: str) -> tarfile.TarInfo | None:
        """Return what there is under a path, if anything is; the paths that are asked for only go on."""
        place = order(path)
        while self.ahead is not None and order(self.ahead.name) < place:
            self.ahead = self._next()
        return self.ahead if self.ahead is not None and order(self.ahead.name) == place else None

    def content(self, member: tarfile.TarInfo) -> IO[bytes]:
        """Return what is in a file."""
        found = self.archive.extractfile(member)
        if found is None:
            raise _missing(member.name)
        return found


@dataclass(frozen=True)
class Composed:
    """The parts: the `head`, an archive without an end, the list in a file, and what stands in the end.

    `dump` opens what a component has dumped; the last of the `trees` that has a member is where it is taken from.
    """

    head: bytes
    listing: IO[bytes]
    end: dict[str, Any]
    dump: Callable[[str], AbstractContextManager[IO[bytes]]]
    trees: Sequence[Tree]

    def write(self, out: IO[bytes]) -> None:
        """Write the archive to a stream; raise ChainsawError for a part that does not hold what is listed."""
        out.write(self.head)
        self.listing.seek(0)
        data = (entry for entry in map(entry_of, self.listing) if entry.path.startswith(HEADLESS))
        for part, entries in groupby(data, lambda entry: _part(entry.path)):
            if part:
                self._dumped(part, list(entries), out)
            else:
                for entry in entries:
                    self._member(entry, out)
        write_list(out, self.listing, 0)
        out.write(plain(END, json.dumps(self.end).encode() + b"\n", 0))
        out.write(bytes(2 * BLOCK))

    def _dumped(self, component: str, entries: Sequence[Entry], out: IO[bytes]) -> None:
        """Write a directory, and what a component has dumped, in its parts."""
        out.write(_header(entries[0]))
        with self.dump(component) as stream:
            for entry in entries[1:]:
                _copy(entry, stream, out)
            if stream.read(1):
                raise _missing(entries[0].path)

    def _member(self, entry: Entry, out: IO[bytes]) -> None:
        if entry.kind != "file":
            out.write(_header(entry))
            return
        for tree in self.trees:
            found = tree.member(entry.path)
            if found is not None and found.isreg() and found.size == entry.size:
                _copy(entry, tree.content(found), out)
                return
        raise _missing(entry.path)


def _part(path: str) -> str:
    """Return the component that has dumped a member; nothing for what is in a volume."""
    kind, name = path.split("/")[:2]
    return name if kind == DUMPS else ""


def _header(entry: Entry) -> bytes:
    numbers = (entry.mode, entry.uid, entry.gid, entry.mtime // SECOND)
    return header(Member(entry.path, entry.kind, entry.first or entry.target, entry.size, entry.size, *numbers))


def _copy(entry: Entry, stream: IO[bytes], out: IO[bytes]) -> None:
    out.write(_header(entry))
    left = entry.size
    while left:
        piece = stream.read(min(CHUNK, left))
        if not piece:
            raise _missing(entry.path)
        out.write(piece)
        left -= len(piece)
    out.write(bytes(-entry.size % BLOCK))


def _missing(path: str) -> ChainsawError:
    message = f"{shown(path)} is listed, and is not there as it is listed"
    return ChainsawError(Diagnostic("bundle", message, hint="chainsaw backups lists others"))
