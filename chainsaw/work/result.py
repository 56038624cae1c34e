"""What a command takes and returns, and how it reports progress."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from chainsaw.errors import Diagnostic, Exit


@dataclass(frozen=True)
class Table:
    """Rows of text under a heading.

    The cells of the columns in `numbers` stand on the right. Each row may have a bar, whose length is a part of the
    longest, from 0 to 1.
    """

    heading: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...] = ()
    numbers: tuple[int, ...] = ()
    bars: tuple[float, ...] = ()


@dataclass(frozen=True)
class Result:
    """Data for programs, a table, lines and further tables for people, diagnostics for both, and an exit code."""

    data: dict[str, Any]
    lines: tuple[str, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    exit: Exit = Exit.OK
    table: Table | None = None
    further: tuple[Table, ...] = ()


@dataclass(frozen=True)
class Request:
    """The options of a command: some instances or all, a dry run, overwriting edited files, waiting for the lock.

    `why` is shown in the history; without `recorded` nothing is written there. A dry run that is `explained` shows the
    equivalent commands; `timings` shows the seconds of each step. A purge that `prunes` deletes what is unused then. An
    apply that `keeps` leaves an instance that does not work as it is, instead of rolling it back.
    `texts` are texts of the admin's files that a dry run takes in the place of those on disk, None for one to delete.
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
    prunes: bool = True
    texts: Mapping[str, str | None] = field(default_factory=dict)
    keeps: bool = False


class Reporter(Protocol):
    """Shows progress."""

    def doing(self, text: str) -> None:
        """Show what is being done now."""

    def note(self, text: str) -> None:
        """Show a line that stays on the screen."""


@dataclass
class Quiet:
    """A reporter that keeps its messages, and shows nothing."""

    messages: list[str] = field(default_factory=list)

    def doing(self, text: str) -> None:
        """Keep the text."""
        self.messages.append(text)

    def note(self, text: str) -> None:
        """Keep the text."""
        self.messages.append(text)
