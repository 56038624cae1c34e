"""What a packer walks through: the directories of a tree, and beside them the list of an earlier pass over it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from chainsaw.host.bundle.form import CROWD, Entry, RefusedError, encoded, known, order, room, shown

SUMMARY = '{"summary":'


@dataclass
class Level:
    """A directory that is being read: its descriptor, its path, and the names that are left."""

    descriptor: int
    path: str
    left: Iterator[str]


def list_names(descriptor: int, path: str) -> Iterator[str]:
    """Return the names in a directory in their order; raise RefusedError for too many."""
    # A listing that stays open would see changes of the directory.
    names = os.listdir(descriptor)
    if len(names) > CROWD:
        raise RefusedError(f"more than {CROWD} names in a directory: {shown(path)}")
    names.sort(key=encoded)
    return iter(names)


def entries(lines: Iterable[str]) -> Iterator[Entry]:
    """Yield what a list of an earlier pass holds."""
    for text in lines:
        if not text.startswith(SUMMARY):
            yield known(text)


@dataclass
class Former:
    """The list of an earlier pass, of which each entry is found, or is gone; `keeps` lists those that are gone, too."""

    entries: Iterator[Entry]
    keeps: bool = False
    list_gone: Callable[[Entry], None] = lambda entry: None
    here: list[bytes] = field(default_factory=list)
    """The last directory that is listed: what is kept must be in one."""
    members: int = 0
    bytes: int = 0
    """How much is gone."""

    def __post_init__(self) -> None:
        """Look at the first entry."""
        self.ahead = next(self.entries, None)

    def until(self, path: str | None) -> Entry | None:
        """Return the entry of a path, or nothing; those before it are gone."""
        place = None if path is None else order(path)
        while self.ahead is not None and (place is None or (ahead := order(self.ahead.path)) < place):
            entry, self.ahead = self.ahead, next(self.entries, None)
            self.gone(entry)
        if self.ahead is None or ahead != place:
            return None
        found, self.ahead = self.ahead, next(self.entries, None)
        return found

    def gone(self, entry: Entry) -> None:
        """Take an entry as gone: it is kept, unless its directory is none any more."""
        above = order(entry.path)[:-1]
        if self.keeps and above == self.here[: len(above)]:
            self.list_gone(entry)
        else:
            self.members += 1
            self.bytes += room(entry)

    def listed(self, entry: Entry) -> None:
        """Know what is listed now."""
        place = order(entry.path)
        self.here = place if entry.kind == "directory" else place[:-1]


def summary_of(text: str) -> dict[str, int | dict[str, int]]:
    """Return what the last line of a list says."""
    found: dict[str, int | dict[str, int]] = json.loads(text)["summary"]
    return found
