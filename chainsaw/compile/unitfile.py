"""Unit files: rendered templates are parsed to plain values, which one writer then encodes for each key.

A template holds plain values: no quoting, no escaping. `words` and `command` values are JSON lists. The encodings
follow systemd.syntax(7), systemd.service(5) ("Command lines") and quadlet's own parser.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from difflib import get_close_matches

from chainsaw.errors import Diagnostic, invalid
from chainsaw.model.keys import Encoding, Version, find, keys_of
from chainsaw.model.unit import Section, Unit

SEPARATOR = ";"
"""Ends a command in ExecStart= where it stands alone (systemd.service(5)). Quadlet takes the quotes off around it."""


def parse_unit(filename: str, template: str, text: str) -> Unit:
    """Return the unit of a rendered template; raise ChainsawError with the template's line for invalid syntax."""
    sections: list[tuple[str, list[tuple[str, str]]]] = []
    problems = []
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith(("#", ";")):
            continue
        if stripped.startswith("[") and stripped.endswith("]"):
            sections.append((stripped[1:-1], []))
        elif "=" in stripped and sections:
            key, value = line.split("=", 1)
            sections[-1][1].append((key.strip(), value))
        else:
            problems.append(
                Diagnostic("unit-syntax", "neither a section nor key=value", template, number, 1, source=line)
            )
    if problems:
        raise invalid(problems)
    return Unit(filename, tuple(Section(name, tuple(entries)) for name, entries in sections))


def check_unit(unit: Unit, template: str, podman: Version) -> list[Diagnostic]:
    """Return what this Podman would not accept: unknown keys, keys of a later version, duplicate keys."""
    return list(_problems(unit, template, podman))


def _problems(unit: Unit, template: str, podman: Version) -> Iterator[Diagnostic]:
    seen = set()
    for section, name, value in unit.entries():
        key = find(unit.filename, section, name)
        where = f"{section}.{name}"
        if key is None:
            close = get_close_matches(name, keys_of(unit.filename, section), n=1)
            hint = f"did you mean {close[0]}?" if close else ""
            yield Diagnostic("unit-key", f"not a key of {unit.filename}", template, key=where, hint=hint)
        elif key.since > podman:
            needed, present = (".".join(map(str, version)) for version in (key.since, podman))
            yield Diagnostic("unit-version", f"needs Podman {needed}, and this is {present}", template, key=where)
        elif (section, name) in seen and not key.repeatable:
            yield Diagnostic("unit-repeated", "duplicate key", template, key=where)
        elif SEPARATOR in _arguments(key.encoding, value):
            message = "an argument that is only a semicolon: systemd would run what follows it as a command of its own"
            yield Diagnostic("unit-value", message, template, key=where)
        elif unit.filename.endswith(".container") and "" in _arguments(key.encoding, value):
            message = "an empty argument, which Podman's generator leaves out"
            yield Diagnostic("unit-value", message, template, key=where)
        elif unit.filename.endswith(".container") and key.encoding == "plain" and (loss := lost_of(value)):
            yield Diagnostic("unit-value", loss, template, key=where)
        elif key.encoding in ("setting", "literal", "plain") and value.endswith("\\"):
            yield Diagnostic(
                "unit-value", "ends with a backslash, which would join the next line to it", template, key=where
            )
        seen.add((section, name))


def lost_of(value: str) -> str:
    """Return what Podman's generator would take off one argument that it takes as it is; nothing when it is whole.

    Which quotes go depends on its version (Podman, pkg/systemd/parser: Lookup), so none can be written around it.
    """
    if value != value.strip():
        return "a space at its begin or end, which Podman's generator takes off"
    if value.startswith('"') or value.endswith('"'):
        return "a double quote at its begin or end, which Podman's generator takes off"
    return ""


def _arguments(encoding: Encoding, value: str) -> list[str]:
    """Return the arguments that become words of their own in a command line."""
    if encoding == "words":
        return [str(item) for item in json.loads(value)]
    return [value] if encoding in ("plain", "word") else []


def write_unit(unit: Unit) -> str:
    """Return the text of a checked unit, every value encoded for its key."""
    blocks = []
    for section in unit.sections:
        lines = [f"[{section.name}]"]
        lines += [f"{key}={_encode(unit.filename, section.name, key, value)}" for key, value in section.entries]
        blocks.append("\n".join(lines) + "\n")
    return "\n".join(blocks)


def _encode(filename: str, section: str, name: str, value: str) -> str:
    key = find(filename, section, name)
    assert key is not None, (filename, section, name)
    if key.encoding == "setting":
        return value.replace("%", "%%")
    if key.encoding == "literal":
        return value
    if key.encoding == "plain":
        return _unexpanded(value)
    if key.encoding == "word":
        return quote(value)
    if key.encoding == "words":
        return " ".join(quote(str(item)) for item in json.loads(value))
    return _unexpanded(json.dumps(json.loads(value), ensure_ascii=False))


def _unexpanded(value: str) -> str:
    """Escape what systemd would expand in a command line, specifiers and variables, by doubling % and $."""
    return value.replace("%", "%%").replace("$", "$$")


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    return f"\\u{ord(character):04x}" if ord(character) < 32 or 127 <= ord(character) < 160 else character


def quote(value: str) -> str:
    """Return one argument in double quotes, C-escaped, with nothing left for systemd to expand."""
    if value and all(character.isalnum() or character in "-_./:=@,+" for character in value):
        return value
    escaped = "".join(map(_escaped, value))
    return f'"{_unexpanded(escaped)}"'
