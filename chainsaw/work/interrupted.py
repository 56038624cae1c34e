"""Stopping an instance while its data is copied, and starting it again even after a crash."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager

from chainsaw.errors import ChainsawError, Exit
from chainsaw.host.account import Account
from chainsaw.host.lock import locked
from chainsaw.host.store import operations
from chainsaw.host.systemd import GRACE, STOP_TIMEOUT, UserManager
from chainsaw.model.deployment import Deployment
from chainsaw.plan.observed import UP
from chainsaw.plan.state import attempts_of, processes_of
from chainsaw.work.result import Reporter


def while_stopped(
    account: Account, deployment: Deployment, work: Callable[[], None], report: Reporter
) -> Sequence[str]:
    """Run a function while an instance and its socket are stopped; start again what was running; return what is down.

    The units to start again are written to the journal before anything is stopped. When this process is killed, the
    next command that changes something starts them, and so does a reboot.
    """
    name, steps = deployment.name, account.steps
    groups = _groups(deployment)
    with UserManager() as manager:
        # Timers and sockets stop first, because they would start the service again.
        every = [unit for group in reversed(groups) for unit in group]
        states = manager.states(every)
        up = [unit for unit in every if states.get(unit) in UP]
        with _journal(account, name, "stopped", report):
            operations.write_stopped(account.paths, name, up)
        try:
            report.doing(f"stopping {name} for the time of the copy")
            with steps.step(f"stop {name}"):
                manager.stop(every, STOP_TIMEOUT)
                end_attempts(manager, [name])
            work()
        finally:
            with steps.step(f"start {name} again"):
                down = _start(manager, deployment, groups, up)
            _record_started(account, name, down, report)
        return down


def end_attempts(manager: UserManager, names: Iterable[str]) -> None:
    """Stop what would start instances again by itself, because a unit ended with an error when it was stopped."""
    manager.stop([unit for name in sorted(names) for unit in attempts_of(name)], STOP_TIMEOUT)


def start_interrupted(account: Account, report: Reporter, command: str) -> None:
    """Start what an interrupted command left stopped, once, unless it is locked or declared stopped."""
    for name, units in operations.stopped(account.paths).items():
        if name in account.restarted:
            continue
        account.restarted.add(name)
        lock = account.paths.instance_lock(name)
        try:
            with locked(lock, command, wait=False, waiting=report.note, kept=False):
                _start_again(account, name, units, report)
        except ChainsawError as error:
            if error.exit not in (Exit.LOCKED, Exit.HOST):
                raise


def _start_again(account: Account, name: str, units: Collection[str], report: Reporter) -> None:
    down: list[str] = []
    deployment = account.current().instances.get(name)
    if deployment is not None and deployment.serving != "stopped":
        with account.steps.step(f"start {name} again"), UserManager() as manager:
            report.note(f"{name} was left stopped by an interrupted command, and is started again")
            down = _start(manager, deployment, _groups(deployment), units)
    _record_started(account, name, down, report)


def _record_started(account: Account, name: str, down: Sequence[str], report: Reporter) -> None:
    """Record that an instance is started; as long as some of it is down, the next command tries again."""
    if down:
        report.note(f"{name} did not start again: {', '.join(down)}; systemctl --user status 'app@{name}*'")
        return
    with _journal(account, name, "started", report):
        operations.write_started(account.paths, name)


@contextmanager
def _journal(account: Account, name: str, state: str, report: Reporter) -> Iterator[None]:
    """Write into the journal, under the lock under which it is trimmed."""
    command = f"chainsaw, which writes that {name} is {state}"
    with (
        account.steps.step(f"write into the journal that {name} is {state}"),
        locked(account.paths.site_lock, command, wait=True, waiting=report.note),
    ):
        yield


def _groups(deployment: Deployment) -> list[list[str]]:
    """Return the units of an instance in start order: its socket, its processes, its timers."""
    sockets = [deployment.socket.unit] if deployment.socket else []
    return [sockets, [item.unit for item in processes_of(deployment)], [item.unit for item in deployment.timers]]


def _start(
    manager: UserManager, deployment: Deployment, groups: Sequence[list[str]], units: Collection[str]
) -> list[str]:
    """Start units, one group after the other; return those that are down all the same."""
    down: list[str] = []
    for group in groups:
        states = manager.start([(unit, False) for unit in group if unit in units], deployment.start_timeout + GRACE)
        down += [unit for unit, state in states.items() if state not in UP]
    return down
