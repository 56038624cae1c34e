"""Subordinate ids: the ranges of an admin and the blocks of 65,536 ids cut from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

SIZE = 65536


@dataclass(frozen=True)
class Range:
    """One line of /etc/subuid or /etc/subgid (subuid(5)): owner, first id and number of ids."""

    owner: str
    start: int
    count: int

    @property
    def end(self) -> int:
        """The first id after the range."""
        return self.start + self.count

    def overlaps(self, other: Range) -> bool:
        """Return whether the two share an id."""
        return self.start < other.end and other.start < self.end


@dataclass(frozen=True)
class Ranges:
    """The subordinate ids of one user."""

    uids: Sequence[Range]
    gids: Sequence[Range]


@dataclass(frozen=True)
class Block:
    """The ids of one instance: `start` on the host is 0 in its containers."""

    start: int

    @property
    def end(self) -> int:
        """The first id after the block."""
        return self.start + SIZE

    def host_id(self, inside: int) -> int:
        """Return the host's id for an id inside the containers."""
        return self.start + inside


def intermediate(ranges: Sequence[Range], host_id: int) -> int:
    """Return the id that rootless Podman's own namespace has for a host id; raise ValueError if it has none.

    Rootless Podman maps the user to 0 and appends the subordinate ranges from 1 on, in file order
    (podman-run(1), --uidmap).
    """
    position = 1
    for item in ranges:
        if item.start <= host_id < item.end:
            return position + host_id - item.start
        position += item.count
    raise ValueError(f"{host_id} is in no subordinate range")
