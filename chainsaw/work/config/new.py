"""new: writes the file of an instance, with comments that explain its settings."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress

from chainsaw.errors import ChainsawError, Diagnostic, Exit, invalid
from chainsaw.host import files
from chainsaw.host.account import Account
from chainsaw.load.check import nearest
from chainsaw.load.recipe import Bundle
from chainsaw.load.routes import route_collisions
from chainsaw.load.settings import InstanceFile, Value
from chainsaw.load.site import load_instance, problems_in
from chainsaw.load.source import Source
from chainsaw.load.yaml import read_yaml
from chainsaw.model.names import check_instance as check_name
from chainsaw.model.paths import Paths
from chainsaw.model.recipe import Recipe, Setting
from chainsaw.plan.origins import shared_origins
from chainsaw.work.config.inputs import read_intent
from chainsaw.work.config.on_disk import data_places
from chainsaw.work.locks import holding, site
from chainsaw.work.recipes.catalog import Catalog, catalog_of
from chainsaw.work.recipes.installed import store_recipe
from chainsaw.work.recipes.search import permission_lines
from chainsaw.work.result import Reporter, Result


def new(
    account: Account,
    recipe_name: str,
    name: str,
    route: str | None,
    assignments: tuple[str, ...],
    report: Reporter,
) -> Result:
    """Write an instance's file; raise ChainsawError when it exists already or would not be valid."""
    with holding(account, (name,), f"chainsaw new {recipe_name} {name}", report):
        return _new(account, recipe_name, name, route, assignments, report)


def _new(
    account: Account, recipe_name: str, name: str, route: str | None, assignments: tuple[str, ...], report: Reporter
) -> Result:
    catalog = catalog_of(account.paths)
    place = catalog.choice(recipe_name)
    if place is None:
        hint = f"recipes: {', '.join(catalog.names)}"
        message = f"no recipe {recipe_name!r}{nearest(recipe_name, catalog.names)}"
        raise invalid(Diagnostic("no-recipe", message, hint=hint))
    bundle = catalog.read(place)
    recipe = bundle.recipe
    _check_name(name)
    _check_free(account.paths, name)
    text = instance_text(recipe, route or f"https://{name}.localhost/", _values(recipe, assignments), recipe_name)
    file = f"{account.paths.instance_files}/{name}.yaml"
    hosts = check_text(account, catalog, bundle, name, text)
    with account.steps.step(f"write {file}"):
        created = files.create_file(file, text.encode(), 0o600)
    if not created:
        hint = f"edit it, or choose another name than {name}"
        raise ChainsawError(Diagnostic("exists", "this instance exists already", file, hint=hint))
    # Others write these files, too, for instances of other names.
    with site(account, f"chainsaw new {recipe_name} {name}", report):
        with account.steps.step("write the schemas"):
            _write_schemas(account)
        with account.steps.step(f"install {place.origin}"):
            store_recipe(account.paths, bundle)
    lines = [f"wrote {file}", *(f"  {permission}" for permission in permission_lines(recipe)), "next: chainsaw apply"]
    if recipe.login:
        person = f" of {recipe.login.user}" if recipe.login.user else ""
        lines.append(f"after that, the password{person}: chainsaw secret show {name} {recipe.login.secret}")
    data = {"instance": name, "recipe": recipe_name, "path": file}
    return Result(data, tuple(lines), shared_origins(hosts, (name,)))


def _check_name(name: str) -> None:
    try:
        check_name(name)
    except ValueError as error:
        raise invalid(Diagnostic("instance-name", str(error), key=name)) from None


def _check_free(paths: Paths, name: str) -> None:
    """Raise ChainsawError when the new instance would take over data of a removed one."""
    left = data_places(paths, name)
    if left and not files.exists(paths.instance_file(name)):
        message = f"an instance {name} was removed, and its data is still on disk"
        hint = f"chainsaw rollback {name} restores it; chainsaw remove {name} --purge deletes it"
        raise ChainsawError(Diagnostic("data-left", message, left[0], hint=hint), Exit.INVALID)


