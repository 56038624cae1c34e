"""Set or remove one key of a YAML text; all other text, with its comments, is kept."""

from __future__ import annotations

import json
import re
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

from chainsaw.errors import ChainsawError
from chainsaw.load.yaml import read_yaml

Scalar = str | int | bool | None
STEP = "  "


def with_key(text: str, path: tuple[str, ...], value: Scalar) -> str:
    """Return a text in which a key path has a value; missing mappings on the path are created.

    A key that stands there as a comment becomes real, so that the comments around it can still be made real, too.
    Raise ChainsawError when the text is not valid YAML, and ValueError when something on the path is not a mapping.
    """
    present = read_yaml("text", text).value
    if text and not text.endswith("\n"):
        text += "\n"
    if not _has(present, path) and (real := _from_comment(text, present, path, value)) is not None:
        return real
    root = _node(text)
    if root is None:
        return text + _nested(path, value, "")
    return _set_in(text, root, path, value)


def _node(text: str) -> Node | None:
    node: Node | None = YAML(typ="safe", pure=True).compose(text)
    return node


def _has(present: object, path: tuple[str, ...]) -> bool:
    """Return whether there is a key, or on the way to it something that is no mapping."""
    if not path:
        return True
    if not isinstance(present, dict):
        return present is not None
    return path[0] in present and _has(present[path[0]], path[1:])


def _from_comment(text: str, present: dict[str, Any], path: tuple[str, ...], value: Scalar) -> str | None:
    """Return the text with the commented lines of a key path made real; None if that is not all that changes then."""
    lines, last, is_new = text.split("\n"), 0, False
    for depth, name in enumerate(path):
        indent = STEP * depth
        written = re.compile(rf"(# )?{indent}(# )?{re.escape(name)}:(?P<value> .*?)?(?P<comment> +#.*)?")
        found = next((number for number in range(last, len(lines)) if written.fullmatch(lines[number])), None)
        if found is None and not is_new:
            return None
        if found is None:
            lines[last:last] = _nested(path[depth:], value, indent).rstrip("\n").split("\n")
            break
        match, is_new = written.fullmatch(lines[found]), lines[found].lstrip().startswith("#")
        former, comment = (match["value"] or "", match["comment"] or "") if match else ("", "")
        if former.startswith(" {") and depth < len(path) - 1:
            lines[found] = f"{indent}{name}:{former}{comment}"
            lines = _set_in("\n".join(lines), _node("\n".join(lines)), path, value).split("\n")
            break
        lines[found] = f"{indent}{name}:{former if depth < len(path) - 1 else f' {_scalar(value)}'}{comment}"
        last = found + 1
    changed = "\n".join(lines)
    try:
        return changed if read_yaml("text", changed).value == _with_value(present, path, value) else None
    except ChainsawError:
        return None


def _with_value(present: dict[str, Any], path: tuple[str, ...], value: Scalar) -> dict[str, Any]:
    inner = _with_value(present.get(path[0]) or {}, path[1:], value) if len(path) > 1 else value
    return {**present, path[0]: inner}


def _set_in(text: str, mapping: Node | None, path: tuple[str, ...], value: Scalar) -> str:
    if not isinstance(mapping, MappingNode):
        raise ValueError(f"the parent of {path[0]} is not a mapping")
    pair = _find(mapping, path[0])
    if pair is None:
        return _add(text, mapping, path, value)
    key, found = pair
    if len(path) == 1:
        return _replace(text, key, found, _scalar(value))
    if isinstance(found, ScalarNode) and _is_empty(found):
        indent = " " * key.start_mark.column + STEP
        return _replace(text, key, found, "\n" + _nested(path[1:], value, indent).rstrip("\n"))
    return _set_in(text, found, path[1:], value)


def _replace(text: str, key: Node, value: Node, new: str) -> str:
    """Return the text with another value for an existing key."""
    separator = "" if new.startswith("\n") else " "
    if value.start_mark.index == value.end_mark.index:
        # The mark of an empty value is at the start of the next token.
        place = text.index(":", key.end_mark.index) + 1
        return f"{text[:place]}{separator}{new}{text[place:]}"
    start, end = value.start_mark.index, _end(text, value)
    if text[key.end_mark.index : start].strip() == ":" and new.startswith("\n"):
        start = text.index(":", key.end_mark.index) + 1
    elif "\n" in text[key.end_mark.index : start]:
        start = text.index(":", key.end_mark.index) + 1
        new = f" {new}"
    return text[:start] + new + text[end:]


def _end(text: str, value: Node) -> int:
    """Return where a value ends, without the line break and the comments behind it."""
    end = int(value.end_mark.index)
    if isinstance(value, MappingNode) and not value.flow_style and value.value:
        return _end(text, value.value[-1][1])
    return len(text[:end].rstrip()) if end and text[end - 1 : end].isspace() else end


