"""config set, unset, edit: change the admin's files, one key or the whole file, and refuse what apply would refuse."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace

from chainsaw.errors import ChainsawError, Diagnostic, Exit, invalid
from chainsaw.host import files
from chainsaw.host.account import Account
from chainsaw.load.check import known_keys, nearest
from chainsaw.load.edit import with_key, without_key
from chainsaw.load.recipe import Bundle
from chainsaw.load.routes import route_collisions
from chainsaw.load.settings import InstanceFile, Value
from chainsaw.load.site import load_instance, load_intent, load_site
from chainsaw.load.source import Source
from chainsaw.load.yaml import read_yaml
from chainsaw.model.recipe import Recipe
from chainsaw.model.site import Instance, Site
from chainsaw.work.config.names import declared_names, declared_text
from chainsaw.work.config.new import typed
from chainsaw.work.locks import holding, site
from chainsaw.work.recipes.catalog import catalog_of
from chainsaw.work.result import Reporter, Result

NUMBER = re.compile(r"-?[0-9]+")
FLAGS = {"true": True, "false": False}


CHANGED = "another command has changed the file since you opened it"


@dataclass(frozen=True)
class Target:
    """A file of the admin: an instance's with its recipe, if there is one; site.yaml when the name is None."""

    name: str | None
    path: str
    text: str
    bundle: Bundle | None = None

    @property
    def shown(self) -> str:
        """The name of the file in messages."""
        return f"instances/{self.name}.yaml" if self.name else "site.yaml"

    @property
    def recipe(self) -> Recipe | None:
        """The recipe of an instance."""
        return self.bundle.recipe if self.bundle else None


def target_of(account: Account, name: str | None) -> Target:
    """Return an instance's file, or site.yaml when the name is None; raise ChainsawError when there is none.

    Errors in the file do not matter here.
    """
    paths = account.paths
    if name is None:
        return Target(None, paths.site_file, files.read_text(paths.site_file) or "")
    target = Target(name, paths.instance_file(name), declared_text(paths, name))
    with suppress(ChainsawError):
        written = read_yaml(target.shown, target.text).value
        wanted = written.get("recipe") if isinstance(written, dict) else None
        return replace(target, bundle=catalog_of(paths).get(str(wanted)))
    return target


def _editable(account: Account, name: str | None) -> Target:
    """Return a file in which a key can be set; raise ChainsawError when it is not valid YAML."""
    target = target_of(account, name)
    read_yaml(target.shown, target.text)
    return target


def key_path(target: Target, key: str) -> tuple[str, ...]:
    """Return the path of a key: a directive of the file or a setting of the recipe; raise ChainsawError for other keys.

    A setting may be written with or without `settings.` before it, unless a directive has its name.
    """
    parts = tuple(key.split("."))
    model = Instance if target.name else Site
    settings = target.recipe.settings if target.recipe else {}
    if parts[0] == "settings" and len(parts) == 2 and parts[1] in settings:
        return parts
    inner = known_keys(model, parts[:-1])
    if parts[0] in model.model_fields and parts[0] != "settings" and (not inner or parts[-1] in inner):
        return parts
    if key in settings:
        return ("settings", key)
    known = [*(name for name in model.model_fields if name != "settings"), *settings]
    if len(parts) > 1 and inner:
        known = [".".join((*parts[:-1], name)) for name in inner]
    hint = f"keys: {', '.join(known)}"
    suggestion = nearest(key.removeprefix("settings."), known)
    raise ChainsawError(Diagnostic("no-key", f"no key {key!r}{suggestion}", hint=hint), Exit.MISSING)


def set_key(account: Account, name: str | None, key: str, text: str, report: Reporter) -> Result:
    """Set a key in the admin's file; raise ChainsawError, with nothing changed, for what apply would refuse."""
    with _writing(account, name, report):
        return _set_key(account, name, key, text)


def _set_key(account: Account, name: str | None, key: str, text: str) -> Result:
    target = _editable(account, name)
    path = key_path(target, key)
    refused: list[list[Diagnostic]] = []
    for value in _readings(target, path, text):
        try:
            changed = with_key(target.text, path, value)
        except ValueError as error:
            raise invalid(Diagnostic("no-key", str(error), target.shown, key=key)) from None
        problems = _problems(account, target, changed)
        if not problems:
            return _written(account, target, changed, f"{'.'.join(path)} is {text}")
        refused.append(problems)
    # Show the error of the value itself, not that it could not be read as another type.
    problem = next((found for found in refused if not any(item.mistyped for item in found)), refused[0])
    raise invalid(problem)


