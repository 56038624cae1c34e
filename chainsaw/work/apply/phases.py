"""Carry a plan out: prepare, switch, prove. What fails for one instance stops that instance alone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import partial
from itertools import groupby
from typing import assert_never

from chainsaw.errors import ChainsawError, Diagnostic
from chainsaw.host.systemd import STOP_TIMEOUT
from chainsaw.model.deployment import ImageNeed
from chainsaw.plan import actions as act
from chainsaw.work.apply.start import Failures, start
from chainsaw.work.apply.worker import Worker
from chainsaw.work.interrupted import end_attempts

NETWORK = "-network.service"


def carry_out(plan: Sequence[act.Step], worker: Worker) -> tuple[bool, Failures]:
    """Do what a plan says; return whether it switched, and the problems by instance.

    It does not switch when something cannot be prepared. Raise ChainsawError for what concerns the site.
    """
    failures = prepare([item for item in plan if isinstance(item, act.Preparing)], worker)
    if failures:
        return False, failures
    failures = switch([item for item in plan if isinstance(item, act.Switching)], worker)
    if worker.placed:
        _for_site(worker.settle)
    failures |= prove([item for item in plan if isinstance(item, act.ProbeInstance)], worker, failures)
    obtain([item for item in plan if isinstance(item, act.ObtainCertificate)], worker)
    return True, failures


def prepare(plan: Sequence[act.Preparing], worker: Worker) -> Failures:
    """Make what the new generation needs: images, directories, secrets, certificates. Nothing that runs is touched."""
    failures: Failures = {}
    needs = [action.need for action in plan if isinstance(action, act.ProvideImage)]
    if not all(map(worker.images.is_known, needs)):
        _for_site(partial(_obtain, worker, needs))
    for action in plan:
        _guarded(action, failures, partial(_do, action, worker, partial(_prepare, action, worker)))
    if not failures:
        _for_site(partial(_place, worker))
    return failures


def switch(plan: Sequence[act.Switching], worker: Worker) -> Failures:
    """Make the new generation current, and run it: stop, start and reload what differs."""
    failures: Failures = {}
    starts = [action for action in plan if isinstance(action, act.StartUnit)]
    reloads = [action for action in plan if isinstance(action, act.ReloadFront)]
    for phase, group in groupby(plan, key=lambda action: action.phase):
        together = list(group)
        if phase == act.StopUnit.phase:
            _for_site(partial(_stop, [item for item in together if isinstance(item, act.StopUnit)], worker))
        elif phase < act.StartUnit.phase:
            _each(together, worker, failures)
    # The front reads its files while services start: their sockets are there, and hold the first requests.
    _for_site(partial(start, starts, worker, failures, partial(_each, reloads, worker, failures)))
    return failures


def _each(actions: Sequence[act.Switching], worker: Worker, failures: Failures) -> None:
    for action in actions:
        _guarded(action, failures, partial(_do, action, worker, partial(_switch, action, worker)))


def prove(plan: Sequence[act.ProbeInstance], worker: Worker, failed: Collection[str]) -> Failures:
    """Ask each changed instance, unless it failed already, for its page through the front; return the problems.

    Others may switch meanwhile.
    """
    asked = [action for action in plan if action.owner not in failed]
    if not asked:
        return {}
    with worker.unlocked():
        found = _ask(asked, worker)
    if found and worker.is_overtaken:
        # Another command may have restarted the front meanwhile, or given it other ports.
        found = _ask([action for action in asked if action.owner in found], worker)
    return found


def obtain(plan: Sequence[act.ObtainCertificate], worker: Worker) -> None:
    """Ask authorities for the certificates of host names, which the front shows from now on; others may switch."""
    if not plan:
        return
    with worker.unlocked(), worker.steps.step(f"obtain certificates {' '.join(action.host for action in plan)}"):
        worker.obtain_certificates([action.host for action in plan])


def _ask(plan: Sequence[act.ProbeInstance], worker: Worker) -> Failures:
    failures: Failures = {}
    for action in plan:
        _guarded(action, failures, partial(_do, action, worker, partial(worker.probe_instance, action)))
    return failures


def _prepare(action: act.Preparing, worker: Worker) -> None:
    match action:
        case act.RecordBlock():
            worker.record_block(action)
        case act.InstallRecipe():
            worker.install_recipe(action)
        case act.ProvideImage():
            worker.provide_image(action)
        case act.CreateDirectory():
            worker.create_directory(action)
        case act.CreateSecret():
            worker.create_secret(action)
        case act.ExportStatic():
            worker.export_static(action)
        case act.IssueCertificate():
            worker.issue_certificate(action)
        case act.ImportCertificate():
            worker.import_certificate(action)
        case _:
            assert_never(action)


def _switch(action: act.Switching, worker: Worker) -> None:
    match action:
        case act.WriteGeneration():
            worker.write_generation(action)
        case act.Activate():
            worker.activate(action)
        case act.Link():
            worker.link(action)
        case act.LinkQuadlets():
            worker.link_quadlets(action)
        case act.Unlink():
            worker.unlink(action)
        case act.ReloadSystemd():
            worker.manager.reload()
        case act.ReloadFront():
            worker.reload_front(action)
        case act.StopUnit() | act.StartUnit():
            raise AssertionError("units are stopped and started all at once")
        case _:
            assert_never(action)


def _do(action: act.Step, worker: Worker, effect: Callable[[], None]) -> None:
    worker.report.doing(f"{action.verb.replace('-', ' ')} {action.subject()}".strip())
    with worker.steps.step(f"{action.verb} {action.subject()}".strip()):
        effect()


def _guarded(action: act.Step, failures: Failures, effect: Callable[[], None]) -> None:
    """Run an effect; what goes wrong for one instance is noted, what goes wrong for the site is raised."""
    if action.owner in failures:
        return
    try:
        effect()
    except ChainsawError as error:
        if action.owner is None:
            raise
        failures.setdefault(action.owner, []).extend(error.diagnostics)
    except OSError as error:
        problem = Diagnostic("system", f"{action.verb} {action.subject()}: {error}", hint=hint_of(error))
        if action.owner is None:
            raise ChainsawError(problem) from error
        failures.setdefault(action.owner, []).append(problem)


def _for_site(effect: Callable[[], None]) -> None:
    """Run an effect that concerns the site; raise ChainsawError for what the system refuses."""
    try:
        effect()
    except OSError as error:
        raise ChainsawError(Diagnostic("system", str(error), hint=hint_of(error) or "chainsaw apply")) from error


def hint_of(error: OSError) -> str:
    """Return what to do about what the system refuses."""
    return "free some space: podman image prune; journalctl --user --vacuum-size=100M" if error.errno == 28 else ""


def _obtain(worker: Worker, needs: Sequence[ImageNeed]) -> None:
    with worker.steps.step("obtain images"):
        worker.images.obtain(needs)


def _place(worker: Worker) -> None:
    if worker.pending or worker.issued:
        with worker.steps.step("place what belongs to blocks"):
            worker.place()


def _stop(actions: Sequence[act.StopUnit], worker: Worker) -> None:
    names = [action.name for action in actions]
    worker.report.doing(f"stopping {', '.join(names)}")
    with worker.steps.step(f"stop {' '.join(names)}"):
        worker.manager.stop(names, STOP_TIMEOUT)
        end_attempts(worker.manager, {action.owner for action in actions if action.owner})
        worker.podman.remove_networks([name.removesuffix(NETWORK) for name in names if name.endswith(NETWORK)])
    # Only now: a unit that runs and is no longer in the record would never be stopped.
    with worker.steps.step("record what was stopped"):
        worker.record_stopped(names)
