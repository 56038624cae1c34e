"""A sample instance of a recipe: with its defaults, and an example or a plausible value for settings without one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any

from chainsaw.compile.context import Host, Job, Shared
from chainsaw.compile.instance import compile_instance
from chainsaw.load.recipe import Bundle, with_options
from chainsaw.load.settings import InstanceFile, Value
from chainsaw.load.source import Source
from chainsaw.model.block import SIZE, Block
from chainsaw.model.paths import Paths
from chainsaw.model.recipe import Recipe, Setting
from chainsaw.model.site import Instance, Site

NOWHERE = Paths("/home/admin", "/home/admin/.config", "/home/admin/.local/share", "/home/admin/.local/state")
LIKELY: Mapping[str, Value] = {"integer": 1, "boolean": True, "email": "kim@example.org", "size": "1M"}


def likely_value(setting: Setting) -> Value:
    """Return a value that a setting without a default could have: the recipe's example, or a plausible one."""
    if setting.example is not None:
        return setting.example
    least = setting.maximum if setting.minimum is None else setting.minimum
    if setting.type == "integer" and least is not None:
        return least
    return setting.options[0] if setting.options else LIKELY.get(setting.type, "text")


def sample_settings(recipe: Recipe) -> dict[str, Value]:
    """Return a value for each setting that must be set."""
    return {name: likely_value(item) for name, item in recipe.settings.items() if item.default is None}


def options_of(recipe: Recipe) -> Iterator[tuple[str, Value]]:
    """Yield (setting, value) for each value of a choice or a boolean that is not the default."""
    required = sample_settings(recipe)
    for name, setting in recipe.settings.items():
        for value in setting.options or ((False, True) if setting.type == "boolean" else ()):
            if value != required.get(name, setting.default):
                yield name, value


def sample_job(
    bundle: Bundle,
    shared: Shared,
    options: tuple[tuple[str, str], ...] = (),
    paths: Paths = NOWHERE,
    fields: Mapping[str, Any] | None = None,
) -> Job:
    """Return an instance to compile, with variants chosen; raise ChainsawError with the problems that they cause.

    `fields` are keys of its file, its settings among them.
    """
    variant = with_options(bundle, options)
    recipe = variant.recipe
    given = dict(fields or {})
    settings = {**sample_settings(recipe), **dict(options), **given.pop("settings", {})}
    own = {"recipe": recipe.name, "route": "https://try.example.org/", "settings": settings, **given}
    instance = Instance.model_validate(own)
    file = InstanceFile("try", instance, Source("try", ""))
    return Job(file, variant, Site(), Block(8 * SIZE), Host(paths), shared)


def sample_digest(bundle: Bundle, shared: Shared) -> str:
    """Return the SHA-256 of all that a sample instance compiles to, and of what its images are built from."""
    instance = compile_instance(sample_job(bundle, shared))
    summary = sha256()
    for artifact in sorted(instance.artifacts, key=lambda item: item.path):
        summary.update(f"{artifact.path}\0{artifact.digest}\0".encode())
    for need in instance.deployment.images:
        summary.update(f"{need.reference}\0".encode())
    return summary.hexdigest()