def _readings(target: Target, path: tuple[str, ...], text: str) -> Iterator[Value]:
    """Yield the possible values of a word of the command line, such as text or a number."""
    if target.recipe and path[0] == "settings":
        yield typed(target.recipe.settings[path[1]], text)
        return
    yield text
    if NUMBER.fullmatch(text):
        yield int(text)
    if text in FLAGS:
        yield FLAGS[text]


def unset_key(account: Account, name: str | None, key: str, report: Reporter) -> Result:
    """Remove a key from the admin's file, so that the inherited value or the default applies again."""
    with _writing(account, name, report):
        return _unset_key(account, name, key)


def _unset_key(account: Account, name: str | None, key: str) -> Result:
    target = _editable(account, name)
    path = key_path(target, key)
    changed = without_key(target.text, path)
    if changed == target.text:
        return Result({"instance": name, "path": target.path, "changed": False}, (f"{'.'.join(path)} is not set here",))
    if problems := _problems(account, target, changed):
        raise invalid(problems)
    return _written(account, target, changed, f"{'.'.join(path)} is no longer set here")


def edit(
    account: Account, name: str | None, change: Callable[[str, list[str]], str | None], report: Reporter
) -> Result:
    """Let the admin edit a whole file; `change` gets the text and its problems, and returns the new text or None."""
    target = target_of(account, name)
    text, shown = target.text, list[str]()
    while True:
        changed = change(text, shown)
        if changed is None or changed == target.text:
            return Result({"instance": name, "path": target.path, "changed": False}, ("nothing was changed",))
        problems = _problems(account, target, changed)
        if not problems:
            with _writing(account, name, report):
                now = target_of(account, name)
                if now.text == target.text:
                    return _written(account, target, changed, f"{target.shown} is changed")
            problems = [Diagnostic("changed", CHANGED, target.shown, hint="save it again to replace that change")]
            target = now
        text, shown = changed, [item.render() for item in problems]


def _writing(account: Account, name: str | None, report: Reporter) -> AbstractContextManager[None]:
    """Hold the lock for changing a file: the instance's, or the site's."""
    command = f"chainsaw config {name or '--site'}"
    return site(account, command, report) if name is None else holding(account, (name,), command, report)


def _written(account: Account, target: Target, text: str, done: str) -> Result:
    with account.steps.step(f"write {target.shown}"):
        files.write_atomic(target.path, text.encode(), 0o600)
    data = {"instance": target.name, "path": target.path, "changed": text != target.text}
    return Result(data, (done, f"next: chainsaw apply{f' {target.name}' if target.name else ''}"))


def _problems(account: Account, target: Target, text: str) -> list[Diagnostic]:
    """Return the problems for which apply would refuse a text as this file."""
    paths = account.paths
    catalog = catalog_of(paths)
    try:
        if target.name is None:
            load_site(target.shown, text)
            file = None
        else:
            file = load_intent(("site.yaml", None), {target.shown: text}, catalog).instances[target.name]
    except ChainsawError as error:
        return error.diagnostics
    others: dict[str, InstanceFile] = {}
    for name in declared_names(paths) - {target.name}:
        try:
            others[name] = load_instance(f"instances/{name}.yaml", files.read_text(paths.instance_file(name)) or "")
        except ChainsawError:
            continue
    then, now = _site(target.text if file is None else files.read_text(paths.site_file)), _site(text)
    if file is None:
        before, after = route_collisions(others, catalog, site=then), route_collisions(others, catalog, site=now)
    else:
        before = route_collisions(others, catalog, site=then)
        after = route_collisions({**others, file.name: file}, catalog, file.name, then)
    return [item for item in after if item not in before]


def _site(text: str | None) -> Source | None:
    """Return site.yaml with its places; None where there is none, or where its other problems are reported by apply."""
    try:
        return read_yaml("site.yaml", text) if text else None
    except ChainsawError:
        return None
