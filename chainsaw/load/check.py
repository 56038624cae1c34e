"""From a source to a model, or to the diagnostics of everything in it that is invalid."""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from dataclasses import replace
from difflib import get_close_matches
from typing import Any, TypeVar, get_args, get_origin

from pydantic import ValidationError

from chainsaw.errors import Diagnostic, in_file_order, invalid
from chainsaw.load import compose
from chainsaw.load.forms import written_form
from chainsaw.load.source import KeyPath, Source
from chainsaw.model.base import Model
from chainsaw.model.recipe import Recipe
from chainsaw.model.site import Instance

Checked = TypeVar("Checked", bound=Model)

_PHRASES = {
    "missing": "required, and missing",
    "string_type": "should be text",
    "int_type": "should be a whole number",
    "bool_type": "should be true or false",
    "dict_type": "should be a mapping of keys to values",
    "tuple_type": "should be a list",
    "string_pattern_mismatch": "should be an address that starts with https://",
    "too_short": "should have at least one item",
    "model_type": "should be a mapping of keys to values",
}


BRANCHES = ("str", "int", "bool", "size", "parts", "one", "with", "several", "[key]")
"""What pydantic adds to a location: which of several forms a value has, and that a key is meant."""


def nearest(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean X?` for the known word nearest to a mistyped one, or nothing."""
    close = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else ""


def check(model: type[Checked], source: Source) -> Checked:
    """Return the model that a source holds; raise ChainsawError with all of its problems in file order."""
    if not isinstance(source.value, dict):
        raise invalid(source.problem((), "should be a mapping of keys to values", code="type"))
    try:
        return model.model_validate(source.value)
    except ValidationError as error:
        found = [_explain(model, source, item) for item in error.errors()]
        raise invalid(in_file_order(_without_echoes(found))) from None


def _without_echoes(found: list[Diagnostic]) -> list[Diagnostic]:
    """Keep only pydantic's error for the first branch of a union."""
    seen: dict[tuple[int, int, str], Diagnostic] = {}
    for item in found:
        seen.setdefault((item.line, item.column, item.key), item)
    return list(seen.values())


def _explain(model: type[Model], source: Source, error: Any) -> Diagnostic:
    kind = str(error["type"])
    path = _in_source(source, error["loc"])
    if kind == "extra_forbidden":
        known = known_keys(model, path[:-1])
        hint = compose.unknown_key(path) if model is Recipe else ""
        meant = "" if hint else nearest(str(path[-1]), known)
        message = f"unknown key{meant}"
        if model is Instance and len(path) == 1 and not meant:
            hint = f"is {path[0]} a setting of the recipe? It stands below settings:"
        return source.problem(path, message, code="unknown-key", hint=hint, at_key=True)
    message, hint = _message(error), ""
    if kind == "string_type" and isinstance(error["input"], bool | int | float):
        fault = _fault_of_text(model, source, path, error["loc"])
        message, hint = (fault, "") if fault else (message, f'quote it: "{source.written(path)}"')
    at_key = error["loc"][-1:] == ("[key]",)
    if model is Recipe and not hint:
        hint = compose.wrong_value(path, error["input"], at_key)
    elif kind in ("dict_type", "model_type", "tuple_type", "string_type") and not hint:
        hint = written_form(path, error["input"])
    found = source.problem(path, message, code=kind.replace("_", "-"), hint=hint, at_key=at_key)
    return replace(found, mistyped=kind.endswith("_type"))


def _message(error: Any) -> str:
    if error["type"] == "literal_error" and error["ctx"]["expected"] == "True":
        return "can only be true"
    return _PHRASES.get(error["type"]) or str(error["msg"]).removeprefix("Value error, ").removeprefix("Input ")


def _fault_of_text(model: type[Model], source: Source, path: KeyPath, location: KeyPath) -> str:
    """Return what would still be wrong if the value at pydantic's location were quoted, or nothing."""
    value = deepcopy(source.value)
    try:
        holder = value
        for part in path[:-1]:
            holder = holder[part]
        holder[path[-1]] = source.written(path)
        model.model_validate(value)
    except ValidationError as error:
        return next((_message(item) for item in error.errors() if item["loc"] == location), "")
    except (LookupError, TypeError):
        return ""
    return ""


def _in_source(source: Source, location: KeyPath) -> KeyPath:
    """Return the part of pydantic's location that is a path in the file, without the names of union branches."""
    path: KeyPath = ()
    for part in location:
        if (*path, part) in source.values or (isinstance(part, str) and part == location[-1] and part.isidentifier()):
            if part in BRANCHES and (*path, part) not in source.values:
                continue
            path = (*path, part)
    return path


def known_keys(annotation: Any, path: KeyPath) -> list[str]:
    """Return the keys that are valid at a path of an annotation; none where it is not a model."""
    if isinstance(annotation, type) and issubclass(annotation, Model):
        if not path:
            return list(annotation.model_fields)
        field = annotation.model_fields.get(str(path[0]))
        return known_keys(field.annotation, path[1:]) if field else []
    arguments = get_args(annotation)
    if get_origin(annotation) in (dict, tuple):
        inner = arguments[1] if get_origin(annotation) is dict else arguments[0]
        is_inside = bool(path) and isinstance(path[0], int) == (get_origin(annotation) is tuple)
        return known_keys(inner, path[1:]) if is_inside else []
    return next(filter(None, (known_keys(argument, path) for argument in arguments)), [])
