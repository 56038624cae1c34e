"""The variants of a recipe under test: which options change the recipe, and what only happens with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from chainsaw.compile.sample import options_of, sample_settings
from chainsaw.load.recipe import Bundle, chosen_options, with_options
from chainsaw.load.settings import Value
from chainsaw.model.recipe import Recipe


def in_words(name: str, value: Value) -> str:
    """Return an option as a file has it: debug: true."""
    return f"{name}: {str(value).lower() if isinstance(value, bool) else value}"


def is_variant(recipe: Recipe, chosen: Mapping[str, Value]) -> bool:
    """Return whether some values change the recipe itself."""
    return _options(recipe, chosen) != _options(recipe, {})


def unattended_variants(bundle: Bundle) -> Iterator[tuple[str, Mapping[str, Value]]]:
    """Yield the options with which something happens without a visitor that does not happen without them."""
    plain = _unattended(with_options(bundle, _options(bundle.recipe, {})).recipe)
    for name, value in options_of(bundle.recipe):
        chosen = {name: value}
        if is_variant(bundle.recipe, chosen):
            found = _unattended(with_options(bundle, _options(bundle.recipe, chosen)).recipe)
            if any(item not in plain for item in found):
                yield in_words(name, value), chosen


def _options(recipe: Recipe, chosen: Mapping[str, Value]) -> tuple[tuple[str, str], ...]:
    defaults = {name: setting.default for name, setting in recipe.settings.items()} | sample_settings(recipe)
    return chosen_options(recipe, {**defaults, **chosen})


def _unattended(recipe: Recipe) -> list[object]:
    """Return what happens to an instance without a visitor, each with the components that do it.

    It sleeps if it can, its timers run, and its secrets are changed.
    """
    components = recipe.components
    found: list[object] = ["sleep"] if recipe.primary else []
    found += [(name, timer, components[timer.component]) for name, timer in recipe.timers.items()]
    for key, secret in recipe.secrets.items():
        if secret.rotate is not None:
            users = {name: item for name, item in components.items() if key in item.secrets}
            users |= {secret.rotate.component: components[secret.rotate.component]} if secret.rotate.component else {}
            found.append((key, secret, users))
    return found
