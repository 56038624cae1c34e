"""Merging mappings: a recipe over its building blocks, a chosen variant over the recipe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chainsaw.load.source import KeyPath, Source

PARTS = ("runtime", "database", "cache")
"""The keys of a recipe that each name a building block; a later one takes precedence."""


def overlay(under: Source, over: Source, at: KeyPath = ()) -> Source:
    """Return a source in which the value of `over` at a path is merged over that of `under`.

    Mappings are merged key by key, everything else is replaced, and null removes a key. Places come from `over` where
    it has the key, else from `under`. Name and text are those of `under`, so both must be from one file, or one of the
    two must have no places.
    """
    top: Any = over.value
    for part in at:
        top = top[part]
    keys = dict(under.keys) | _below(over.keys, at)
    values = dict(under.values) | _below(over.values, at)
    return Source(under.name, under.text, merged(under.value, top), keys, values)


def merged(under: Any, over: Any) -> Any:
    """Return a value merged over another."""
    if not isinstance(over, dict):
        return over
    found = dict(under) if isinstance(under, dict) else {}
    for key, value in over.items():
        if value is None:
            found.pop(key, None)
        else:
            found[key] = merged(found.get(key), value)
    return found


def on_parts(source: Source, parts: Mapping[str, Any]) -> Source:
    """Return a recipe's source merged over the building blocks that it names.

    `parts` are the contents of the building blocks by name. Their components start before the recipe's own, unless
    those have `after`.
    """
    below: Any = {}
    for key in PARTS:
        below = merged(below, parts.get(str(source.value.get(key)), {}))
    value = merged(below, source.value)
    components = value.get("components")
    if isinstance(components, dict):
        brought = tuple(sorted(name for name in below.get("components", {}) if name != "app"))
        value["components"] = {
            name: {"after": brought, **item} if isinstance(item, dict) and name not in brought else item
            for name, item in components.items()
        }
    return Source(source.name, source.text, value, source.keys, source.values)


def _below(places: Any, at: KeyPath) -> dict[KeyPath, tuple[int, int]]:
    return {path[len(at) :]: place for path, place in places.items() if path[: len(at)] == at and len(path) > len(at)}