def _values(recipe: Recipe, assignments: tuple[str, ...]) -> dict[str, Value]:
    values: dict[str, Value] = {}
    problems = []
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        setting = recipe.settings.get(key)
        if not equals:
            problems.append(Diagnostic("assignment", "should be key=value", key=f"--set {assignment}"))
        elif setting is None:
            hint = f"settings of {recipe.name}: {', '.join(recipe.settings) or 'none'}"
            message = f"unknown setting{nearest(key, recipe.settings)}"
            problems.append(Diagnostic("unknown-setting", message, key=f"--set {key}", hint=hint))
        else:
            values[key] = typed(setting, text)
    if problems:
        raise invalid(problems)
    return values


def typed(setting: Setting, text: str) -> Value:
    """Return a value from the command line in the type of its setting; text when it does not fit."""
    if setting.type == "boolean" and text in ("true", "false"):
        return text == "true"
    if setting.type == "integer" and re.fullmatch("-?[0-9]+", text):
        return int(text)
    return text


def instance_text(recipe: Recipe, route: str, values: Mapping[str, Value], name: str = "") -> str:
    """Return the text of an instance's file: the given settings, and the others as comments; `name` is the recipe's."""
    lines = [
        "# yaml-language-server: $schema=../schema/instance.json",
        f"# {recipe.title} {recipe.version}: {recipe.summary}. Documentation: {recipe.documentation}",
        f"recipe: {name or recipe.name}",
        f"route: {_scalar(route)}",
        *_settings(recipe, values),
        *_directives(recipe),
    ]
    return "\n".join(lines) + "\n"


def _settings(recipe: Recipe, values: Mapping[str, Value]) -> Iterator[str]:
    if not recipe.settings:
        return
    active = any(name in values or item.default is None for name, item in recipe.settings.items())
    yield "settings:" if active else "# settings:"
    for name, setting in recipe.settings.items():
        set_here = name in values
        kind = f"one of {', '.join(setting.options)}" if setting.options else setting.type
        yield f"  # {setting.help}" if active else f"#   # {setting.help}"
        yield f"  # {kind}; {setting.documentation}" if active else f"#   # {kind}; {setting.documentation}"
        suggested = setting.example if setting.default is None else setting.default
        shown = _scalar(values[name] if set_here else "" if suggested is None else suggested)
        mark = "" if set_here else "# "
        yield f"  {mark}{name}: {shown}" if active else f"#   {name}: {shown}"


def _directives(recipe: Recipe) -> Iterator[str]:
    examples = {
        "admin": "admin: {email: you@example.org}",
        "timezone": "timezone: Europe/Vienna",
        "language": "language: de",
        "upload_limit": "upload_limit: 64M",
        "mail": "mail: {host: smtp.example.org}",
    }
    if recipe.honours:
        yield "# Common directives, inherited from site.yaml unless set here:"
    for directive, mapped in recipe.honours.items():
        yield f"# {examples[directive]:34} # {mapped}"


def _scalar(value: Value) -> str:
    return json.dumps(value, ensure_ascii=False)


def check_text(account: Account, catalog: Catalog, bundle: Bundle, name: str, text: str) -> dict[str, list[str]]:
    """Return the host name of each instance with it; raise ChainsawError for what apply would refuse."""
    file = load_instance(f"instances/{name}.yaml", text)
    problems = problems_in(file, bundle, complete=False)
    others: Mapping[str, InstanceFile] = {}
    shared: Source | None = None
    with suppress(ChainsawError):
        intent = read_intent(account, catalog)
        others, shared = intent.instances, read_yaml("site.yaml", intent.site_text or "")
    before = route_collisions(others, catalog, site=shared)
    after = route_collisions({**others, name: file}, catalog, name, shared)
    problems += [item for item in after if item not in before]
    if problems:
        raise invalid(problems)
    return {other: [present.instance.host] for other, present in {**others, name: file}.items()}


def _write_schemas(account: Account) -> None:
    """Write the schemas beside the files; a comment in each file points editors to them."""
    from chainsaw.work.config.schema import schema_text

    for kind in ("instance", "site"):
        target = f"{account.paths.config}/chainsaw/schema/{kind}.json"
        content = schema_text(kind)
        if files.read_text(target) != content:
            files.write_atomic(target, content.encode())
