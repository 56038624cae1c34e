"""What of a tree is left out of a backup, and of which files a copy is read in their place."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

COPIES = "copies.json"
"""In a directory of copies, the name of each by its path in the tree; nothing for a file that is read as it is."""


@dataclass(frozen=True)
class Choice:
    """Patterns of paths that are left out, and copies in the directory `elsewhere`, which come before them."""

    excludes: tuple[re.Pattern[str], ...] = ()
    elsewhere: int = -1
    copies: Mapping[str, str] = field(default_factory=dict)

    def copy_of(self, path: str) -> str | None:
        """Return the name of the copy of a member, nothing for one that is read as it is, None if it is left out."""
        below = path.split("/", 2)[2]
        if below in self.copies:
            return self.copies[below]
        return None if any(pattern.fullmatch(below) for pattern in self.excludes) else ""


def patterns(excludes: Iterable[str]) -> tuple[re.Pattern[str], ...]:
    """Return what matches paths below a tree; * stands for any part of one name."""
    return tuple(re.compile(re.escape(text).replace(r"\*", "[^/]*"), re.DOTALL) for text in excludes)


def read_choice(excludes: Iterable[str], directory: str) -> Choice:
    """Return what is left out, and the copies in a directory, if there is one; raise OSError."""
    found = patterns(excludes)
    if not directory:
        return Choice(found)
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(os.open(COPIES, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=descriptor)) as file:
        return Choice(found, descriptor, json.load(file))
