"""A limit of time and memory for what a stranger's template may take."""

from __future__ import annotations

import resource
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

SECONDS = 5.0
TOGETHER = 15.0
"""Seconds for one template, and for all of an instance."""
BYTES = 256 * 1024**2
PAGE = resource.getpagesize()
_LEFT: ContextVar[list[float]] = ContextVar("left")


@contextmanager
def together() -> Iterator[None]:
    """Run something in which all that is bounded may take fifteen seconds in sum."""
    token = _LEFT.set([TOGETHER])
    try:
        yield
    finally:
        _LEFT.reset(token)


@contextmanager
def bounded() -> Iterator[None]:
    """Run something that may take five seconds and 256 MB beyond what this process has.

    Raise TimeoutError or MemoryError for more. The time counts in the main thread alone: others get no signal.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    with open("/proc/self/statm", encoding="ascii") as file:
        wanted = int(file.read().split()[0]) * PAGE + BYTES
    limit = min([wanted, *(item for item in (soft, hard) if item != resource.RLIM_INFINITY)])
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    try:
        with _timed():
            yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@contextmanager
def _timed() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    left = _LEFT.get([SECONDS])
    if left[0] <= 0:
        raise TimeoutError(f"all templates of an instance take more than {TOGETHER:g} seconds")
    allowed, unused = min(SECONDS, left[0]), 0.0
    former = signal.signal(signal.SIGALRM, _stop)
    # Again and again: an error that is raised inside a destructor is lost.
    signal.setitimer(signal.ITIMER_REAL, allowed, 1.0)
    try:
        yield
        unused = signal.getitimer(signal.ITIMER_REAL)[0]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)
        left[0] -= allowed - unused


def _stop(number: int, frame: object) -> None:
    raise TimeoutError(
        f"it takes more than {SECONDS:g} seconds, or all templates of an instance more than {TOGETHER:g}"
    )
