"""Somebody who visits an instance under test all the time, and counts what is not answered as it should be."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from chainsaw.host.web import shortfall
from chainsaw.work.trial.scene import Scene

PAUSE = 0.1


@dataclass
class Visits:
    """How many requests there were, and what was wrong with those that failed."""

    count: int = 0
    failed: list[str] = field(default_factory=list)


@contextmanager
def visited(scene: Scene, name: str) -> Iterator[Visits]:
    """Ask for the page of an instance again and again while the block runs."""
    visits, over, probe = Visits(), threading.Event(), scene.deployment(name).probe

    def visit() -> None:
        while not over.is_set():
            visits.count += 1
            try:
                problem = shortfall(scene.get(name, probe.path), probe)
            except OSError as error:
                problem = str(error)
            visits.failed += [problem] if problem else []
            over.wait(PAUSE)

    visitor = threading.Thread(target=visit, daemon=True)
    visitor.start()
    try:
        yield visits
    finally:
        over.set()
        visitor.join()
