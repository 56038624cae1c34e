"""Locks: held by the kernel, so that none outlives its holder."""

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


def held_paths() -> frozenset[str]:
    """Return the lock files that this thread holds."""
    return frozenset(_held())


def _held() -> set[str]:
    held: set[str] = _HELD.__dict__.setdefault("paths", set())
    return held


@contextmanager
def locked(path: str, reason: str, *, wait: bool, waiting: Callable[[str], None], kept: bool = True) -> Iterator[None]:
    """Hold a lock; tell `waiting` who has it, or raise ChainsawError at once without `wait`.

    Whoever holds it already may take it again: one command is made of others. Two commands that wait for each other
    would wait for ever, so a lock that may have to be waited for is taken in the order of the paths: it is an error in
    chainsaw to hold one that comes later. A file that is not `kept` goes with its holder.
    """
    held = _held()
    if path in held:
        yield
        return
    later = [other for other in held if other > path]
    assert not wait or not later, f"{path} is taken after {later}"
    descriptor = _acquire(path, wait, waiting)
    try:
        note = {"pid": os.getpid(), "command": reason, "since": time.strftime("%H:%M:%S")}
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(note).encode(), 0)
        held.add(path)
        yield
    finally:
        held.discard(path)
        if not kept:
            os.unlink(path)
        os.close(descriptor)


def _acquire(path: str, wait: bool, waiting: Callable[[str], None]) -> int:
    """Return a descriptor that holds the lock of the file at a path; its last holder may have deleted it."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _lock(descriptor, wait, waiting)
            if _is_at(path, descriptor):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _is_at(path: str, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _lock(descriptor: int, wait: bool, waiting: Callable[[str], None]) -> None:
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
