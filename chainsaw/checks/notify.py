"""Checks of what tells the admin: its timer, and each channel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from chainsaw.checks.changes import HOUR
from chainsaw.checks.check import Check
from chainsaw.model.notified import Notified
from chainsaw.model.quantity import span_for_people
from chainsaw.plan.observed import UnitDetails

TIMER = "chainsaw-notify.timer"
TEST = "chainsaw notify test"


def notifications(
    units: Mapping[str, UnitDetails] | None, record: Notified, channels: tuple[str, ...], now: float
) -> Iterator[Check]:
    """Check the timer and the channels, which are none where nobody is to be told; `now` is in seconds since 1970."""
    if channels:
        yield _timer(units, record, now)
    for name in channels:
        sending = record.channel(name)
        if sending.failed:
            ago = span_for_people(max(now - sending.since, 0.0))
            yield Check("notify", "fail", f"nothing was sent for {ago}: {sending.problem}", TEST, name)
        else:
            last = f"the last message was {span_for_people(max(now - sending.last, 0.0))} ago" if sending.last else ""
            yield Check("notify", "ok", last or "nothing was sent yet", subject=name)


def _timer(units: Mapping[str, UnitDetails] | None, record: Notified, now: float) -> Check:
    if units is None:
        return Check("notify", "unknown", "systemd does not answer")
    timer = units.get(TIMER)
    if timer is None or timer.active != "active":
        state = timer.active if timer else "not there"
        return Check(
            "notify", "fail", f"{TIMER} is {state}: nobody is told", f"chainsaw apply; systemctl --user start {TIMER}"
        )
    ago = now - max(record.looked, timer.since)
    if ago > HOUR:
        found = f"has not looked for {span_for_people(ago)}, though it should each five minutes"
        return Check("notify", "fail", found, "journalctl --user -u chainsaw-notify.service -n 20")
    return Check(
        "notify", "ok", f"looked {span_for_people(max(now - record.looked, 0.0))} ago" if record.looked else "waits"
    )
