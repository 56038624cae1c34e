"""What is under way: begun before the first effect, done after the last, in an append-only file."""

from __future__ import annotations

import json
import time
from collections.abc import Collection
from typing import Any

from chainsaw.host import files
from chainsaw.model.paths import Paths

FORMAT = 1
JOURNAL_LINES = 500


def write_journal(paths: Paths, event: str, **details: Any) -> None:
    """Append what happens, or is about to, to the journal."""
    line = {"format": FORMAT, "at": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "event": event, **details}
    files.append_line(paths.journal, json.dumps(line))


def is_unfinished(paths: Paths) -> bool:
    """Tell whether the last thing begun was not brought to its end."""
    lines = (files.read_text(paths.journal) or "").splitlines()
    for line in reversed(lines):
        try:
            event = json.loads(line)["event"]
        except (ValueError, KeyError, TypeError):
            continue
        if event in ("begin", "done"):
            return bool(event == "begin")
    return False


def write_stopped(paths: Paths, name: str, units: Collection[str]) -> None:
    """Write down, before an instance is stopped for a while, which of its units are up."""
    write_journal(paths, "stopped", instance=name, units=list(units))


def write_started(paths: Paths, name: str) -> None:
    """Write down that an instance is up as it was before."""
    write_journal(paths, "started", instance=name)


def stopped(paths: Paths) -> dict[str, tuple[str, ...]]:
    """Return the units to start of each instance that was stopped for a while and not started again."""
    found: dict[str, tuple[str, ...]] = {}
    for line in (files.read_text(paths.journal) or "").splitlines():
        # Most lines are of another kind, and every command that changes something reads them.
        if '"stopped"' not in line and '"started"' not in line:
            continue
        try:
            entry = json.loads(line)
            if entry["event"] == "stopped":
                found[str(entry["instance"])] = tuple(map(str, entry["units"]))
            elif entry["event"] == "started":
                found.pop(str(entry["instance"]), None)
        except (ValueError, KeyError, TypeError):
            continue
    return found


def trim_journal(paths: Paths) -> None:
    """Keep the journal's last lines."""
    lines = (files.read_text(paths.journal) or "").splitlines()
    if len(lines) > 2 * JOURNAL_LINES:
        files.write_atomic(paths.journal, ("\n".join(lines[-JOURNAL_LINES:]) + "\n").encode())
