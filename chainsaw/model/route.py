"""Where an instance is published."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from pydantic import model_validator

from chainsaw.model.base import Recorded


class Route(Recorded):
    """A path that ends with / on a host."""

    host: str
    path: str

    @model_validator(mode="before")
    @classmethod
    def _without_further(cls, value: object) -> object:
        """Drop the further hosts, of which there were none, from a record of an earlier version."""
        return {key: item for key, item in value.items() if key != "further"} if isinstance(value, Mapping) else value


def split_route(url: str) -> Route:
    """Return the host and path of a checked route."""
    parts = urlsplit(url)
    return Route(host=parts.netloc, path=parts.path)


class Elsewhere(Recorded):
    """A route without an instance: the URL to which it leads, or nothing where its site is gone."""

    route: Route
    redirect: str = ""
