"""Start the units of a plan. Nobody waits for an instance that is slow to start, or fails to."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

from chainsaw.errors import ChainsawError, Diagnostic
from chainsaw.host.store import records
from chainsaw.host.systemd import CRASHED
from chainsaw.plan import actions as act
from chainsaw.plan.state import attempts_of
from chainsaw.work.apply.worker import Worker

STOP_TIMEOUT = 120.0
SITE_TIMEOUT = 90.0
"""Seconds for the front to start."""
GRACE = 30.0
"""Seconds more than systemd allows a unit."""
Failures = dict[str, list[Diagnostic]]
"""What went wrong, by instance."""


@dataclass(frozen=True)
class Begun:
    """Units that systemd was asked to start, at a time; `refused` is its answer for those that it did not take."""

    starts: Sequence[act.StartUnit]
    refused: Mapping[str, str]
    since: float

    def of(self, site: bool) -> Begun:
        """Return those of the site, or those of the instances."""
        return Begun([item for item in self.starts if (item.owner is None) == site], self.refused, self.since)


def start(starts: Sequence[act.StartUnit], worker: Worker, failures: Failures, meanwhile: Callable[[], None]) -> None:
    """Start all sockets, then all services, each kind at once; do something else while the services start.

    The lock of the site is held until its own units run. For those of instances others need not wait.
    """
    sockets = [action for action in starts if action.name.endswith(".socket")]
    if problem := _finish(_begin(sockets, worker), worker, failures):
        raise problem
    begun = _begin([action for action in starts if action not in sockets], worker)
    problem = _outcome(meanwhile)
    problem = _finish(begun.of(site=True), worker, failures) or problem
    if problem is None and worker.is_switching:
        with worker.steps.step("record the switch"):
            worker.record_switched()
    own = begun.of(site=False)
    # Nobody is let in when there is nothing to wait for, or when the switch is not finished.
    with worker.unlocked() if own.starts and problem is None else nullcontext():
        states = _wait(own, worker)
    _judge(own, states, worker, failures)
    if problem:
        raise problem


def end_attempts(actions: Sequence[act.StartUnit | act.StopUnit], worker: Worker) -> None:
    """Stop what would start the instances of some actions again by itself, because they failed before."""
    owners = sorted({action.owner for action in actions if action.owner})
    worker.manager.stop([unit for owner in owners for unit in attempts_of(owner)], STOP_TIMEOUT)


def _begin(starts: Sequence[act.StartUnit], worker: Worker) -> Begun:
    since = time.time()
    if not starts:
        return Begun((), {}, since)
    names = [item.name for item in starts]
    worker.report.doing(f"starting {', '.join(names)}")
    with worker.steps.step(f"start {' '.join(names)}"):
        end_attempts(starts, worker)
        others = {unit for item in starts for unit, _ in item.digests} - {*names}
        refused = worker.manager.begin([(item.name, item.again) for item in starts], sorted(others))
        return Begun(starts, refused, since)


def _finish(begun: Begun, worker: Worker, failures: Failures) -> Exception | None:
    return _judge(begun, _wait(begun, worker), worker, failures)


def _wait(begun: Begun, worker: Worker) -> dict[str, str]:
    """Return the state of each unit once all have started or failed."""
    if not begun.starts:
        return {}
    deployments = worker.manifest.instances
    owners = [item.owner for item in begun.starts]
    timeout = max(deployments[name].start_timeout if name in deployments else SITE_TIMEOUT for name in owners)
    groups = [{item.name, *dict(item.digests)} - begun.refused.keys() for item in begun.starts]
    with worker.steps.timed(f"wait for {' '.join(item.name for item in begun.starts)}"):
        return {**worker.manager.settle(groups, timeout + GRACE), **begun.refused}


def _judge(begun: Begun, states: Mapping[str, str], worker: Worker, failures: Failures) -> Exception | None:
    """Record what the units that run were started from; those that do not run are failures of their instances.

    Return the failure of a unit of the site.
    """
    if not begun.starts:
        return None
    failed, applied = None, dict[str, str]()
    for item in begun.starts:
        down = sorted(
            (unit for unit in (item.name, *dict(item.digests)) if states[unit] != "active"),
            key=lambda unit: states[unit] != CRASHED,
        )
        if not down:
            applied |= dict(item.digests)
            continue
        problem = _not_started(down[0], states[down[0]], worker.last_words(down[0], begun.since))
        if item.owner is None:
            failed = failed or ChainsawError(problem)
        else:
            failures.setdefault(item.owner, []).append(problem)
    with worker.steps.step("record what runs"):
        records.write_applied(worker.account.paths, records.read_applied(worker.account.paths) | applied)
    return failed


def _outcome(effect: Callable[[], None]) -> Exception | None:
    """Run an effect; return its failure, which is raised once what was started is recorded."""
    try:
        effect()
    except (ChainsawError, OSError) as error:
        return error
    return None


def _not_started(name: str, state: str, words: Sequence[str]) -> Diagnostic:
    log = "".join(f"\n  {line}" for line in words)
    message = f"{name} did not start: it is {state}{'; its log:' if log else ''}{log}"
    return Diagnostic("not-started", message, hint=f"journalctl --user -u '{name.removesuffix('.service')}*' -n 30")
