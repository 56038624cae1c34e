"""A client that requests the same pages again and again, and records failures."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from .machine import Machine
from .web import ask

PAUSE = 0.5


class Watch:
    """A context in which pages are requested in turn; `failures` has those that failed."""

    def __init__(self, machine: Machine, urls: Sequence[str]) -> None:
        """Take the pages to ask for."""
        self.address, self.authority, self.urls = machine.address, machine.authority, urls
        self.failures: list[str] = []
        self.answers = 0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._ask_on)

    def __enter__(self) -> Watch:
        """Begin."""
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self.over.set()
        self.thread.join()

    def _ask_on(self) -> None:
        while not self.over.wait(PAUSE):
            for url in self.urls:
                try:
                    answer = ask(self.address, self.authority, "GET", url)
                except OSError as problem:
                    self.failures.append(f"{url}: {problem}")
                    continue
                self.answers += 1
                if answer.status != 200:
                    self.failures.append(f"{url}: {answer.status}")
