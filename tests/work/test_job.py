"""A service that ends by itself is run once, and its end is told apart from that it never ran."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from chainsaw.host.systemd import UserManager

JOB = "app@feeds.fetch.service"


class Job:
    """A job, and what systemd says of it after it was asked to start it."""

    def __init__(self, state="inactive", result="success", runs=True, refused=""):
        self.state, self.result, self.runs, self.refused = state, result, runs, refused
        self.ended = 7

    @property
    def manager(self):
        manager = UserManager()
        calls = SimpleNamespace(
            ResetFailedUnit=lambda name: None,
            StartUnit=self.start,
            ListUnitsByPatterns=lambda states, patterns: [self.row],
        )
        manager.manager = SimpleNamespace(Manager=calls)
        manager.bus = SimpleNamespace(get_property=self.property)
        return manager

    @property
    def row(self):
        return (JOB.encode(), b"", b"loaded", self.state.encode(), b"dead", b"", JOB.encode(), 0, b"", b"/")

    def start(self, name, mode):
        if self.refused:
            raise OSError(self.refused)
        self.ended += self.runs

    def property(self, bus, path, interface, name, kind):
        return self.ended if name == b"ExecMainExitTimestamp" else self.result.encode()


@pytest.mark.parametrize(
    ("job", "problem"),
    [
        (Job(), ""),
        (Job("failed", "exit-code"), "it ended with: exit-code"),
        (Job("failed", "timeout"), "it ended with: timeout"),
        (Job(runs=False), "it was not started: what it needs is not up"),
        (Job("activating"), "it is activating after 0.1 s"),
        (Job(refused="no such unit"), "refused by systemd: no such unit"),
    ],
)
def test_how_a_job_ended(job, problem):
    assert job.manager.run(JOB, 0.1) == problem
