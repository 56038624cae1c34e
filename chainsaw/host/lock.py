"""The one lock of a site: held by the kernel, so that it never outlives its holder."""

from __future__ import annotations

import fcntl
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from chainsaw.errors import ChainsawError, Diagnostic, Exit

_HELD = threading.local()


@contextmanager
def locked(path: str, reason: str, *, wait: bool, waiting: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock; tell `waiting` who has it, or raise ChainsawError at once without `wait`.

    Whoever holds it already may take it again: one command is made of others.
    """
    held: set[str] = _HELD.__dict__.setdefault("paths", set())
    if path in held:
        yield
        return
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _acquire(descriptor, wait, waiting)
        note = {"pid": os.getpid(), "command": reason, "since": time.strftime("%H:%M:%S")}
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(note).encode(), 0)
        held.add(path)
        yield
    finally:
        held.discard(path)
        os.close(descriptor)


def _acquire(descriptor: int, wait: bool, waiting: Callable[[str], None]) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return
    except BlockingIOError:
        holder = _holder(descriptor)
    if not wait:
        hint = "wait until it is done, or leave --no-wait away"
        raise ChainsawError(Diagnostic("locked", f"another chainsaw is at work: {holder}", hint=hint), Exit.LOCKED)
    waiting(f"waiting for another chainsaw: {holder}")
    fcntl.flock(descriptor, fcntl.LOCK_EX)


def _holder(descriptor: int) -> str:
    try:
        note = json.loads(os.pread(descriptor, 4096, 0))
        return f"{note['command']} (process {note['pid']}, since {note['since']})"
    except (ValueError, KeyError, TypeError):
        return "unknown"
