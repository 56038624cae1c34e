"""Another chainsaw at work on the same site."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from chainsaw.host.lock import locked


@contextmanager
def another_chainsaw(path: str, command: str) -> Iterator[None]:
    """Let somebody else hold a site's lock, for a command, as long as the context lasts."""
    held, go = threading.Event(), threading.Event()

    def hold() -> None:
        with locked(path, command, wait=True, waiting=lambda text: None):
            held.set()
            go.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(10)
    try:
        yield
    finally:
        go.set()
        thread.join()
