"""Questions whose answers may take their time, asked side by side, and waited for only so long."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TypeVar

ABREAST = 16
"""So many at a time: a resolver drops what comes as one burst, and what is dropped is asked again after seconds."""
Value = TypeVar("Value")


def answers(calls: Mapping[str, Callable[[], Value]], patience: float) -> Callable[[], dict[str, Value]]:
    """Begin all calls, a few at a time; return the function that waits for them and returns what came in time.

    `patience` is in seconds from now. A resolver that does not answer cannot be interrupted: nobody waits for it.
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
