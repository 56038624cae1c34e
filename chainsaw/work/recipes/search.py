"""search and info: the recipes, their maintainers, what they need, and what was tested."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from chainsaw.compile.sample import sample_digest
from chainsaw.errors import ChainsawError, Diagnostic, Exit
from chainsaw.host.account import Account
from chainsaw.load.check import nearest
from chainsaw.load.recipe import Bundle
from chainsaw.model.recipe import Recipe, Setting
from chainsaw.model.serve import Serve
from chainsaw.model.tested import LEVELS, Tested
from chainsaw.work.recipes.catalog import Catalog, catalog_of
from chainsaw.work.recipes.consistency import backup_lines
from chainsaw.work.recipes.shipped import shared_files
from chainsaw.work.result import Result, Table

NEVER = "not run by us"
STALE = "changed since it was tested"
BASE_CHANGED = "the templates, building blocks or shared images under it have changed since"
MEASURED = {
    "memory_idle_mb": "memory idle",
    "memory_busy_mb": "memory busy",
    "image_mb": "images on disk, layers shared with other recipes included",
    "image_own_mb": "layers of its own",
    "first_start_seconds": "first start with images present",
    "restart_seconds": "restart",
    "wake_seconds": "first answer from asleep",
}


def tested_of(bundle: Bundle) -> Tested | None:
    """Return the result of a recipe's last test, or None when it was never tested."""
    text = bundle.files.get("tested.json")
    try:
        return Tested.model_validate_json(text) if text else None
    except ValidationError:
        return None


def level_of(bundle: Bundle) -> int | None:
    """Return the level that a recipe has reached in its present form; None when unknown."""
    tested = tested_of(bundle)
    return tested.level if tested and tested.digest == bundle.digest else None


def proven(bundle: Bundle) -> str:
    """Return in a few words what a recipe's tests have shown."""
    tested, level = tested_of(bundle), level_of(bundle)
    if tested is None:
        return NEVER
    return STALE if level is None else f"level {level} of {len(LEVELS)} on {tested.date}"


def base_changed(bundle: Bundle) -> bool:
    """Return whether an unchanged recipe compiles to something else now, because the shared files have changed."""
    tested = tested_of(bundle)
    known = tested is not None and tested.digest == bundle.digest and tested.compiled
    return bool(known) and known != sample_digest(bundle, shared_files())


def recipe_names(account: Account) -> list[str]:
    """Return the names of all recipes."""
    return catalog_of(account.paths).names


def search(account: Account, words: Sequence[str]) -> Result:
    """Return the recipes that contain all words in name, title or summary; case does not matter."""
    catalog = catalog_of(account.paths)
    known, broken = _readable(catalog)
    found = {name: item for name, item in known.items() if all(word.lower() in _text(item.recipe) for word in words)}
    rows = [
        {
            "name": name,
            "title": bundle.recipe.title,
            "summary": bundle.recipe.summary,
            "version": f"{bundle.recipe.version}-{bundle.recipe.revision}",
            "level": level_of(bundle),
            "tested": tested.date if (tested := tested_of(bundle)) else None,
        }
        for name, bundle in found.items()
    ]
    shown = [(name, b.recipe.version, b.recipe.summary, proven(b)) for name, b in found.items()]
    table = Table(("name", "version", "what it is", "proven"), tuple(shown))
    if words and not rows:
        message = f"no recipe contains {' and '.join(map(repr, words))}"
        broken.append(Diagnostic("no-recipe", message, hint="chainsaw search lists all"))
    code = Exit.OK if rows or not words else Exit.MISSING
    return Result({"recipes": rows}, (), tuple(broken), code, table)


def _readable(catalog: Catalog) -> tuple[dict[str, Bundle], list[Diagnostic]]:
    """Return the recipes that can be read, and the problems of the others as warnings."""
    known: dict[str, Bundle] = {}
    broken: list[Diagnostic] = []
    for name in catalog.names:
        try:
            known[name] = catalog.bundle(name)
        except ChainsawError as error:
            broken += [replace(item, severity="warning") for item in error.diagnostics]
    return known, broken


def _text(recipe: Recipe) -> str:
    return f"{recipe.name} {recipe.title} {recipe.summary}".lower()


def find(name: str, catalog: Catalog) -> Bundle:
    """Return a recipe; raise ChainsawError with a suggestion when there is none of this name."""
    place = catalog.choice(name)
    if place is None:
        message = f"no recipe {name!r}{nearest(name, catalog.names)}"
        raise ChainsawError(Diagnostic("no-recipe", message, hint="chainsaw search lists all"), Exit.MISSING)
    return catalog.read(place)


