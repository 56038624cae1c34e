"""Of paths and resources that lie in one another, the outer or the inner ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from chainsaw.plan.resources import Resource


def outermost(places: Iterable[str]) -> list[str]:
    """Return those of some paths that are in none of the others."""
    every = list(dict.fromkeys(places))
    return [place for place in every if not any(place.startswith(f"{other}/") for other in every)]


def innermost(found: Sequence[Resource]) -> list[Resource]:
    """Return the resources without the directories that contain others of them."""
    places = [item.place for item in found]
    return [item for item in found if not item.place or not any(it.startswith(f"{item.place}/") for it in places)]
