"""What is under way: begun before the first effect, done after the last, in an append-only file."""

from __future__ import annotations

import json
import time
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
        return bool(event == "begin")
    return False


def trim_journal(paths: Paths) -> None:
    """Keep the journal's last lines."""
    lines = (files.read_text(paths.journal) or "").splitlines()
    if len(lines) > 2 * JOURNAL_LINES:
        files.write_atomic(paths.journal, ("\n".join(lines[-JOURNAL_LINES:]) + "\n").encode())
