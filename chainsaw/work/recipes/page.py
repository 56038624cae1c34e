"""The Markdown page of a recipe, made from its data."""

from __future__ import annotations

from collections.abc import Iterator

from chainsaw.load.recipe import Bundle
from chainsaw.model.tested import LEVELS
from chainsaw.work.recipes.consistency import backup_lines
from chainsaw.work.recipes.search import (
    BASE_CHANGED,
    MEASURED,
    base_changed,
    kind_of,
    permissions_of,
    proven,
    tested_of,
)


def markdown(bundle: Bundle) -> Iterator[str]:
    """Yield the lines of a recipe's page."""
    recipe = bundle.recipe
    yield f"# {recipe.title}\n"
    yield f"{recipe.summary}. Version {recipe.version}, recipe revision {recipe.revision}, {recipe.license}.\n"
    yield f"[Home]({recipe.home}) · [documentation]({recipe.documentation}) · [source]({recipe.source})\n"
    people = ", ".join(f"{person.name} ({person.contact})" for person in recipe.maintainers)
    yield f"Responsible for this recipe: {people}." + (
        f" Contribute: {recipe.contribute}\n" if recipe.contribute else "\n"
    )
    yield f"    chainsaw new {recipe.name} NAME --route https://name.example.org/\n    chainsaw apply\n"
    yield from _proof(bundle)
    yield from _needs(bundle)
    yield from _settings(bundle)
    if recipe.notes:
        yield f"## Afterwards\n\n{recipe.notes}\n"


def _proof(bundle: Bundle) -> Iterator[str]:
    since = f"; {BASE_CHANGED}" if base_changed(bundle) else ""
    yield f"## What is proven\n\nThis recipe: {proven(bundle)}{since}.\n"
    tested = tested_of(bundle)
    if tested is None:
        return
    yield "| level | what | |\n| --- | --- | --- |"
    for number, meaning in LEVELS.items():
        found = tested.levels.get(number)
        ended = "not tried" if found is None or not found.tried else "passed" if found.passed else "failed"
        yield f"| {number} | {meaning} | {ended} |"
    yield ""


def _needs(bundle: Bundle) -> Iterator[str]:
    tested = tested_of(bundle)
    yield "## What it needs\n"
    for name, component in bundle.recipe.components.items():
        yield f"- `{name}`: at most {component.memory} of memory"
    for key, meaning in MEASURED.items() if tested else ():
        if tested and key in tested.measured:
            yield f"- measured: {meaning} {tested.measured[key]} {'MB' if key.endswith('_mb') else 's'}"
    for item in permissions_of(bundle.recipe):
        yield f"- `{item['component']}` asks for {item['permission']}: {item['reason']}"
    if not permissions_of(bundle.recipe):
        yield "- nothing beyond the defaults: no network, no capability, no root"
    if told := backup_lines(bundle.recipe):
        yield f"- a backup: {'. '.join(told)}"
    yield ""


def _settings(bundle: Bundle) -> Iterator[str]:
    recipe = bundle.recipe
    if recipe.settings:
        yield "## Settings\n\n| setting | kind | what it does |\n| --- | --- | --- |"
        for name, setting in recipe.settings.items():
            kind = kind_of(setting).replace("|", "\\|")
            yield f"| [`{name}`]({setting.documentation}) | {kind} | {setting.help} |"
        yield ""
    if recipe.honours:
        yield "## Common directives\n\n| directive | what it is here |\n| --- | --- |"
        for directive, mapped in recipe.honours.items():
            yield f"| `{directive}` | {mapped} |"
        yield ""
