"""config: what holds for an instance and where it comes from; and the admin's files changed key by key."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from chainsaw.errors import ChainsawError, Diagnostic, Exit, invalid
from chainsaw.host import facts, files
from chainsaw.load.check import nearest
from chainsaw.load.edit import with_key, without_key
from chainsaw.load.recipe import Bundle
from chainsaw.load.settings import InstanceFile, Value
from chainsaw.load.site import load_instance, load_site, problems_in
from chainsaw.load.yaml import read_yaml
from chainsaw.model.recipe import Recipe
from chainsaw.model.site import DEFAULTS, Common, Instance, Site
from chainsaw.work.catalog import catalog_of
from chainsaw.work.directory import kind_of
from chainsaw.work.names import declared_names, no_instance
from chainsaw.work.new import typed
from chainsaw.work.result import Result, Table

SITE = "site"


@dataclass(frozen=True)
class Target:
    """A file of the admin's: an instance's with its recipe, or site.yaml."""

    name: str
    path: str
    text: str
    bundle: Bundle | None = None
    site: Site | None = None

    @property
    def shown(self) -> str:
        """The file as messages name it."""
        return f"instances/{self.name}.yaml" if self.bundle else "site.yaml"

    @property
    def recipe(self) -> Recipe | None:
        """The recipe of an instance."""
        return self.bundle.recipe if self.bundle else None


def target_of(name: str | None) -> Target:
    """Return an instance's file, or site.yaml without a name; raise ChainsawError when there is none."""
    paths = facts.account().paths
    if name is None:
        return Target(SITE, paths.site_file, files.read_text(paths.site_file) or "")
    text = files.read_text(paths.instance_file(name))
    if text is None:
        raise no_instance(name, declared_names(paths))
    recipe = read_yaml(f"instances/{name}.yaml", text).value.get("recipe")
    bundle = catalog_of(paths).bundle(str(recipe))
    return Target(
        name, paths.instance_file(name), text, bundle, load_site("site.yaml", files.read_text(paths.site_file))
    )


def key_path(target: Target, key: str) -> tuple[str, ...]:
    """Return where a key stands: a directive of the file, or a setting of the recipe; raise ChainsawError for neither.

    A setting may be written with or without `settings.` before it, unless a directive has its name.
    """
    parts = tuple(key.split("."))
    recipe = target.recipe
    fields = Instance.model_fields if recipe else Site.model_fields
    if recipe and parts[0] == "settings" and len(parts) == 2 and parts[1] in recipe.settings:
        return parts
    if parts[0] in fields and parts[0] != "settings":
        return parts
    if recipe and key in recipe.settings:
        return ("settings", key)
    known = [*(name for name in fields if name != "settings"), *(recipe.settings if recipe else ())]
    hint = f"keys: {', '.join(known)}"
    raise ChainsawError(Diagnostic("no-key", f"no key {key!r}{nearest(key, known)}", hint=hint), Exit.MISSING)


