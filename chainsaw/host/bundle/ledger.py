"""Whether an archive is what it says: each member is compared with the list that comes after all of them.

In memory is a hash for each member, and of what it held, and no more. Whoever takes the members, too, such as to make
files of them, is a Taker.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from chainsaw.host.bundle.archive import Member, Source, read_whole
from chainsaw.host.bundle.form import (
    END,
    FIRST,
    FORMAT,
    LIST,
    LONGEST_LINE,
    OWN,
    Entry,
    NewerError,
    RefusedError,
    encoded,
    entry_of,
    names_of,
    order,
    shown,
)

LARGEST_FACTS = 1 << 20
LETTERS = {"file": b"f", "directory": b"d", "symlink": b"s", "fifo": b"p", "link": b"l"}
CHECKED = b"F"
"""The letter of a file that is as it is listed: what comes later in the list may be a further name of it."""
Sink = Callable[[memoryview], object]


class Taker(Protocol):
    """Takes members, and then what the list says of each."""

    def take(self, member: Member) -> Sink | None:
        """Take a member; return what takes its content, if anything does."""

    def close(self) -> None:
        """Know that the content of a member is complete."""

    def settle(self, entry: Entry) -> None:
        """Take what the list says of a member that is as it is listed."""

    def finish(self) -> None:
        """Know that all was as it is listed."""


class Ledger:
    """What is known of each member that has come: under the hash of its path its kind, a number and a hash."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.known: dict[bytes, bytes] = {}
        self.number = 0
        self.here: list[bytes] = []
        self.last: list[bytes] = []

    def expect(self, member: Member) -> None:
        """Raise RefusedError for a member whose directory has not come before it, or the file that it is a name of."""
        names = names_of(member.path)
        if names[0] in OWN and (member.kind != "file" or len(names) > 1 or _key(names[0]) in self.known):
            raise RefusedError(f"a member that is an archive's own: {shown(member.path)}")
        if len(names) > 1 and self._letter(member.path.rpartition("/")[0]) != b"d":
            raise RefusedError(f"no directory has come before {shown(member.path)}")
        if member.kind == "link":
            # A tree has two names, such as volumes/data, and what is in it is no name of what is in another.
            if names_of(member.target)[:2] != names[:2] or len(names) < 3 or member.target == member.path:
                raise RefusedError(f"a further name of a file that is elsewhere: {shown(member.path)}")
            if self._letter(member.target) != b"f":
                raise RefusedError(f"a further name of what is no file: {shown(member.path)}")

    def note(self, member: Member, digest: bytes) -> None:
        """Know a member, and the hash of its content."""
        self.number += 1
        number = self.number.to_bytes(6, "big")
        if member.kind == "link":
            number = self.known[_key(member.target)][1:7]
        self.known[_key(member.path)] = LETTERS[member.kind] + number + _hash(member, digest)

    def settle(self, entry: Entry) -> None:
        """Raise RefusedError for an entry whose member is not as it says, or that is not in its place."""
        place = order(entry.path)
        if place <= self.last or place[:-1] != self.here[: len(place) - 1]:
            raise RefusedError(f"{shown(entry.path)} is not in its place in the list")
        self.last, self.here = place, place if entry.kind == "directory" else place[:-1]
        found = self.known.get(_key(entry.path))
        if found is None:
            raise RefusedError(f"{shown(entry.path)} is listed, and missing")
        listed = Member(entry.path, entry.kind, entry.first or entry.target, entry.size, entry.stored)
        listed.extents = [] if entry.stored >= 0 else None
        if found[:1] + found[7:] != LETTERS[entry.kind] + _hash(listed, _bytes(entry)):
            raise RefusedError(f"{shown(entry.path)} is not as it is listed")
        if entry.kind == "link":
            first = self.known.get(_key(entry.first), b"")
            if first[:7] != CHECKED + found[1:7]:
                raise RefusedError(f"{shown(entry.path)} is not as it is listed: a name of another file")
        elif entry.kind == "file":
            self.known[_key(entry.path)] = CHECKED + found[1:]

    def _letter(self, path: str) -> bytes:
        return self.known.get(_key(path), b"")[:1]


def _key(path: str) -> bytes:
    return hashlib.blake2b(encoded(path), digest_size=16).digest()


