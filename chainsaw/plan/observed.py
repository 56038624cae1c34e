"""The state of the host, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from chainsaw.model.deployment import Manifest

EMPTY = Manifest(number=0)
FRONT_CONTAINER = "chainsaw-front"
FRONT_SERVICE = "chainsaw-front.service"
TARGET = "chainsaw.target"
API_SOCKET = "podman.socket"
"""The socket of Podman's API."""

UP = frozenset({"active", "activating", "reloading"})
"""The active states of a unit that runs, or that is on its way to it (systemd(1))."""


@dataclass(frozen=True)
class UnitDetails:
    """Details of a unit from systemd: its states, since when (seconds since 1970), and its automatic restarts."""

    active: str
    sub: str
    since: float = 0.0
    restarts: int = 0
    result: str = "success"


@dataclass(frozen=True)
class Drift:
    """A generated file that was edited: its path, and a unified diff from the written to the found text."""

    path: str
    diff: str


@dataclass(frozen=True)
class Observed:
    """The state of the host before a plan is made.

    `paths` are the absolute paths, of those that a plan may need, that exist; `units` are the active states of units by
    name; `applied` are the digests from which running units were started; `links` are chainsaw's existing unit links;
    `certificates` are the hosts whose certificate is valid and not due for renewal; `images` are those known to be
    in the store, with the VOLUME paths that they declare; `lost` are wanted images and units of networks that Podman
    does not have, and `provided` are images that it has again since this command began; `unfinished` is whether a
    switch was interrupted, and `unproven` are the instances that were changed and did not answer since; `recorded` is
    the last generation in the history, for when there is none on disk.
    """

    manifest: Manifest = EMPTY
    paths: frozenset[str] = frozenset()
    units: Mapping[str, str] = field(default_factory=dict)
    applied: Mapping[str, str] = field(default_factory=dict)
    links: frozenset[str] = frozenset()
    quadlets_linked: bool = False
    certificates: frozenset[str] = frozenset()
    images: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    lost: frozenset[str] = frozenset()
    provided: frozenset[str] = frozenset()
    drift: tuple[Drift, ...] = ()
    unfinished: bool = False
    unproven: frozenset[str] = frozenset()
    recorded: int = 0

    @property
    def next_number(self) -> int:
        """The number of the next generation; no number is used twice, even when all generations are lost."""
        return max(self.manifest.number, self.recorded) + 1

    def runs(self, unit: str) -> bool:
        """Return whether a unit is active or starting."""
        return self.units.get(unit) in UP
