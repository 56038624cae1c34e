"""The manual pages of the files that people write, made from their schemas."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chainsaw.cli.roff import Page, bold, escaped
from chainsaw.work.config.schema import schema_text

SUMMARIES = {
    "instance": "what runs, and where it is published: instances/NAME.yaml",
    "site": "what all instances share: site.yaml",
    "recipe": "how an application is packaged: recipe.yaml",
}
DESCRIPTIONS = {
    "instance": (
        "One file for each instance, in `~/.config/chainsaw/instances/`; the name of the file is the name of the"
        " instance. `chainsaw new` writes it, you edit it, with an editor or with `chainsaw config set`, and"
        " `chainsaw apply` carries it out. Nothing happens before that.",
        "Keys that `chainsaw-site(5)` has too apply to this instance alone. `chainsaw info RECIPE` shows which"
        " settings a recipe has and which of those keys it uses, `chainsaw config NAME` which values are in effect.",
        "A password is never written into this file: see `chainsaw secret set`.",
    ),
    "site": (
        "The file `~/.config/chainsaw/site.yaml` may be missing, and each of its keys may be. An instance's own file,"
        " `chainsaw-instance(5)`, takes precedence. `chainsaw config show --site` shows which values are in effect.",
        "A password is never written into this file: see `chainsaw secret set`.",
    ),
    "recipe": (
        "A recipe is a directory with this file, Containerfiles and templates of configuration files. It is data:"
        " nothing in it runs as your user. `chainsaw recipe new` writes one that works, `chainsaw recipe lint` checks"
        " it without running it, and `chainsaw recipe guide` leads through writing one.",
    ),
}
EXAMPLES = {
    "instance": """
recipe: wordpress
route: https://blog.example.org/
settings:
  title: Walks by the sea
sleep: 15m
egress: internet
""",
    "site": """
admin: {email: admin@example.org}
timezone: Europe/Vienna
language: de
mail:
  host: smtp.example.org
  user: kim
  password: {secret: smtp_password}
""",
    "recipe": """
format: 1
name: pages
title: Pages
summary: Files that the front serves
version: "1"
revision: 1
license: MIT
home: https://example.org/
documentation: https://example.org/docs
source: https://example.org/source
maintainers:
  - name: Kim
    contact: kim@example.org
volumes:
  site:
    public: /
    admin: true
serve:
  files:
    volume: site
""",
}
TYPES = {"string": "text", "integer": "number", "boolean": "true or false", "null": "null", "object": "mapping"}


@dataclass(frozen=True)
class Key:
    """A key of a file: its path, what its value is, what applies when it is left out, and what it does."""

    path: str
    kind: str
    absent: str
    help: str


def keys_of(schema: Mapping[str, Any]) -> list[Key]:
    """Return every key of a file, in order; what has the same form as another one is described once."""
    return list(_Reader(schema.get("$defs", {})).below(schema, ""))


class _Reader:
    """Reads one schema; keeps which definitions it has read, and where they are used."""

    def __init__(self, definitions: Mapping[str, Any]) -> None:
        self.definitions = definitions
        self.described: dict[str, str] = {}

    def below(self, schema: Mapping[str, Any], path: str) -> Iterator[Key]:
        """Yield the keys that a mapping has."""
        for name, content in schema["properties"].items():
            own = f"{path}.{name}" if path else name
            absent = "required" if name in schema.get("required", ()) else _default(content)
            yield from self.key(content, own, absent)

    def key(self, content: Mapping[str, Any], path: str, absent: str) -> Iterator[Key]:
        """Yield a key, and those inside it."""
        inner, suffix, reference = self.innermost(content)
        kind, before = self.kind(content), self.described.get(reference)
        text = content.get("description") or inner.get("description", "")
        if "properties" in inner and before:
            text += f" It has the same keys as {before}."
        yield Key(path, kind, absent, text)
        if "properties" in inner and not before:
            self.described[reference] = path + suffix
            yield from self.below(inner, path + suffix)

    def innermost(self, content: Mapping[str, Any]) -> tuple[Mapping[str, Any], str, str]:
        """Return the mapping that a key holds, once or many times, the suffix of its path, and its definition."""
        one, reference = self.resolved(content)
        for option in _options(one):
            inside = self.innermost(option)
            if "properties" in inside[0]:
                return inside
        if one.get("type") == "array":
            found, suffix, reference = self.innermost(one["items"])
            return found, f"[]{suffix}", reference
        if isinstance(one.get("additionalProperties"), dict):
            found, suffix, reference = self.innermost(one["additionalProperties"])
            return found, f".NAME{suffix}", reference
        return one, "", reference

    def resolved(self, content: Mapping[str, Any]) -> tuple[Mapping[str, Any], str]:
        """Return a schema without null and without references, and the definition that it refers to."""
        reference = ""
        while True:
            options = [item for item in _options(content) if item.get("type") != "null"]
            if "$ref" in content:
                reference = content["$ref"].rpartition("/")[2]
                content = self.definitions[reference]
            elif len(options) == 1:
                content = options[0]
            else:
                return content, reference

    def kind(self, content: Mapping[str, Any]) -> str:
        """Return in a few words what the value of a key is."""
        one, _ = self.resolved(content)
        options = [self.kind(item) for item in _options(one) if item.get("type") != "null"]
        if options:
            return " or ".join(options)
        if "enum" in one or "const" in one:
            return " | ".join(map(str, one.get("enum") or [one["const"]]))
        if one.get("type") == "array":
            return f"list of {self.kind(one['items']).replace('mapping', 'mappings')}"
        if isinstance(one.get("additionalProperties"), dict):
            return f"mapping of names to {self.kind(one['additionalProperties']).replace('mapping', 'mappings')}"
        bounds = " to ".join(str(one[bound]) for bound in ("minimum", "maximum") if bound in one)
        kind = "mapping" if "properties" in one else TYPES[one["type"]] if "type" in one else "any value"
        return f"{kind}, {bounds}" if " to " in bounds else f"{kind}, at least {bounds}" if bounds else kind


def _options(content: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [item for word in ("anyOf", "oneOf", "allOf") for item in content.get(word, ())]


def _default(content: Mapping[str, Any]) -> str:
    value = content.get("default")
    if value is None or value in ([], "") or isinstance(value, dict):
        return ""
    return f"default: {value if isinstance(value, str) else json.dumps(value)}"


def page_of(kind: str) -> Page:
    """Return the page of an instance's file, of site.yaml or of a recipe.yaml."""
    page = Page(f"chainsaw-{kind}", 5, SUMMARIES[kind])
    page.heading("Description")
    for text in DESCRIPTIONS[kind]:
        page.paragraph(text)
    page.heading("Keys")
    page.paragraph(
        "`a.b` is the key b of the mapping a, `a[]` each entry of the list a, and NAME a name that you choose."
        f" `chainsaw schema {kind}` prints the same for editors, as a JSON Schema."
    )
    for key in keys_of(json.loads(schema_text(kind))):
        words = ", ".join(word for word in (key.kind, key.absent) if word)
        page.item(f"{bold(key.path)} ({escaped(words)})", key.help)
    page.heading("Example")
    page.example(EXAMPLES[kind])
    page.heading("See also")
    others = [f"chainsaw-{other}" for other in SUMMARIES if other != kind]
    page.lines += [", ".join([f"{bold('chainsaw')}(1)", *(f"{bold(other)}(5)" for other in others)])]
    return page
