"""Stopping an instance while its data is copied, and starting it again even after a crash."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from chainsaw.errors import ChainsawError, Exit
from chainsaw.host.account import Account
from chainsaw.host.lock import locked
from chainsaw.host.store import operations
from chainsaw.host.systemd import UserManager
from chainsaw.model.deployment import Deployment
from chainsaw.plan.state import processes_of
from chainsaw.work.result import Reporter

STOP_TIMEOUT = 120.0


def while_stopped(account: Account, deployment: Deployment, work: Callable[[], None], report: Reporter) -> None:
    """Run a function while an instance and its socket are stopped; then start again what was running.

    The units to start again are written to the journal before anything is stopped. When this process is killed, the
    next command that changes something starts them, and so does a reboot.
    """
    name, steps = deployment.name, account.steps
    groups = _groups(deployment)
    with UserManager() as manager:
        # Timers and sockets stop first, because they would start the service again.
        every = [unit for group in reversed(groups) for unit in group]
        states = manager.states(every)
        up = [unit for unit in every if states.get(unit) == "active"]
        with steps.step(f"write into the journal that {name} is stopped"):
            operations.write_stopped(account.paths, name, up)
        try:
            report.doing(f"stopping {name} for the time of the copy")
            with steps.step(f"stop {name}"):
                manager.stop(every, STOP_TIMEOUT)
            work()
        finally:
            with steps.step(f"start {name} again"):
                _start(manager, deployment, groups, up)
            with steps.step(f"write into the journal that {name} is started"):
                operations.write_started(account.paths, name)


def start_interrupted(account: Account, report: Reporter, command: str) -> None:
    """Start what an interrupted command left stopped, unless it is locked or declared stopped."""
    for name, units in operations.stopped(account.paths).items():
        lock = account.paths.instance_lock(name)
        try:
            with locked(lock, command, wait=False, waiting=report.note, kept=False):
                _start_again(account, name, units, report)
        except ChainsawError as error:
            if error.exit not in (Exit.LOCKED, Exit.HOST):
                raise


def _start_again(account: Account, name: str, units: Collection[str], report: Reporter) -> None:
    deployment = account.current().instances.get(name)
    if deployment is not None and deployment.serving != "stopped":
        with account.steps.step(f"start {name} again"), UserManager() as manager:
            report.note(f"{name} was left stopped by an interrupted command, and is started again")
            _start(manager, deployment, _groups(deployment), units)
    with account.steps.step(f"write into the journal that {name} is started"):
        operations.write_started(account.paths, name)


def _groups(deployment: Deployment) -> list[list[str]]:
    """Return the units of an instance in start order: its socket, its processes, its timers."""
    sockets = [deployment.socket.unit] if deployment.socket else []
    return [sockets, [item.unit for item in processes_of(deployment)], [item.unit for item in deployment.timers]]


def _start(manager: UserManager, deployment: Deployment, groups: Sequence[list[str]], units: Collection[str]) -> None:
    for group in groups:
        manager.start([(unit, False) for unit in group if unit in units], deployment.start_timeout + 30.0)
