"""A recipe and the file of an instance for a rehearsal: nobody visits it, and nothing that it does reaches anybody."""

from __future__ import annotations

import json
from typing import Any

from chainsaw.load.recipe import Bundle, instance_bundle, load_recipe
from chainsaw.load.site import load_instance
from chainsaw.load.yaml import read_yaml
from chainsaw.work.recipes.shipped import shared_parts

RECIPE = "recipe.yaml"
LOOPBACK = ("127.0.0.1", "::1")
OWN = ("mail", "host_ports", "serving", "sleep", "egress", "backup", "recipe", "route")
"""What the file of a rehearsed instance says otherwise, or not at all."""


def closed_recipe(bundle: Bundle) -> Bundle:
    """Return a recipe without timers and without mail, in every variant: a version of its own.

    Whoever applies an instance of this version, and whenever, brings no timer with it. Raise ChainsawError where the
    recipe does not work without.
    """
    value = _closed(bundle.source.value)
    value["variants"] = {
        setting: {option: _closed(change) if change else change for option, change in options.items()}
        for setting, options in value.get("variants", {}).items()
    }
    # Of a building block, null removes what it brings.
    value["timers"], value["honours"] = None, {**value.get("honours", {}), "mail": None}
    files = {path: text for path, text in bundle.own_files.items() if path != "tested.json"}
    files[RECIPE] = json.dumps(value, ensure_ascii=False, indent=1).encode()
    name = bundle.recipe.name
    return load_recipe(f"recipes/{name}/{RECIPE} for a rehearsal", name, files, shared_parts(), bundle.origin)


def _closed(value: Any) -> dict[str, Any]:
    """Return a recipe, or what a variant changes in one, without timers and mail of its own."""
    kept = {key: item for key, item in value.items() if key != "timers"}
    if isinstance(kept.get("honours"), dict):
        kept["honours"] = {key: item for key, item in kept["honours"].items() if key != "mail"}
    return kept


def closed_text(text: str, name: str, bundle: Bundle) -> str:
    """Return the file of an instance of a closed recipe under another name.

    It answers to this host alone, has no network, neither sleeps nor backs itself up, and is served whatever the
    former file says. Another instance is not asked who is logged in.
    """
    former = read_yaml(f"instances/{name}.yaml", text).value
    kept = {key: item for key, item in former.items() if key not in OWN}
    if isinstance(kept.get("auth"), dict) and kept["auth"].get("forward"):
        del kept["auth"]
    closed: dict[str, Any] = {
        "recipe": f"{bundle.origin}@{bundle.digest[:16]}",
        "route": {**_first(former.get("route")), "url": f"https://{name}.localhost/", "allow": LOOPBACK},
        "egress": "none",
        "backup": {"every": "never"},
        **kept,
    }
    instance = load_instance(f"instances/{name}.yaml", _lines(closed)).instance
    if instance_bundle(bundle, instance).recipe.primary is not None:
        closed["sleep"] = "never"
    return _lines(closed)


def _first(route: Any) -> dict[str, Any]:
    """Return what holds for the canonical route."""
    first = route[0] if isinstance(route, tuple) else route
    return first if isinstance(first, dict) else {}


def _lines(value: dict[str, Any]) -> str:
    return "".join(f"{key}: {json.dumps(item, ensure_ascii=False)}\n" for key, item in value.items())
