"""A systemd unit or quadlet: ordered sections of (key, value) with plain, unquoted values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Section:
    """One [Section] with its entries in order; a key may stand several times."""

    name: str
    entries: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Unit:
    """A whole unit file; `filename` decides what kind it is."""

    filename: str
    sections: tuple[Section, ...] = ()

    def entries(self) -> Iterator[tuple[str, str, str]]:
        """Yield (section, key, value) in file order."""
        for section in self.sections:
            for key, value in section.entries:
                yield section.name, key, value

    def get(self, section: str, key: str) -> list[str]:
        """Return all values of a key, in order."""
        return [value for name, word, value in self.entries() if (name, word) == (section, key)]
