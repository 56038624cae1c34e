"""A reload is finished when only processes with the new configuration serve, or after a timeout."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from chainsaw.errors import ChainsawError
from chainsaw.host.systemd import UserManager

FRONT = "chainsaw-front.service"
MASTER, OLD, NEW = 1, 2, 3


class Server:
    """A unit whose processes change with each query."""

    def __init__(self, before, after=(), jobs=()):
        self.before, self.after, self.jobs = before, list(after), list(jobs)
        self.reloaded, self.asked = [], 0

    @property
    def manager(self):
        """The user manager to which this unit belongs."""
        manager = UserManager()
        calls = SimpleNamespace(
            ReloadUnit=lambda name, mode: self.reloaded.append((name, mode)),
            ListJobs=lambda: [(7, self.jobs.pop(0), b"reload", b"running")] if self.jobs else [],
            ListUnitsByPatterns=lambda states, patterns: [],
            GetUnitProcesses=lambda name: [(b"/user.slice", process, b"nginx") for process in self.processes()],
        )
        manager.manager = SimpleNamespace(Manager=calls)
        return manager

    def processes(self):
        self.asked += 1
        found = [self.before] if not self.reloaded else self.after
        if found[0] is None:
            raise OSError("no such unit")
        return sorted(found.pop(0) if len(found) > 1 else found[0])


def reload(server, serving=lambda process: process == OLD, timeout=5.0):
    """Reload a server, and return how long it took."""
    began = time.monotonic()
    server.manager.reload_unit(FRONT, timeout, serving)
    return time.monotonic() - began


def test_it_waits_for_new_processes_and_for_the_old_ones_to_stop_serving():
    both, later = {MASTER, OLD, NEW}, {MASTER, NEW}
    server = Server({MASTER, OLD}, [{MASTER, OLD}, both, both, later, later])
    assert reload(server) < 5
    assert server.reloaded == [(FRONT.encode(), b"replace")]
    assert server.asked == 5


def test_an_old_process_that_only_ends_its_connections_is_not_waited_for():
    server = Server({MASTER, OLD}, [{MASTER, OLD, NEW}])
    reload(server, serving=lambda process: False)
    assert server.asked == 2


def test_an_old_process_that_keeps_serving_is_waited_for_with_a_timeout():
    assert 0.2 <= reload(Server({MASTER, OLD}, [{MASTER, OLD, NEW}]), timeout=0.2) < 2


def test_a_server_that_does_not_react_is_waited_for_only_so_long():
    assert 0.2 <= reload(Server({MASTER, OLD}, [{MASTER, OLD}]), timeout=0.2) < 2


@pytest.mark.parametrize("before", [set(), None])
def test_what_does_not_run_is_not_waited_for(before):
    server = Server(before, [set()])
    assert reload(server) < 5
    assert server.asked == 1


def test_the_job_of_systemd_is_waited_for():
    server = Server({MASTER, OLD}, [{MASTER, NEW}], jobs=[FRONT.encode()] * 3)
    reload(server)
    assert server.jobs == []


def test_the_jobs_of_others_are_not_waited_for():
    server = Server({MASTER, OLD}, [{MASTER, NEW}], jobs=[b"app@blog.service"] * 3)
    reload(server)
    assert len(server.jobs) == 2


def test_what_a_unit_that_is_not_there_runs_is_nothing():
    assert Server(None).manager.processes(FRONT) == frozenset()
    assert Server({OLD, NEW}).manager.processes(FRONT) == {OLD, NEW}


def test_what_systemd_refuses_is_an_error_like_any_other():
    server = Server({MASTER})

    def refuse(*arguments):
        raise RuntimeError("Unit chainsaw-front.service is not active, cannot reload.")

    manager = server.manager
    for call in ("ReloadUnit", "ListJobs", "ListUnitsByPatterns"):
        setattr(manager.manager.Manager, call, refuse)
    for ask in (
        lambda: manager.reload_unit(FRONT, 1.0, bool),
        lambda: manager.settle([FRONT], 1.0),
        lambda: manager.states([FRONT]),
    ):
        with pytest.raises(ChainsawError, match="cannot reload") as caught:
            ask()
        assert [item.code for item in caught.value.diagnostics] == ["systemd"]
