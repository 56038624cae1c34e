"""A plan is what lies between two states: it says all, does nothing twice, and leads there."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, fields, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainsaw.model.deployment import Manifest, Scheduled
from chainsaw.plan import actions as act
from chainsaw.plan.diff import Wanted, make_plan
from chainsaw.plan.observed import EMPTY, Drift, Observed
from chainsaw.plan.state import attempts_of

BARE = Observed()


def target(site, observed):
    """Return what is wanted: the manifest of a golden case, and the blocks that a host has not recorded."""
    manifest = site.manifest.model_copy(update={"number": observed.manifest.number})
    fresh = site.blocks if observed.manifest == EMPTY else {}
    return Wanted(manifest, fresh, site.paths)


def carried_out(plan, wanted, observed):
    """Return what is observed after every action of a plan has had its effect."""
    state = {field.name: getattr(observed, field.name) for field in fields(Observed)}
    units, applied = dict(observed.units), dict(observed.applied)
    for action in plan:
        match action:
            case act.ProvideImage(need=need):
                state["images"] = {**state["images"], need.reference: need.mounted}
            case act.InstallRecipe(path=path):
                state["paths"] |= {path}
            case act.CreateDirectory(directory=directory):
                state["paths"] |= {directory.path}
            case act.CreateSecret(secret=secret):
                state["paths"] |= {secret.path}
            case act.ExportStatic(export=export):
                state["paths"] |= {f"{wanted.paths.static}/{export.key}"}
            case act.IssueCertificate(host=host):
                state["certificates"] |= {host}
            case act.Activate(number=number):
                state["manifest"] = wanted.manifest.model_copy(update={"number": number})
                state["drift"] = ()
            case act.LinkQuadlets():
                state["quadlets_linked"] = True
            case act.Unlink(name=name):
                state["links"] -= {name}
            case act.Link(name=name):
                state["links"] |= {name}
            case act.StopUnit(name=name):
                units[name] = "inactive"
                applied.pop(name, None)
            case act.StartUnit(digests=digests):
                units |= {unit: "active" for unit, _ in digests}
                applied |= dict(digests)
    unfinished = observed.unfinished and not plan
    return Observed(**{**state, "units": units, "applied": applied, "unfinished": unfinished})


def reached(site, observed=BARE):
    wanted = target(site, observed)
    return carried_out(make_plan(wanted, observed), wanted, observed)


def verify(plan, observed):
    """Check what holds for every plan."""
    phases = [action.phase for action in plan]
    assert phases == sorted(phases)
    assert len(set(plan)) == len(plan)
    started = [action.name for action in plan if isinstance(action, act.StartUnit)]
    assert len(set(started)) == len(started)
    stopped = [action.name for action in plan if isinstance(action, act.StopUnit)]
    assert len(set(stopped)) == len(stopped)
    kinds = [type(action) for action in plan]
    for kind in (act.WriteGeneration, act.Activate, act.ReloadSystemd, act.ReloadFront):
        assert kinds.count(kind) <= 1
    verify_order(plan)
    for action in plan:
        if isinstance(action, act.StopUnit):
            assert observed.units[action.name] != "inactive"
        if isinstance(action, act.StartUnit) and action.again:
            assert observed.runs(action.name)
            assert action.name not in stopped


def verify_order(plan):
    """Check that systemd reads the units after they are in place and before any of them is started."""
    order = [type(action) for action in plan]

    def all_before(first, second):
        return not {first, second} <= set(order) or max(
            index for index, kind in enumerate(order) if kind is first
        ) < order.index(second)

    assert all_before(act.WriteGeneration, act.Activate)
    assert all_before(act.Activate, act.ReloadSystemd)
    assert all_before(act.Activate, act.LinkQuadlets)
    assert all_before(act.LinkQuadlets, act.ReloadSystemd)
    assert all_before(act.Link, act.ReloadSystemd)
    assert all_before(act.Unlink, act.ReloadSystemd)
    assert all_before(act.StopUnit, act.StartUnit)
    assert all_before(act.StopUnit, act.ReloadSystemd)
    assert all_before(act.ReloadSystemd, act.StartUnit)
    assert all_before(act.StartUnit, act.ProbeInstance)
    assert all_before(act.ReloadFront, act.ProbeInstance)
    for preparation in (act.RecordBlock, act.ProvideImage, act.CreateDirectory, act.CreateSecret, act.ExportStatic):
        assert all_before(preparation, act.WriteGeneration)
        assert all_before(preparation, act.StartUnit)


PAIRS = [("wordpress", "one-host"), ("one-host", "wordpress"), ("wordpress", "egress"), ("egress", "no-site-file")]
PAIRS += [("static", "no-instances"), ("no-instances", "static"), ("other-ports", "wordpress"), ("one-host", "static")]
PAIRS += [
    ("wordpress", "backups"),
    ("backups", "one-host"),
    ("wordpress", "asleep"),
    ("asleep", "gate"),
    ("gate", "once"),
    ("once", "static"),
]


def test_on_an_empty_host_everything_is_created_once(goldens):
    for site in goldens.values():
        wanted = target(site, BARE)
        plan = make_plan(wanted, BARE)
        verify(plan, BARE)
        made = [action.directory.path for action in plan if isinstance(action, act.CreateDirectory)]
        assert len(set(made)) == len(made)
        blocks = {action.name: action.start for action in plan if isinstance(action, act.RecordBlock)}
        assert blocks == site.blocks


def test_the_plan_for_the_current_state_is_empty(goldens):
    for site in goldens.values():
        observed = reached(site)
        assert make_plan(target(site, observed), observed) == []


@pytest.mark.parametrize(("before", "after"), PAIRS)
def test_a_plan_leads_from_any_state_to_any_other(goldens, before, after):
    observed = reached(goldens[before])
    wanted = target(goldens[after], observed)
    plan = make_plan(wanted, observed)
    verify(plan, observed)
    then = carried_out(plan, wanted, observed)
    assert make_plan(target(goldens[after], then), then) == []
    running = {unit for unit, state in then.units.items() if state == "active"}
    deployments = [wanted.manifest.front, *wanted.manifest.instances.values()]
    assert running == {
        item.unit
        for one in deployments
        for item in (*one.services, *one.timers, *one.scheduled.timers, one.socket, one.gate, one.network, one.relay)
        if item is not None
    }


@st.composite
def mishaps(draw):
    """Return what may have happened to a host since it was last applied, as a function of what was observed."""
    fraction = st.lists(st.booleans(), min_size=40, max_size=40)
    kept = {name: draw(fraction) for name in ("units", "applied", "paths", "links", "certificates", "images")}
    state = draw(st.sampled_from(["active", "failed", "inactive", "activating"]))
    linked, unfinished, drifted = draw(st.booleans()), draw(st.booleans()), draw(st.booleans())

    def happen(observed):
        def some(name):
            return [item for item, keep in zip(sorted(getattr(observed, name)), kept[name] * 3, strict=False) if keep]

        edited = sorted(observed.manifest.files)[0]
        return replace(
            observed,
            units={unit: "active" if unit in some("units") else state for unit in observed.units},
            applied={unit: observed.applied[unit] for unit in some("applied")},
            paths=frozenset(some("paths")),
            links=frozenset(some("links")),
            certificates=frozenset(some("certificates")),
            images={reference: observed.images[reference] for reference in some("images")},
            quadlets_linked=linked,
            drift=(Drift(edited, "-a\n+b"),) if drifted else (),
            unfinished=unfinished,
        )

    return happen


@settings(max_examples=60)
@given(
    mishap=mishaps(),
    before=st.sampled_from(["one-host", "egress", "gate", "asleep"]),
    after=st.sampled_from(["one-host", "wordpress", "gate", "asleep"]),
)
def test_a_plan_repairs_whatever_happened(goldens, mishap, before, after):
    observed = mishap(reached(goldens[before]))
    wanted = target(goldens[after], observed)
    plan = make_plan(wanted, observed)
    verify(plan, observed)
    then = carried_out(plan, wanted, observed)
    assert then.quadlets_linked
    assert make_plan(target(goldens[after], then), then) == []


def only(plan, *kinds):
    """Return the actions of a plan, which must be of no other kinds."""
    assert {type(action) for action in plan} <= set(kinds), plan
    return plan


def test_a_service_that_is_down_is_started_and_probed(goldens):
    observed = reached(goldens["wordpress"])
    observed = replace(observed, units={**observed.units, "app@blog.service": "failed"})
    start, probe = only(make_plan(target(goldens["wordpress"], observed), observed), act.StartUnit, act.ProbeInstance)
    assert (start.name, start.again, probe.owner) == ("app@blog.service", False, "blog")


def test_an_attempt_that_brought_an_instance_up_goes_on(goldens):
    observed = reached(goldens["wordpress"])
    wanted = target(goldens["wordpress"], observed)
    retry = attempts_of("blog")[1]
    observed = replace(observed, units={**observed.units, retry: "activating"})
    assert make_plan(wanted, observed) == []
    observed = replace(observed, units={**observed.units, "app@blog.socket": "inactive"})
    stops = [action.name for action in make_plan(wanted, observed) if isinstance(action, act.StopUnit)]
    assert retry in stops, "this apply starts it instead"


def test_a_changed_route_changes_no_other_instance(goldens):
    before, after = goldens["static"], goldens["no-instances"]
    observed = reached(before)
    plan = make_plan(target(after, observed), observed)
    assert not [action for action in plan if isinstance(action, act.StartUnit | act.StopUnit)]
    assert [action for action in plan if isinstance(action, act.ReloadFront)]


@pytest.mark.parametrize("unit", ["chainsaw-certificates.timer", "chainsaw-logs.service"])
def test_the_front_reads_what_has_changed_also_where_a_unit_beside_it_is_started(goldens, unit):
    observed = reached(goldens["static"])
    observed = replace(observed, units={**observed.units, unit: "inactive"})
    plan = make_plan(target(goldens["no-instances"], observed), observed)
    assert [action.name for action in plan if isinstance(action, act.StartUnit)] == [unit]
    assert [action for action in plan if isinstance(action, act.ReloadFront)]
    down = replace(observed, units={**observed.units, "chainsaw-front.service": "inactive"})
    assert act.ReloadFront(None) not in make_plan(target(goldens["no-instances"], down), down), "it reads it then"


def test_a_removed_instance_is_stopped_and_its_data_stays(goldens):
    observed = reached(goldens["one-host"])
    plan = make_plan(target(goldens["static"], observed), observed)
    stopped = [action.name for action in plan if isinstance(action, act.StopUnit)]
    assert {"app@club.service", "app@club.db.service", "app@club.socket", "app@club.cron.timer"} <= set(stopped)
    assert "chainsaw-front.service" not in stopped
    assert not [kind for kind in every_action() if "remove" in kind.verb or "delete" in kind.verb]


def test_a_certificate_that_is_due_is_issued_and_the_front_reloaded(goldens):
    observed = replace(reached(goldens["wordpress"]), certificates=frozenset())
    issue, reload = only(
        make_plan(target(goldens["wordpress"], observed), observed), act.IssueCertificate, act.ReloadFront
    )
    assert (issue.host, reload.owner) == ("blog.example.org", None)


def test_an_edited_file_is_written_again(goldens):
    observed = reached(goldens["wordpress"])
    path = "quadlets/app@blog.container"
    plan = make_plan(target(goldens["wordpress"], observed), replace(observed, drift=(Drift(path, "-a\n+b"),)))
    (write,) = [action for action in plan if isinstance(action, act.WriteGeneration)]
    assert (write.added, write.changed, write.removed, write.number) == ((), (path,), (), observed.manifest.number + 1)


def test_a_lost_link_of_the_quadlets_is_restored(goldens):
    observed = replace(reached(goldens["wordpress"]), quadlets_linked=False)
    wanted = target(goldens["wordpress"], observed)
    plan = make_plan(wanted, observed)
    assert carried_out(plan, wanted, observed).quadlets_linked
    verify(plan, observed)


def test_what_is_tried_again_and_again_is_started_once_its_image_is_there(goldens):
    """Left to itself it would wait for its next attempt, or have none left."""
    site, observed = goldens["wordpress"], reached(goldens["wordpress"])
    (image,) = {need.reference for need in site.manifest.instances["blog"].images if "wordpress" in need.reference}
    observed = replace(observed, units={**observed.units, "app@blog.service": "activating"})
    assert make_plan(target(site, observed), observed) == [], "it may just be starting"
    for found in (replace(observed, lost=frozenset({image})), replace(observed, provided=frozenset({image}))):
        plan = make_plan(target(site, found), found)
        assert "app@blog.service" in [action.name for action in plan if isinstance(action, act.StartUnit)]


def test_units_of_others_are_left_alone(goldens):
    observed = reached(goldens["wordpress"])
    foreign = {"app@other.service": "active", "chainsaw-mine.service": "active"}
    observed = replace(observed, units={**observed.units, **foreign})
    assert make_plan(target(goldens["wordpress"], observed), observed) == []


def test_an_interrupted_apply_is_finished(goldens):
    observed = replace(reached(goldens["wordpress"]), unfinished=True, unproven=frozenset({"blog"}))
    plan = make_plan(target(goldens["wordpress"], observed), observed)
    assert [type(action) for action in plan] == [act.ReloadSystemd, act.ReloadFront, act.ProbeInstance]
    observed = replace(observed, unfinished=False)
    assert make_plan(target(goldens["wordpress"], observed), observed) == [act.ProbeInstance("blog")]


def every_action():
    return [
        kind for kind in vars(act).values() if isinstance(kind, type) and issubclass(kind, act.Action) and kind.verb
    ]


def test_every_action_is_frozen_has_a_verb_and_a_phase_of_its_own():
    for what in ("verb", "phase"):
        assert len({getattr(kind, what) for kind in every_action()}) == len(every_action())
    for kind in every_action():
        assert kind.phase > 0
        with pytest.raises(FrozenInstanceError):
            object.__new__(kind).owner = "blog"


def test_a_plan_is_json_and_holds_no_secret(goldens):
    plan = make_plan(target(goldens["one-host"], BARE), BARE)
    shown = json.loads(json.dumps(act.summary(plan)))
    assert len(shown) == len(plan)
    for action in shown:
        assert {"action", "subject", "instance"} <= action.keys()
    assert [field.name for field in fields(act.CreateSecret)] == ["owner", "secret"]


def test_an_empty_manifest_is_the_state_before_the_first_apply():
    assert Observed().manifest == EMPTY == Manifest(number=0)


@pytest.mark.parametrize(("current", "recorded", "following"), [(0, 0, 1), (3, 0, 4), (0, 7, 8)])
def test_no_generation_gets_the_number_of_an_earlier_one(goldens, current, recorded, following):
    observed = Observed(manifest=Manifest(number=current), recorded=recorded)
    plan = make_plan(target(goldens["one-host"], observed), observed)
    assert [action.number for action in plan if isinstance(action, act.WriteGeneration)] == [following]


def without_schedules(site):
    """Return a site whose instances have lost their schedules, as when `every: never` was written."""
    instances = {
        name: one.model_copy(update={"scheduled": Scheduled()}) for name, one in site.manifest.instances.items()
    }
    gone = ("units/chainsaw-backup@", "units/chainsaw-drill@")
    kept = {path: digest for path, digest in site.manifest.files.items() if not path.startswith(gone)}
    return replace(site, manifest=site.manifest.model_copy(update={"instances": instances, "files": kept}))


def test_a_schedule_that_is_gone_ends_its_timer_and_what_that_has_started(goldens):
    site = goldens["backups"]
    before = reached(site)
    service = "chainsaw-backup@blog.service"
    observed = replace(before, units={**before.units, service: "failed"})
    stay = make_plan(target(site, observed), observed)
    assert stay == []
    other = without_schedules(site)
    plan = make_plan(target(other, observed), observed)
    stopped = {action.name for action in plan if isinstance(action, act.StopUnit)}
    assert stopped == {service, *(f"chainsaw-{what}@{name}.timer" for what, name in SCHEDULED)}


SCHEDULED = (("backup", "blog"), ("backup", "docs"), ("backup", "old"), ("drill", "blog"), ("drill", "old"))


def test_the_timers_of_one_that_is_stopped_run_and_are_no_reason_to_look_whether_it_answers(goldens):
    site = goldens["backups"]
    before = reached(site)
    assert before.units["chainsaw-backup@old.timer"] == "active"
    observed = replace(before, units={**before.units, "chainsaw-backup@blog.timer": "inactive"})
    plan = make_plan(target(site, observed), observed)
    assert [(type(action), getattr(action, "name", "")) for action in plan] == [
        (act.StartUnit, "chainsaw-backup@blog.timer")
    ]
