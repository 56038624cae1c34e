"""What a rolled back instance needs in its own file to stay as it was, whatever has changed around it since."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from chainsaw.errors import ChainsawError, Diagnostic
from chainsaw.host import files
from chainsaw.load.edit import with_key
from chainsaw.load.settings import InstanceFile
from chainsaw.load.site import load_instance
from chainsaw.model.paths import Paths
from chainsaw.model.recipe import Recipe
from chainsaw.model.site import DEFAULTS, OF_THE_FRONT, Common, Site
from chainsaw.work.recipes.catalog import Catalog

Pinned = tuple[str, tuple[str, ...]]
"""The text of an instance's file, and what is said about it."""


def pin_recipe(
    paths: Paths, catalog: Catalog, name: str, text: str, origin: str, digest: str, runs: bool = True
) -> Pinned:
    """Return a file in which the recipe has the version of a digest, if another one is installed now.

    Raise ChainsawError when that version is no longer on this host and the instance `runs`: it is left as it is.
    """
    recipe = load_instance(_file(name), text).instance.recipe
    if not origin or "@" in recipe:
        return text, ()
    now = catalog.get(recipe)
    if now is not None and now.digest == digest:
        return text, ()
    if not files.exists(paths.installed(origin, digest)):
        if not runs:
            return text, (f"the recipe is the present one: version {digest[:16]} is no longer on this host",)
        message = f"{name} ran the recipe {recipe} in version {digest[:16]}, which is no longer on this host"
        hint = f"the file alone: chainsaw diff {name} --to N, then chainsaw config edit {name}"
        raise ChainsawError(Diagnostic("version-missing", message, hint=hint))
    kept = f"{recipe}@{digest[:16]}"
    if not _is_one(catalog, kept):
        kept = f"{origin}@{digest[:16]}"
    note = f"the recipe is {kept}, as it was then; to follow it again: chainsaw config set {name} recipe {recipe}"
    return with_key(text, ("recipe",), kept), (note,)


def pin_directives(catalog: Catalog, name: str, text: str, then: Site, now: Site) -> Pinned:
    """Return a file with the directives that it had from site.yaml, and that site.yaml has otherwise now."""
    file = load_instance(_file(name), text)
    bundle = catalog.get(file.instance.recipe)
    notes = []
    for key in _inherited(file, bundle.recipe) if bundle else ():
        value = _effective(file, key, then)
        if value == _effective(file, key, now):
            continue
        if value is None:
            notes.append(f"{key} is that of site.yaml now: there was none then, and a file cannot say so")
            continue
        for path, part in _leaves((key,), value):
            text = with_key(text, path, part)
        again = f"to follow it again: chainsaw config unset {name} {key}"
        notes.append(f"{key} stands in its own file, as it was then: site.yaml has changed since; {again}")
    if then.ports != now.ports:
        notes.append("the ports are those of site.yaml now, which are the same for all")
    return text, tuple(notes)


def _is_one(catalog: Catalog, name: str) -> bool:
    """Return whether a name is that of one recipe, and not of several sources."""
    try:
        return name in catalog
    except ChainsawError:
        return False


def _file(name: str) -> str:
    return f"instances/{name}.yaml"


def _inherited(file: InstanceFile, recipe: Recipe) -> Iterator[str]:
    """Yield the directives that an instance takes from site.yaml."""
    if file.instance.sleep is None and recipe.primary is not None:
        yield "sleep"
    used = {*recipe.honours, *OF_THE_FRONT, "disk"}
    yield from (key for key in (*Common.model_fields, "disk") if getattr(file.instance, key) is None and key in used)


def _effective(file: InstanceFile, key: str, site: Site) -> Any:
    """Return the value of a directive that an instance has from a site, or None when a file cannot say it."""
    value = getattr(site, key)
    if value is None:
        return {"sleep": "never", "admin": {"email": f"admin@{file.instance.host}"}, **DEFAULTS}.get(key)
    return value.model_dump(exclude_none=True) if hasattr(value, "model_dump") else value


def _leaves(path: tuple[str, ...], value: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield from _leaves((*path, key), part)
    else:
        yield path, value
