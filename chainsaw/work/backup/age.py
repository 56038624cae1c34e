"""The age of a backup on the calendar, by which it is kept or deleted."""

from __future__ import annotations

import time

from chainsaw.plan.backups import SLACK
from chainsaw.plan.retention import Item


def item_of(id: str, at: int, good: bool, now: float) -> Item:  # noqa: A002  # it is called so in the backup
    """Return a backup as retention sees it, in UTC: made at a time, in seconds since 1970, and good or not."""
    moment = time.gmtime(at)
    hour, day, week, month = (time.strftime(form, moment) for form in ("%Y-%m-%d %H", "%Y-%m-%d", "%G-%V", "%Y-%m"))
    return Item(id, at, hour, day, week, month, good, future=at - now > SLACK)
