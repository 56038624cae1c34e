"""Attempts to log in: who may try, whether it was right, and what is counted and logged if not."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pyotp

from .failures import Failures, counted_as
from .passwords import PATIENCE, BusyError, Passwords
from .store import Store
from .users import User, Users

LOG = logging.getLogger("login")
SHOWN = 64
WAITING = 12
"""So many requests may check passwords or wait for it; other threads stay free for sessions."""
TURNS = 64
STEP_SECONDS = 30
DRIFT = (0, -1, 1)


class WrongError(Exception):
    """User, password or code was wrong."""


class WaitError(Exception):
    """There were too many failures; nothing was checked."""

    def __init__(self, seconds: int) -> None:
        """Say how long to wait."""
        super().__init__(seconds)
        self.seconds = seconds


@dataclass(frozen=True)
class Origin:
    """Where an attempt comes from: an address, the same as it may be written, and what was asked for."""

    address: str
    shown: str
    instance: str

    @property
    def counted(self) -> str:
        """What its failures are counted under."""
        return counted_as(self.address)


class Attempts:
    """All attempts, in forms and in HTTP Basic."""

    def __init__(self, store: Store, passwords: Passwords, key: str) -> None:
        """Count in this store, which with the key knows an address again and without it tells none."""
        self._store = store
        self._passwords = passwords
        self._failures = Failures(store, key)
        self._used = store.section("used")
        self._room = threading.BoundedSemaphore(WAITING)
        self._turns = [threading.Lock() for _ in range(TURNS)]

    def password(self, origin: Origin, users: Users, name: str, password: str, now: float) -> User:
        """Return the user whose password this is."""
        return self._checked(origin, users.users.get(name), name, password, now, client=False)

    def client_password(self, origin: Origin, users: Users, name: str, password: str, now: float) -> User:
        """Return the user whose password for clients this is: without a second factor, the one of the form is not."""
        return self._checked(origin, users.users.get(name), name, password, now, client=True)

    def code(self, origin: Origin, user: User, code: str, now: float) -> None:
        """Take a code of a user whose password was right."""
        with self._turn(origin):
            wait = max(self._failures.wait(origin.counted, user.name, now), self._failures.code_wait(user.name, now))
            if wait:
                raise WaitError(wait)
            step = _step(user.totp or "", code, now)
            if step is not None and self._take(user.name, step, now):
                self._store.write()
                return
            self._failures.code_failed(user.name, now)
            raise self._failed(origin, user.name, "code", now)

    def _checked(
        self, origin: Origin, user: User | None, name: str, password: str, now: float, *, client: bool
    ) -> User:
        stored = user.password if user else None
        if client and user:
            stored = user.client or (None if user.totp else user.password)
        with self._turn(origin):
            wait = self._failures.wait(origin.counted, name, now)
            if wait:
                raise WaitError(wait)
            if self._passwords.right(stored, password) and user:
                return user
            raise self._failed(origin, name, "client" if client else "password", now)

    def _failed(self, origin: Origin, name: str, what: str, now: float) -> WrongError:
        count = self._failures.failed(origin.counted, name, now)
        LOG.warning("failure address=%s user=%s instance=%s what=%s count=%d", *_where(origin, name), what, count)
        return WrongError()

    def _take(self, name: str, step: int, now: float) -> bool:
        """Take the code of a step unless it was used; of other users' codes those are kept that could still be sent."""
        with self._store.lock:
            # A step far ahead was noted before the clock was set back.
            if step <= int(self._used.get(name, -1)) <= now // STEP_SECONDS + 2:
                return False
            for other in [other for other, at in self._used.items() if at < step - 2]:
                del self._used[other]
            self._used[name] = step
            return True

    @contextmanager
    def _turn(self, origin: Origin) -> Iterator[None]:
        """One attempt of an address at a time, so that each knows of the failures before it."""
        turn = self._turns[hash(origin.counted) % TURNS]
        if not self._room.acquire(blocking=False):
            raise BusyError
        try:
            if not turn.acquire(timeout=PATIENCE):
                raise BusyError
            try:
                yield
            finally:
                turn.release()
        finally:
            self._room.release()


def log(event: str, origin: Origin, name: str) -> None:
    """Log what is no failure."""
    LOG.info("%s address=%s user=%s instance=%s", event, *_where(origin, name))


def _where(origin: Origin, name: str) -> tuple[str, str, str]:
    """Return words without control characters, whatever was sent."""
    address = origin.shown if counted_as(origin.shown) != "unknown" else "unknown"
    return (address, ascii(name[:SHOWN]), ascii(origin.instance[:SHOWN]))


def _step(secret: str, code: str, now: float) -> int | None:
    """Return the step that a code is of, if it is one of now."""
    totp = pyotp.TOTP(secret, interval=STEP_SECONDS)
    current = int(now // STEP_SECONDS)
    steps = [
        current + drift
        for drift in DRIFT
        if pyotp.utils.strings_equal(code, totp.generate_otp(max(0, current + drift)))
    ]
    return max(steps, default=None)
