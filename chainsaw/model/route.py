"""Where an instance is published."""

from __future__ import annotations

from chainsaw.model.base import Recorded


class Route(Recorded):
    """A path that ends with / on a host."""

    host: str
    path: str
