"""Which backups are kept in one place: the newest of the last hours, days, weeks and months in which there is one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chainsaw.model.schedule import Keep


@dataclass(frozen=True)
class Item:
    """A backup of one instance in one place, with the hour, day, week and month of it as labels of the same calendar.

    `order` says which one is newer. `good` is whether it is complete, and nothing wrong was found in it. `future` is
    whether its time has not come yet: the clock was wrong when it was made, or is wrong now.
    """

    id: str
    order: int
    hour: str
    day: str
    week: str
    month: str
    good: bool = True
    future: bool = False


def doomed(kept: Sequence[Item], keep: Keep) -> list[Item]:
    """Return those that are to be deleted, the oldest first.

    The newest ones stay, and the newest good one. Of each kind of time span, the last ones in which there is a good one
    count, however long ago that was, and its newest good one stays. So time alone deletes nothing: it takes new
    backups. Those of the future are counted on their own, and take nobody's place.
    """
    stay = {item.id for future in (False, True) for item in _staying([it for it in kept if it.future is future], keep)}
    return [item for item in sorted(kept, key=_age) if item.id not in stay]


def _age(item: Item) -> tuple[int, str]:
    return item.order, item.id


def _staying(items: Sequence[Item], keep: Keep) -> list[Item]:
    newest = sorted(items, key=_age, reverse=True)
    good = [item for item in newest if item.good]
    found = [*newest[: keep.last], *good[:1]]
    found += _first_of_each([(item.hour, item) for item in good], keep.hourly)
    found += _first_of_each([(item.day, item) for item in good], keep.daily)
    found += _first_of_each([(item.week, item) for item in good], keep.weekly)
    found += _first_of_each([(item.month, item) for item in good], keep.monthly)
    return found


def _first_of_each(labelled: Sequence[tuple[str, Item]], count: int) -> list[Item]:
    """Return the first item of each of the first labels, at most so many."""
    first: dict[str, Item] = {}
    for label, item in labelled:
        first.setdefault(label, item)
    return list(first.values())[:count]