@dataclass(frozen=True)
class Held:
    """One key with the value that holds, where that comes from, and what the key is."""

    key: str
    value: Any
    origin: str
    help: str = ""
    kind: str = ""
    documentation: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return it for programs."""
        names = ("key", "value", "origin", "help", "kind", "documentation")
        return {name: getattr(self, name) for name in names}


def effective_keys(target: Target) -> Iterator[Held]:
    """Yield every key that holds for an instance or the site, with its value and where that comes from."""
    source = read_yaml(target.shown, target.text)
    own: dict[str, Any] = source.value or {}

    def place(*path: str) -> str:
        return f"{target.shown}:{source.place(path)[0]}"

    recipe = target.recipe
    for name, field in (Instance if recipe else Site).model_fields.items():
        if name == "settings" or (
            recipe and name in Common.model_fields and name not in recipe.honours and name not in own
        ):
            continue
        value, origin = own.get(name), place(name) if name in own else ""
        if not origin and recipe and getattr(target.site, name, None) is not None:
            inherited = getattr(target.site, name)
            value = inherited.model_dump() if hasattr(inherited, "model_dump") else inherited
            origin = "site.yaml"
        if not origin:
            value, origin = DEFAULTS.get(name, _plain(field.get_default())), "default"
        mapped = recipe.honours.get(name, "") if recipe else ""  # type: ignore[call-overload]  # any key may be asked for
        yield Held(name, value, origin, mapped or field.description or "")
    for name, setting in recipe.settings.items() if recipe else ():
        is_set = name in (own.get("settings") or {})
        value = own["settings"][name] if is_set else setting.default
        origin = place("settings", name) if is_set else "recipe default"
        yield Held(f"settings.{name}", value, origin, setting.help, kind_of(setting), setting.documentation)


def _plain(value: Any) -> Any:
    return value.model_dump() if hasattr(value, "model_dump") else value


def show(name: str | None, key: str | None) -> Result:
    """Return what holds for an instance or the site: every key, or one of them."""
    target = target_of(name)
    held = list(effective_keys(target))
    if key is None:
        rows = tuple((item.key, _shown(item.value), item.origin) for item in held)
        data = {"instance": name, "path": target.path, "keys": [item.as_dict() for item in held]}
        return Result(data, table=Table(("key", "value", "from"), rows))
    one = _one(target, held, key)
    return Result({"instance": name, "path": target.path, "keys": [one.as_dict()]}, (_shown(one.value),))


def explain(name: str | None, key: str) -> Result:
    """Return what a key is: its kind, its default, what it does, what it is mapped to, and where that is documented."""
    target = target_of(name)
    one = _one(target, list(effective_keys(target)), key)
    lines = [f"{one.key}: {one.help}", f"  value          {_shown(one.value)}", f"  from           {one.origin}"]
    lines += [f"  kind           {one.kind}"] if one.kind else []
    lines += [f"  documentation  {one.documentation}"] if one.documentation else []
    return Result({"instance": name, "path": target.path, "keys": [one.as_dict()]}, tuple(lines))


def _one(target: Target, held: list[Held], key: str) -> Held:
    path = key_path(target, key)
    found = next((item for item in held if item.key in (".".join(path), path[0])), None)
    if found is None:
        return Held(".".join(path), None, "not set")
    value = found.value
    for part in path[1:] if found.key == path[0] else ():
        value = value.get(part) if isinstance(value, dict) else None
    return found if value is found.value else Held(".".join(path), value, found.origin, found.help)


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_shown(item)}" for name, item in value.items())
    return str(value)


def set_key(name: str | None, key: str, text: str) -> Result:
    """Give a key a value in the admin's file; raise ChainsawError, and change nothing, for what apply would refuse."""
    target = target_of(name)
    path = key_path(target, key)
    recipe = target.recipe
    value: Value = text
    if recipe and path[0] == "settings":
        value = typed(recipe.settings[path[1]], text)
    elif text in ("true", "false") or text.lstrip("-").isdigit():
        value = text == "true" if text in ("true", "false") else int(text)
    try:
        changed = with_key(target.text, path, value)
    except ValueError as error:
        raise invalid(Diagnostic("no-key", str(error), target.shown, key=key)) from None
    return _written(target, changed, f"{'.'.join(path)} is {_shown(value)}")


def unset_key(name: str | None, key: str) -> Result:
    """Take a key out of the admin's file, so that what is inherited or the default holds again."""
    target = target_of(name)
    path = key_path(target, key)
    changed = without_key(target.text, path)
    if changed == target.text:
        return Result({"instance": name, "path": target.path, "changed": False}, (f"{'.'.join(path)} is not set here",))
    return _written(target, changed, f"{'.'.join(path)} is no longer set here")


def edit(name: str | None, change: Callable[[str, list[str]], str | None]) -> Result:
    """Let the admin change a whole file; `change` gets the text and what was wrong with it, and returns it or None."""
    target = target_of(name)
    text, problems = target.text, list[str]()
    while True:
        changed = change(text, problems)
        if changed is None or changed == target.text:
            return Result({"instance": name, "path": target.path, "changed": False}, ("nothing was changed",))
        try:
            return _written(target, changed, f"{target.shown} is changed")
        except ChainsawError as error:
            text, problems = changed, [item.render() for item in error.diagnostics]


def _written(target: Target, text: str, done: str) -> Result:
    _check(target, text)
    files.write_atomic(target.path, text.encode(), 0o600)
    name = target.name if target.bundle else None
    data = {"instance": name, "path": target.path, "changed": text != target.text}
    return Result(data, (done, f"next: chainsaw apply{f' {name}' if name else ''}"))


def _check(target: Target, text: str) -> None:
    """Raise ChainsawError for what apply would refuse in a text."""
    if target.bundle is None:
        load_site("site.yaml", text)
        return
    file: InstanceFile = load_instance(target.shown, text)
    bundle = catalog_of(facts.account().paths).bundle(file.instance.recipe)
    if problems := problems_in(file, bundle):
        raise invalid(problems)
