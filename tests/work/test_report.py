"""Reports of plan and apply: actions, rollbacks, and the first login."""

from __future__ import annotations

import time

import pytest

from chainsaw.compile.instance import CompiledInstance
from chainsaw.errors import ChainsawError, Diagnostic, Exit
from chainsaw.host.step import Steps
from chainsaw.plan.diff import Wanted, make_plan
from chainsaw.plan.observed import Observed
from chainsaw.work.apply.report import ending_of, report_applied, report_plan, with_timings
from chainsaw.work.apply.session import select
from chainsaw.work.config.names import no_instance
from chainsaw.work.result import Request, Result


@pytest.fixture
def site(goldens):
    return goldens["one-host"]


@pytest.fixture
def plan(site):
    return make_plan(Wanted(site.manifest, site.blocks, site.paths), Observed())


@pytest.fixture
def instances(site):
    return {name: CompiledInstance(deployment, ()) for name, deployment in site.manifest.instances.items()}


def test_an_empty_plan_is_nothing_to_do():
    reported = report_plan([], 0)
    assert (reported.lines, reported.data["actions"], reported.exit) == (("nothing to do",), [], Exit.OK)


def test_a_plan_shows_every_action_and_every_file(plan):
    reported = report_plan(plan, 0)
    assert len(reported.lines) == len(plan) == len(reported.data["actions"])
    shown = "\n".join(reported.lines)
    assert "\nwrite generation   1\n    + config/blog/app/part/php-fpm/fpm.conf\n" in shown
    assert "start              app@blog.service" in shown


def test_a_new_instance_is_reported_with_its_url_and_login(plan, site):
    reported = report_applied(plan, {}, site.manifest, {}, site.paths, {})
    shown = "\n".join(reported.lines)
    assert "blog is live at https://example.org/\n" in shown
    assert "the password: chainsaw secret show blog admin_password" in shown
    assert "docs is live at https://example.org/docs/" in shown
    assert set(reported.data) >= {"actions", "instances", "failed", "removed"}
    assert reported.data["instances"]["club"] == {"url": "https://club.example.org/"}


def test_a_new_instance_behind_a_login_is_reported_with_how_one_gets_in(goldens):
    site = goldens["logins"]
    shown = "\n".join(report_applied([], {}, site.manifest, {}, site.paths, {}).lines)
    assert (
        "dav is live at https://club.example.org/cal/\n  log in at the front; with which names: chainsaw user list\n"
        in shown
    )
    assert "chainsaw secret show dav" not in shown, "no password of the application gets anybody in"
    assert "  to administer it, log in at the front; with which names: chainsaw user list\n  log in at" in shown
    assert "chainsaw secret show blog admin_password" in shown, "it asks for its own as well"


def test_a_removed_instance_is_reported_with_the_place_of_its_data(site, instances, plan):
    manifest = site.manifest.model_copy(update={"instances": {}})
    reported = report_applied(plan, {}, manifest, {"blog": instances["blog"].deployment}, site.paths, {})
    (line,) = reported.lines
    assert line.startswith("blog is stopped and no longer served. Its data is still in ")
    assert site.paths.instance("blog") in line
    assert reported.data["removed"] == ["blog"]


def test_a_failure_is_reported_with_the_state_of_the_instance(site, instances, plan):
    problem = Diagnostic("probe", "it answers 500")
    reported = report_applied(
        plan,
        {"blog": [problem], "club": [problem]},
        site.manifest,
        {"blog": instances["blog"].deployment},
        site.paths,
        {"blog": ending_of("blog", True, True, False), "club": ending_of("club", False, True, False)},
    )
    assert reported.exit is Exit.DEGRADED
    assert reported.data["failed"] == ["blog", "club"]
    assert [item.code for item in reported.diagnostics] == ["probe", "rolled-back", "probe", "rolled-back"]
    assert reported.diagnostics[1].message == "blog was rolled back: it runs as before"
    assert "it was not installed" in reported.diagnostics[3].message


def test_without_names_all_that_is_declared_is_chosen(admin, instances):
    assert select(admin.paths, instances, {}, ()) == instances


def test_with_names_the_others_stay_as_they_were(admin, instances):
    fresh, former = (
        instances,
        {
            "blog": CompiledInstance(instances["blog"].deployment, ()),
            "old": CompiledInstance(instances["club"].deployment, ()),
        },
    )
    chosen = select(admin.paths, fresh, former, ("club",))
    assert set(chosen) == {"blog", "old", "club"}
    assert chosen["blog"] is former["blog"]
    assert set(select(admin.paths, fresh, former, ("old",))) == {"blog"}


def test_a_name_that_is_neither_declared_nor_there_is_refused_with_a_suggestion(admin, instances):
    with pytest.raises(ChainsawError) as caught:
        select(admin.paths, instances, {}, ("blgo", "xyzzy"))
    assert caught.value.exit is Exit.MISSING
    first, second = caught.value.diagnostics
    assert first.message == "no instance 'blgo'; did you mean blog?"
    assert second.message == "no instance 'xyzzy'"
    assert second.hint == "instances: blog, club, docs, photos"


def test_a_removed_instance_is_reported_with_the_command_that_restores_it(admin):
    admin.write("removed/blog.yaml", "recipe: static\n")
    (problem,) = no_instance(admin.paths, "blog", frozenset({"www"})).diagnostics
    assert (problem.code, problem.message) == ("no-instance", "blog was removed; its data is kept")
    assert problem.hint == "chainsaw rollback blog"


def test_with_timings_each_step_is_shown_with_its_seconds_and_the_rest_is_not_hidden():
    steps = Steps("")
    with steps.step("activate 7"), steps.timed("read the state of the host"):
        pass
    began = time.monotonic() - 2.0
    assert with_timings(Result({}), Request(), steps, began) == Result({})
    result = with_timings(Result({}, ("done",)), Request(timings=True), steps, began)
    assert [item["step"] for item in result.data["timings"]] == [
        "read the state of the host",
        "activate 7",
        "everything else",
        "in all",
    ]
    *parts, whole = [item["seconds"] for item in result.data["timings"]]
    assert whole >= 2.0
    assert sum(parts) >= whole - 0.01
    assert result.lines[0] == "done"
    assert result.lines[-1].endswith(" s  in all")
