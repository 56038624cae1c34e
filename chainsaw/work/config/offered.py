"""The keys and values that a shell offers while `chainsaw config` is typed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

from chainsaw.host.account import Account
from chainsaw.load.check import known_keys
from chainsaw.load.yaml import read_yaml
from chainsaw.model.base import Model
from chainsaw.model.recipe import Recipe
from chainsaw.model.site import Common, Instance, Site
from chainsaw.work.config.edit import Target, key_path, target_of

FLAGS = ["true", "false"]
ALSO_PLAIN = {("route",)}
"""Keys that have a plain value, or a mapping."""


def keys_offered(account: Account, name: str | None, short: bool = False) -> list[str]:
    """Return the keys of an instance or the site, settings also without `settings.` if they may be `short`.

    Raise ChainsawError when there is no instance of this name.
    """
    target = target_of(account, name)
    settings = list(target.recipe.settings) if target.recipe else []
    return [*_directives(target), *(f"settings.{one}" for one in settings), *(settings if short else ())]


def keys_written(account: Account, name: str | None) -> list[str]:
    """Return the keys that a file has; raise ChainsawError when there is none, or it is not valid YAML."""
    target = target_of(account, name)
    paths = read_yaml(target.shown, target.text).keys
    return [".".join(map(str, path)) for path in paths if not any(one[: len(path)] == path != one for one in paths)]


def values_offered(account: Account, name: str | None, key: str) -> list[str]:
    """Return the values of a key, where there are only a few; raise ChainsawError when there is no such key."""
    target = target_of(account, name)
    path = key_path(target, key)
    if path[0] == "settings" and target.recipe:
        setting = target.recipe.settings[path[1]]
        return FLAGS if setting.type == "boolean" else list(setting.options)
    return list(_literals(_model_of(target), path))


def _model_of(target: Target) -> type[Model]:
    return Instance if target.name else Site


def _directives(target: Target) -> Iterator[str]:
    """Yield the keys of a file but its settings, and without what its recipe does not use."""
    model = _model_of(target)
    for name in model.model_fields:
        if name != "settings" and _is_used(name, target.recipe):
            yield from _innermost(model, (name,))


def _is_used(name: str, recipe: Recipe | None) -> bool:
    return recipe is None or name not in Common.model_fields or name in recipe.honours


def _innermost(model: type[Model], path: tuple[str, ...]) -> Iterator[str]:
    inner = known_keys(model, path)
    if not inner or path in ALSO_PLAIN:
        yield ".".join(path)
    for name in inner:
        yield from _innermost(model, (*path, name))


def _literals(annotation: Any, path: tuple[str, ...]) -> Iterator[str]:
    """Yield the texts that are the only values of a key."""
    if isinstance(annotation, type) and issubclass(annotation, Model):
        if path and path[0] in annotation.model_fields:
            yield from _literals(annotation.model_fields[path[0]].annotation, path[1:])
    elif get_origin(annotation) is Literal:
        yield from (str(value) for value in get_args(annotation) if not path)
    else:
        for argument in get_args(annotation):
            yield from _literals(argument, path)
