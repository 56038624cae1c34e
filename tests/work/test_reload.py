"""When a reload is finished, and what is waited for when units start."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from chainsaw.errors import ChainsawError
from chainsaw.host.systemd import CRASHED, UserManager

FRONT = "chainsaw-front.service"
APP, DB, OTHER = "app@blog.service", "app@blog.db.service", "app@club.service"
MASTER, OLD, NEW = 1, 2, 3


def row(name, active, sub, job=0):
    """What systemd lists of a unit."""
    return (name.encode(), b"", b"loaded", active.encode(), sub.encode(), b"", name.encode(), job, b"", b"/")


class Server:
    """A unit whose processes change with each query."""

    def __init__(self, before, after=(), jobs=(), state="active", result=b"success", crashed=0):
        self.before, self.after, self.jobs = before, list(after), list(jobs)
        self.state, self.result, self.crashed = state, result, crashed
        self.reloaded, self.asked = [], 0

    @property
    def manager(self):
        """The user manager to which this unit belongs."""
        manager = UserManager()
        calls = SimpleNamespace(
            ReloadUnit=lambda name, mode: self.reloaded.append((name, mode)),
            ListUnitsByPatterns=self.listing,
            GetUnitProcesses=lambda name: [(b"/user.slice", process, b"nginx") for process in self.processes()],
        )
        manager.manager = SimpleNamespace(Manager=calls)
        manager.bus = SimpleNamespace(get_property=lambda *place: self.result)
        return manager

    def listing(self, states, patterns):
        sub = "auto-restart" if self.crashed else "running"
        self.crashed = max(0, self.crashed - 1)
        return [row(FRONT, self.state, sub, self.jobs.pop(0) if self.jobs else 0)]

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


def not_reloaded(server):
    """Reload a server that does not do it in time, and return the error."""
    with pytest.raises(ChainsawError) as caught:
        reload(server, timeout=0.2)
    [problem] = caught.value.diagnostics
    assert (problem.code, problem.hint) == ("not-reloaded", f"journalctl --user -u {FRONT} -n 30")
    return problem.message


def test_an_old_process_that_keeps_serving_is_an_error_after_a_timeout():
    message = not_reloaded(Server({MASTER, OLD}, [{MASTER, OLD, NEW}]))
    assert message.endswith("configuration: after 0.2 s, requests are still taken by its former processes")


def test_a_server_that_does_not_react_is_an_error_after_a_timeout():
    assert "still taken by its former processes" in not_reloaded(Server({MASTER, OLD}, [{MASTER, OLD}]))


def test_a_server_that_crashed_is_waited_for_until_systemd_has_restarted_it():
    server = Server({MASTER, OLD}, [{NEW}], crashed=3)
    reload(server)
    assert server.crashed == 0
    assert CRASHED in not_reloaded(Server({MASTER, OLD}, [{NEW}], crashed=1000))


def test_a_reload_that_fails_is_an_error_with_what_systemd_says():
    failed = Server({MASTER, OLD}, [{MASTER, OLD}], result=b"exit-code")
    assert not_reloaded(failed).endswith("its reload ended with: exit-code")
    assert "it is failed" in not_reloaded(Server({MASTER}, [set()], state="failed"))


@pytest.mark.parametrize("before", [set(), None])
def test_what_does_not_run_is_not_waited_for(before):
    server = Server(before, [set()])
    assert reload(server) < 5
    assert server.asked == 1


def test_the_job_of_systemd_is_waited_for():
    server = Server({MASTER, OLD}, [{MASTER, NEW}], jobs=[7] * 3)
    reload(server)
    assert server.jobs == []


def test_what_a_unit_that_is_not_there_runs_is_nothing():
    assert Server(None).manager.processes(FRONT) == frozenset()
    assert Server({OLD, NEW}).manager.processes(FRONT) == {OLD, NEW}


REQUIRES = {APP.encode(): [DB.encode(), b"app@blog.socket"]}


def settled(*listings, groups=((APP, DB),), timeout=5.0):
    """Wait for groups of units, of which systemd lists one thing after the other; return their states."""
    left = list(listings)
    calls = SimpleNamespace(ListUnitsByPatterns=lambda states, names: left.pop(0) if len(left) > 1 else left[0])
    manager = UserManager()
    manager.manager = SimpleNamespace(Manager=calls)
    manager.bus = SimpleNamespace(get_property=lambda bus, path, *_: REQUIRES.get(path, []))
    found = manager.wait_for(groups, timeout)
    assert len(left) == 1
    return found


STARTING, WAITING = row(APP, "activating", "start", 1), row(APP, "inactive", "dead", 1)
RUNS, DB_RUNS, DB_STARTS = (
    row(APP, "active", "running"),
    row(DB, "active", "running"),
    row(DB, "activating", "start", 2),
)
DB_CRASHED = row(DB, "activating", "auto-restart")


def test_units_are_waited_for_until_none_has_a_job():
    assert settled([WAITING, DB_STARTS], [STARTING, DB_RUNS], [RUNS, DB_RUNS]) == {APP: "active", DB: "active"}


def test_who_waits_for_a_unit_that_has_crashed_is_not_waited_for():
    assert settled([STARTING, DB_RUNS], [STARTING, DB_CRASHED]) == {APP: "activating", DB: CRASHED}


def test_who_does_not_require_what_has_crashed_is_waited_for():
    crashed = row(OTHER, "activating", "auto-restart")
    states = settled([STARTING, DB_RUNS, crashed], [RUNS, DB_RUNS, crashed], groups=((APP, DB, OTHER),))
    assert states == {APP: "active", DB: "active", OTHER: CRASHED}


def test_a_crash_in_one_group_does_not_end_the_wait_for_another():
    busy, up = row(OTHER, "activating", "start", 3), row(OTHER, "active", "running")
    states = settled([STARTING, DB_CRASHED, busy], [STARTING, DB_CRASHED, up], groups=((APP, DB), (OTHER,)))
    assert states == {APP: "activating", DB: CRASHED, OTHER: "active"}


def test_a_unit_that_systemd_is_restarting_already_is_waited_for():
    again = row(DB, "activating", "auto-restart", 4)
    assert settled([RUNS, again], [RUNS, DB_STARTS], [RUNS, DB_RUNS]) == {APP: "active", DB: "active"}


def test_a_wait_ends_and_a_unit_that_is_not_there_is_inactive():
    assert settled([STARTING], timeout=0.1) == {APP: "activating", DB: "inactive"}


def test_what_systemd_refuses_is_an_error_like_any_other():
    server = Server({MASTER})

    def refuse(*arguments):
        raise RuntimeError("Unit chainsaw-front.service is not active, cannot reload.")

    manager = server.manager
    for call in ("ReloadUnit", "ListUnitsByPatterns"):
        setattr(manager.manager.Manager, call, refuse)
    for ask in (
        lambda: manager.reload_unit(FRONT, 1.0, bool),
        lambda: manager.wait_for([[FRONT]], 1.0),
        lambda: manager.states([FRONT]),
    ):
        with pytest.raises(ChainsawError, match="cannot reload") as caught:
            ask()
        assert [item.code for item in caught.value.diagnostics] == ["systemd"]
