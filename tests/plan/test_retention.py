"""Which backups are deleted: what stays, whatever the clock did, and in whatever order they are listed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainsaw.model.schedule import Keep
from chainsaw.plan.retention import doomed
from chainsaw.work.backup.age import item_of

HOUR, DAY = 3600, 86400
START = 1_700_000_000
SPANS = ("hourly", "daily", "weekly", "monthly")


def item(at, good=True, name="", future=False):
    return replace(item_of(name or str(at), at, good, now=at), future=future)


def every(step, count, start=START):
    return [item(start + step * number) for number in range(count)]


def left(kept, keep):
    gone = {one.id for one in doomed(kept, keep)}
    return [one for one in kept if one.id not in gone]


@st.composite
def histories(draw):
    ats = draw(st.lists(st.integers(0, 4000), max_size=40, unique=True))
    return [
        item(START + at * HOUR * 7, good=draw(st.booleans()), future=draw(st.sampled_from((False, False, True))))
        for at in ats
    ]


counts = st.integers(0, 6)
keeps = st.builds(Keep, last=st.integers(1, 4), hourly=counts, daily=counts, weekly=counts, monthly=counts)


@given(histories(), keeps)
def test_the_newest_ones_and_the_newest_good_one_always_stay(kept, keep):
    stay = left(kept, keep)
    newest = sorted(kept, key=lambda one: one.order, reverse=True)
    for future in (False, True):
        group = [one for one in newest if one.future is future]
        assert set(group[: keep.last]) <= set(stay)
        assert set([one for one in group if one.good][:1]) <= set(stay)
    assert any(one.good for one in stay) == any(one.good for one in kept)


@given(histories(), keeps)
def test_a_second_time_deletes_nothing_more(kept, keep):
    assert doomed(left(kept, keep), keep) == []


@given(histories(), keeps, st.data())
def test_who_keeps_more_deletes_nothing_else(kept, keep, data):
    more = {name: getattr(keep, name) + data.draw(counts) for name in ("last", *SPANS)}
    assert set(doomed(kept, Keep(**more))) <= set(doomed(kept, keep))


@given(histories(), keeps, st.randoms())
def test_it_does_not_matter_in_which_order_they_are_listed(kept, keep, random):
    other = list(kept)
    random.shuffle(other)
    assert doomed(other, keep) == doomed(kept, keep)


@given(histories(), keeps)
def test_no_more_stay_than_all_numbers_together(kept, keep):
    most = 1 + keep.last + sum(getattr(keep, name) for name in SPANS)
    for future in (False, True):
        assert sum(one.future is future for one in left(kept, keep)) <= most


@given(histories(), keeps)
def test_what_is_not_good_takes_the_place_of_no_good_one(kept, keep):
    one = keep.model_copy(update={"last": 1})
    good = [item for item in kept if item.good]
    assert [item for item in doomed(kept, one) if item.good] == doomed(good, one)


@given(histories(), keeps)
def test_those_of_the_future_push_nobody_out(kept, keep):
    present = [one for one in kept if not one.future]
    assert [one for one in doomed(kept, keep) if not one.future] == doomed(present, keep)


@given(histories(), keeps, st.integers(0, 400))
def test_time_alone_deletes_nothing(kept, keep, days):
    """A clock that jumps ahead deletes at most as many as are made then, and none before one is made."""
    rest = left(kept, keep)
    assert doomed(rest, keep) == []
    jumped = item(START + 40000 * HOUR + days * DAY, name="new")
    gone = [one for one in doomed([*rest, jumped], keep) if one.good]
    assert len(gone) <= 1 + len(SPANS)


def test_a_year_of_days_leaves_days_weeks_and_months():
    stay = left(every(DAY, 365), Keep())
    ages = [(START + 364 * DAY - one.order) // DAY for one in stay]
    assert len(stay) == 14
    assert [age for age in sorted(ages) if age < 7] == list(range(7))
    assert max(ages) > 120


def test_hours_are_kept_when_that_is_wanted():
    stay = left(every(HOUR // 2, 200), Keep(hourly=24, daily=0, weekly=0, monthly=0))
    assert len(stay) == 24
    assert {one.hour for one in stay} == {one.hour for one in every(HOUR, 24, START + 76 * HOUR)}


def test_the_last_good_one_stays_when_all_since_are_broken():
    kept = [*every(DAY, 3), *(replace(one, good=False) for one in every(DAY, 30, START + 10 * DAY))]
    stay = left(kept, Keep(last=2, daily=0, weekly=0, monthly=0))
    assert [one.good for one in stay] == [True, False, False]
    assert stay[0].order == START + 2 * DAY


@pytest.mark.parametrize("future", [START + 4000 * DAY, START + 9999 * DAY])
def test_a_clock_that_was_wrong_for_a_week_costs_nothing_once_it_is_right(future):
    real, wrong = every(DAY, 30), [replace(one, future=True) for one in every(DAY, 10, future)]
    assert [one for one in left([*real, *wrong], Keep()) if not one.future] == left(real, Keep())


def test_a_clock_that_fell_back_to_1970_deletes_only_what_it_would_have_deleted_anyway():
    real = every(DAY, 30)
    fallen = [item(60, name="first"), *(replace(one, future=True) for one in real)]
    assert {one.id for one in left(fallen, Keep())} == {"first"} | {one.id for one in left(real, Keep())}


def test_nothing_is_deleted_where_there_is_nothing():
    assert doomed([], Keep()) == []


def test_the_calendar_is_that_of_utc_and_its_weeks_are_those_of_iso():
    # The first of January 2027 is a Friday, in the last week of 2026.
    found = item_of("x", 1798763400, good=True, now=1798763400)
    assert (found.hour, found.day, found.week, found.month) == ("2027-01-01 00", "2027-01-01", "2026-53", "2027-01")


def test_a_time_that_has_not_come_yet_is_of_the_future_but_for_an_hour():
    assert [item_of("x", START + ahead, good=True, now=START).future for ahead in (0, HOUR, HOUR + 1)] == [0, 0, 1]
