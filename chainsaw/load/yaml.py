"""A strict reader of YAML 1.2: no duplicate keys, no anchors, no tags; `no` is a string; places are recorded."""

from __future__ import annotations

import re
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from chainsaw.errors import Diagnostic, invalid
from chainsaw.load.source import KeyPath, Source

_PLAIN = {
    "tag:yaml.org,2002:str": str,
    "tag:yaml.org,2002:int": int,
    "tag:yaml.org,2002:float": float,
    "tag:yaml.org,2002:timestamp": str,
}


LARGEST = 64 * 1024
"""Characters of a file. Reading so many takes a few seconds at most."""
SURROGATE = re.compile("[\ud800-\udfff]")
_COLLECTIONS = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")


def read_yaml(name: str, text: str) -> Source:
    """Return the source of a YAML text; sequences become tuples. Raise ChainsawError with every problem of syntax."""
    if len(text) > LARGEST:
        message = f"{len(text) // 1024} kB, and a file may have {LARGEST // 1024} kB"
        raise invalid(Diagnostic("yaml-size", message, name))
    if directive := re.search(r"^%.*", text, re.MULTILINE):
        # `%YAML 1.1` would make `no` a boolean again.
        raise invalid(_at(name, text, directive.start(), "yaml-directive", "YAML directives are not allowed"))
    try:
        node = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        raise invalid(_syntax(name, text, error)) from error
    except ReaderError as error:
        message = f"not a valid character in YAML: {text[error.position]!r}"
        raise invalid(_at(name, text, error.position, "yaml-character", message)) from error
    except RecursionError:
        raise invalid(Diagnostic("yaml-depth", "nested too deeply", name)) from None
    reader = _Reader(name, text)
    value = reader.read(node, ()) if node is not None else {}
    if reader.problems:
        raise invalid(reader.problems)
    return Source(name, text, value, reader.keys, reader.values)


def _at(name: str, text: str, position: int, code: str, message: str, hint: str = "") -> Diagnostic:
    before = text[:position].split("\n")
    shown = text.split("\n")[len(before) - 1]
    return Diagnostic(code, message, name, len(before), len(before[-1]) + 1, source=shown, hint=hint)


def _syntax(name: str, text: str, error: MarkedYAMLError) -> Diagnostic:
    marks = [mark for mark in (error.problem_mark, error.context_mark) if mark and text[mark.index :].strip()]
    position = marks[0].index if marks else len(text.rstrip())
    problem = str(error.problem or error.context)
    if "'\\t'" in problem:
        return _at(name, text, position, "yaml-syntax", "a tab cannot indent", "YAML indents with spaces")
    if problem.startswith("mapping values are not allowed") and (glued := _glued_key(text[:position])):
        place, key, value = glued
        return _at(name, text, place, "yaml-syntax", "a space is missing after the colon", f"{key}: {value}")
    return _at(name, text, position, "yaml-syntax", f"not valid YAML: {problem}")


def _glued_key(before: str) -> tuple[int, str, str] | None:
    """Return the place, the key and the value of the last line before a fault, if nothing stands between the two.

    For YAML such a line is a text that goes on in the next line, so the fault is reported there.
    """
    lines = [found for found in re.finditer(r"^[ -]*([\w-]+):(\S.*)$", before, re.MULTILINE) if found[2][:2] != "//"]
    return (lines[-1].start(2), lines[-1][1], lines[-1][2]) if lines else None


class _Reader:
    """Turns a node graph into values, and records places and problems."""

    def __init__(self, name: str, text: str) -> None:
        self.source = Source(name, text)
        self.keys: dict[KeyPath, tuple[int, int]] = {}
        self.values: dict[KeyPath, tuple[int, int]] = {}
        self.problems: list[Diagnostic] = []
        self.anchors: set[str] = set()

    def read(self, node: Node, path: KeyPath) -> Any:
        self.values[path] = _place(node)
        if node.anchor:
            if node.anchor not in self.anchors:
                self.refuse(node, path, "anchors and aliases are not allowed", "yaml-anchor", "write the value out")
            self.anchors.add(node.anchor)
            return None
        if not isinstance(node, ScalarNode) and node.tag not in _COLLECTIONS:
            self.refuse(node, path, f"tags are not allowed: {node.tag}", "yaml-tag")
        if isinstance(node, MappingNode):
            return self.read_mapping(node, path)
        if isinstance(node, SequenceNode):
            return tuple(self.read(item, (*path, index)) for index, item in enumerate(node.value))
        assert isinstance(node, ScalarNode)
        return self.read_scalar(node, path)

    def is_text(self, node: ScalarNode, path: KeyPath) -> bool:
        """Return whether a scalar can be written as UTF-8: an escape may stand for half a character (RFC 3629, 3)."""
        if SURROGATE.search(str(node.value)):
            self.refuse(node, path, "half a character cannot be written: a surrogate code point", "yaml-character")
            return False
        return True

    def read_mapping(self, node: MappingNode, path: KeyPath) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode) or key_node.anchor or not _is_word(key_node):
                self.refuse(key_node, path, "a key must be a plain word", "yaml-key")
                continue
            if not self.is_text(key_node, path):
                continue
            key = str(key_node.value)
            if key in found:
                first = self.keys[(*path, key)][0]
                message = f"duplicate key; first in line {first}"
                self.refuse(key_node, (*path, key), message, "yaml-duplicate", "remove one of the two")
                continue
            self.keys[(*path, key)] = _place(key_node)
            found[key] = self.read(value_node, (*path, key))
            if value_node.start_mark.index == value_node.end_mark.index:
                # The mark of an empty value is at the start of the next token.
                self.values[(*path, key)] = self.keys[(*path, key)]
        return found

    def read_scalar(self, node: ScalarNode, path: KeyPath) -> Any:
        tag = str(node.tag)
        if tag == "tag:yaml.org,2002:null":
            return None
        if tag == "tag:yaml.org,2002:bool":
            return node.value in ("true", "True", "TRUE")
        if not self.is_text(node, path):
            return None
        convert = _PLAIN.get(tag)
        if convert is None:
            self.refuse(node, path, f"tags are not allowed: {tag}", "yaml-tag")
            return None
        try:
            return int(node.value, 0) if convert is int and node.value[:2] in ("0x", "0o") else convert(node.value)
        except ValueError:
            return str(node.value)

    def refuse(self, node: Node, path: KeyPath, message: str, code: str, hint: str = "") -> None:
        line, column = _place(node)
        key = ".".join(str(part) for part in path)
        shown = self.source.line(line)
        self.problems.append(Diagnostic(code, message, self.source.name, line, column, key, shown, hint))


def _is_word(key: ScalarNode) -> bool:
    """Return whether a key has no tag, and does not merge another mapping into this one."""
    return key.value != "<<" and key.tag in (*_PLAIN, "tag:yaml.org,2002:null", "tag:yaml.org,2002:bool")


def _place(node: Node) -> tuple[int, int]:
    return (node.start_mark.line + 1, node.start_mark.column + 1)
