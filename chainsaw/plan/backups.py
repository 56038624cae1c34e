"""How an instance's backups do: the age of the last good one against its schedule, and the last rehearsal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from chainsaw.model.backup import BackupRecord, Drill, Failure, Made
from chainsaw.model.deployment import Scheduled
from chainsaw.model.quantity import span_for_people
from chainsaw.plan.observed import UP, UnitDetails

State = Literal["good", "due", "none", "overdue", "failed", "no timer", "unknown"]
"""due: none was made yet, and the first one will be. none: there is none, and nothing makes one."""
WRONG: frozenset[State] = frozenset({"overdue", "failed", "no timer"})

HOUR, DAY = 3600.0, 86400.0
NEVER = "never"
LATEST: Mapping[str, float] = {"hourly": 3 * HOUR, "daily": 36 * HOUR, "weekly": 9 * DAY, "monthly": 35 * DAY}
"""Seconds after which the last good one is too old for a schedule."""
EACH: Mapping[str, str] = {"hourly": "hour", "daily": "day", "weekly": "week", "monthly": "month"}
SLACK = HOUR
"""Seconds by which a time may lie in the future without a word: a clock that is set right is set back a little."""
UNREADABLE = "its record cannot be read"
SILENT = "systemd does not answer"


@dataclass(frozen=True)
class Around:
    """What is known beside the record: the units of systemd, None when it does not answer, and links to their files.

    `began` are when each timer ran last or, if it never has, when it was first there, by unit; `now` is in seconds
    since 1970, as all times here are.
    """

    now: float
    units: Mapping[str, UnitDetails] | None
    links: frozenset[str]
    began: Mapping[str, float]


@dataclass(frozen=True)
class Standing:
    """How the backups of an instance do, or its rehearsals: `found` says so in words, `at` is when the last was made.

    `short` fits into a column.
    """

    state: State
    found: str
    short: str = ""
    at: int | None = None
    hint: str = ""

    @property
    def is_wrong(self) -> bool:
        """Whether somebody should do something."""
        return self.state in WRONG

    def as_dict(self) -> dict[str, object]:
        """Return it as JSON data."""
        return {"state": self.state, "found": self.found, "short": self.short, "at": self.at, "hint": self.hint}


@dataclass(frozen=True)
class Kept:
    """How the backups of an instance do, and its rehearsals; `is_scheduled` is whether they are made by themselves."""

    is_scheduled: bool
    backup: Standing
    drill: Standing

    def as_dict(self) -> dict[str, object]:
        """Return it as JSON data, the last good one in seconds since 1970."""
        return {"last_backup": self.backup.at, "backup": self.backup.as_dict(), "drill": self.drill.as_dict()}


def kept_of(name: str, plan: Scheduled, record: BackupRecord | None, around: Around) -> Kept:
    """Return how the backups of an instance do, and its rehearsals; `record` is None where it cannot be read."""
    return Kept(plan.every != NEVER, backup_of(name, plan, record, around), drill_of(name, plan, record, around))


def backup_of(name: str, plan: Scheduled, record: BackupRecord | None, around: Around) -> Standing:
    """Return how the backups of an instance do; `record` is None where it cannot be read."""
    if record is None:
        return Standing("unknown", UNREADABLE, "?", hint=f"chainsaw backup {name}, which writes it again")
    last = max(record.made.values(), key=lambda item: item.at, default=None)
    at = last.at if last else None
    said = _said(last, around.now)
    if plan.every == NEVER:
        return _unscheduled(name, last, record, around)
    age = _short(last, around.now)
    for state, why, hint in (*_failed(name, plan, record, around), *_gone(name, "backup", around)):
        return Standing(state, f"{why}; {said}", f"{age}, {state}", at, hint)
    if late := [place for place in plan.to if _is_late(place, plan, record, around, name)]:
        where = f" in {late[0]}" if len(plan.to) > 1 else ""
        made = record.made.get(late[0])
        found = f"overdue{where}: {_said(made, around.now)}, and one is due each {EACH[plan.every]}"
        return Standing("overdue", found, f"{age}, overdue", at, f"chainsaw backup {name}")
    if around.units is None:
        return Standing("unknown", f"{SILENT}; {said}", f"{age}, ?", at)
    if _is_future(last, around.now):
        return Standing("unknown", f"{said}: the clock is wrong, or was", "?", at, "timedatectl")
    if missing := [place for place in plan.to if place not in record.made]:
        where = f" in {missing[0]}" if len(plan.to) > 1 else ""
        found = f"none yet{where}; one is due each {EACH[plan.every]}"
        return Standing("due", found, f"{age}, due" if last else "due", at, f"chainsaw backup {name}")
    return Standing("good", f"{said}, one is due each {EACH[plan.every]}", age, at)


def drill_of(name: str, plan: Scheduled, record: BackupRecord | None, around: Around) -> Standing:
    """Return how the rehearsals of restoring an instance do; `record` is None where it cannot be read."""
    again = f"chainsaw backup drill {name}"
    if record is None:
        # Where none is wanted, it is enough to say it of the backups.
        return Standing("none" if plan.drill == NEVER else "unknown", UNREADABLE, "?", hint=again)
    last = record.drill
    said = f"the last one was {_ago(last.at, around.now)}" if last else "there was none"
    at, due = last.at if last else None, f"one is due each {EACH.get(plan.drill, '')}"
    if last and last.problem:
        return Standing("failed", f"failed {_ago(last.at, around.now)}: {last.problem}", "failed", at, again)
    if plan.drill == NEVER:
        if last is None:
            return Standing("none", "never rehearsed", "never", hint=again)
        return _rehearsed(last, said, around.now)
    for state, why, hint in (*_unit_failed(name, "drill", at, around), *_gone(name, "drill", around)):
        return Standing(state, f"{why}; {said}", state, at, hint)
    if around.now - _since(at, name, "drill", around) > LATEST[plan.drill]:
        return Standing("overdue", f"overdue: {said}, and {due}", "overdue", at, again)
    if around.units is None:
        return Standing("unknown", f"{SILENT}; {said}", "?", at)
    if last is None:
        return Standing("due", f"none yet; {due}", "due", hint=again)
    return _rehearsed(last, f"{said}, {due}", around.now)


def _rehearsed(last: Drill, said: str, now: float) -> Standing:
    if last.at - now > SLACK:
        return Standing("unknown", f"{said}: the clock is wrong, or was", "?", last.at, "timedatectl")
    return Standing("good", said, span_for_people(max(now - last.at, 0.0)), last.at)


def _unscheduled(name: str, last: Made | None, record: BackupRecord, around: Around) -> Standing:
    failed = [item for item in record.failed.values() if last is None or item.at >= last.at]
    tried = f"; an attempt failed {_failure(failed[-1], around.now)}" if failed else ""
    if last is None:
        return Standing("none", f"none, and not scheduled{tried}", "none", hint=f"chainsaw backup {name}")
    if _is_future(last, around.now):
        said = _said(last, around.now)
        return Standing("unknown", f"{said}: the clock is wrong, or was", "?", last.at, "timedatectl")
    return Standing("good", f"{_said(last, around.now)}, not scheduled{tried}", _short(last, around.now), last.at)


def _failed(name: str, plan: Scheduled, record: BackupRecord, around: Around) -> Iterator[tuple[State, str, str]]:
    """Yield what failed since the last good one in a place that is scheduled, as it was recorded, or as systemd saw."""
    for place in plan.to:
        failure, made = record.failed.get(place), record.made.get(place)
        if failure and (made is None or failure.at >= made.at):
            where = f" to {place}" if len(plan.to) > 1 else ""
            yield "failed", f"failed{where} {_failure(failure, around.now)}", f"chainsaw backup {name}"
    made_at = min((record.made[place].at if place in record.made else 0 for place in plan.to), default=0)
    yield from _unit_failed(name, "backup", made_at, around)


def _unit_failed(name: str, what: str, at: int | None, around: Around) -> Iterator[tuple[State, str, str]]:
    """Yield the end of a service that failed after the last good end."""
    unit = f"chainsaw-{what}@{name}.service"
    found = (around.units or {}).get(unit)
    if found and found.active == "failed" and found.since > (at or 0):
        ago = _ago(found.since, around.now)
        yield "failed", f"{unit} failed {ago} ({found.result})", f"journalctl --user -u {unit} -n 20"


def _gone(name: str, what: str, around: Around) -> Iterator[tuple[State, str, str]]:
    """Yield what is wrong with a timer; one whose file is gone may be called active, and never runs again."""
    unit = f"chainsaw-{what}@{name}.timer"
    if around.units is None:
        return
    found = around.units.get(unit)
    if found is None or found.active not in UP:
        state = found.active if found else "not there"
        yield "no timer", f"{unit} is {state}: nothing is done by itself", "chainsaw apply"
    elif unit not in around.links:
        yield "no timer", f"the file of {unit} is gone: nothing will be done by itself", "chainsaw apply"


def _is_late(place: str, plan: Scheduled, record: BackupRecord, around: Around, name: str) -> bool:
    made = record.made.get(place)
    return around.now - _since(made.at if made else None, name, "backup", around) > LATEST[plan.every]


def _since(at: int | None, name: str, what: str, around: Around) -> float:
    """Return from when on one is due: from the last one, or from when the timer was first there, if that is known."""
    first = around.began.get(f"chainsaw-{what}@{name}.timer", 0.0) if at is None else at
    return 0.0 if at is None and first - around.now > SLACK else first


def _is_future(last: Made | None, now: float) -> bool:
    return last is not None and last.at - now > SLACK


def _failure(failure: Failure, now: float) -> str:
    return f"{_ago(failure.at, now)}: {failure.why}"


def _said(last: Made | None, now: float) -> str:
    return f"the last good one is {_old(last.at, now)}" if last else "there is no good one"


def _short(last: Made | None, now: float) -> str:
    return span_for_people(max(now - last.at, 0.0)) if last else "none"


def _ago(at: float, now: float) -> str:
    return f"{span_for_people(now - at)} ago" if at - now <= SLACK and now >= at else _old(at, now)


def _old(at: float, now: float) -> str:
    if at > now:
        return f"{span_for_people(at - now)} in the future" if at - now > SLACK else "0 s old"
    return f"{span_for_people(now - at)} old"
