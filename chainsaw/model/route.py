"""Where an instance is published."""

from __future__ import annotations

from chainsaw.model.base import Recorded


class Route(Recorded):
    """A path that ends with / on a canonical host, and the further hosts that lead to it."""

    host: str
    path: str
    further: tuple[str, ...] = ()

    @property
    def hosts(self) -> tuple[str, ...]:
        """All of its hosts, the canonical one first."""
        return (self.host, *self.further)
