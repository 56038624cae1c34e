"""What can be restarted, and what cannot."""

from __future__ import annotations

import pytest
from acting import acting

from chainsaw.errors import ChainsawError, Exit
from chainsaw.host.store import generations
from chainsaw.model.artifact import Artifact
from chainsaw.model.deployment import ComponentService, Manifest
from chainsaw.work.result import Quiet
from chainsaw.work.service import service

restart = acting(service.restart)


@pytest.fixture
def blog(admin):
    """Return the function that lets an instance be applied in some way."""

    def apply(**changes):
        admin.declare("blog")
        admin.apply()
        deployment = admin.known["blog"].model_copy(update=changes)
        tree = {"nginx/nginx.conf": Artifact("nginx/nginx.conf", b"")}
        generations.write_generation(admin.paths, Manifest(number=1, instances={"blog": deployment}), tree)

    return apply


def refused(name):
    with pytest.raises(ChainsawError) as caught:
        restart(name, Quiet())
    (problem,) = caught.value.diagnostics
    return problem, caught.value.exit


def test_what_is_stopped_is_not_started_by_a_restart(blog):
    blog(serving="stopped")
    problem, code = refused("blog")
    assert (problem.code, code, problem.hint) == ("stopped", Exit.INVALID, "chainsaw start blog")


def test_files_alone_have_nothing_to_restart(blog):
    blog()
    done = restart("blog", Quiet())
    assert (done.data, done.lines) == (
        {"instance": "blog", "units": []},
        ("blog has no processes: it is static files only",),
    )


def test_without_a_user_manager_nothing_is_restarted(blog):
    blog(services=(ComponentService(unit="app@blog.service", digest="1", container="blog.app", component="app"),))
    problem, code = refused("blog")
    assert (problem.code, code) == ("no-user-manager", Exit.HOST)


def test_what_is_not_applied_cannot_be_restarted(admin):
    admin.declare("blog")
    problem, code = refused("blog")
    assert (problem.code, code, problem.hint) == ("not-applied", Exit.MISSING, "chainsaw apply blog")
    assert refused("blgo")[0].code == "no-instance"
