"""Clients that write to an application all the time, and one that reads: what was acknowledged, and what failed."""

from __future__ import annotations

import hashlib
import random
import threading
from collections.abc import Callable
from functools import partial

from .machine import wait

CLIENTS = 2


class Writers:
    """A context in which clients write; `written` has how many writes of each are acknowledged, over all times.

    Each client numbers its writes from 0 on. It ends with its first failure, which `failures` has.
    """

    def __init__(self, write: Callable[[int, int], object], read: Callable[[], object]) -> None:
        """Take what writes, for a client and a number, and what reads; each raises when that fails."""
        self.write, self.read = write, read
        self.written = [0] * CLIENTS
        self.answers = 0
        self.failures: list[str] = []
        self.over = threading.Event()
        self.threads: list[threading.Thread] = []

    def __enter__(self) -> Writers:
        """Begin, or go on."""
        self.over.clear()
        targets: list[Callable[[], None]] = [
            self._read_on,
            *(partial(self._write_on, client) for client in range(CLIENTS)),
        ]
        self.threads = [threading.Thread(target=target) for target in targets]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Let each client end what it is at."""
        self.over.set()
        for thread in self.threads:
            thread.join()

    def acknowledged(self) -> list[int]:
        """Return how many writes of each client are acknowledged by now."""
        return list(self.written)

    def go_on(self, count: int) -> None:
        """Wait until each client has written that many times more."""
        before = self.acknowledged()
        far = wait(lambda: all(now >= then + count for then, now in zip(before, self.written, strict=True)), 60)
        assert far, f"{before} {self.written} {self.failures}"

    def _read_on(self) -> None:
        while not self.over.wait(0.1):
            if not self._succeeds(self.read):
                return
            self.answers += 1

    def _write_on(self, client: int) -> None:
        while not self.over.is_set():
            if not self._succeeds(partial(self.write, client, self.written[client])):
                return
            self.written[client] += 1

    def _succeeds(self, ask: Callable[[], object]) -> bool:
        try:
            ask()
        except (AssertionError, OSError) as problem:
            self.failures.append(repr(problem)[:2000])
            return False
        return True


def noise(client: int, number: int, length: int) -> bytes:
    """Return bytes that are others for each write, and always the same for one."""
    return random.Random(f"{client} {number}").randbytes(length)


def sealed(client: int, number: int, length: int = 4000) -> str:
    """Return a text that is known as whole, and as that of one write."""
    text = f"{client} {number} {noise(client, number, length).hex()}"
    return f"{text} {hashlib.sha256(text.encode()).hexdigest()}"


def opened(text: str) -> tuple[int, int]:
    """Return of which client and which write a text is; fail when it is not whole."""
    client, number, *_ = text.split()
    assert text.strip() == sealed(int(client), int(number), len(text.split()[2]) // 2), "it is not whole"
    return int(client), int(number)
