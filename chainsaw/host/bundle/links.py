"""Which names are of the same file, while a tree is packed."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

MOST = 50_000
"""Files of several names that are known at once: what is beyond is packed as files of their own."""


@dataclass(slots=True)
class First:
    """The first name of a file, with how many are left to be found, and whether it was written in this pass."""

    path: str
    ctime: int
    left: int
    written: bool


@dataclass
class Links:
    """The first names of files; and, by path, those of an earlier pass that are still there, if that matters."""

    fates: dict[str, bool] | None = None
    firsts: dict[tuple[int, int], First] = field(default_factory=dict)

    def first(self, known: os.stat_result) -> First | None:
        """Return the name that a file was written under; nothing if it has changed since, or is another."""
        key = (known.st_dev, known.st_ino)
        found = self.firsts.get(key)
        if found is None:
            return None
        found.left -= 1
        is_same = found.ctime == known.st_ctime_ns
        if not is_same or not found.left:
            del self.firsts[key]
        return found if is_same else None

    def add(self, known: os.stat_result, path: str, *, written: bool, names: int) -> None:
        """Know a file that is listed, and how many names it has had in the earlier pass."""
        if known.st_nlink > 1 and len(self.firsts) < MOST:
            self.firsts[known.st_dev, known.st_ino] = First(path, known.st_ctime_ns, known.st_nlink - 1, written)
        self.remember(path, max(known.st_nlink, names), written=written)

    def remember(self, path: str, names: int, *, written: bool) -> None:
        """Know that a file is listed, for names of it that are gone and kept."""
        if self.fates is not None and names > 1 and len(self.fates) < MOST:
            self.fates[path] = written
