"""Each change of state is told once on each channel; what comes and goes, or is not known, floods nobody."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainsaw.checks import changes
from chainsaw.checks.changes import ALARMING, DAY, HOUR, MOST, PERIOD, WEEK, looked, may_send, not_sent, told, untold
from chainsaw.checks.check import Check
from chainsaw.model.notified import Notified

NOW = 1_800_000_000.0
MAIL = "mail to kim@example.org"
TOPICS = frozenset(ALARMING)


class Watcher:
    """A site that is looked at each five minutes, and one channel that takes every message unless it is broken."""

    def __init__(self, channels=(MAIL,)):
        self.record, self.now, self.channels = Notified(), NOW, channels
        self.works, self.messages = True, []

    def look(self, *checks, times=1, topics=TOPICS):
        """Look, and return what the first channel was told at the last look."""
        said: list = []
        for _ in range(times):
            self.now += PERIOD
            self.record = looked(self.record, checks, topics, self.channels, self.now)
            said = []
            for name in self.channels:
                due = untold(self.record, name)
                if not due or not may_send(self.record.channel(name), self.now):
                    continue
                if not self.works:
                    self.record = not_sent(self.record, name, "Connection refused", self.now)
                    continue
                self.record = told(self.record, name, due, self.now)
                self.messages.append(self.now)
                found = [(item.before, item.condition.state, item.condition.name) for item in due]
                said = found if name == self.channels[0] else said
        return said


def blog(state):
    return Check("instance", state, f"it is {state}", "chainsaw status blog", "blog")


def disk(state):
    return Check("disk", state, f"it is {state}", subject="data")


def test_what_is_new_is_told_once_when_two_looks_have_seen_it():
    watcher = Watcher()
    assert watcher.look(blog("fail")) == []
    assert watcher.look(blog("fail")) == [("ok", "fail", "instance of blog")]
    assert watcher.look(blog("fail"), times=500) == []
    assert len(watcher.messages) == 1


def test_what_is_over_is_told_once_when_two_looks_have_seen_it():
    watcher = Watcher()
    watcher.look(blog("fail"), times=2)
    assert watcher.look(blog("ok")) == []
    assert watcher.look(blog("ok")) == [("fail", "ok", "instance of blog")]
    assert watcher.look(blog("ok"), times=500) == []
    assert watcher.look(times=int(WEEK / PERIOD)) == []
    assert watcher.record.conditions == ()


def test_what_gets_worse_or_better_is_told():
    watcher = Watcher()
    assert watcher.look(disk("warn"), times=2) == [("ok", "warn", "disk of data")]
    assert watcher.look(disk("fail"), times=2) == [("warn", "fail", "disk of data")]
    assert watcher.look(disk("warn"), times=2) == [("fail", "warn", "disk of data")]


def test_what_gets_worse_at_once_is_told_as_it_is():
    watcher = Watcher()
    watcher.look(disk("warn"))
    assert watcher.look(disk("fail")) == [("ok", "fail", "disk of data")]


def test_what_lasts_for_one_look_is_told_to_nobody():
    watcher = Watcher()
    for _ in range(100):
        assert watcher.look(blog("fail")) == []
        assert watcher.look(blog("ok")) == []
    assert watcher.record.conditions == ()


def test_what_comes_and_goes_is_over_only_after_longer_and_longer():
    watcher = Watcher()
    needed = []
    for _ in range(6):
        watcher.look(blog("fail"), times=2)
        for count in range(1, 1000):
            if watcher.look(blog("ok")):
                needed.append(count)
                break
    assert needed == [2, 6, 18, 54, 162, 288]


def test_after_a_week_of_calm_it_is_as_at_first():
    watcher = Watcher()
    for _ in range(3):
        watcher.look(blog("fail"), times=2)
        watcher.look(blog("ok"), times=300)
    watcher.look(blog("ok"), times=int(WEEK / PERIOD) + 2)
    watcher.look(blog("fail"), times=2)
    watcher.look(blog("ok"))
    assert watcher.look(blog("ok")) == [("fail", "ok", "instance of blog")]


@pytest.mark.parametrize("period", [4, 10, 50, 400])
def test_what_flaps_for_a_week_is_told_few_times(period):
    watcher = Watcher()
    for number in range(int(WEEK / PERIOD)):
        watcher.look(blog("fail" if number % period < period / 2 else "ok"))
    assert len(watcher.messages) <= 12


def test_what_is_not_known_changes_nothing():
    watcher = Watcher()
    watcher.look(blog("fail"), times=2)
    assert watcher.look(blog("unknown"), times=100) == []
    assert watcher.look(times=100, topics=frozenset()) == []
    assert watcher.record.conditions[0].state == "fail"


def test_what_is_not_there_any_more_is_over():
    watcher = Watcher()
    watcher.look(blog("fail"), times=2)
    assert watcher.look(times=2) == [("fail", "ok", "instance of blog")]
    assert watcher.record.conditions[0].found == changes.GONE


def test_a_small_trouble_of_an_instance_is_none_but_one_of_a_certificate_is():
    watcher = Watcher()
    assert watcher.look(blog("warn"), times=2) == []
    assert watcher.look(Check("certificate", "warn", "due", subject="a"), times=2) != []


def test_what_doctor_checks_besides_is_told_to_nobody():
    watcher = Watcher()
    assert watcher.look(Check("clock", "fail", "wrong"), times=2) == []
    assert watcher.record.conditions == ()


def test_a_channel_that_fails_is_told_when_it_works_again():
    watcher = Watcher()
    watcher.works = False
    watcher.look(blog("fail"), times=30)
    assert watcher.record.channel(MAIL).problem == "Connection refused"
    watcher.works = True
    for _ in range(14):
        if said := watcher.look(blog("fail")):
            break
    assert said == [("ok", "fail", "instance of blog")]
    assert watcher.record.channel(MAIL).failed == 0


def test_what_was_over_before_a_channel_worked_is_not_told():
    watcher = Watcher()
    watcher.works = False
    watcher.look(blog("fail"), times=3)
    watcher.look(blog("ok"), times=3)
    watcher.works = True
    assert watcher.look(blog("ok"), times=20) == []
    assert watcher.messages == []


def test_a_channel_that_fails_is_tried_later_and_later_at_last_once_an_hour():
    watcher, tried = Watcher(), []
    watcher.works = False
    for _ in range(200):
        before = watcher.record.channel(MAIL).failed
        watcher.look(blog("fail"))
        tried += [watcher.now] if watcher.record.channel(MAIL).failed > before else []
    waits = [(after - before) / PERIOD for before, after in pairwise(tried)]
    assert waits[:5] == [1, 2, 4, 8, 12]
    assert set(waits[5:]) == {HOUR / PERIOD}


def test_a_channel_that_fails_does_not_hold_up_another():
    other = "webhook alarm"
    watcher = Watcher((MAIL, other))
    watcher.record = not_sent(looked(Notified(), [], TOPICS, watcher.channels, NOW), MAIL, "no", NOW + 2 * PERIOD)
    watcher.look(blog("fail"), times=2)
    (item,) = watcher.record.conditions
    assert set(item.told) == {other}


def test_a_new_channel_is_told_of_what_is_and_one_that_is_gone_is_forgotten():
    watcher = Watcher()
    watcher.look(blog("fail"), times=2)
    watcher.channels = ("webhook alarm",)
    assert watcher.look(blog("fail")) == [("ok", "fail", "instance of blog")]
    assert set(watcher.record.conditions[0].told) == set(watcher.record.channels) == {"webhook alarm"}


def test_a_channel_is_not_told_that_it_does_not_work_itself():
    watcher = Watcher((MAIL, "webhook alarm"))
    broken = Check("notify", "fail", "nothing was sent for 1 h", subject="webhook alarm")
    assert watcher.look(broken, times=2) == [("ok", "fail", "notify of webhook alarm")]
    assert untold(watcher.record, "webhook alarm") == []


def test_a_day_has_a_largest_number_of_messages_and_what_changes_then_is_told_later():
    watcher = Watcher()
    many = [Check("instance", "fail", "failed", subject=f"i{number}") for number in range(50)]
    for number in range(1, 51):
        watcher.look(*many[:number])
    assert len(watcher.messages) == MOST
    watcher.look(*many, times=int(DAY / PERIOD) - 50 + 3)
    assert len(watcher.messages) == MOST + 1
    assert untold(watcher.record, MAIL) == []


def test_a_clock_that_was_in_the_future_holds_up_nothing():
    watcher = Watcher()
    watcher.now += 400 * DAY
    watcher.works = False
    watcher.look(blog("fail"), times=10)
    watcher.now, watcher.works = NOW, True
    assert watcher.look(blog("fail")) == [("ok", "fail", "instance of blog")]


STATES = st.sampled_from(["ok", "warn", "fail", "unknown", "absent"])


@given(st.lists(st.tuples(STATES, STATES, st.booleans()), max_size=80))
def test_whatever_happens_a_channel_that_works_knows_what_is(looks):
    watcher, transitions = Watcher(), 0
    before: dict = {}
    for first, second, works in looks:
        watcher.works = works
        seen = {"one": first, "two": second}
        watcher.look(*(Check("disk", state, state, subject=name) for name, state in seen.items() if state != "absent"))
        now = {item.name: item.state for item in watcher.record.conditions}
        transitions += sum(now.get(name, "ok") != before.get(name, "ok") for name in now | before)
        before = now
    assert len(watcher.messages) <= transitions
    watcher.works = True
    for _ in range(14):
        watcher.look(topics=frozenset())
    if len(watcher.messages) < MOST:
        assert untold(watcher.record, MAIL) == []


@given(st.lists(st.lists(STATES, min_size=3, max_size=3), max_size=60))
def test_a_record_is_read_back_as_it_was_written(looks):
    watcher = Watcher()
    for states in looks:
        watcher.look(*(Check("disk", s, s, subject=str(n)) for n, s in enumerate(states) if s != "absent"))
    assert Notified.model_validate_json(watcher.record.model_dump_json()) == watcher.record
