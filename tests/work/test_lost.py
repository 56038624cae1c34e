"""A page is asked for no longer once the process that would answer has crashed."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from fake import replaces

from chainsaw.errors import ChainsawError
from chainsaw.host import readings, web
from chainsaw.host.systemd import UserManager
from chainsaw.model.certificate import HostIssuer
from chainsaw.model.deployment import ComponentService, Deployment, ProbeRequest
from chainsaw.model.route import Route
from chainsaw.plan import actions as act
from chainsaw.plan.observed import UnitDetails
from chainsaw.work.apply.worker import Worker

UNIT = "app@dav.service"
UP = UnitDetails("active", "running", 1.0)
DAV = Deployment(
    name="dav",
    recipe="radicale",
    version="1-1",
    routes=(Route(host="dav.localhost", path="/"),),
    block=524288,
    services=(ComponentService(unit=UNIT, digest="1", container="dav.app", component="app"),),
    probe=ProbeRequest(path="/", status=200),
)


@replaces(UserManager)
@dataclass
class Manager:
    """A user manager that has something new to say of the unit each time it is asked."""

    later: list[UnitDetails] = field(default_factory=list)

    def details(self, patterns):
        assert patterns == [UNIT]
        return {UNIT: self.later.pop(0) if len(self.later) > 1 else self.later[0]}


@pytest.fixture
def asked(monkeypatch):
    """Return what asks for a page that answers 503; the list are the requests."""
    requests: list[str] = []

    def answer(front, wanted, timeout):
        requests.append(wanted.path)
        return web.Answer(503, {}, b"down for now")

    monkeypatch.setattr(web, "request", answer)
    monkeypatch.setattr(readings, "front_ports", lambda paths: (80, 443))

    def ask(*states, patience=60):
        account: Any = SimpleNamespace(paths=SimpleNamespace(authority="/nowhere", probe_file="/nowhere/probe"))
        manifest: Any = SimpleNamespace(
            instances={"dav": DAV.model_copy(update={"start_timeout": patience})},
            issuer=lambda host: HostIssuer(issuer="local"),
        )
        manager: Any = Manager(list(states))
        unused: Any = None
        worker = Worker(account, manager, unused, unused, unused, unused, unused, "host", manifest, unused)
        worker.last_lines = lambda unit, since: [f"{unit} has no such page"]  # type: ignore[method-assign]  # no journal
        with pytest.raises(ChainsawError) as caught:
            worker.probe_instance(act.ProbeInstance("dav"))
        return [item.message for item in caught.value.diagnostics], len(requests)

    return ask


WRONG = "https://dav.localhost/ answers 503, not 200:\n  down for now"
CRASHED = f"{UNIT} has crashed; its log:\n  {UNIT} has no such page"


@pytest.mark.parametrize(
    "now",
    [
        UnitDetails("active", "running", 2.0, restarts=1),
        UnitDetails("activating", "auto-restart", 2.0),
        UnitDetails("failed", "failed", 2.0),
    ],
)
def test_a_crash_ends_the_waiting_and_its_log_is_shown(asked, now):
    assert asked(UP, UP, now) == ([CRASHED, WRONG], 2)


def test_earlier_restarts_are_no_crash(asked):
    before = UnitDetails("active", "running", 1.0, restarts=4)
    message, requests = asked(before, patience=1)
    assert message == [WRONG]
    assert requests > 2
