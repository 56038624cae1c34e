"""Locks, held by the kernel: they are released when the process that holds them ends."""

from __future__ import annotations

import fcntl
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from chainsaw.errors import ChainsawError, Diagnostic, Exit

_HELD = threading.local()


@dataclass
class _Hold:
    """A lock that this thread holds: the open file, for which command, and how often it was taken."""

    descriptor: int
    reason: str
    taken: int = 1


def held_paths() -> frozenset[str]:
    """Return the lock files that this thread holds."""
    return frozenset(_held())


def _held() -> dict[str, _Hold]:
    held: dict[str, _Hold] = _HELD.__dict__.setdefault("locks", {})
    return held


@contextmanager
def locked(path: str, reason: str, *, wait: bool, waiting: Callable[[str], None], kept: bool = True) -> Iterator[None]:
    """Hold a lock; report to `waiting` who has it, or raise ChainsawError at once without `wait`.

    Whoever holds it already may take it again: one command is made of others. Two commands that wait for each other
    would wait for ever, so a lock that may have to be waited for is taken in the order of the paths: it is an error in
    chainsaw to hold one that comes later. A file that is not `kept` goes with its holder.
    """
    held = _held()
    if path in held:
        held[path].taken += 1
        try:
            yield
        finally:
            held[path].taken -= 1
        return
    later = [other for other in held if other > path]
    assert not wait or not later, f"{path} is taken after {later}"
    hold = _Hold(_acquire(path, wait, waiting), reason)
    try:
        _name_holder(hold)
        held[path] = hold
        yield
    finally:
        held.pop(path, None)
        if not kept:
            os.unlink(path)
        os.close(hold.descriptor)


@contextmanager
def released(path: str, waiting: Callable[[str], None]) -> Iterator[None]:
    """Let others take a lock that this thread holds, and then wait until it can be held again.

    A lock that was taken twice is not released: the outer command counts on it. The file of the lock must be `kept`.
    """
    held = _held()
    hold = held.get(path)
    if hold is None or hold.taken > 1:
        yield
        return
    del held[path]
    fcntl.flock(hold.descriptor, fcntl.LOCK_UN)
    try:
        yield
    finally:
        _lock(hold.descriptor, True, waiting)
        _name_holder(hold)
        held[path] = hold


def _name_holder(hold: _Hold) -> None:
    note = {"pid": os.getpid(), "command": hold.reason, "since": time.strftime("%H:%M:%S")}
    os.ftruncate(hold.descriptor, 0)
    os.pwrite(hold.descriptor, json.dumps(note).encode(), 0)


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
        raise ChainsawError(Diagnostic("locked", f"another chainsaw is running: {holder}", hint=hint), Exit.LOCKED)
    waiting(f"waiting for another chainsaw: {holder}")
    fcntl.flock(descriptor, fcntl.LOCK_EX)


def _holder(descriptor: int) -> str:
    try:
        note = json.loads(os.pread(descriptor, 4096, 0))
        return f"{note['command']} (process {note['pid']}, since {note['since']})"
    except (ValueError, KeyError, TypeError):
        return "unknown"
