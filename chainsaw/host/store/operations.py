"""The journal of operations, an append-only file.

Before a generation becomes current: `begin`, with the instances that are changed. Once all that concerns the site is
done: `switched`. When the instances have started and answered, or were rolled back: `done`, with their names. Between
`switched` and `done` other commands may switch.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from chainsaw.host import files
from chainsaw.model.paths import Paths

FORMAT = 2
JOURNAL_LINES = 500


def write_journal(paths: Paths, event: str, **details: Any) -> None:
    """Append an event to the journal."""
    files.append_line(paths.journal, _line(event, **details))


def _line(event: str, **details: Any) -> str:
    line = {"format": FORMAT, "at": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "event": event, **details}
    return json.dumps(line)


def write_begin(paths: Paths, generation: int, former: int, instances: Collection[str]) -> None:
    """Record that a generation is about to become current, and which instances it changes."""
    write_journal(paths, "begin", generation=generation, former=former, instances=sorted(instances))


def write_switched(paths: Paths, generation: int) -> None:
    """Record that all of a generation that concerns the site is done; its instances may still be starting."""
    write_journal(paths, "switched", generation=generation)


def write_done(paths: Paths, generation: int, instances: Collection[str]) -> None:
    """Record that instances run as they should in a generation, or were rolled back."""
    write_journal(paths, "done", generation=generation, instances=sorted(instances))


@dataclass(frozen=True)
class Unfinished:
    """What has started and is not finished: a switch to another generation, and the instances that are not proven."""

    switch: bool = False
    instances: frozenset[str] = frozenset()


def unfinished(paths: Paths) -> Unfinished:
    """Return what no `switched` and no `done` ended; a `done` of format 1 names no instances and ends all."""
    switch, instances = False, set[str]()
    for entry in _entries(paths, "begin", "switched", "done"):
        named = entry.get("instances")
        names = {str(name) for name in named} if isinstance(named, list) else None
        match entry["event"]:
            case "begin":
                switch, instances = True, instances | (names or set())
            case "switched":
                switch = False
            case "done" if names is None:
                switch, instances = False, set()
            case "done":
                instances -= names or set()
    return Unfinished(switch, frozenset(instances))


def _entries(paths: Paths, *events: str) -> Iterator[dict[str, Any]]:
    quoted = [f'"{event}"' for event in events]
    for line in (files.read_text(paths.journal) or "").splitlines():
        # Parsing only these lines saves time.
        if not any(event in line for event in quoted):
            continue
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and entry.get("event") in events:
            yield entry


def write_stopped(paths: Paths, name: str, units: Collection[str]) -> None:
    """Record which units of an instance are up, before it is stopped for a while."""
    write_journal(paths, "stopped", instance=name, units=list(units))


def write_started(paths: Paths, name: str) -> None:
    """Record that an instance is up again as before."""
    write_journal(paths, "started", instance=name)


def stopped(paths: Paths) -> dict[str, tuple[str, ...]]:
    """Return the units to start of each instance that was stopped for a while and not started again."""
    found: dict[str, tuple[str, ...]] = {}
    for entry in _entries(paths, "stopped", "started"):
        try:
            if entry["event"] == "stopped":
                found[str(entry["instance"])] = tuple(map(str, entry["units"]))
            else:
                found.pop(str(entry["instance"]), None)
        except (KeyError, TypeError):
            continue
    return found


def trim_journal(paths: Paths) -> None:
    """Keep the journal's last lines, after what is still open from earlier ones."""
    lines = (files.read_text(paths.journal) or "").splitlines()
    if len(lines) <= 2 * JOURNAL_LINES:
        return
    still, down = unfinished(paths), stopped(paths)
    first = [] if still == Unfinished() else [_line("begin", instances=sorted(still.instances))]
    first += [] if still.switch or not first else [_line("switched")]
    first += [_line("stopped", instance=name, units=list(units)) for name, units in down.items()]
    files.write_atomic(paths.journal, ("\n".join([*first, *lines[-JOURNAL_LINES:]]) + "\n").encode())
