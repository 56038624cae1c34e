"""What an answer says about time: how long to wait, and what the authority's clock is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from chainsaw.model.renewal import LONGEST_WAIT


def date_of(headers: Mapping[str, str]) -> float | None:
    """Return the authority's time when it answered, in seconds since 1970, or None when it does not say."""
    return _date(headers.get("Date", ""))


def wait_of(headers: Mapping[str, str], now: float) -> float | None:
    """Return for how many seconds to wait (RFC 9110, 10.2.3), at most LONGEST_WAIT; None when that is not said.

    A date is compared with the authority's own clock if it tells it, so that this host's may be wrong.
    """
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return min(float(value[:12]), LONGEST_WAIT)
    moment = _date(value)
    if moment is None:
        return None
    told = date_of(headers)
    return min(max(moment - (now if told is None else told), 0.0), LONGEST_WAIT)


def moment_of(text: str) -> float:
    """Return an RFC 3339 date in seconds since 1970; raise ValueError or TypeError for anything else."""
    found = datetime.fromisoformat(text)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _date(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
