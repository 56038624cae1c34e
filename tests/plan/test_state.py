"""What an instance is doing, from what systemd says of its units."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainsaw.plan.state import FRONT, instance_state

APP, GATE, SOCKET = "app@feeds.service", "app@feeds.gate.service", "app@feeds.socket"
STATES = ["active", "reloading", "activating", "deactivating", "inactive", "failed", None]


@pytest.fixture
def feeds(goldens):
    """An instance with an app, a gate and a socket that may sleep."""
    return goldens["asleep"].manifest.instances["feeds"]


def units(app, gate, socket="active"):
    return {unit: state for unit, state in ((APP, app), (GATE, gate), (SOCKET, socket)) if state is not None}


@pytest.mark.parametrize(
    ("app", "gate", "socket", "state"),
    [
        ("active", "active", "active", "running"),
        ("inactive", "inactive", "active", "asleep"),
        (None, None, "active", "asleep"),
        ("active", "inactive", "active", "running"),  # a timer woke the app, and nobody asks for a page
        ("activating", "inactive", "active", "starting"),
        ("active", "activating", "active", "starting"),
        ("activating", "deactivating", "active", "starting"),
        ("reloading", "active", "active", "starting"),
        ("deactivating", "inactive", "active", "stopping"),
        ("active", "deactivating", "active", "stopping"),
        ("failed", "inactive", "active", "failed"),
        ("active", "failed", "active", "failed"),
        ("activating", "failed", "active", "failed"),
        ("inactive", "inactive", "failed", "failed"),
        ("active", "active", "inactive", "stopped"),
        ("active", "active", None, "stopped"),
        ("inactive", "inactive", None, "stopped"),
        (None, None, None, "stopped"),
    ],
)
def test_the_state_of_what_may_sleep(feeds, app, gate, socket, state):
    assert instance_state(feeds, units(app, gate, socket)) == state


def test_whether_it_may_sleep_matters_only_while_one_of_its_units_is_down(feeds):
    awake = feeds.model_copy(update={"sleep": None})
    for states in product(STATES, repeat=3):
        found, other = instance_state(feeds, units(*states)), instance_state(awake, units(*states))
        assert other == found or (set(states[:2]) & {"inactive", None} and other == "stopped"), states


def test_asleep_means_that_no_process_runs(feeds):
    for states in product(STATES, repeat=3):
        if instance_state(feeds, units(*states)) == "asleep":
            assert set(states[:2]) <= {"inactive", None}, states


def test_an_instance_without_processes_is_what_the_front_is(goldens):
    pages = goldens["static"].manifest.instances["www"]
    assert (pages.services, pages.socket) == ((), None)
    states = {state: instance_state(pages, {FRONT: state}) for state in STATES if state}
    assert states == {
        "active": "running",
        "reloading": "starting",
        "activating": "starting",
        "deactivating": "stopping",
        "inactive": "stopped",
        "failed": "failed",
    }
    assert instance_state(pages, {}) == "stopped"


def test_what_was_made_once_is_running_as_long_as_the_front_is(goldens):
    pages = goldens["once"].manifest.instances["www"]
    build = "app@www.build.service"
    assert instance_state(pages, {FRONT: "active", build: "active"}) == "running"
    assert instance_state(pages, {FRONT: "active", build: "activating"}) == "starting"
    assert instance_state(pages, {FRONT: "active", build: "failed"}) == "failed"


@given(
    st.dictionaries(st.sampled_from(["app@other.service", FRONT, "app@feeds2.service"]), st.sampled_from(STATES[:-1]))
)
def test_the_units_of_others_change_nothing(goldens, others):
    feeds = goldens["asleep"].manifest.instances["feeds"]
    own = units("active", "active")
    assert instance_state(feeds, {**others, **own}) == "running"


def test_one_failed_component_is_a_failed_instance(goldens):
    mill = goldens["gate"].manifest.instances["mill"]
    up = dict.fromkeys(("app@mill.service", "app@mill.worker.service", "app@mill.gate.service"), "active")
    up["app@mill.socket"] = "active"
    assert instance_state(mill, up) == "running"
    for unit in up:
        assert instance_state(mill, {**up, unit: "failed"}) == "failed"
