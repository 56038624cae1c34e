"""Checks of an instance's settings and directives against its recipe."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from chainsaw.errors import Diagnostic
from chainsaw.load.check import nearest
from chainsaw.load.source import KeyPath, Source
from chainsaw.model.names import check_email, check_size, check_text
from chainsaw.model.recipe import Recipe, Setting
from chainsaw.model.site import OF_THE_FRONT, Common, Instance

Value = str | int | bool | None


@dataclass(frozen=True)
class InstanceFile:
    """One instance with its name and the file that it was read from."""

    name: str
    instance: Instance
    source: Source


def value_problem(setting: Setting, value: Value) -> str:
    """Return what is wrong with a value of a setting, or nothing."""
    if value is None:
        return "has no value"
    if setting.type == "boolean":
        return "" if isinstance(value, bool) else "should be true or false"
    if setting.type == "integer":
        return _integer_problem(setting, value)
    if not isinstance(value, str):
        return "should be text; put it in quotes"
    if setting.type == "choice":
        shown = ", ".join(setting.options)
        return "" if value in setting.options else f"should be one of {shown}{nearest(value, setting.options)}"
    checks = {"string": check_text, "email": check_email, "size": check_size}
    try:
        checks[setting.type](value)
    except ValueError as error:
        return str(error)
    return ""


def _integer_problem(setting: Setting, value: Value) -> str:
    if not isinstance(value, int) or isinstance(value, bool):
        return "should be a whole number"
    if setting.minimum is not None and value < setting.minimum:
        return f"should be at least {setting.minimum}"
    if setting.maximum is not None and value > setting.maximum:
        return f"should be at most {setting.maximum}"
    return ""


def effective_settings(recipe: Recipe, instance: Instance) -> dict[str, Value]:
    """Return every setting of a recipe with the instance's value or its default."""
    return {name: instance.settings.get(name, setting.default) for name, setting in recipe.settings.items()}


def setting_problems(file: InstanceFile, recipe: Recipe, complete: bool = True) -> Iterator[Diagnostic]:
    """Yield the problems in the settings of an instance: unknown, invalid, and, if it is `complete`, missing ones."""
    for name, value in file.instance.settings.items():
        path: KeyPath = ("settings", name)
        setting = recipe.settings.get(name)
        if setting is None:
            message = f"unknown setting{nearest(name, recipe.settings)}"
            known = ", ".join(recipe.settings) or "none"
            hint = f"settings of {recipe.name}: {known}"
            yield file.source.problem(path, message, code="unknown-setting", hint=hint, at_key=True)
        elif problem := value_problem(setting, value):
            yield file.source.problem(path, problem, code="setting-value", hint=setting.documentation)
    for name, setting in recipe.settings.items():
        if complete and setting.default is None and name not in file.instance.settings:
            example = "" if setting.example is None else f" Such as: {setting.example}"
            message = f"required by {recipe.name}, and missing: {setting.help}{example}"
            yield file.source.problem(("settings", name), message, code="setting-missing", hint=setting.documentation)


def directive_problems(file: InstanceFile, recipe: Recipe) -> Iterator[Diagnostic]:
    """Yield the directives of an instance that its recipe, with the chosen variants, does not support."""
    instance, problem = file.instance, file.source.problem
    for directive in Common.model_fields:
        if getattr(instance, directive) is not None and directive not in {*recipe.honours, *OF_THE_FRONT}:
            honoured = ", ".join(sorted(recipe.honours)) or "none"
            hint = f"common directives that {recipe.name} supports: {honoured}"
            message = f"{recipe.name} does not support this directive"
            yield problem((directive,), message, code="not-honoured", hint=hint, at_key=True)
    if instance.path != "/" and not recipe.subpath:
        message = f"{recipe.name} works only at the root of a host name, not below {instance.path}"
        yield problem(("route",), message, code="no-subpath", hint=f"route: https://{file.name}.{instance.host}/")
    yield from _access_problems(file, recipe)
    if instance.cache is not None and recipe.serve.cache is None:
        message = f"{recipe.name} does not say which of its answers are the same for all"
        yield problem(("cache",), message, code="no-cache", at_key=True)
    yield from _resource_problems(file, recipe)


def _access_problems(file: InstanceFile, recipe: Recipe) -> Iterator[Diagnostic]:
    """Yield a problem for each part of an instance to which a login is limited, and that its recipe does not name."""
    access, known = file.instance.access, recipe.serve.auth
    parts = (("only", access.only, known.admin), ("open", access.open, known.public)) if access else ()
    for key, part, paths in parts:
        if part and not paths:
            message = (
                f"{recipe.name} does not say which of its paths are for {'the admin' if part == 'admin' else 'all'}"
            )
            yield file.source.problem(
                ("auth", key), message, code="no-such-paths", hint="auth: login protects all of it"
            )


def _resource_problems(file: InstanceFile, recipe: Recipe) -> Iterator[Diagnostic]:
    instance, problem = file.instance, file.source.problem
    names = instance.memory if isinstance(instance.memory, dict) else {"app": ""} if instance.memory else {}
    for name in names:
        if name not in recipe.components:
            path: KeyPath = ("memory", name) if isinstance(instance.memory, dict) else ("memory",)
            message = f"{recipe.name} has no component {name!r}{nearest(name, recipe.components)}"
            yield problem(path, message, code="unknown-component")
    if instance.sleep is not None and recipe.primary is None:
        yield problem(("sleep",), f"{recipe.name} has no process that could sleep", code="no-sleep", at_key=True)
    if instance.egress == "internet" and not any(item.egress for item in recipe.components.values()):
        yield problem(("egress",), f"no component of {recipe.name} uses the internet", code="no-egress")
    if instance.host_ports and not any(item.has_network(instance.egress) for item in recipe.components.values()):
        hint = "egress: internet" if any(item.egress for item in recipe.components.values()) else ""
        message = "it has no network, and so reaches no port of this host"
        yield problem(("host_ports",), message, code="no-egress", hint=hint)
