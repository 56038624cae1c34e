"""What a use case is asked and returns, and how it tells what it is doing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from chainsaw.errors import Diagnostic, Exit


@dataclass(frozen=True)
class Table:
    """Rows of text under a heading."""

    heading: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Result:
    """Data for programs, a table and lines for people, diagnostics for both, and an exit code."""

    data: dict[str, Any]
    lines: tuple[str, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    exit: Exit = Exit.OK
    table: Table | None = None


@dataclass(frozen=True)
class Request:
    """What was asked for: some instances or all, a dry run, edited files overwritten, waiting for the lock.

    `why` is for those who read the history; what is not `recorded` leaves no trace there. A dry run that is
    `explained` shows the commands that it stands for; `timings` shows the seconds of each step.
    """

    names: tuple[str, ...] = ()
    dry_run: bool = False
    force: bool = False
    wait: bool = True
    command: str = "apply"
    why: str = ""
    recorded: bool = True
    explained: bool = False
    timings: bool = False


class Reporter(Protocol):
    """Where progress goes."""

    def doing(self, text: str) -> None:
        """Say what is being done now."""

    def note(self, text: str) -> None:
        """Say something that stays on the screen."""


@dataclass
class Quiet:
    """A reporter that keeps what it is told, and shows nothing."""

    told: list[str] = field(default_factory=list)

    def doing(self, text: str) -> None:
        """Keep the text."""
        self.told.append(text)

    def note(self, text: str) -> None:
        """Keep the text."""
        self.told.append(text)
