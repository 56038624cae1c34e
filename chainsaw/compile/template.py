"""The Jinja2 environment of all templates: sandboxed, strict, with the template's lines in its errors."""

from __future__ import annotations

import json
import traceback
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from jinja2 import StrictUndefined, TemplateSyntaxError, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from chainsaw.compile.bounds import bounded
from chainsaw.errors import Diagnostic, invalid
from chainsaw.load.check import nearest
from chainsaw.model.names import check_text, size_in_bytes

Context = Mapping[str, Any]
LONGEST = 64
"""Bits of a number that may be multiplied with another."""


class Missing(StrictUndefined):
    """A name that a template uses and that does not exist; using it in any way is an error with a hint."""

    @property
    def _undefined_message(self) -> str:
        if self._undefined_hint:
            return self._undefined_hint
        name = str(self._undefined_name)
        if isinstance(self._undefined_obj, Mapping):
            return f"there is no {name!r}{nearest(name, self._undefined_obj)}"
        if name == "secret":
            return "a secret is the file /run/secrets/<name>, never a value"
        return f"{name!r} is undefined; chainsaw recipe guide, chapter 6, lists all names"


def _defined(value: Any) -> Any:
    """Return a value that a filter may use; raise UndefinedError for an unknown name."""
    return str(value) if isinstance(value, Undefined) else value


def _json(value: Any) -> str:
    return json.dumps(_defined(value), ensure_ascii=False)


def _one_line(value: Any) -> Any:
    """Refuse values with a line break, which could add a line or a key to a generated file."""
    return check_text(value) if isinstance(value, str) else value


def _text(value: Any) -> Any:
    return value


def php(value: Any) -> str:
    """Return a PHP literal: a single-quoted string, a number or a boolean."""
    value = _defined(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    escaped = str(value if value is not None else "").replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


class _Environment(ImmutableSandboxedEnvironment):
    """A sandbox without calculations that nothing could interrupt: powers, and products of long numbers."""

    intercepted_binops = frozenset(["**", "*"])

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Return a product; refuse what may take for ever."""
        if operator == "**":
            raise ValueError("** cannot be used")
        if all(isinstance(item, int) and item.bit_length() > LONGEST for item in (left, right)):
            raise ValueError("a product of numbers that are too long")
        return super().call_binop(context, operator, left, right)


def _environment(finalize: Any) -> ImmutableSandboxedEnvironment:
    environment = _Environment(
        undefined=Missing,
        finalize=finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters["json"] = _json
    environment.filters["php"] = php
    environment.filters["bytes"] = size_in_bytes
    return environment


@lru_cache(maxsize=1024)
def _compiled(name: str, text: str, strict_lines: bool) -> Any:
    environment = _environment(_one_line if strict_lines else _text)
    return environment.from_string(environment.parse(text, filename=name))


def render(name: str, text: str, context: Context, *, one_line_values: bool = True) -> str:
    """Return a rendered template; raise ChainsawError naming the template's line for whatever is wrong in it."""
    try:
        with bounded():
            return str(_compiled(name, text, one_line_values).render(context))
    except MemoryError:
        raise invalid(_problem(name, text, 0, "it takes more memory than any template may")) from None
    except TemplateSyntaxError as error:
        raise invalid(_problem(name, text, error.lineno, f"not a valid template: {error.message}")) from error
    except Exception as error:
        raise invalid(_problem(name, text, _line(error), str(error))) from error


def _line(error: BaseException) -> int:
    """Return the template's line of the innermost frame that belongs to a template."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno or 0 for frame in frames if not frame.filename.endswith(".py")]
    return lines[-1] if lines else 0


def _problem(name: str, text: str, line: int, message: str) -> Diagnostic:
    lines = text.splitlines()
    shown = lines[line - 1] if 0 < line <= len(lines) else ""
    return Diagnostic("template", message, name, line, 1 if line else 0, source=shown)
