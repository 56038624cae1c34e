"""How an instance's backups do: by their record, by their timer, and by the clock."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainsaw.checks.backups import backups
from chainsaw.model.backup import BackupRecord, Drill, Failure, Made
from chainsaw.model.deployment import Scheduled
from chainsaw.plan.backups import DAY, HOUR, LATEST, Around, backup_of, drill_of, kept_of
from chainsaw.plan.observed import UnitDetails

NOW = 1_764_000_000
HERE, NAS = "/home/admin/.local/share/chainsaw/backups/blog", "restic:/mnt/nas"
BACKUP, DRILL = "chainsaw-backup@blog.timer", "chainsaw-drill@blog.timer"
SERVICE = "chainsaw-backup@blog.service"
WAITS = UnitDetails("active", "waiting")
UNITS = {BACKUP: WAITS, DRILL: WAITS}


def plan(every="daily", drill="never", to=(HERE,)):
    return Scheduled(every=every, drill=drill, to=to)


def made(ago, to=HERE):
    return Made(
        id="x", to=to, at=int(NOW - ago), bytes=1, data=1, members=1, version="1-1", files="running", downtime=0.0
    )


def record(*items, failed=(), drill=None):
    failures = {to: Failure(to=to, at=int(NOW - ago), why=why) for to, ago, why in failed}
    return BackupRecord(made={item.to: item for item in items}, failed=failures, drill=drill)


def around(units=UNITS, links=(BACKUP, DRILL), began=400 * DAY):
    stamps = {} if began is None else dict.fromkeys((BACKUP, DRILL), NOW - began)
    return Around(NOW, units, frozenset(links), stamps)


def state(*items, every="daily", to=(HERE,), failed=(), **rest):
    return backup_of("blog", plan(every, to=to), record(*items, failed=failed), around(**rest))


def drilled(ago=None, problem="", every="weekly", **rest):
    last = None if ago is None else Drill(id="x", at=int(NOW - ago), seconds=4.0, problem=problem)
    return drill_of("blog", plan(drill=every), record(drill=last), around(**rest))


def test_a_fresh_one_is_good():
    found = state(made(3 * HOUR))
    assert (found.state, found.found, found.short) == (
        "good",
        "the last good one is 3 h old, one is due each day",
        "3 h",
    )
    assert (found.at, found.hint, found.is_wrong) == (NOW - 3 * HOUR, "", False)


@pytest.mark.parametrize("every", LATEST)
def test_one_that_is_too_old_for_its_schedule_is_overdue(every):
    assert state(made(LATEST[every] - 1), every=every).state == "good"
    assert state(made(LATEST[every] + 1), every=every).state == "overdue"


def test_an_overdue_one_says_how_old_it_is_and_what_to_do():
    found = state(made(9 * DAY))
    assert found.found == "overdue: the last good one is 9 d old, and one is due each day"
    assert (found.short, found.hint) == ("9 d, overdue", "chainsaw backup blog")


def test_each_place_has_to_have_one():
    found = state(made(HOUR), made(9 * DAY, NAS), to=(HERE, NAS))
    assert (found.state, found.at) == ("overdue", NOW - HOUR)
    assert found.found == f"overdue in {NAS}: the last good one is 9 d old, and one is due each day"
    assert state(made(HOUR), made(HOUR, NAS), to=(HERE, NAS)).state == "good"
    assert state(made(HOUR), to=(HERE, NAS), began=HOUR).found == f"none yet in {NAS}; one is due each day"


def test_one_made_elsewhere_by_hand_does_not_keep_the_schedule():
    assert state(made(HOUR, "/mnt/usb"), made(3 * DAY)).state == "overdue"


def test_the_first_one_is_due_for_as_long_as_the_schedule_allows():
    found = state(began=HOUR)
    assert (found.state, found.found, found.short) == ("due", "none yet; one is due each day", "due")
    found = state(began=2 * DAY)
    assert (found.state, found.short) == ("overdue", "none, overdue")
    assert found.found == "overdue: there is no good one, and one is due each day"


@pytest.mark.parametrize("began", [None, -9 * DAY])
def test_where_it_is_not_known_since_when_one_is_due_none_is_overdue(began):
    assert state(began=began).state == "overdue"


def test_a_failure_since_the_last_good_one_is_said_with_its_reason():
    found = state(made(DAY), failed=[(HERE, HOUR, "no space left on /mnt")])
    assert found.found == "failed 1 h ago: no space left on /mnt; the last good one is 1 d old"
    assert (found.state, found.short, found.hint) == ("failed", "1 d, failed", "chainsaw backup blog")
    assert state(made(HOUR), failed=[(HERE, DAY, "no space left")]).state == "good"
    assert state(made(HOUR), failed=[("/mnt/usb", 0, "no space left")]).state == "good"


def test_a_service_that_was_killed_before_it_could_write_why_is_a_failure():
    killed = UnitDetails("failed", "failed", NOW - HOUR, result="oom-kill")
    found = state(made(DAY), units={**UNITS, SERVICE: killed})
    assert found.found == f"{SERVICE} failed 1 h ago (oom-kill); the last good one is 1 d old"
    assert found.hint == f"journalctl --user -u {SERVICE} -n 20"
    assert state(made(60), units={**UNITS, SERVICE: killed}).state == "good"


@pytest.mark.parametrize("units", [{}, {BACKUP: UnitDetails("inactive", "dead")}, {BACKUP: UnitDetails("failed", "")}])
def test_a_timer_that_does_not_wait_is_said_even_if_the_last_one_is_fresh(units):
    found = state(made(HOUR), units=units)
    assert (found.state, found.short, found.hint) == ("no timer", "1 h, no timer", "chainsaw apply")
    assert BACKUP in found.found


def test_a_timer_whose_file_was_deleted_never_runs_again():
    found = state(made(HOUR), links=())
    assert (found.state, found.hint) == ("no timer", "chainsaw apply")
    assert found.found.startswith(f"the file of {BACKUP} is gone")


def test_what_is_not_known_is_never_good():
    assert state(made(HOUR), units=None).state == "unknown"
    assert state(units=None, began=HOUR).state == "unknown"
    assert state(made(9 * DAY), units=None).state == "overdue"
    assert backup_of("blog", plan(), None, around()).state == "unknown"
    assert drill_of("blog", plan(drill="weekly"), None, around()).state == "unknown"


@pytest.mark.parametrize("every", ["daily", "never"])
def test_one_of_the_future_is_not_called_good(every):
    found = state(made(-9 * DAY), every=every)
    assert (found.state, found.short) == ("unknown", "?")
    assert found.found == "the last good one is 9 d in the future: the clock is wrong, or was"
    assert state(made(-60), every=every).state == "good"


def test_without_a_schedule_the_age_alone_is_said():
    found = state(made(3 * DAY), every="never", units={}, links=())
    assert (found.state, found.found, found.short) == ("good", "the last good one is 3 d old, not scheduled", "3 d")
    found = state(every="never", units={}, links=(), failed=[(HERE, HOUR, "wrong key")])
    assert (found.state, found.short) == ("none", "none")
    assert found.found == "none, and not scheduled; an attempt failed 1 h ago: wrong key"


def test_a_rehearsal_says_when_and_what_was_wrong():
    assert drilled(DAY).found == "the last one was 1 d ago, one is due each week"
    assert drilled(DAY).state == "good"
    wrong = drilled(DAY, "its page does not answer")
    assert (wrong.state, wrong.found) == ("failed", "failed 1 d ago: its page does not answer")
    assert wrong.hint == "chainsaw backup drill blog"
    assert drilled(DAY, "its page does not answer", every="never").state == "failed"
    assert drilled(10 * DAY).state == "overdue"
    assert drilled(10 * DAY, every="monthly").state == "good"
    assert drilled(began=HOUR).state == "due"
    assert drilled(every="never").state == "none"
    assert drilled(DAY, units={}).state == "no timer"
    assert drilled(DAY, links=()).state == "no timer"
    assert drilled(DAY, units=None).state == "unknown"
    assert drilled(-9 * DAY).state == "unknown"


spans = st.one_of(st.none(), st.floats(-20 * DAY, 60 * DAY))


@given(
    every=st.sampled_from(("never", *LATEST)),
    ages=st.tuples(spans, spans),
    failed=spans,
    units=st.sampled_from((None, {}, UNITS)),
    links=st.sampled_from(((), (BACKUP, DRILL))),
    began=spans,
)
def test_good_means_a_fresh_one_in_each_place_and_a_timer_that_will_make_the_next(
    every, ages, failed, units, links, began
):
    items = [made(age, to) for age, to in zip(ages, (HERE, NAS), strict=True) if age is not None]
    failures = [] if failed is None else [(HERE, failed, "why")]
    known = {"units": units, "links": links, "began": began}
    found = state(*items, every=every, to=(HERE, NAS), failed=failures, **known)
    assert found.found and found.short
    assert (found.at is None) == (not items)
    if found.state == "good":
        assert all(item.at <= NOW + HOUR for item in items)
        assert items
        if every != "never":
            assert len(items) == 2
            assert all(NOW - item.at <= LATEST[every] for item in items)
            assert (units, links) == (UNITS, (BACKUP, DRILL))
            assert not failures or NOW - failed <= items[0].at
    for check in backups({"blog": kept_of("blog", plan(every, to=(HERE, NAS)), record(*items), around(**known))}, NOW):
        assert check.state != "fail"


def checked(**kept):
    return list(backups(kept, NOW))


def kept(*items, every="daily", drill="never", failed=(), last=None, **rest):
    return kept_of("blog", plan(every, drill), record(*items, failed=failed, drill=last), around(**rest))


def test_what_is_wrong_is_a_warning_with_the_command_that_fixes_it():
    found = checked(blog=kept(made(9 * DAY), drill="weekly", last=Drill(id="x", at=NOW, seconds=1.0, problem="empty")))
    assert [(check.name, check.state, check.hint) for check in found] == [
        ("backup of blog", "warn", "chainsaw backup blog"),
        ("drill of blog", "warn", "chainsaw backup drill blog"),
    ]


def test_instances_without_schedule_and_fresh_backup_are_named_once():
    bare = kept(every="never")
    found = checked(a=bare, b=kept(made(40 * DAY), every="never"), c=kept(made(DAY), every="never"), d=kept(made(HOUR)))
    assert [(check.name, check.state) for check in found] == [
        ("backup of c", "ok"),
        ("backup of d", "ok"),
        ("backups", "warn"),
    ]
    assert found[-1].found == "no schedule, and none younger than 30 d: a, b"


def test_what_is_not_known_is_shown_as_unknown():
    unreadable = kept_of("blog", plan("never", "weekly"), None, around())
    assert [check.state for check in checked(blog=unreadable)] == ["unknown", "unknown"]
