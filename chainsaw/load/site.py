"""From the texts of site.yaml and instances/*.yaml to the admin's intent."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from chainsaw.errors import ChainsawError, Diagnostic, in_file_order, invalid
from chainsaw.load.check import check, nearest
from chainsaw.load.recipe import Bundle, instance_bundle
from chainsaw.load.routes import route_collisions
from chainsaw.load.settings import InstanceFile, directive_problems, setting_problems
from chainsaw.load.source import Source
from chainsaw.load.yaml import read_yaml
from chainsaw.model.names import check_instance as check_name
from chainsaw.model.site import Instance, Site

ANYWHERE = "https://localhost/"
"""A valid route, used to check the rest of a file whose own route may be wrong."""


@dataclass(frozen=True)
class Intent:
    """The admin's files, checked."""

    site: Site
    instances: Mapping[str, InstanceFile]
    site_text: str | None = None


def load_site(name: str, text: str | None) -> Site:
    """Return the site of site.yaml's text, or the defaults without one; raise ChainsawError with its problems."""
    return Site() if text is None else check(Site, read_yaml(name, text))


def _as_source(name: str, text: str | None) -> Source | None:
    """Return site.yaml with its places; None where there is none, or it is no YAML, which is reported elsewhere."""
    try:
        return None if text is None else read_yaml(name, text)
    except ChainsawError:
        return None


def load_instance(file: str, text: str) -> InstanceFile:
    """Return the instance of one file; its name is the file's stem. Raise ChainsawError with its problems."""
    name = file.rsplit("/", 1)[-1].removesuffix(".yaml")
    try:
        check_name(name)
    except ValueError as error:
        raise invalid(Diagnostic("instance-name", f"{error}", file, hint="rename the file")) from None
    source = read_yaml(file, text)
    return InstanceFile(name, check(Instance, source), source)


def load_intent(site: tuple[str, str | None], files: Mapping[str, str], recipes: Mapping[str, Bundle]) -> Intent:
    """Return the admin's intent from texts by file name; raise ChainsawError with every problem of every file."""
    problems: list[Diagnostic] = []
    shared = Site()
    try:
        shared = load_site(*site)
    except ChainsawError as error:
        problems += error.diagnostics
    instances: dict[str, InstanceFile] = {}
    for file, text in sorted(files.items()):
        if not file.endswith(".yaml") or not file.startswith("instances/"):
            problems.append(_misnamed(file, {*files, *([site[0]] if site[1] is not None else [])}))
            continue
        try:
            loaded = load_instance(file, text)
        except ChainsawError as error:
            problems += [*error.diagnostics, *_settings_nevertheless(file, text, recipes)]
            continue
        instances[loaded.name] = loaded
        problems += _recipe_problems(loaded, recipes)
    problems += route_collisions(instances, recipes, site=_as_source(*site))
    if problems:
        raise invalid(in_file_order(problems))
    return Intent(shared, instances, site[1])


def _misnamed(file: str, present: Container[str]) -> Diagnostic:
    """Return the problem of a file that has almost the name of one that is read."""
    is_instance = file.startswith("instances/")
    directory, _, name = file.rpartition("/")
    right = f"{directory}/{name.rpartition('.')[0] or name}.yaml" if is_instance else "site.yaml"
    what = "an instance is declared by a file that ends with .yaml" if is_instance else "the site's file is site.yaml"
    beside = ", beside site.yaml" if is_instance else ""
    hint = f"{right} is there, too: delete one" if right in present else f"mv -n '{file}' '{right}'{beside}"
    return Diagnostic("misnamed", what, file, hint=hint)


def _recipe_problems(file: InstanceFile, recipes: Mapping[str, Bundle]) -> list[Diagnostic]:
    try:
        bundle = recipes.get(file.instance.recipe)
        return [_no_recipe(file.source, file.instance.recipe, recipes)] if bundle is None else problems_in(file, bundle)
    except ChainsawError as error:
        return [item if item.file else _placed(file.source, item) for item in error.diagnostics]


def _placed(source: Source, item: Diagnostic) -> Diagnostic:
    """Return a problem with the place of the recipe's name in the file."""
    return source.problem(("recipe",), item.message, code=item.code, hint=item.hint)


def problems_in(file: InstanceFile, bundle: Bundle, complete: bool = True) -> list[Diagnostic]:
    """Return the problems of an instance with its recipe; raise ChainsawError for problems of the recipe itself.

    Settings may be missing from a file that is not `complete` yet.
    """
    problems = list(setting_problems(file, bundle.recipe, complete))
    recipe = bundle.recipe if problems else instance_bundle(bundle, file.instance).recipe
    return [*problems, *directive_problems(file, recipe)]


def _settings_nevertheless(file: str, text: str, recipes: Mapping[str, Bundle]) -> list[Diagnostic]:
    """Return the problems of the recipe's name and the settings in a file that has other problems, too."""
    try:
        source = read_yaml(file, text)
        value = source.value if isinstance(source.value, dict) else {}
        given = {key: value[key] for key in ("recipe", "settings") if key in value}
        instance = Instance.model_validate({"route": ANYWHERE, **given})
        bundle = recipes.get(instance.recipe)
    except (ChainsawError, ValidationError):
        return []
    if bundle is None:
        return [_no_recipe(source, instance.recipe, recipes)]
    name = file.rsplit("/", 1)[-1].removesuffix(".yaml")
    return list(setting_problems(InstanceFile(name, instance, source), bundle.recipe))


def _no_recipe(source: Source, name: str, recipes: Mapping[str, Bundle]) -> Diagnostic:
    hint = f"recipes: {', '.join(sorted(recipes))}"
    return source.problem(("recipe",), f"no recipe {name!r}{nearest(name, recipes)}", code="no-recipe", hint=hint)