def info(account: Account, name: str) -> Result:
    """Return everything to know about a recipe before installing it."""
    bundle = find(name, catalog_of(account.paths))
    recipe, tested = bundle.recipe, tested_of(bundle)
    data: dict[str, Any] = recipe.model_dump(
        mode="json", include={"name", "title", "summary", "version", "revision", "license", "home", "documentation"}
    )
    data |= recipe.model_dump(
        mode="json", include={"source", "maintainers", "contribute", "honours", "notes", "subpath"}
    )
    data["level"] = level_of(bundle)
    data["base_changed"] = base_changed(bundle)
    data["tested"] = tested.model_dump(mode="json") if tested else None
    data["settings"] = {key: item.model_dump(mode="json") for key, item in recipe.settings.items()}
    data["permissions"] = permissions_of(recipe)
    data["auth"] = recipe.serve.auth.model_dump(mode="json")
    data["backup"] = recipe.backup.model_dump(mode="json") if recipe.backup else None
    data["cache"] = recipe.serve.cache.model_dump(mode="json") if recipe.serve.cache else None
    return Result(data, tuple(_lines(bundle)))


def permissions_of(recipe: Recipe) -> list[dict[str, str]]:
    """Return the permissions that a recipe needs beyond the defaults, each with its reason."""
    asked = []
    for name, component in recipe.components.items():
        if component.egress:
            need = "the internet and this host's sites"
            need += "" if component.egress.need == "internet" else ", only if you allow it"
            asked.append({"component": name, "permission": need, "reason": component.egress.reason})
        for waiver in component.capabilities:
            asked.append({"component": name, "permission": f"the capability {waiver.name}", "reason": waiver.reason})
        if component.user == 0:
            asked.append(
                {"component": name, "permission": "to be root in its container", "reason": "the image wants it"}
            )
    return asked


def permission_lines(recipe: Recipe) -> list[str]:
    """Return the permissions that a recipe needs beyond the defaults, one line each."""
    return [f"{item['component']} asks for {item['permission']}: {item['reason']}" for item in permissions_of(recipe)]


def _lines(bundle: Bundle) -> Iterator[str]:
    recipe = bundle.recipe
    yield f"{recipe.title} {recipe.version}, recipe revision {recipe.revision}: {recipe.summary}"
    yield f"  proven          {proven(bundle)}"
    if base_changed(bundle):
        yield f"  {'':15} {BASE_CHANGED}"
    for person in recipe.maintainers:
        yield f"  responsible     {person.name}, {person.contact}"
    if recipe.contribute:
        yield f"  contribute      {recipe.contribute}"
    yield f"  licence         {recipe.license}"
    yield f"  home            {recipe.home}"
    yield f"  documentation   {recipe.documentation}"
    yield f"  source          {recipe.source}"
    for label, line in zip(("backup", ""), backup_lines(recipe), strict=False):
        yield f"  {label:15} {line}"
    yield from _needs(bundle)
    yield from _served(recipe.serve)
    yield from _configuration(recipe)
    if recipe.notes and "{" not in recipe.notes:
        yield f"after the installation: {recipe.notes}"


def _needs(bundle: Bundle) -> Iterator[str]:
    recipe, tested = bundle.recipe, tested_of(bundle)
    yield "needs"
    for name, component in recipe.components.items():
        yield f"  {name:15} at most {component.memory} of memory"
    if tested is not None:
        for key, meaning in MEASURED.items():
            if key in tested.measured:
                unit = "MB" if key.endswith("_mb") else "s"
                yield f"  {'measured':15} {tested.measured[key]} {unit}, {meaning}"
    for item in permissions_of(recipe):
        yield f"  {item['component']:15} asks for {item['permission']}: {item['reason']}"
    if not permissions_of(recipe):
        yield "  it needs nothing beyond the defaults: no network, no capability, no root"
    where = "works below a path of a host, too" if recipe.subpath else "works at the root of a host only"
    yield f"  {'sub-path':15} {where}"
    yield f"  {'origin':15} shared with whatever else is published at the same host name: see chainsaw plan"


def _served(serve: Serve) -> Iterator[str]:
    """Yield how a login at the front goes with it, and which of its answers the front keeps."""
    auth = serve.auth
    yield "with a login at the front"
    who = f"it is told who is logged in ({auth.identity.user})" if auth.identity else "it goes on to ask for itself"
    yield f"  {'auth: login':15} {who}"
    parts = (("only: admin", auth.admin), ("open: public", auth.public), ("for programs", auth.clients))
    for part, paths in parts:
        if paths:
            yield f"  {part:15} {', '.join(paths)}"
    if serve.cache:
        yield "for a crowd"
        yield f"  {'cache':15} pages for all are kept for {serve.cache.time}, and shown while it is down"


def _configuration(recipe: Recipe) -> Iterator[str]:
    if recipe.settings:
        yield "settings"
    for name, setting in recipe.settings.items():
        yield f"  {name} ({kind_of(setting)}): {setting.help}"
        yield f"      {setting.documentation}"
    if recipe.honours:
        yield "common directives"
    for directive, mapped in recipe.honours.items():
        yield f"  {directive}: {mapped}"


def kind_of(setting: Setting) -> str:
    """Return in a few words the type of a setting and its default."""
    kind = " | ".join(setting.options) if setting.options else setting.type
    return f"{kind}, required" if setting.default is None else f"{kind}, default {setting.default!r}"
