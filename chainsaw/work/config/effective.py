"""config show: the value of each key of an instance or the site, and its origin."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from chainsaw.host import files
from chainsaw.host.account import Account
from chainsaw.load.site import load_instance, load_site
from chainsaw.load.source import Source
from chainsaw.load.yaml import read_yaml
from chainsaw.model.base import Model
from chainsaw.model.site import DEFAULTS, Common, Instance, Site
from chainsaw.work.config.edit import Target, key_path, target_of
from chainsaw.work.recipes.catalog import catalog_of
from chainsaw.work.recipes.search import kind_of
from chainsaw.work.result import Result, Table


@dataclass(frozen=True)
class Held:
    """One key with its effective value, the origin of that value, and the key's description."""

    key: str
    value: Any
    origin: str
    help: str = ""
    kind: str = ""
    documentation: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON data."""
        names = ("key", "value", "origin", "help", "kind", "documentation")
        return {name: getattr(self, name) for name in names}


def effective_keys(account: Account, target: Target) -> Iterator[Held]:
    """Yield every key of an instance or the site, with its effective value and its origin."""
    source = read_yaml(target.shown, target.text)
    own: dict[str, Any] = source.value or {}
    recipe = target.recipe
    site = load_site("site.yaml", files.read_text(account.paths.site_file)) if target.name else None
    fallback = {**DEFAULTS, **({"disk": recipe.disk} if recipe else {})}
    for name, field in (Instance if target.name else Site).model_fields.items():
        unheard = recipe and name in Common.model_fields and name not in recipe.honours and name not in own
        if name == "settings" or unheard:
            continue
        inherited, default = _plain(getattr(site, name, None)), _plain(field.get_default())
        if name in own:
            value, origin = _completed(own[name], default), _place(source, name)
        elif inherited is not None:
            value, origin = inherited, "site.yaml"
        else:
            value, origin = fallback.get(name, default), "recipe default" if name == "disk" and recipe else "default"
        mapped = recipe.honours.get(name, "") if recipe else ""  # type: ignore[call-overload]  # any key may be requested
        yield Held(name, value, origin, mapped or field.description or "")
    for name, setting in recipe.settings.items() if recipe else ():
        is_set = name in (own.get("settings") or {})
        value = own["settings"][name] if is_set else setting.default
        origin = _place(source, "settings", name) if is_set else "recipe default"
        yield Held(f"settings.{name}", value, origin, setting.help, kind_of(setting), setting.documentation)


def _place(source: Source, *path: str) -> str:
    """Return the file and the line of a key."""
    return f"{source.name}:{source.place(path, at_key=True)[0]}"


def _completed(value: Any, default: Any) -> Any:
    return {**default, **value} if isinstance(value, dict) and isinstance(default, dict) else value


def _plain(value: Any) -> Any:
    return value.model_dump() if isinstance(value, Model) else value


def _readable(account: Account, name: str | None) -> Target:
    """Return a valid file; raise ChainsawError with its problems otherwise."""
    target = target_of(account, name)
    if name:
        instance = load_instance(target.shown, target.text).instance
        catalog_of(account.paths).bundle(instance.recipe)
    else:
        load_site(target.shown, target.text)
    return target


def show(account: Account, name: str | None, key: str | None) -> Result:
    """Return the effective values of an instance or the site: of every key, or of one."""
    target = _readable(account, name)
    held = list(effective_keys(account, target))
    if key is None:
        rows = tuple((item.key, _shown(item.value), item.origin) for item in held)
        data = {"instance": name, "path": target.path, "keys": [item.as_dict() for item in held]}
        return Result(data, table=Table(("key", "value", "from"), rows))
    one = _one(target, held, key)
    return Result({"instance": name, "path": target.path, "keys": [one.as_dict()]}, (_shown(one.value),))


def explain(account: Account, name: str | None, key: str) -> Result:
    """Return the description of a key: its type, its default, what it does, what it maps to, and its documentation."""
    target = _readable(account, name)
    one = _one(target, list(effective_keys(account, target)), key)
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
    if len(path) == 1 or found.key == ".".join(path):
        return found
    source, origin = read_yaml(target.shown, target.text), found.origin
    if path[0] in (source.value or {}):
        origin = _place(source, *path) if path in source.keys else "default"
    return Held(".".join(path), value, "not set" if value is None else origin, found.help)


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_shown(item)}" for name, item in value.items())
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_shown, value))}]"
    return str(value)
