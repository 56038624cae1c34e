"""Carry a plan out, phase by phase: what fails for one instance stops that instance alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import groupby
from typing import Any

from chainsaw.errors import ChainsawError, Diagnostic
from chainsaw.host.store import records
from chainsaw.model.deployment import ImageNeed
from chainsaw.plan import actions as act
from chainsaw.work.apply.worker import Worker

STOP_TIMEOUT = 120.0
NETWORK = "-network.service"
Failures = dict[str, list[Diagnostic]]


def carry_out(plan: Sequence[act.Action], worker: Worker) -> Failures:
    """Do what a plan says and return the problems by instance.

    Problems of preparation are returned before anything is written. Raise ChainsawError for what concerns the site.
    """
    failures: Failures = {}
    preparing = [action for action in plan if action.phase < act.WriteGeneration.phase]
    needs = [action.need for action in preparing if isinstance(action, act.ProvideImage)]
    if needs:
        _as_site(partial(_obtain, worker, needs))
    for action in preparing:
        _guarded(action, failures, partial(_do, action, worker))
    if not failures:
        _as_site(lambda: _place(worker))
    if failures:
        return failures
    rest = [action for action in plan if action.phase >= act.WriteGeneration.phase]
    _as_site(lambda: _switch(rest, worker, failures))
    return failures


def _obtain(worker: Worker, needs: Sequence[ImageNeed]) -> None:
    with worker.steps.step("obtain images"):
        worker.images.obtain(needs)


def _place(worker: Worker) -> None:
    if worker.pending:
        with worker.steps.step("place what belongs to blocks"):
            worker.place()


def _as_site(effect: Callable[[], None]) -> None:
    """Run an effect that concerns the site; raise ChainsawError for what the system refuses."""
    try:
        effect()
    except OSError as error:
        raise ChainsawError(Diagnostic("system", str(error), hint=_hint(error) or "chainsaw apply")) from error


def _switch(rest: Sequence[act.Action], worker: Worker, failures: Failures) -> None:
    for phase, group in groupby(rest, key=lambda action: action.phase):
        together = list(group)
        if phase == act.StopUnit.phase:
            _stop(together, worker)
        elif phase == act.StartUnit.phase:
            _start(together, worker, failures)
        else:
            for action in together:
                _guarded(action, failures, partial(_do, action, worker))


def _guarded(action: act.Action, failures: Failures, effect: Callable[[], None]) -> None:
    """Run an effect; what goes wrong for one instance is noted, what goes wrong for the site is raised."""
    if action.owner in failures:
        return
    try:
        effect()
    except ChainsawError as error:
        if not action.owner or action.owner == "front":
            raise
        failures.setdefault(action.owner, []).extend(error.diagnostics)
    except OSError as error:
        problem = Diagnostic("system", f"{action.verb} {action.subject()}: {error}", hint=_hint(error))
        if not action.owner or action.owner == "front":
            raise ChainsawError(problem) from error
        failures.setdefault(action.owner, []).append(problem)


def _hint(error: OSError) -> str:
    return "free some space: podman image prune; journalctl --user --vacuum-size=100M" if error.errno == 28 else ""


def _do(action: act.Action, worker: Worker) -> None:
    handlers: dict[type[act.Action], Callable[[Any], None]] = {
        act.RecordBlock: worker.record_block,
        act.InstallRecipe: worker.install_recipe,
        act.ProvideImage: worker.provide_image,
        act.CreateDirectory: worker.create_directory,
        act.CreateSecret: worker.create_secret,
        act.ExportStatic: worker.export_static,
        act.IssueCertificate: worker.issue_certificate,
        act.WriteGeneration: worker.write_generation,
        act.Activate: worker.activate,
        act.Link: worker.link,
        act.LinkQuadlets: worker.link_quadlets,
        act.Unlink: worker.unlink,
        act.ReloadSystemd: lambda _: worker.manager.reload(),
        act.ReloadFront: worker.reload_front,
        act.ProbeInstance: worker.probe_instance,
    }
    worker.report.doing(f"{action.verb.replace('-', ' ')} {action.subject()}".strip())
    with worker.steps.step(f"{action.verb} {action.subject()}".strip()):
        handlers[type(action)](action)


def _stop(actions: Sequence[act.Action], worker: Worker) -> None:
    names = [action.subject() for action in actions]
    worker.report.doing(f"stopping {', '.join(names)}")
    with worker.steps.step(f"stop {' '.join(names)}"):
        worker.manager.stop(names, STOP_TIMEOUT)
        worker.podman.remove_networks([name.removesuffix(NETWORK) for name in names if name.endswith(NETWORK)])
    # Only now: what was started and is forgotten while it runs would run for ever.
    worker.forget(dict.fromkeys(names, ""))


def _start(actions: Sequence[act.Action], worker: Worker, failures: Failures) -> None:
    """Start all sockets, then all services, each kind at once; remember what they were started from."""
    starts = [action for action in actions if isinstance(action, act.StartUnit)]
    sockets = [action for action in starts if action.name.endswith(".socket")]
    for together in (sockets, [action for action in starts if action not in sockets]):
        if together:
            _start_together(together, worker, failures)


def _start_together(starts: Sequence[act.StartUnit], worker: Worker, failures: Failures) -> None:
    deployments = worker.manifest.instances
    timeout = max(deployments[item.owner].start_timeout if item.owner in deployments else 90 for item in starts)
    worker.report.doing(f"starting {', '.join(item.name for item in starts)}")
    began = time.time()
    with worker.steps.step(f"start {' '.join(item.name for item in starts)}"):
        along = sorted({unit for item in starts for unit, _ in item.digests})
        states = worker.manager.start([(item.name, item.again) for item in starts], timeout + 30.0, along)
    applied = records.read_applied(worker.user.paths)
    for item in starts:
        down = [unit for unit in (item.name, *dict(item.digests)) if states[unit] != "active"]
        if not down:
            applied |= dict(item.digests)
            continue
        problem = _not_started(down[0], states[down[0]], worker.last_words(down[0], began))
        if not item.owner:
            raise ChainsawError(problem)
        failures.setdefault(item.owner, []).append(problem)
    with worker.steps.step("remember what runs"):
        records.write_applied(worker.user.paths, applied)


def _not_started(name: str, state: str, words: Sequence[str]) -> Diagnostic:
    said = "".join(f"\n  {line}" for line in words)
    message = f"{name} did not start: it is {state}{', and said:' if said else ''}{said}"
    return Diagnostic("not-started", message, hint=f"journalctl --user -u '{name.removesuffix('.service')}*' -n 30")
