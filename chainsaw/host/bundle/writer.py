"""Write the members of a bundle, in the order in which they are read again."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import IO, Any

from chainsaw.errors import ChainsawError, Diagnostic
from chainsaw.host import process, streams
from chainsaw.host.bundle import program
from chainsaw.host.bundle.archive import BLOCK, CHUNK, Member, header, padded
from chainsaw.host.bundle.form import (
    END,
    FIRST,
    FORMAT,
    LIST,
    SECOND,
    TOTALS,
    Entry,
    add_up,
    known,
    line,
    names_of,
    order,
    room,
)
from chainsaw.host.bundle.former import SUMMARY, summary_of
from chainsaw.model.block import SIZE

PART = 8 * 2**20
"""Bytes of a part of what a program prints, whose length nobody knows before its end."""
MOST_PRINTED = 1 << 38
"""Bytes of what a program may print: more is no dump of what one small server has."""
PROGRAM = (sys.executable, "-I", "-X", "utf8", program.__file__)
"""The words before what is run of a backup as a program of its own, see there."""


@dataclass(frozen=True)
class Counts:
    """How much there is of a tree: its members, the bytes that they take, and the highest id of a container's.

    Whoever unpacks it has as many as `most_members` and `most_bytes` at once, those that a later pass has not seen
    among them. `left` tells what was left out.
    """

    members: int
    bytes: int
    highest: int
    most_members: int
    most_bytes: int
    left: dict[str, int]


@dataclass
class _Tree:
    """The list of the last pass over a tree, and how much earlier passes have seen that is gone."""

    listing: IO[str]
    summary: dict[str, Any]
    gone: Counter[str] = field(default_factory=Counter)


def copy_databases(source: str, target: str, wanted: Sequence[str], within: Sequence[str]) -> None:
    """Copy the SQLite databases in a tree that match patterns into an empty directory, for Writer.tree.

    Raise ChainsawError for one that cannot be copied, or is damaged.
    """
    process.run([*PROGRAM, "database", source, target, *wanted], within=within)


class Writer:
    """Writes to a stream: what is known, what programs print, trees of files; and in the end a list of them all."""

    def __init__(self, stream: IO[bytes], now: int, lists: ExitStack, place: str, facts: dict[str, Any]) -> None:
        """Write what the first member says, beside the format.

        Take the time, in nanoseconds since 1970, who closes the lists of trees, and the directory that they are in.
        """
        self.stream, self.now, self.lists, self.place = stream, now, lists, place
        self.listed: dict[str, str] = {}
        self.trees: dict[str, _Tree] = {}
        self.bytes = 0
        self.file(FIRST, json.dumps({"format": FORMAT, **facts}).encode() + b"\n")

    def directory(self, path: str) -> None:
        """Write a directory."""
        self._member(Entry(path, "directory", 0o700, 0, 0, self.now), b"")

    def file(self, path: str, content: bytes) -> None:
        """Write a file whose content is known."""
        digest = hashlib.sha256(content).hexdigest()
        self._member(Entry(path, "file", 0o600, 0, 0, self.now, len(content), sha256=digest), content)

    def _member(self, entry: Entry, content: bytes) -> None:
        names_of(entry.path)
        size, seconds = len(content), self.now // SECOND
        member = Member(entry.path, entry.kind, "", size, size, entry.mode, 0, 0, seconds)
        self.stream.write(header(member) + padded(content))
        if entry.path not in (LIST, END):
            self.listed[entry.path] = line(entry)
            self.bytes += room(entry)

    def parts(
        self, path: str, argv: Sequence[str], within: Sequence[str] = (), *, patience: float | None = None
    ) -> int:
        """Write what a program prints, in parts below a path; return its bytes; raise ChainsawError if it fails."""
        return sum(map(len, self.parted(path, argv, within, patience=patience)))

    def parted(
        self, path: str, argv: Sequence[str], within: Sequence[str] = (), *, patience: float | None = None
    ) -> Iterator[bytes]:
        """Write what a program prints, as `parts` does, and yield each part when it is written."""
        self.directory(path)
        size = 0
        with streams.tapped([[*within, *argv]], None, patience=patience) as printed:
            while piece := printed.read(PART):
                self.file(f"{path}/{size // PART:08}", piece)
                size += len(piece)
                if size > MOST_PRINTED:
                    message = f"{argv[0]} printed more than {MOST_PRINTED} bytes, and no end of it is in sight"
                    raise ChainsawError(Diagnostic("endless", message, key=path))
                yield piece

    def tree(
        self,
        source: str,
        path: str,
        first: int,
        within: Sequence[str],
        *,
        keeps: bool = False,
        excludes: Sequence[str] = (),
        copies: str = "",
        patience: float | None = None,
        since: IO[str] | None = None,
    ) -> None:
        """Write a directory, of which ids from `first` on are a container's; or what has changed in it since the last.

        It is only listed, see lister, where a list of an earlier backup, `since`, is given. `path` has two names.
        `within` are the words that run a program as root of the admin's user namespace. With `keeps`, what is gone
        since stays listed. `excludes` are paths in it that are left out; one that ends with `/*` leaves out what is in
        a directory. In the directory `copies` is what is read in the place of some files. Raise ChainsawError for what
        cannot be read.
        """
        if len(names_of(path)) != 2:
            raise ValueError(path)
        listing = self.lists.enter_context(tempfile.TemporaryFile("w+", dir=self.place))  # noqa: SIM115  # closed by whoever gave lists
        former = self.trees.get(path)
        kept, earlier = [listing.fileno()], "-1"
        if before := former.listing if former else since:
            kept.append(before.fileno())
            os.lseek(before.fileno(), 0, os.SEEK_SET)
            earlier = f"{before.fileno()}{'+' if keeps else ''}"
        self.stream.flush()
        verb, numbers = "list" if since else "pack", [str(first), str(SIZE), str(listing.fileno())]
        words = [*PROGRAM, verb, source, path, *numbers, earlier, copies, *excludes]
        streams.run_into(words, self.stream.fileno(), kept, within, patience=patience)
        summary = _last(listing)
        gone = Counter({key: summary[f"gone_{key}"] for key in ("members", "bytes")})
        self.trees[path] = _Tree(listing, summary, gone + former.gone if former else gone)
        if former:
            former.listing.close()

    def counts(self, path: str) -> Counts:
        """Return how much there is of a tree."""
        tree = self.trees[path]
        members, size, highest = (tree.summary[key] for key in TOTALS)
        most = (members + tree.gone["members"], size + tree.gone["bytes"])
        return Counts(members, size, highest, *most, dict(tree.summary["left"]))

    def end(self, facts: dict[str, Any]) -> dict[str, Any]:
        """Write the list, and what is known now that all is written; return that."""
        with tempfile.TemporaryFile(dir=self.place) as whole:
            known = self.total(facts, whole)
            write_list(self.stream, whole, self.now // SECOND)
        self.file(END, json.dumps(known).encode() + b"\n")
        self.stream.write(bytes(2 * BLOCK))
        return known

    def total(self, facts: dict[str, Any], whole: IO[bytes]) -> dict[str, Any]:
        """Write the list of all members into a file, and return what is known now that all is written."""
        digest, count = hashlib.sha256(), 0
        for text in self._lines():
            whole.write(text)
            digest.update(text)
            count += 1
        totals = [self.counts(path) for path in self.trees]
        left = sum((Counter(counts.left) for counts in totals), Counter[str]())
        return {
            **facts,
            "members": count,
            "bytes": self.bytes + sum(counts.bytes for counts in totals),
            "most_members": len(self.listed) + sum(counts.most_members for counts in totals),
            "most_bytes": self.bytes + sum(counts.most_bytes for counts in totals),
            "left": dict(left),
            "sha256": digest.hexdigest(),
        }

    def listing(self, path: str) -> IO[str]:
        """Return the list of the last pass over a tree, at its beginning; its lines are those of one for the next."""
        found = self.trees[path].listing
        found.seek(0)
        return found

    def relist(self, path: str, entries: Iterable[Entry]) -> None:
        """Take other entries, in their order, for those of a tree."""
        former, listing = self.trees[path], self.lists.enter_context(tempfile.TemporaryFile("w+", dir=self.place))  # noqa: SIM115  # closed by whoever gave lists
        totals = Counter[str]()
        for entry in entries:
            listing.write(line(entry, internal=True))
            add_up(totals, entry)
        self.trees[path] = _Tree(listing, {**former.summary, **{key: totals[key] for key in TOTALS}})
        former.listing.close()

    def _lines(self) -> Iterator[bytes]:
        """Yield the line of each member, a directory before what is in it, by the bytes of the names."""
        for path in sorted({*self.listed, *self.trees}, key=order):
            if path in self.trees:
                self.trees[path].listing.seek(0)
                lines = (text for text in self.trees[path].listing if not text.startswith(SUMMARY))
                yield from (line(known(text)).encode() for text in lines)
            else:
                yield self.listed[path].encode()


def write_list(stream: IO[bytes], whole: IO[bytes], seconds: int) -> None:
    """Write the list of all members, which is in a file, as a member."""
    size = whole.seek(0, os.SEEK_END)
    whole.seek(0)
    stream.write(header(Member(LIST, "file", "", size, size, 0o600, 0, 0, seconds)))
    while piece := whole.read(CHUNK):
        stream.write(piece)
    stream.write(bytes(-size % BLOCK))


def _last(listing: IO[str]) -> dict[str, Any]:
    """Return what the last line of a list says: a list without it is not whole."""
    end = listing.seek(0, os.SEEK_END)
    listing.seek(max(end - 4096, 0))
    return summary_of(listing.read().splitlines()[-1])
