"""How the files of an instance hold still while what has changed in them is read."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from chainsaw.host.account import Account
from chainsaw.host.holder import NotHeldError, held_by
from chainsaw.host.systemd import UserManager
from chainsaw.model.backup import Way
from chainsaw.model.consistent import Consistent
from chainsaw.model.deployment import Deployment
from chainsaw.plan.observed import UP
from chainsaw.plan.state import processes_of
from chainsaw.work.interrupted import while_stopped
from chainsaw.work.result import Reporter

HOLDS = 60.0
"""Seconds after which a command that should hold writes, and does not say that it does, is given up."""


@dataclass(frozen=True)
class Held:
    """How files were read, and for how many seconds visitors had to wait because of that."""

    way: Way
    downtime: float


def is_up(deployment: Deployment) -> bool:
    """Return whether a component of an instance runs, or is being started or stopped."""
    units = [service.unit for service in processes_of(deployment)]
    with UserManager() as manager:
        states = manager.states(units)
    return any(states.get(unit, "inactive") not in ("inactive", "failed") for unit in units)


def hold(
    account: Account, deployment: Deployment, consistent: Consistent, work: Callable[[], None], report: Reporter
) -> Held:
    """Do some work while the files of an instance hold still; return how, and how long nobody was served.

    One that is asleep cannot wake meanwhile. One whose writes cannot be held is stopped instead, which is said.
    """
    if not is_up(deployment):
        return _stopped(account, deployment, work, report, "resting")
    if consistent.files == "running":
        work()
        return Held("running", 0.0)
    if consistent.quiesce:
        container = f"{deployment.name}.{consistent.quiesce.component}"
        try:
            with held_by(account.podman.exec_words(container, consistent.quiesce.command), HOLDS):
                work()
        except NotHeldError as error:
            report.note(f"{deployment.name} is stopped instead: {error.diagnostics[0].message}")
        else:
            return Held("quiesced", 0.0)
    return _stopped(account, deployment, work, report, "stopped")


def _stopped(account: Account, deployment: Deployment, work: Callable[[], None], report: Reporter, way: Way) -> Held:
    units = [item.unit for item in (*processes_of(deployment), *deployment.timers)]
    units += [deployment.socket.unit] if deployment.socket else []
    with UserManager() as manager:
        states = manager.states(units) if units else {}
    if not any(state in UP for state in states.values()):
        work()
        return Held(way, 0.0)
    began = time.monotonic()
    while_stopped(account, deployment, work, report)
    return Held(way, round(time.monotonic() - began, 3))
