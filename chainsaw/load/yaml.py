"""YAML 1.2, read strictly: no duplicate keys, no anchors, no tags, `no` is a string; every value keeps its place."""

from __future__ import annotations

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


def read_yaml(name: str, text: str) -> Source:
    """Return the source of a YAML text; sequences become tuples. Raise ChainsawError with every problem of syntax."""
    try:
        node = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        raise invalid(_syntax(name, text, error)) from error
    except ReaderError as error:
        raise invalid(Diagnostic("yaml-character", f"not a character of YAML: {error.character!r}", name)) from error
    reader = _Reader(name, text)
    value = reader.read(node, ()) if node is not None else {}
    if reader.problems:
        raise invalid(reader.problems)
    return Source(name, text, value, reader.keys, reader.values)


def _syntax(name: str, text: str, error: MarkedYAMLError) -> Diagnostic:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    lines = text.splitlines()
    shown = lines[line - 1] if line <= len(lines) else ""
    message = f"not valid YAML: {error.problem or error.context}"
    return Diagnostic("yaml-syntax", message, name, line, column, source=shown)


class _Reader:
    """Turns a node graph into values, noting places and problems."""

    def __init__(self, name: str, text: str) -> None:
        self.source = Source(name, text)
        self.keys: dict[KeyPath, tuple[int, int]] = {}
        self.values: dict[KeyPath, tuple[int, int]] = {}
        self.problems: list[Diagnostic] = []

    def read(self, node: Node, path: KeyPath) -> Any:
        self.values[path] = _place(node)
        if node.anchor:
            self.refuse(node, path, "anchors and aliases are not used here", "yaml-anchor", "write the value out")
        if isinstance(node, MappingNode):
            return self.read_mapping(node, path)
        if isinstance(node, SequenceNode):
            return tuple(self.read(item, (*path, index)) for index, item in enumerate(node.value))
        assert isinstance(node, ScalarNode)
        return self.read_scalar(node, path)

    def read_mapping(self, node: MappingNode, path: KeyPath) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode) or key_node.value == "<<":
                self.refuse(key_node, path, "a key is a plain word", "yaml-key")
                continue
            key = str(key_node.value)
            if key in found:
                first = self.keys[(*path, key)][0]
                message = f"the key stands twice; first in line {first}"
                self.refuse(key_node, (*path, key), message, "yaml-duplicate", "remove one of the two")
                continue
            self.keys[(*path, key)] = _place(key_node)
            found[key] = self.read(value_node, (*path, key))
        return found

    def read_scalar(self, node: ScalarNode, path: KeyPath) -> Any:
        tag = str(node.tag)
        if tag == "tag:yaml.org,2002:null":
            return None
        if tag == "tag:yaml.org,2002:bool":
            return node.value in ("true", "True", "TRUE")
        convert = _PLAIN.get(tag)
        if convert is None:
            self.refuse(node, path, f"tags are not used here: {tag}", "yaml-tag")
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


def _place(node: Node) -> tuple[int, int]:
    return (node.start_mark.line + 1, node.start_mark.column + 1)
