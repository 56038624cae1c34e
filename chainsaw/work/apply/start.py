"""Start the units of a plan. Nobody waits for an instance that is slow to start, or fails to."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial

from chainsaw.errors import ChainsawError, Diagnostic
from chainsaw.host.store import records
from chainsaw.host.systemd import CRASHED, GRACE
from chainsaw.plan import actions as act
from chainsaw.work.apply import tried
from chainsaw.work.apply.worker import Worker, said

GATE = ".gate.service"
"""The end of the name of a gate's unit."""
SITE_TIMEOUT = 90.0
"""Seconds for the front to start."""
PAUSES = (0.0, 2.0)
"""Seconds before each further start of what failed in Podman."""
Failures = dict[str, list[Diagnostic]]
"""What went wrong, by instance."""


@dataclass(frozen=True)
class Starting:
    """Units that systemd was asked to start, at a time; `refused` is its answer for those that it did not take."""

    starts: Sequence[act.StartUnit]
    refused: Mapping[str, str]
    since: float

    @property
    def of_site(self) -> Starting:
        """Those of the front."""
        return replace(self, starts=[item for item in self.starts if item.owner is None])

    @property
    def of_instances(self) -> Starting:
        """Those of instances."""
        return replace(self, starts=[item for item in self.starts if item.owner is not None])

    @property
    def units(self) -> set[str]:
        """All units, also those that systemd starts because of others."""
        return {unit for item in self.starts for unit in units_of(item)}


def units_of(action: act.StartUnit) -> list[str]:
    """Return the unit that is started, and those that systemd starts with it."""
    return list(dict.fromkeys([action.name, *(unit for unit, _ in action.digests)]))


def start(starts: Sequence[act.StartUnit], worker: Worker, failures: Failures, meanwhile: Callable[[], None]) -> None:
    """Start all sockets, then all services, each kind at once; do something else while the services start.

    The lock of the site is held until its own units run. For those of instances others need not wait.
    """
    owners = {action.owner for action in starts}
    tried.begin(worker.account, [item for name, item in worker.manifest.instances.items() if name in owners])
    sockets = [action for action in starts if action.name.endswith(".socket")]
    if problem := _finish(_begin(sockets, worker), worker, failures):
        raise problem
    starting = _begin([action for action in starts if action not in sockets], worker)
    problem = _failure_of(meanwhile)
    problem = _finish(starting.of_site, worker, failures) or problem
    if problem is None and worker.is_switching:
        with worker.steps.step("record the switch"):
            worker.record_switched()
    own = starting.of_instances
    # Nobody is let in when there is nothing to wait for, or when the switch is not finished.
    with worker.unlocked() if own.starts and problem is None else nullcontext():
        states = _wait(own, worker)
    _record_outcome(own, states, worker, failures)
    if problem:
        raise problem


def _begin(starts: Sequence[act.StartUnit], worker: Worker) -> Starting:
    starting = Starting(starts, {}, time.time())
    if not starts:
        return starting
    names = [item.name for item in starts]
    worker.report.doing(f"starting {', '.join(names)}")
    with worker.steps.step(f"start {' '.join(names)}"):
        others = sorted(starting.units - {*names})
        refused = worker.manager.begin([(item.name, item.again) for item in starts], others)
        return replace(starting, refused=refused)


def _finish(starting: Starting, worker: Worker, failures: Failures) -> Exception | None:
    return _record_outcome(starting, _wait(starting, worker), worker, failures)


def _wait(starting: Starting, worker: Worker) -> dict[str, str]:
    """Return the state of each unit once all have started or failed.

    What failed in Podman is started again: Podman removes the rest of a container that was killed, or that a power cut
    ended, only with its second attempt, and right after a boot several of its processes are in each other's way.
    """
    if not starting.starts:
        return {}
    states = _wait_for_all(starting, worker)
    for pause in PAUSES:
        failed = [unit for unit in sorted(starting.units) if states[unit] in (CRASHED, "failed")]
        if not any(worker.manager.failed_in_podman(unit) for unit in failed):
            break
        time.sleep(pause)
        again = [item for item in starting.starts if any(states[unit] != "active" for unit in units_of(item))]
        worker.manager.begin([(item.name, False) for item in again], failed)
        states = _wait_for_all(starting, worker)
    return states


def _wait_for_all(starting: Starting, worker: Worker) -> dict[str, str]:
    deployments = worker.manifest.instances
    owners = [item.owner for item in starting.starts]
    timeout = max(deployments[name].start_timeout if name in deployments else SITE_TIMEOUT for name in owners)
    groups = [{*units_of(item)} - starting.refused.keys() for item in starting.starts]
    with worker.steps.timed(f"wait for {' '.join(item.name for item in starting.starts)}"):
        return {**worker.manager.wait_for(groups, timeout + GRACE), **starting.refused}


def _record_outcome(
    starting: Starting, states: Mapping[str, str], worker: Worker, failures: Failures
) -> Exception | None:
    """Record what the units that run were started from; those that do not run are failures of their instances.

    Return the failure of a unit of the site.
    """
    if not starting.starts:
        return None
    failed, applied = None, dict[str, str]()
    for item in starting.starts:
        down = sorted((unit for unit in units_of(item) if states[unit] != "active"), key=partial(_importance, states))
        if not down:
            applied |= dict(item.digests)
            continue
        problem = _not_started(down[0], states[down[0]], worker, starting.since)
        if item.owner is None:
            failed = failed or ChainsawError(problem)
        else:
            failures.setdefault(item.owner, []).append(problem)
    with worker.steps.step("record what runs"):
        records.write_applied(worker.account.paths, records.read_applied(worker.account.paths) | applied)
    return failed


def _importance(states: Mapping[str, str], unit: str) -> tuple[bool, bool]:
    """Return what sorts units that are down: the cause first. A gate is down because its app does not answer."""
    return unit.endswith(GATE), states[unit] != CRASHED


def _failure_of(effect: Callable[[], None]) -> Exception | None:
    """Run an effect; return its failure, which is raised once what was started is recorded."""
    try:
        effect()
    except (ChainsawError, OSError) as error:
        return error
    return None


def _not_started(name: str, state: str, worker: Worker, since: float) -> Diagnostic:
    if name.endswith(GATE):
        name = f"{name.removesuffix(GATE)}.service"
        message = f"{name} does not answer: its gate is {state}"
    else:
        message = f"{name} did not start: it is {state}"
    message += said(worker.last_lines(name, since))
    return Diagnostic("not-started", message, hint=f"journalctl --user -u '{name.removesuffix('.service')}*' -n 30")
