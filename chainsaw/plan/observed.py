"""What is on the host, as plain values; nothing here looks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from chainsaw.model.deployment import Manifest

EMPTY = Manifest(number=0)
TARGET = "chainsaw.target"


@dataclass(frozen=True)
class UnitDetails:
    """What systemd knows of a unit: its states, since when (seconds since 1970), and its restarts by itself."""

    active: str
    sub: str
    since: float = 0.0
    restarts: int = 0
    result: str = "success"


@dataclass(frozen=True)
class Drift:
    """A generated file that is not as it was written: its path, and a unified diff from the written to the found."""

    path: str
    diff: str


@dataclass(frozen=True)
class Observed:
    """The state of the host before a plan is made.

    `paths` are the absolute paths, of those that a plan may need, that exist; `units` are the active states of units by
    name; `applied` are the digests from which running units were started; `links` are our unit links in place;
    `certificates` are the hosts whose certificate is valid and not due for renewal; `images` are those known to be
    in the store, with the VOLUME paths that they declare; `remembered` is the last generation that the history knows
    when there is none on disk.
    """

    manifest: Manifest = EMPTY
    paths: frozenset[str] = frozenset()
    units: Mapping[str, str] = field(default_factory=dict)
    applied: Mapping[str, str] = field(default_factory=dict)
    links: frozenset[str] = frozenset()
    quadlets_linked: bool = False
    certificates: frozenset[str] = frozenset()
    images: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    drift: tuple[Drift, ...] = ()
    unfinished: bool = False
    recorded: int = 0

    @property
    def next_number(self) -> int:
        """The number of the next generation; none is given twice, also when the directory of them is lost."""
        return max(self.manifest.number, self.recorded) + 1

    def runs(self, unit: str) -> bool:
        """Return whether a unit is up, or on its way."""
        return self.units.get(unit) in ("active", "activating", "reloading")
