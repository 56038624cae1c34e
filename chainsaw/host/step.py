"""Steps: the effects of a command on instances, sources and recipes, so that a test can interrupt it at each."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

VARIABLE = "CHAINSAW_FAULT"
LIST = "CHAINSAW_STEPS"


class Steps:
    """Counts, names and times the effects of one command.

    For tests, the variable CHAINSAW_FAULT holds `kill:N` or `error:N`: the process is killed, or an OSError is raised,
    right before step N (1-based) takes effect; `kill:N+` and `error:N+` mean right after it. Steps are counted over
    all parts of a command. The variable CHAINSAW_STEPS names a file to which the name of each step is appended.
    """

    def __init__(self, fault: str | None = None) -> None:
        """Take a fault, or read it from the environment."""
        asked = os.environ.get(VARIABLE, "") if fault is None else fault
        kind, _, place = asked.partition(":")
        self.kind, self.after = kind, place.endswith("+")
        self.place = int(place.rstrip("+") or 0) if place else 0
        self.list = os.environ.get(LIST, "") if fault is None else ""
        self.done: list[str] = []
        self.timings: list[tuple[str, float]] = []

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Run one effect; its name is listed in `done`, in order, and its seconds in `timings`."""
        self.done.append(name)
        if self.list:
            with open(self.list, "a") as file:
                file.write(f"{name}\n")
        self._strike(after=False)
        with self.timed(name):
            yield
        self._strike(after=True)

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Record how many seconds something takes that is not an effect."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.timings.append((name, time.monotonic() - began))

    def _strike(self, after: bool) -> None:
        if len(self.done) != self.place or after != self.after:
            return
        if self.kind == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        raise OSError(f"fault injected at step {self.place}: {self.done[-1]}")
