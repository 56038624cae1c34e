"""When a certificate is asked for: the ledger of one host, and what follows from it; `now` is always told."""

from __future__ import annotations

from enum import StrEnum
from hashlib import sha256
from typing import Literal

from pydantic import Field

from chainsaw.model.base import Recorded

MINUTE = 60.0
HOUR = 60 * MINUTE
DAY = 24 * HOUR
DELAYS = (MINUTE, 10 * MINUTE, 100 * MINUTE, DAY)
"""How long to wait after so many failures in a row; the last one is for all that follow (Let's Encrypt's advice)."""
LONGEST_WAIT = 7 * DAY
"""What an authority may ask to wait at most: the longest period of Let's Encrypt's limits."""
SHORT_LIFE = 10 * DAY
KEPT = 20
"""How many failures are kept, the last ones."""
STALE = 3 * DAY
"""How long a window is believed that could not be asked for again."""


class Kind(StrEnum):
    """What an attempt failed of."""

    RATE_LIMITED = "rate-limited"
    UNAUTHORIZED = "unauthorized"
    CAA = "caa"
    DNS = "dns"
    CONNECTION = "connection"
    MALFORMED = "malformed"
    SERVER = "server"
    NO_NETWORK = "no-network"
    TIMEOUT = "timeout"
    REFUSED = "refused"
    SETTINGS = "settings"


OUTAGES = frozenset({Kind.SERVER, Kind.NO_NETWORK, Kind.RATE_LIMITED, Kind.TIMEOUT})
"""What another authority may not fail of."""


class Said(Recorded):
    """What an authority said of one identifier, or of the order as a whole when that is empty."""

    text: str
    identifier: str = ""


class Failure(Recorded):
    """One failed attempt, in seconds since 1970; `wait_until` is what the authority asked for, if it did."""

    at: float
    directory: str
    kind: Kind
    said: tuple[Said, ...] = ()
    wait_until: float | None = None

    @property
    def text(self) -> str:
        """What was said, in one line."""
        parts = [f"{item.identifier}: {item.text}" if item.identifier else item.text for item in self.said]
        return "; ".join(parts) or self.kind.value


class OpenOrder(Recorded):
    """An order that was not finished: its address, and the SHA-256 of the public key that it is for."""

    url: str
    directory: str
    key: str
    names: tuple[str, ...]
    since: float


class Window(Recorded):
    """When an authority suggests to renew a certificate (RFC 9773, 4.2), in seconds since 1970 by its own clock.

    `told` and `ask_again` are by this host's clock, which was `ahead` of the authority's by so many seconds then.
    """

    certificate: str
    start: float
    end: float
    told: float
    ask_again: float
    ahead: float = 0.0
    explanation: str = ""


class Issued(Recorded):
    """A certificate that was issued: its RFC 9773 identifier, by which directory, when, and its validity."""

    certificate: str
    directory: str
    at: float
    not_before: float
    not_after: float

    @property
    def lifetime(self) -> float:
        """For how many seconds it is valid."""
        return self.not_after - self.not_before


class Ledger(Recorded):
    """What is remembered of one host's certificate.

    `failures` are those since the last success, or the last KEPT of them; `failed` counts them all. `staged` is whether
    the staging directory has issued since the last failure.
    """

    format: Literal[1] = 1
    host: str
    attempted: float | None = None
    failures: tuple[Failure, ...] = Field(default=(), max_length=KEPT)
    failed: int = 0
    staged: bool = False
    order: OpenOrder | None = None
    issued: Issued | None = None
    window: Window | None = None
    next_attempt: float = 0.0


class Due(Recorded):
    """When the next attempt is, and why then."""

    at: float
    why: str


def with_attempt(ledger: Ledger, now: float) -> Ledger:
    """Return the ledger of a host for which an attempt starts."""
    return ledger.model_copy(update={"attempted": now})


def with_order(ledger: Ledger, order: OpenOrder | None) -> Ledger:
    """Return the ledger with the order that is open now, or with none."""
    return ledger.model_copy(update={"order": order})


def with_failure(ledger: Ledger, failure: Failure) -> Ledger:
    """Return the ledger after a failed attempt."""
    failures = (*ledger.failures, failure)[-KEPT:]
    changed = ledger.model_copy(update={"failures": failures, "failed": ledger.failed + 1, "staged": False})
    return _dated(changed, failure.at)


def with_staging(ledger: Ledger, now: float) -> Ledger:
    """Return the ledger after the staging directory has issued: the next attempt is at once, with the real one."""
    return ledger.model_copy(update={"staged": True, "next_attempt": now})


