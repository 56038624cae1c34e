"""Several slow questions at a time, with a time after which those that are still open count as not answered."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TypeVar

Value = TypeVar("Value")

ABREAST = 16
"""How many calls run at a time: a resolver drops some of many requests at once, and each is repeated after seconds."""


def answers(calls: Mapping[str, Callable[[], Value]], patience: float) -> Callable[[], dict[str, Value]]:
    """Start all calls, a few at a time; return the function that waits for them and returns the results in time.

    `patience` is in seconds from now. A call to a resolver that does not answer cannot be interrupted; it is left
    running in its thread.
    """
    deadline = time.monotonic() + patience
    waiting, found = deque(calls.items()), dict[str, Value]()

    def work() -> None:
        with suppress(IndexError):
            while True:
                name, call = waiting.popleft()
                with suppress(OSError):
                    found[name] = call()

    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(len(calls), ABREAST))]
    for thread in threads:
        thread.start()

    def wait() -> dict[str, Value]:
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return dict(found)

    return wait
