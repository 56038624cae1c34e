"""Which conditions need attention, and which of them a channel has to be told of: each change once.

A condition counts when two looks in a row have seen it, and so does its end: what is seen for a moment is not told.
What comes back within a week has to be gone for three times as many looks as before, a day at most.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from chainsaw.checks.check import Check
from chainsaw.model.notified import Condition, Grade, Notified, Sending, Told

HOUR, DAY, WEEK = 3600.0, 86400.0, 7 * 86400.0
CONFIRMED = 2
"""In how many looks a row something has to be seen."""
LONGEST = 288
"""After how many looks what comes and goes is over at last: a day of them."""
PERIOD = 300.0
"""Seconds between two looks."""
MOST = 20
"""How many messages a channel gets within a day; what changes then is told with the first of the next."""
ALARMING: dict[str, Grade] = {
    "generation": "fail",
    "certificate": "warn",
    "local authority": "warn",
    "renewal": "warn",
    "disk": "warn",
    "instance": "fail",
    "front": "fail",
    "front socket": "fail",
    "limits of logs": "fail",
    "logins": "fail",
    "timer": "fail",
    "mail socket": "fail",
    "notify": "warn",
    "backup": "warn",
    "drill": "warn",
}
"""The topics of checks that are told, and from which state on: a check of another one is told once it is among them."""
RANK: dict[Grade, int] = {"ok": 0, "warn": 1, "fail": 2}
GONE = "is not there any more"


@dataclass(frozen=True)
class Change:
    """What a channel has to be told: a condition, and the state of it that it was told last."""

    before: Grade
    condition: Condition


def grade(check: Check) -> Grade | None:
    """Return what the state of a check means here, None where it is not known; a small trouble may count as none."""
    least = ALARMING.get(check.topic)
    if least is None or check.state == "unknown":
        return None
    return check.state if RANK[check.state] >= RANK[least] else "ok"


def looked(
    record: Notified, checks: Sequence[Check], topics: Collection[str], channels: Collection[str], now: float
) -> Notified:
    """Return the record after a look; `topics` are those that were looked at as a whole, `now` seconds since 1970.

    What is not known stays as it was. What is not among the checks of such a topic any more is no condition.
    """
    seen = {(check.topic, check.subject): check for check in checks if check.topic in ALARMING}
    found = []
    for item in record.conditions:
        check = seen.pop((item.topic, item.subject), None)
        if check is None and item.topic in topics:
            check = Check(item.topic, "ok", GONE, subject=item.subject)
        now_graded = grade(check) if check else None
        found.append(_seen(item, now_graded, check, now) if check and now_graded else item)
    for check in seen.values():
        if (now_graded := grade(check)) and now_graded != "ok":
            found.append(_seen(Condition(topic=check.topic, subject=check.subject), now_graded, check, now))
    kept = [_pruned(item, channels) for item in found if not _is_past(item, channels, now)]
    return record.model_copy(
        update={
            "looked": now,
            "conditions": tuple(sorted(kept, key=lambda item: (-RANK[item.state], item.topic, item.subject))),
            "channels": {name: record.channel(name) for name in channels},
        }
    )


def _seen(item: Condition, state: Grade, check: Check, now: float) -> Condition:
    words = {"found": check.found, "hint": check.hint}
    if state == item.state:
        return item.model_copy(update={"coming": None, "looks": 0, **words})
    worse = RANK[state] > RANK[item.state]
    on_its_way = item.coming is not None and (RANK[item.coming] > RANK[item.state]) == worse
    looks = item.looks + 1 if on_its_way else 1
    calm = bool(item.since) and now - item.since > WEEK
    returns = 0 if calm else item.returns
    if looks < (CONFIRMED if worse else min(CONFIRMED * 3**returns, LONGEST)):
        return item.model_copy(update={"coming": state, "looks": looks, **({} if item.since else words)})
    came_back = worse and item.bettered and not calm
    now_so = {"state": state, "since": now, "coming": None, "looks": 0, **words}
    return item.model_copy(update={**now_so, "returns": returns + came_back, "bettered": item.bettered or not worse})


def _is_past(item: Condition, channels: Collection[str], now: float) -> bool:
    """Return whether nothing of a condition matters any more: it never counted, or is over and told."""
    if item.state != "ok" or item.coming is not None:
        return False
    told = all(item.told[name].state == "ok" for name in channels if name in item.told)
    return not item.since or (told and now - item.since > WEEK)


def _pruned(item: Condition, channels: Collection[str]) -> Condition:
    return item.model_copy(update={"told": {name: told for name, told in item.told.items() if name in channels}})


def untold(record: Notified, channel: str) -> list[Change]:
    """Return the changes that a channel was not told of; of itself it need not be told."""
    return [
        Change(before, item)
        for item in record.conditions
        if (before := item.told[channel].state if channel in item.told else "ok") != item.state
        and (item.topic, item.subject) != ("notify", channel)
    ]


def present(record: Notified) -> Iterator[Condition]:
    """Yield the conditions that need attention."""
    return (item for item in record.conditions if item.state != "ok")


def may_send(sending: Sending, now: float) -> bool:
    """Return whether a channel is to be tried now: what failed waits longer and longer, and a day has MOST messages.

    A time in the future is that of a clock which was wrong, and does not count.
    """
    waits = 0.0 < sending.retry - now <= HOUR
    return not waits and len(of_today(sending, now)) < MOST


def of_today(sending: Sending, now: float) -> tuple[float, ...]:
    """Return when a channel got messages within the last day."""
    return tuple(at for at in sending.sent if 0.0 <= now - at < DAY)


def told(record: Notified, channel: str, changes: Sequence[Change], now: float) -> Notified:
    """Return the record after a channel took a message with some changes."""
    names = {(change.condition.topic, change.condition.subject): change.condition.state for change in changes}
    conditions = [
        item.model_copy(update={"told": {**item.told, channel: Told(state=state, at=now)}})
        if (state := names.get((item.topic, item.subject)))
        else item
        for item in record.conditions
    ]
    sending = record.channel(channel)
    works = Sending(sent=(*of_today(sending, now), now), last=now, summary=sending.summary)
    return record.model_copy(update={"conditions": tuple(conditions), "channels": {**record.channels, channel: works}})


def not_sent(record: Notified, channel: str, problem: str, now: float) -> Notified:
    """Return the record after a channel did not take a message: nothing counts as told, and it is tried again later."""
    before = record.channel(channel)
    wait = min(PERIOD * 2.0**before.failed, HOUR)
    # A little less, so that the look at that very time is not too early.
    update = {
        "failed": before.failed + 1,
        "since": before.since or now,
        "retry": now + wait - PERIOD / 2,
        "problem": problem,
    }
    return record.model_copy(update={"channels": {**record.channels, channel: before.model_copy(update=update)}})


def works_again(record: Notified, channels: Collection[str]) -> Notified:
    """Return the record after channels were found to work, without a message on changes."""
    fine = {"failed": 0, "since": 0.0, "retry": 0.0, "problem": ""}
    found = {name: record.channel(name).model_copy(update=fine) for name in channels}
    return record.model_copy(update={"channels": {**record.channels, **found}})


def summarised(record: Notified, channel: str, now: float) -> Notified:
    """Return the record after the weekly summary of a channel."""
    found = record.channel(channel).model_copy(update={"summary": now})
    return record.model_copy(update={"channels": {**record.channels, channel: found}})