def with_certificate(ledger: Ledger, issued: Issued) -> Ledger:
    """Return the ledger after a success; what was known of the certificate before is forgotten."""
    told = {"issued": issued, "window": None, "failures": (), "failed": 0, "staged": False, "order": None}
    return _dated(ledger.model_copy(update=told), issued.at)


def with_window(ledger: Ledger, window: Window) -> Ledger:
    """Return the ledger with the window as it was told last."""
    return _dated(ledger.model_copy(update={"window": window}), window.told)


def _dated(ledger: Ledger, now: float) -> Ledger:
    return ledger.model_copy(update={"next_attempt": due(ledger, now).at})


def next_attempt(ledger: Ledger, now: float) -> float:
    """Return the earliest moment of the next attempt: `now`, unless attempts failed.

    It is never more than LONGEST_WAIT away, also when the clock was set back since.
    """
    if not ledger.failures or ledger.staged:
        return now
    last = ledger.failures[-1]
    delay = DELAYS[min(max(ledger.failed, 1), len(DELAYS)) - 1]
    after = min(last.at, now) + delay
    asked = min(last.wait_until or now, min(last.at, now) + LONGEST_WAIT)
    return max(now, after, asked)


def renewal_moment(not_before: float, not_after: float, window: Window | None, seed: str, now: float) -> float:
    """Return when to renew a certificate, in seconds since 1970 by the clock that its dates and `now` are of.

    With a window it is a moment inside it, always the same one for the same seed, or `now` when the window is over;
    otherwise when a third of the lifetime is left, or half of one under ten days. It is never in the last tenth.
    """
    lifetime = not_after - not_before
    if window is None or window.end <= window.start:
        return not_after - lifetime / (2 if lifetime < SHORT_LIFE else 3)
    if window.end <= now:
        return now
    moment = window.start + fraction(seed) * (window.end - window.start)
    return min(moment, not_after - lifetime / 10)


def fraction(seed: str) -> float:
    """Return a number from 0 to below 1 that belongs to a text."""
    return int.from_bytes(sha256(seed.encode()).digest()[:6], "big") / 2**48


def asks_again(ledger: Ledger, now: float) -> bool:
    """Return whether the renewal window of the certificate in use is to be asked for."""
    if ledger.issued is None or ledger.issued.not_after <= now:
        # An expired certificate has none (RFC 9773, 4.3).
        return False
    window = _window_of(ledger)
    return window is None or now >= window.ask_again or now < window.told


def due(ledger: Ledger, now: float) -> Due:
    """Return when the next attempt is, and why: by the window or the dates of the certificate, and by failures."""
    wanted = _renewal(ledger, now)
    earliest = next_attempt(ledger, now)
    if earliest <= max(now, wanted.at):
        return wanted
    last = ledger.failures[-1]
    asked = last.wait_until is not None and last.wait_until >= earliest
    times = "once" if ledger.failed == 1 else f"{ledger.failed} times"
    because = "the authority asked to wait" if asked else f"it failed {times}"
    return Due(at=earliest, why=f"{because}: {last.text}")


def _renewal(ledger: Ledger, now: float) -> Due:
    """Return when the certificate in use is to be renewed by itself."""
    issued, window = ledger.issued, _window_of(ledger)
    if issued is None:
        return Due(at=now, why="no authority has issued a certificate yet")
    if window is not None and not window.told <= now <= window.ask_again + STALE:
        # It was not told again for too long, or by a clock that was set back since.
        window = None
    ahead = window.ahead if window is not None else 0.0
    moment = renewal_moment(issued.not_before, issued.not_after, window, issued.certificate, now - ahead) + ahead
    if window is not None and window.end <= window.told - ahead:
        told = f" ({window.explanation})" if window.explanation else ""
        return Due(at=_after(issued, HOUR, now, moment), why=f"the authority asks to replace it now{told}")
    # A clock that is wrong would otherwise have every certificate renewed at once, up to the authority's limits.
    return Due(at=_after(issued, issued.lifetime / 10, now, moment), why=_reason(issued, window))


def _after(issued: Issued, pause: float, now: float, moment: float) -> float:
    """Return a moment, or a later one that is so long after the issuance, unless the clock was set back since."""
    return max(moment, issued.at + pause) if issued.at <= now else moment


def _reason(issued: Issued, window: Window | None) -> str:
    if window is not None and window.end > window.start:
        return "the authority suggests a window, and this moment in it was chosen at random"
    if issued.lifetime < SHORT_LIFE:
        return "half of its lifetime is left then, which is under 10 days"
    return "a third of its lifetime is left then"


def _window_of(ledger: Ledger) -> Window | None:
    """Return the window of the certificate in use; one that was told for another is of no use."""
    window, issued = ledger.window, ledger.issued
    return window if window is not None and issued is not None and window.certificate == issued.certificate else None
