"""A stopped instance has no active unit and none is started; one in maintenance keeps running, without requests."""

from __future__ import annotations

from dataclasses import replace

import pytest
from test_plan import carried_out, only, reached, target, verify

from chainsaw.plan import actions as act
from chainsaw.plan.diff import make_plan

BLOG = {"app@blog.service", "app@blog.db.service", "app@blog.socket", "app@blog.cron.timer"}


def serving(site, name, how):
    """Return a site with one instance served in another way, as its location then is."""
    changed = site.manifest.instances[name].model_copy(update={"serving": how})
    files = {**site.manifest.files, f"nginx/locations/{name}.conf": how}
    update = {"instances": {**site.manifest.instances, name: changed}, "files": files}
    return replace(site, manifest=site.manifest.model_copy(update=update))


def planned(site, observed):
    plan = make_plan(target(site, observed), observed)
    verify(plan, observed)
    return plan


def names(plan, kind):
    return {action.name for action in plan if isinstance(action, kind)}


@pytest.fixture
def running(goldens):
    return goldens["wordpress"], reached(goldens["wordpress"])


@pytest.fixture
def stopped(running):
    """A site whose blog is stopped, and the host that was brought to it."""
    site, observed = running
    closed = serving(site, "blog", "stopped")
    wanted = target(closed, observed)
    return closed, carried_out(make_plan(wanted, observed), wanted, observed)


def test_a_stopped_instance_is_stopped_completely_and_the_front_is_reloaded(running):
    site, observed = running
    plan = planned(serving(site, "blog", "stopped"), observed)
    only(plan, act.WriteGeneration, act.Activate, act.StopUnit, act.ReloadFront)
    assert names(plan, act.StopUnit) == BLOG
    assert {action.owner for action in plan if isinstance(action, act.StopUnit)} == {"blog"}


def test_a_stopped_instance_needs_no_action(stopped):
    assert planned(*stopped) == []


def test_a_stopped_instance_is_not_started_when_everything_is_lost(stopped):
    site, observed = stopped
    lost = replace(observed, units=dict.fromkeys(observed.units, "inactive"), applied={})
    assert not names(planned(site, lost), act.StartUnit) & BLOG
    assert not [action for action in planned(site, lost) if isinstance(action, act.ProbeInstance)]


@pytest.mark.parametrize("state", ["active", "activating", "failed"])
def test_a_stopped_instance_that_was_started_by_hand_is_stopped_again(stopped, state):
    site, observed = stopped
    units = {**observed.units, "app@blog.service": state, "app@blog.socket": "active", "app@other.service": "active"}
    plan = only(planned(site, replace(observed, units=units)), act.StopUnit)
    assert names(plan, act.StopUnit) == {"app@blog.service", "app@blog.socket"}


def test_an_instance_that_is_started_again_is_started_completely_and_probed(running, stopped):
    site, _ = running
    plan = planned(site, stopped[1])
    assert names(plan, act.StartUnit) == {"app@blog.service", "app@blog.socket", "app@blog.cron.timer"}
    assert [action.owner for action in plan if isinstance(action, act.ProbeInstance)] == ["blog"]
    assert carried_out(plan, target(site, stopped[1]), stopped[1]).units == running[1].units


def test_maintenance_changes_no_unit_and_needs_no_probe(running):
    site, observed = running
    plan = planned(serving(site, "blog", "maintenance"), observed)
    only(plan, act.WriteGeneration, act.Activate, act.ReloadFront)


def test_an_instance_in_maintenance_is_kept_running(running):
    site, observed = running
    closed = serving(site, "blog", "maintenance")
    wanted = target(closed, observed)
    then = carried_out(make_plan(wanted, observed), wanted, observed)
    down = replace(then, units={**then.units, "app@blog.service": "failed"})
    (start,) = only(planned(closed, down), act.StartUnit)
    assert start.name == "app@blog.service"
    opened = planned(site, then)
    only(opened, act.WriteGeneration, act.Activate, act.ReloadFront, act.ProbeInstance)
    assert [action.owner for action in opened if isinstance(action, act.ProbeInstance)] == ["blog"]


def test_a_site_of_files_can_be_in_maintenance_too(goldens):
    site = goldens["static"]
    observed = reached(site)
    for how in ("stopped", "maintenance"):
        only(planned(serving(site, "www", how), observed), act.WriteGeneration, act.Activate, act.ReloadFront)


def test_an_instance_can_be_in_maintenance_from_the_first_apply(goldens):
    site = goldens["closed"]
    observed = reached(site)
    assert not {unit for unit, state in observed.units.items() if state == "active"} & BLOG
    assert observed.units["app@data.service"] == "active"
    assert planned(site, observed) == []
