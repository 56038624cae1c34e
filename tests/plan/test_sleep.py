"""A sleeping instance is left asleep, and started through its gate; a gate is added, changed and removed with it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from test_plan import carried_out, reached, target, verify

from chainsaw.model.deployment import ImageNeed
from chainsaw.plan import actions as act
from chainsaw.plan.diff import Wanted, make_plan

SLEEPING = ("app@feeds.service", "app@feeds.gate.service")


@pytest.fixture
def asleep(goldens):
    """The host with a site of three instances, of which two may sleep, and do."""
    observed = reached(goldens["asleep"])
    down = [*SLEEPING, "app@wiki.service", "app@wiki.gate.service"]
    return replace(observed, units={**observed.units, **dict.fromkeys(down, "inactive")})


def with_changes(site, name, **changes):
    """Return a site with one instance changed."""
    changed = site.manifest.instances[name].model_copy(update=changes)
    manifest = site.manifest.model_copy(update={"instances": {**site.manifest.instances, name: changed}})
    return replace(site, manifest=manifest)


def with_other(service):
    return service.model_copy(update={"digest": "another"})


def planned(site, observed):
    plan = make_plan(target(site, observed), observed)
    verify(plan, observed)
    return plan


def units(plan):
    """Return what is done to units: (verb, name)."""
    kinds = (act.StartUnit, act.StopUnit)
    return [(action.as_dict()["action"], action.name) for action in plan if isinstance(action, kinds)]


def test_an_instance_that_is_asleep_needs_no_action(goldens, asleep):
    assert planned(goldens["asleep"], asleep) == []


def test_an_instance_that_is_awake_and_may_sleep_needs_no_action(goldens):
    assert planned(goldens["asleep"], reached(goldens["asleep"])) == []


def test_a_failed_instance_is_started_even_if_it_may_sleep(goldens, asleep):
    failed = replace(asleep, units={**asleep.units, "app@feeds.service": "failed"})
    plan = planned(goldens["asleep"], failed)
    assert units(plan) == [("start", "app@feeds.gate.service")]
    assert [action.owner for action in plan if isinstance(action, act.ProbeInstance)] == ["feeds"]


def test_an_instance_that_may_not_sleep_is_started_when_it_is_down(goldens, asleep):
    down = replace(asleep, units={**asleep.units, "app@news.service": "inactive", "app@news.gate.service": "inactive"})
    assert units(planned(goldens["asleep"], down)) == [("start", "app@news.gate.service")]


def test_a_changed_instance_that_is_asleep_is_started_through_its_gate(goldens, asleep):
    services = tuple(map(with_other, goldens["asleep"].manifest.instances["feeds"].services))
    site = with_changes(goldens["asleep"], "feeds", services=services)
    plan = planned(site, asleep)
    assert units(plan) == [("start", "app@feeds.gate.service")]
    (start,) = [action for action in plan if isinstance(action, act.StartUnit)]
    assert dict(start.digests).keys() == set(SLEEPING)
    assert dict(start.digests)["app@feeds.service"] == "another"


def test_a_changed_app_that_runs_is_restarted_and_its_gate_started_after_it(goldens):
    services = tuple(map(with_other, goldens["gate"].manifest.instances["dav"].services))
    plan = planned(with_changes(goldens["gate"], "dav", services=services), reached(goldens["gate"]))
    assert units(plan) == [("restart", "app@dav.service"), ("start", "app@dav.gate.service")]


def test_a_changed_gate_is_restarted(goldens):
    gate = with_other(goldens["gate"].manifest.instances["dav"].gate)
    found = units(planned(with_changes(goldens["gate"], "dav", gate=gate), reached(goldens["gate"])))
    assert ("restart", "app@dav.gate.service") in found
    assert {name for _, name in found} <= {"app@dav.service", "app@dav.gate.service"}


def test_the_image_of_a_changed_gate_is_there_before_the_gate_is_started(goldens):
    before = goldens["gate"].manifest.instances["dav"]
    need = ImageNeed(reference="localhost/chainsaw/gate:new", base="gate")
    images = (*(item for item in before.images if item.base != "gate"), need)
    plan = planned(
        with_changes(goldens["gate"], "dav", gate=with_other(before.gate), images=images), reached(goldens["gate"])
    )
    assert need in [action.need for action in plan if isinstance(action, act.ProvideImage)]


def test_a_changed_worker_is_started_with_its_app(goldens):
    app, worker = goldens["gate"].manifest.instances["mill"].services
    site = with_changes(goldens["gate"], "mill", services=(app, with_other(worker)))
    plan = planned(site, reached(goldens["gate"]))
    assert units(plan) == [("restart", "app@mill.service"), ("start", "app@mill.gate.service")]
    applied = carried_out(plan, target(site, reached(goldens["gate"])), reached(goldens["gate"])).applied
    assert applied["app@mill.worker.service"] == "another"


def test_a_removed_gate_is_stopped(goldens):
    before = goldens["asleep"].manifest.instances["wiki"]
    socket, services = with_other(before.socket), tuple(map(with_other, before.services))
    site = with_changes(goldens["asleep"], "wiki", gate=None, sleep=None, socket=socket, services=services)
    observed = reached(goldens["asleep"])
    plan = planned(site, observed)
    stopped = [name for verb, name in units(plan) if verb == "stop"]
    assert set(stopped) == {"app@wiki.gate.service", "app@wiki.service", "app@wiki.socket"}
    assert [pair for pair in units(plan) if pair[0] != "stop"] == [
        ("start", "app@wiki.socket"),
        ("start", "app@wiki.service"),
    ]
    then = carried_out(plan, target(site, observed), observed)
    assert make_plan(target(site, then), then) == []


def test_a_new_gate_takes_over_the_socket(goldens):
    after = goldens["asleep"].manifest.instances["wiki"]
    socket, services = with_other(after.socket), tuple(map(with_other, after.services))
    former = with_changes(goldens["asleep"], "wiki", gate=None, sleep=None, socket=socket, services=services)
    observed = reached(former)
    found = units(planned(goldens["asleep"], observed))
    assert [pair for pair in found if pair[0] == "stop"] == [("stop", "app@wiki.service"), ("stop", "app@wiki.socket")]
    assert [pair for pair in found if pair[0] != "stop"] == [
        ("start", "app@wiki.socket"),
        ("start", "app@wiki.gate.service"),
    ]


def test_the_gate_of_a_removed_instance_is_stopped_too(goldens):
    observed = reached(goldens["gate"])
    manifest = goldens["gate"].manifest
    left = {name: item for name, item in manifest.instances.items() if name != "dav"}
    wanted = Wanted(manifest.model_copy(update={"instances": left}), {}, goldens["gate"].paths)
    stopped = [name for verb, name in units(make_plan(wanted, observed)) if verb == "stop"]
    assert set(stopped) == {"app@dav.service", "app@dav.gate.service", "app@dav.socket"}


def test_a_once_component_runs_again_when_its_inputs_have_changed(goldens):
    observed = reached(goldens["once"])
    services = tuple(map(with_other, goldens["once"].manifest.instances["www"].services))
    plan = planned(with_changes(goldens["once"], "www", services=services), observed)
    assert units(plan) == [("restart", "app@www.build.service")]
    assert [action.owner for action in plan if isinstance(action, act.ProbeInstance)] == ["www"]
