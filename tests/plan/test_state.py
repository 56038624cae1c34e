"""What an instance is doing, from what systemd says of its units."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainsaw.plan.observed import FRONT_SERVICE, UnitDetails
from chainsaw.plan.state import attempts_of, instance_health, instance_state, restarted, state_since

APP, GATE, SOCKET = "app@feeds.service", "app@feeds.gate.service", "app@feeds.socket"
STATES = ["active", "reloading", "activating", "deactivating", "inactive", "failed", None]


@pytest.fixture
def feeds(goldens):
    """An instance with an app, a gate and a socket that may sleep."""
    return goldens["asleep"].manifest.instances["feeds"]


def units(app, gate, socket="active"):
    return listed({APP: app, GATE: gate, SOCKET: socket})


def listed(states):
    """Return what systemd lists of units in these states."""
    return {unit: UnitDetails(state, "") for unit, state in states.items() if state is not None}


@pytest.mark.parametrize(
    ("app", "gate", "socket", "state"),
    [
        ("active", "active", "active", "running"),
        ("inactive", "inactive", "active", "asleep"),
        (None, None, "active", "asleep"),
        ("active", "inactive", "active", "running"),  # a timer woke the app, without a request
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
def test_the_state_of_an_instance_that_may_sleep(feeds, app, gate, socket, state):
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


def test_an_instance_without_processes_has_the_state_of_the_front(goldens):
    pages = goldens["static"].manifest.instances["www"]
    assert (pages.services, pages.socket) == ((), None)
    states = {state: instance_state(pages, listed({FRONT_SERVICE: state})) for state in STATES if state}
    assert states == {
        "active": "running",
        "reloading": "starting",
        "activating": "starting",
        "deactivating": "stopping",
        "inactive": "stopped",
        "failed": "failed",
    }
    assert instance_state(pages, {}) == "stopped"


def test_an_instance_with_only_a_once_component_has_the_state_of_the_front(goldens):
    pages = goldens["once"].manifest.instances["www"]
    build = "app@www.build.service"
    assert instance_state(pages, listed({FRONT_SERVICE: "active", build: "active"})) == "running"
    assert instance_state(pages, listed({FRONT_SERVICE: "active", build: "activating"})) == "starting"
    assert instance_state(pages, listed({FRONT_SERVICE: "active", build: "failed"})) == "failed"


@given(
    st.dictionaries(
        st.sampled_from(["app@other.service", FRONT_SERVICE, "app@feeds2.service"]), st.sampled_from(STATES[:-1])
    )
)
def test_the_units_of_others_change_nothing(goldens, others):
    feeds = goldens["asleep"].manifest.instances["feeds"]
    own = units("active", "active")
    assert instance_state(feeds, {**listed(others), **own}) == "running"


def test_one_failed_component_is_a_failed_instance(goldens):
    mill = goldens["gate"].manifest.instances["mill"]
    up = dict.fromkeys(("app@mill.service", "app@mill.worker.service", "app@mill.gate.service"), "active")
    up["app@mill.socket"] = "active"
    assert instance_state(mill, listed(up)) == "running"
    for unit in up:
        assert instance_state(mill, listed({**up, unit: "failed"})) == "failed"


def closed(deployment, how):
    return deployment.model_copy(update={"serving": how})


@pytest.mark.parametrize(
    ("app", "gate", "socket", "state"),
    [
        ("inactive", "inactive", None, "stopped"),
        (None, None, None, "stopped"),
        ("failed", "inactive", None, "stopped"),
        ("inactive", "inactive", "active", "stopped"),
        ("active", "active", "active", "running"),
        ("activating", "inactive", "active", "starting"),
        ("deactivating", "inactive", "active", "stopping"),
    ],
)
def test_the_state_of_an_instance_to_be_stopped_is_that_of_its_processes(feeds, app, gate, socket, state):
    assert instance_state(closed(feeds, "stopped"), units(app, gate, socket)) == state


def test_the_state_maintenance_replaces_running_and_asleep(feeds):
    for states in product(STATES, repeat=3):
        known = units(*states)
        found, other = instance_state(closed(feeds, "maintenance"), known), instance_state(feeds, known)
        assert found == ("maintenance" if other in ("running", "asleep") else other), states
    assert instance_state(closed(feeds, "maintenance"), units("active", "active")) == "maintenance"


def test_a_site_of_files_is_in_maintenance_without_a_process(goldens):
    pages = goldens["static"].manifest.instances["www"]
    assert instance_state(closed(pages, "stopped"), listed({FRONT_SERVICE: "active"})) == "stopped"
    assert instance_state(closed(pages, "maintenance"), listed({FRONT_SERVICE: "active"})) == "maintenance"


def details(since=0.0, restarts=0):
    return UnitDetails("active", "running", since, restarts)


def test_an_instance_is_in_its_state_since_its_last_unit_changed(feeds):
    known = {APP: details(100.0), GATE: details(300.0), SOCKET: details(200.0), "app@other.service": details(900.0)}
    assert state_since(feeds, known) == 300.0
    assert state_since(feeds, {SOCKET: details(200.0)}) == 200.0
    assert state_since(feeds, {"app@other.service": details(900.0)}) == 0.0


def test_the_health_is_the_worst_of_those_that_podman_checks(goldens):
    blog = goldens["wordpress"].manifest.instances["blog"]
    polled = blog.model_copy(
        update={"services": tuple(item.model_copy(update={"polled": True}) for item in blog.services)}
    )
    healths = {"blog.app": "healthy", "blog.db": "unhealthy", "other.app": "unhealthy"}
    assert instance_health(polled, healths) == "unhealthy"
    assert instance_health(polled, {**healths, "blog.db": "starting"}) == "starting"
    assert instance_health(polled, {**healths, "blog.db": "healthy"}) == "healthy"
    assert instance_health(polled, {"blog.app": "healthy"}) == "healthy"
    assert instance_health(polled, {}) is None
    asked = (blog.services[0].model_copy(update={"polled": False}), polled.services[1])
    unasked = polled.model_copy(update={"services": asked})
    assert instance_health(unasked, {asked[0].container: "unhealthy", asked[1].container: "healthy"}) == "healthy"


def test_units_with_few_restarts_give_no_warning(feeds):
    known = {
        APP: details(restarts=2),
        GATE: details(restarts=3),
        SOCKET: details(),
        "app@other.service": details(restarts=9),
    }
    assert restarted(feeds, known) == {GATE: 3}
    assert restarted(feeds, {}) == {}


WATCH, RETRY = attempts_of("feeds")


@pytest.mark.parametrize(
    ("states", "state"),
    [
        ({APP: "inactive", GATE: "inactive", RETRY: "activating"}, "failing"),
        ({APP: "failed", GATE: "inactive", SOCKET: "active", WATCH: "activating"}, "failing"),
        ({APP: "activating", GATE: "inactive", SOCKET: "active", WATCH: "activating"}, "starting"),
        ({APP: "active", GATE: "active", SOCKET: "active", RETRY: "activating"}, "running"),
        ({APP: "active", GATE: "active", SOCKET: "active", "chainsaw-retry@other.service": "activating"}, "running"),
    ],
)
def test_what_is_given_up_for_now_is_failing(feeds, states, state):
    """The unit that tries again runs and the socket is closed, or the unit runs that is about to start it."""
    assert instance_state(feeds, listed(states)) == state


@pytest.mark.parametrize(("app", "state"), [("activating", "failing"), ("active", "running")])
def test_what_restarted_often_and_is_down_is_failing(feeds, app, state):
    found = {**units("active", "active"), APP: UnitDetails(app, "", restarts=3)}
    assert instance_state(feeds, found) == state
