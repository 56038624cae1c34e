"""Asking an authority again and again, until it has decided or the time is over."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from chainsaw.host.acme.failure import AcmeError
from chainsaw.host.acme.session import Session
from chainsaw.model.renewal import Kind

State = TypeVar("State")
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 10.0
PASSING = frozenset({Kind.SERVER, Kind.NO_NETWORK, Kind.TIMEOUT, Kind.RATE_LIMITED})
"""What a single question may fail of, without the order being lost."""


class Deadline:
    """The end of an attempt, by the clock of its session that nobody sets."""

    def __init__(self, session: Session, seconds: float) -> None:
        """Begin now, for so many seconds."""
        self.session = session
        self.seconds = seconds
        self.at = session.clock.monotonic() + seconds

    def poll(self, what: str, read: Callable[[], State], is_decided: Callable[[State], bool]) -> State:
        """Return a state once it is decided; what the authority asks to wait is waited.

        Raise AcmeError when the time is over: with what the last question failed of, if it did.
        """
        pause = FIRST_PAUSE
        while True:
            failed: AcmeError | None = None
            try:
                state = read()
                if is_decided(state):
                    return state
                asked = self.session.wait
            except AcmeError as error:
                if error.kind not in PASSING:
                    raise
                failed, asked = error, error.wait
            wait = max(pause, asked or 0.0)
            if self.session.clock.monotonic() + wait > self.at:
                raise failed or self._too_late(what, asked)
            self.session.clock.sleep(wait)
            pause = min(pause * 1.5, LONGEST_PAUSE)

    def _too_late(self, what: str, asked: float | None) -> AcmeError:
        text = f"{what}: the authority has not decided within {self.seconds:.0f} seconds; the next attempt goes on here"
        return AcmeError(Kind.TIMEOUT, text, asked)
