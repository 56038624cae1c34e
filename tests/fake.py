"""A fake says what it replaces, and has the methods of that, with the same parameters."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from typing import TypeVar

Fake = TypeVar("Fake", bound=type)


def replaces(real: type, own: Collection[str] = ()) -> Callable[[Fake], Fake]:
    """Return the decorator of a class that is used in the place of another; `own` are methods that only the fake has.

    It raises TypeError where a method differs from the one that it replaces.
    """

    def check(fake: Fake) -> Fake:
        for name, method in vars(fake).items():
            if name.startswith("_") or name in own or not inspect.isfunction(method):
                continue
            if not hasattr(real, name):
                raise TypeError(f"{fake.__qualname__}.{name}: {real.__qualname__} has no such method")
            expected, found = _parameters(getattr(real, name)), _parameters(method)
            if found != expected:
                raise TypeError(f"{fake.__qualname__}.{name} takes {found}, {real.__qualname__}.{name} {expected}")
        return fake

    return check


def _parameters(function: Callable[..., object]) -> list[str]:
    """Return the parameters without their types: names, kinds and defaults."""
    signature = inspect.signature(function)
    bare = [item.replace(annotation=inspect.Parameter.empty) for item in signature.parameters.values()]
    return [f"{item.kind.name.lower()} {item}" for item in bare]
