"""How the files of an instance hold still while what has changed in them is read."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from chainsaw.errors import ChainsawError, Diagnostic
from chainsaw.host.account import Account
from chainsaw.host.holder import NotHeldError, held_by
from chainsaw.host.podman.program import needing
from chainsaw.host.systemd import STOP_TIMEOUT, UserManager
from chainsaw.model.backup import Way
from chainsaw.model.consistent import Consistent
from chainsaw.model.deployment import ComponentService, Deployment
from chainsaw.plan.observed import UP
from chainsaw.plan.state import processes_of
from chainsaw.work.interrupted import while_stopped
from chainsaw.work.result import Reporter

POLL = 0.2
ANSWERS = 30.0
"""Seconds that a check may take which asks whether a component answers."""
HOLDS = 60.0
"""Seconds after which a command that should hold writes, and does not say that it does, is given up."""


@dataclass(frozen=True)
class Held:
    """How files were read, and for how many seconds visitors had to wait because of that."""

    way: Way
    downtime: float


def is_up(deployment: Deployment, but: str = "") -> bool:
    """Return whether a component of an instance, `but` for one, runs, or is being started or stopped."""
    units = [service.unit for service in processes_of(deployment) if service.unit != but]
    with UserManager() as manager:
        states = manager.states(units)
    return any(states.get(unit, "inactive") not in ("inactive", "failed") for unit in units)


@contextmanager
def in_use(account: Account, deployment: Deployment, service: ComponentService) -> Iterator[None]:
    """Run a component for as long as the block runs, without the others, and wait until it answers.

    It goes on if it did before, or if something else needs it now. Raise ChainsawError when it does not come up.
    """
    with UserManager() as manager:
        before = manager.states([service.unit]).get(service.unit, "inactive")
    try:
        with held_by([*needing(service.unit), "cat"], deployment.start_timeout, b"\n"):
            _await(account, deployment, service)
            yield
    finally:
        if before in ("inactive", "failed") and not is_up(deployment, but=service.unit):
            with UserManager() as manager:
                manager.stop([service.unit], STOP_TIMEOUT)


def _await(account: Account, deployment: Deployment, service: ComponentService) -> None:
    """Wait until the health check of a component succeeds: its unit may be up before it answers."""
    deadline = time.monotonic() + deployment.start_timeout
    while service.health:
        outcome = account.podman.exec(service.container, service.health, patience=ANSWERS)
        if not outcome.code:
            return
        if time.monotonic() > deadline:
            message = f"{service.container} does not answer after {deployment.start_timeout} s: {outcome.complaint}"
            hint = f"chainsaw logs {deployment.name} {service.component}"
            raise ChainsawError(Diagnostic("not-started", message, hint=hint))
        time.sleep(POLL)


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
        container, is_held = f"{deployment.name}.{consistent.quiesce.component}", False
        try:
            with held_by(account.podman.exec_words(container, consistent.quiesce.command), HOLDS):
                is_held = True
                work()
        except NotHeldError as error:
            if is_held:
                raise
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