def _bytes(entry: Entry) -> bytes:
    try:
        return bytes.fromhex(entry.sha256)
    except (ValueError, TypeError) as error:
        raise RefusedError(f"a hash that is none: {shown(entry.path)}") from error


def _hash(member: Member, digest: bytes) -> bytes:
    stored = member.stored if member.extents is not None else -1
    content = b"%d %d %s %s" % (member.size, stored, digest.hex().encode(), encoded(member.target))
    return hashlib.blake2b(content, digest_size=16).digest()


def examine(source: Source, taker: Taker) -> dict[str, Any]:
    """Read a whole archive, and return what stands in its end; raise RefusedError unless all is as it is listed."""
    ledger, members = Ledger(), source.members()
    first = _first(next(members, None), source)
    for member in itertools.chain([first[0]], members):
        if member.path == LIST:
            listed = member
            break
        ledger.expect(member)
        sink = taker.take(member)
        digest = hashlib.sha256(member.map)
        for piece in _content(source, member, first):
            digest.update(piece)
            if sink:
                sink(piece)
        taker.close()
        ledger.note(member, digest.digest() if member.kind == "file" else b"")
    else:
        raise RefusedError("it ends without a list")
    count, sha256 = _list(source, listed, ledger, taker)
    known = _end(next(members, None), source)
    if known.get("sha256") != sha256 or known.get("members") != count:
        raise RefusedError(f"{LIST} is not the list that {END} tells of")
    if next(members, None) is not None:
        raise RefusedError(f"a member after {END}")
    source.end()
    taker.finish()
    return known


def _first(member: Member | None, source: Source) -> tuple[Member, bytes]:
    if member is None or member.path != FIRST:
        raise RefusedError(f"no backup: it does not begin with {FIRST}")
    content = read_whole(source, member, LARGEST_FACTS)
    check_format(content)
    return member, content


def check_format(content: bytes) -> dict[str, Any]:
    """Return what the first member says; raise RefusedError for a format that is not known, NewerError for a newer."""
    facts = _facts(content, FIRST)
    if type(facts.get("format")) is int and facts["format"] > FORMAT:
        raise NewerError(f"it has the format {facts['format']}, and this chainsaw knows {FORMAT}")
    if type(facts.get("format")) is not int or facts["format"] != FORMAT:
        raise RefusedError(f"a backup of the format {str(facts.get('format'))[:20]}, where {FORMAT} is known")
    return facts


def _content(source: Source, member: Member, first: tuple[Member, bytes]) -> Iterator[memoryview]:
    if member is first[0]:
        return iter((memoryview(first[1]),))
    return source.content(member.stored - len(member.map))


def _list(source: Source, member: Member, ledger: Ledger, taker: Taker) -> tuple[int, str]:
    """Read the list, line by line; return how many there were, and its SHA-256."""
    if member.kind != "file" or member.extents is not None:
        raise RefusedError(f"{LIST} is no plain file")
    digest, count, rest = hashlib.sha256(), 0, b""
    for piece in source.content(member.stored):
        digest.update(piece)
        *lines, rest = (rest + bytes(piece)).split(b"\n")
        if len(rest) > LONGEST_LINE:
            raise RefusedError("a line of the list that is too long")
        for text in lines:
            entry = entry_of(text + b"\n")
            ledger.settle(entry)
            taker.settle(entry)
            count += 1
    if rest:
        raise RefusedError("the last line of the list does not end")
    return count, digest.hexdigest()


def _end(member: Member | None, source: Source) -> dict[str, Any]:
    if member is None or member.path != END:
        raise RefusedError(f"no {END} after the list")
    return _facts(read_whole(source, member, LARGEST_FACTS), END)


def _facts(content: bytes, path: str) -> dict[str, Any]:
    try:
        facts = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise RefusedError(f"{path} is no JSON") from error
    if not isinstance(facts, dict):
        raise RefusedError(f"{path} is no JSON object")
    return facts


class Nobody:
    """A Taker that takes nothing: what is left is whether the archive is what it says."""

    def take(self, member: Member) -> None:
        """Take no content."""

    def close(self) -> None:
        """Do nothing."""

    def settle(self, entry: Entry) -> None:
        """Do nothing."""

    def finish(self) -> None:
        """Do nothing."""
