"""Errors as values: a diagnostic says what is wrong, where, and how to fix it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import Any


class Exit(IntEnum):
    """The exit codes of every command; a script may rely on them."""

    OK = 0
    FAILED = 1
    USAGE = 2
    DEGRADED = 3
    MISSING = 4
    INVALID = 5
    HOST = 6
    LOCKED = 7


@dataclass(frozen=True)
class Diagnostic:
    """One problem: where it is (1-based line and column, 0 when unknown), what it is and how to fix it.

    The severity is error, warning, or note for what follows from an error. `mistyped` is for a value of another type
    than its key takes.
    """

    code: str
    message: str
    file: str = ""
    line: int = 0
    column: int = 0
    key: str = ""
    source: str = ""
    hint: str = ""
    severity: str = "error"
    mistyped: bool = False

    def location(self) -> str:
        """Return `file:line:col`, as far as it is known."""
        parts = [self.file] if self.file else []
        if self.file and self.line:
            parts += [str(self.line), str(self.column or 1)]
        return ":".join(parts)

    def headline(self) -> str:
        """Return the problem in one line: `file:line:col: key: message`."""
        return ": ".join(part for part in (self.location(), self.key, self.message) if part)

    def render(self) -> str:
        """Return the headline, the offending source line with a caret under its column, and the hint."""
        lines = [self.headline()]
        if self.source:
            lines += [f"  {self.source}", "  " + " " * (max(self.column, 1) - 1) + "^"]
        if self.hint:
            lines.append(f"  hint: {self.hint}")
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """Return the fields that are set, for the JSON envelope."""
        return {key: value for key, value in asdict(self).items() if value not in ("", 0) and key != "mistyped"}


def in_file_order(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Return the diagnostics sorted by file, line and column, each once."""
    return sorted(dict.fromkeys(diagnostics), key=lambda item: (item.file, item.line, item.column, item.key))


class ChainsawError(Exception):
    """A failure that is reported to the user with its diagnostics and its exit code."""

    def __init__(self, diagnostics: Diagnostic | Sequence[Diagnostic], code: Exit = Exit.FAILED) -> None:
        """Take one diagnostic or several, and the exit code of the command that fails with them."""
        self.diagnostics = [diagnostics] if isinstance(diagnostics, Diagnostic) else list(diagnostics)
        self.exit = code
        super().__init__("\n".join(item.headline() for item in self.diagnostics))


def invalid(diagnostics: Diagnostic | Sequence[Diagnostic]) -> ChainsawError:
    """Return the error for input that was refused before any effect."""
    return ChainsawError(diagnostics, Exit.INVALID)


def host_lacks(diagnostics: Diagnostic | Sequence[Diagnostic]) -> ChainsawError:
    """Return the error for a host that is not ready for what was asked."""
    return ChainsawError(diagnostics, Exit.HOST)
