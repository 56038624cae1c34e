"""Values that look like a password, and that everybody knows who reads the recipe."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from chainsaw.errors import Diagnostic
from chainsaw.load.recipe import Bundle

_NAME = re.compile(
    r"(.*[_-])?(password|passwd|pass|passphrase|secret|token|credentials?|secret_key_base"
    r"|(access|api|app|encryption|master|private|secret|signing)[_-]?key)",
    re.IGNORECASE,
)
_HUMP = re.compile("(?<=[a-z0-9])(?=[A-Z])")
_HARMLESS = re.compile(r"|true|false|yes|no|on|off|0|1|none|unused|(file:)?/.*|[^{]*\{\{.*\}\}.*|.*\$.*", re.IGNORECASE)
"""What is no value of a secret: a switch, the path of a file, what a template or a shell puts in."""
MESSAGE = "everybody who reads the recipe knows this value"
HINT = "generate it under secrets, and read it from /run/secrets/NAME; if nothing checks it, write: unused"


def gives_away(name: str, value: str) -> bool:
    """Return whether a variable, a setting or an option has the name of a secret, and its value as well."""
    return bool(_NAME.fullmatch(_HUMP.sub("_", name))) and not _HARMLESS.fullmatch(value)


def default_passwords(bundle: Bundle) -> Iterator[Diagnostic]:
    """Yield each secret whose value stands in the recipe: in a variable, a command, or as the default of a setting."""
    recipe = bundle.recipe
    places: list[tuple[tuple[object, ...], str, str]] = []
    for name, setting in recipe.settings.items():
        if setting.type == "string":
            places.append((("settings", name, "default"), name, str(setting.default or "")))
    for name, component in recipe.components.items():
        for key, value in component.environment.items():
            places.append((("components", name, "environment", key), key, value))
        for index, option, value in _options(component.command):
            places.append((("components", name, "command", index), option, value))
    for path, name, value in places:
        if gives_away(name, value):
            yield bundle.source.problem(path, MESSAGE, code="lint", hint=HINT)


def _options(words: Sequence[str]) -> Iterator[tuple[int, str, str]]:
    """Yield (index of the value, name, value) of each option among the words of a command."""
    for index, word in enumerate(words):
        option, equals, value = word.partition("=")
        if not option.startswith("-"):
            continue
        if equals:
            yield index, option.lstrip("-"), value
        elif index + 1 < len(words) and not words[index + 1].startswith("-"):
            yield index + 1, option.lstrip("-"), words[index + 1]
