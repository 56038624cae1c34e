"""A text with the line and column of every key and value, for error messages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chainsaw.errors import Diagnostic

KeyPath = tuple[Any, ...]


@dataclass(frozen=True)
class Source:
    """A file's name and text, its value, and (line, column), both 1-based, of each key path's key and value."""

    name: str
    text: str
    value: Any = None
    keys: Mapping[KeyPath, tuple[int, int]] = field(default_factory=dict)
    values: Mapping[KeyPath, tuple[int, int]] = field(default_factory=dict)

    def line(self, number: int) -> str:
        """Return one line of the text, without its end."""
        lines = self.text.splitlines()
        return lines[number - 1] if 0 < number <= len(lines) else ""

    def written(self, path: KeyPath) -> str:
        """Return the text of a plain scalar: 1.10, not 1.1."""
        line, column = self.place(path)
        found = re.match(r"[^\s,\]}#]*", self.line(line)[column - 1 :])
        return found[0] if found else ""

    def place(self, path: KeyPath, at_key: bool = False) -> tuple[int, int]:
        """Return the place of a key path, or of its nearest parent that exists."""
        first, second = (self.keys, self.values) if at_key else (self.values, self.keys)
        for length in range(len(path), -1, -1):
            for table in (first, second):
                if path[:length] in table:
                    return table[path[:length]]
        return (1, 1)

    def problem(self, path: KeyPath, message: str, *, code: str, hint: str = "", at_key: bool = False) -> Diagnostic:
        """Return the diagnostic for a key path."""
        line, column = self.place(path, at_key)
        return Diagnostic(
            code=code,
            message=message,
            file=self.name,
            line=line,
            column=column,
            key=".".join(str(part) for part in path),
            source=self.line(line),
            hint=hint,
        )