def _add(text: str, mapping: MappingNode, path: tuple[str, ...], value: Scalar) -> str:
    """Return the text with a new key at the end of a mapping."""
    if mapping.flow_style:
        place = text.rindex("}", 0, mapping.end_mark.index)
        inner = _scalar(value)
        for name in reversed(path[1:]):
            inner = f"{{{name}: {inner}}}"
        comma = ", " if mapping.value else ""
        return f"{text[:place].rstrip()}{comma}{path[0]}: {inner}{text[place:]}"
    column, lines = mapping.value[0][0].start_mark.column, text.split("\n")
    last = max(max(_real_lines(text, *pair)) for pair in mapping.value)
    place = _end_of_comments(lines, last + 1, column)
    lines[place:place] = _nested(path, value, " " * column).rstrip("\n").split("\n")
    return "\n".join(lines)


def _nested(path: tuple[str, ...], value: Scalar, indent: str) -> str:
    """Return the lines of a value below new keys."""
    lines = [f"{indent}{STEP * depth}{name}:" for depth, name in enumerate(path)]
    lines[-1] += f" {_scalar(value)}"
    return "\n".join(lines) + "\n"


def without_key(text: str, path: tuple[str, ...]) -> str:
    """Return a text without a key path and the mappings that it leaves empty; unchanged when there is no such key.

    What is documented becomes a comment, so that it, and what stands in comments below it, can be made real again.
    Raise ChainsawError when the text is not valid YAML.
    """
    read_yaml("text", text)
    root = _node(text)
    trail: list[tuple[MappingNode, Node, Node]] = []
    node: Node | None = root
    for name in path:
        pair = _find(node, name) if isinstance(node, MappingNode) else None
        if pair is None or not isinstance(node, MappingNode):
            return text
        trail.append((node, *pair))
        node = pair[1]
    while len(trail) > 1 and len(trail[-1][0].value) == 1:
        trail.pop()
    mapping, key, value = trail[-1]
    return _cut_flow(text, mapping, key, value) if mapping.flow_style else _cut_lines(text, key, value)


def _cut_lines(text: str, key: Node, value: Node) -> str:
    """Return the text without the lines of a key; they stay as comments where a comment explains or follows them."""
    lines = text.split("\n")
    first, column, real = key.start_mark.line, key.start_mark.column, _real_lines(text, key, value)
    behind = max(real) + 1
    end = _end_of_comments(lines, behind, column)
    explained = re.compile(rf"(# )? {{{column}}}# (?! |[a-z_]+:( |$))| {{{column}}}#(?! )")
    documented = (first and explained.match(lines[first - 1])) or end > behind
    among = any(number not in real and lines[number].strip() for number in range(first, behind))
    if not (documented or among or _has_comment(text, key, value)):
        return "\n".join(lines[:first] + lines[behind:])
    changed = [*lines]
    for number, place in real.items():
        start = 0 if number and lines[number - 1].startswith("#") else place
        changed[number] = f"{lines[number][:start]}# {lines[number][start:]}".rstrip()
    return "\n".join(changed)


def _real_lines(text: str, key: Node, value: Node) -> dict[int, int]:
    """Return the lines of a key and its value that are no comments, each with the column of the key it belongs to."""
    column, first = key.start_mark.column, key.start_mark.line
    if isinstance(value, MappingNode) and not value.flow_style:
        inner = [_real_lines(text, *pair) for pair in value.value]
        return {first: column, **{line: place for found in inner for line, place in found.items()}}
    is_empty = value.start_mark.index == value.end_mark.index
    last = first if is_empty else text.count("\n", 0, _end(text, value))
    return dict.fromkeys(range(first, last + 1), column)


def _has_comment(text: str, key: Node, value: Node) -> bool:
    """Return whether a comment follows a value in its line."""
    is_empty = value.start_mark.index == value.end_mark.index
    end = text.index(":", key.end_mark.index) + 1 if is_empty else _end(text, value)
    return text[end:].partition("\n")[0].lstrip().startswith("#")


def _end_of_comments(lines: list[str], start: int, column: int) -> int:
    """Return the first line from `start` on that is no comment below a key that begins in a column.

    Such a comment is indented further than the key, before its number sign or behind it.
    """
    below = re.compile(rf" {{{column + 1},}}#|# {{{column + 2},}}\S")
    return next((number for number in range(start, len(lines)) if not below.match(lines[number])), len(lines))


def _cut_flow(text: str, mapping: MappingNode, key: Node, value: Node) -> str:
    start, end = key.start_mark.index, _end(text, value)
    behind = re.match(r"\s*,\s*", text[end:])
    if behind:
        return text[:start] + text[end + behind.end() :]
    return re.sub(r"\s*,\s*$", "", text[:start]) + text[end:]


def _find(mapping: MappingNode, name: str) -> tuple[Node, Node] | None:
    return next(((key, value) for key, value in mapping.value if str(key.value) == name), None)


def _is_empty(node: ScalarNode) -> bool:
    return str(node.tag) == "tag:yaml.org,2002:null"


def _scalar(value: Scalar) -> str:
    """Return a value as YAML text: plain where that is safe, else quoted as in JSON."""
    if value is None or isinstance(value, bool | int):
        return json.dumps(value)
    plain = re.fullmatch(r"[A-Za-z/][A-Za-z0-9 _./@+-]*(:[A-Za-z0-9/][A-Za-z0-9_./@+:-]*)?", value)
    if plain and not value.endswith(" ") and read_yaml("value", f"key: {value}\n").value == {"key": value}:
        return value
    return json.dumps(value, ensure_ascii=False)
