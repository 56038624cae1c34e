"""Apply: bring the host to what the admin declared, or leave it as it was."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

from chainsaw.compile.intent import compile_intent
from chainsaw.errors import ChainsawError, Diagnostic, Exit, host_lacks
from chainsaw.host import facts
from chainsaw.host.account import Account
from chainsaw.host.store import generations, operations, records
from chainsaw.host.systemd import UserManager
from chainsaw.model.deployment import ImageNeed
from chainsaw.plan import actions as act
from chainsaw.plan.origins import shared_origins
from chainsaw.work.apply.phases import carry_out, hint_of
from chainsaw.work.apply.record import Outcome, recipes_and_blocks, record, record_inputs
from chainsaw.work.apply.report import ending_of, report_applied, report_plan, with_timings
from chainsaw.work.apply.session import (
    Instances,
    NotReadyError,
    Plan,
    Session,
    as_others_left_it,
    former_instances,
    is_same,
    refuse,
    select,
    worker_for,
)
from chainsaw.work.apply.start import Failures
from chainsaw.work.apply.tried import trials
from chainsaw.work.apply.unchanged import inputs_digest
from chainsaw.work.config.inputs import read_inputs
from chainsaw.work.locks import Locks, holding, preparing, site
from chainsaw.work.recipes.catalog import Catalog, catalog_of
from chainsaw.work.recipes.images import Images
from chainsaw.work.result import Reporter, Request, Result


def apply(account: Account, request: Request, report: Reporter, catalog: Catalog | None = None) -> Result:
    """Bring the host to what is declared; raise ChainsawError, with nothing changed, for what is wrong beforehand."""

    def declared(session: Session) -> Result:
        former = former_instances(session.account.paths)
        result = bring_to(
            session, select(session.account.paths, session.compiled.instances, former, request.names), former
        )
        if result.exit is Exit.OK and not (request.names or request.dry_run or session.is_overtaken):
            with session.steps.step("record what was compiled"):
                known = session.compiled_from or recipes_and_blocks(session.account.paths)
                record_inputs(session.account.paths, session.compiled.inputs, session.digest, known)
        return result

    return applied(account, request, report, declared, catalog)


def applied(
    account: Account,
    request: Request,
    report: Reporter,
    work: Callable[[Session], Result],
    catalog: Catalog | None = None,
) -> Result:
    """Run some work in a session, under the locks, on a host that has what chainsaw needs; return its result.

    The work starts again, with the files read again, after it has waited for another command or for images.
    """
    steps, begin = account.steps, partial(_in_session, account, request, report, work, catalog)
    began, command = time.monotonic(), command_line(request)
    if request.dry_run:
        return with_timings(begin(Locks(account, command, report, ExitStack()), None), request, steps, began)
    unready: NotReadyError | None = None
    with holding(account, request.names, command, report, wait=request.wait):
        with steps.step("make the state directory"):
            records.prepare(account.paths)
        while True:
            with ExitStack() as locks:
                if unready:
                    locks.enter_context(holding(account, unready.names, command, report, wait=request.wait))
                images = locks.enter_context(ExitStack())
                if unready and unready.missing:
                    images.enter_context(preparing(account, command, report, wait=request.wait))
                    _obtain(account, unready.store, [action.need for action in unready.missing])
                locks.enter_context(site(account, command, report, wait=request.wait))
                try:
                    held = Locks(account, command, report, locks, images)
                    return with_timings(begin(held, unready), request, steps, began)
                except NotReadyError as problem:
                    unready = problem


def command_line(request: Request) -> str:
    """Return the command line that is shown to other commands that wait for the lock."""
    return " ".join(["chainsaw", request.command, *request.names])


def _obtain(account: Account, images: Images, needs: Sequence[ImageNeed]) -> None:
    """Build or pull what a plan needs, while nothing keeps the site from being changed."""
    with UserManager() as manager, account.steps.timed("start Podman's API"):
        manager.start_api()
    try:
        with account.steps.step("obtain images"):
            images.obtain(needs)
    except OSError as error:
        raise ChainsawError(Diagnostic("system", str(error), hint=hint_of(error) or "chainsaw apply")) from error


def _in_session(
    account: Account,
    request: Request,
    report: Reporter,
    work: Callable[[Session], Result],
    given: Catalog | None,
    locks: Locks,
    earlier: NotReadyError | None,
) -> Result:
    catalog = given or catalog_of(account.paths)
    with account.steps.timed("read your files"):
        digest = inputs_digest(account)
        inputs = read_inputs(account, catalog, instead=request.texts)
    with UserManager() as manager:
        ports = inputs.intent.site.ports
        lacking = facts.missing_from_host(
            account.name, account.paths, (ports.http, ports.https), inputs.host.podman, manager.version
        )
        if lacking:
            raise host_lacks(lacking)
        with account.steps.timed("compile the instances"):
            compiled = compile_intent(inputs)
        known = (earlier.store, earlier.missing) if earlier else (None, ())
        number = generations.current_number(account.paths)
        with trials(account, manager):
            return work(Session(account, catalog, manager, report, compiled, digest, request, locks, number, *known))


def bring_to(session: Session, instances: Instances, former: Instances) -> Result:
    """Bring the host to some compiled instances; one that fails is rolled back, and the others go on.

    An instance that has nothing to roll back to, or that fails again, is given up.
    """
    failures: Failures = {}
    rolled_back, given_up = set[str](), set[str]()
    while True:
        plan = session.plan_for(instances)
        refuse(session, plan)
        if session.request.dry_run:
            return _planned(session, plan)
        plan = _ready(session, plan.without(given_up))
        switched, failed = _carry_out(session, plan, failures)
        if switched:
            session.done += plan.actions
            session.number = plan.number
        again = set() if switched and session.request.keeps else _changed(failed.keys() - failures, former, instances)
        given_up |= failed.keys() - again
        for name, problems in failed.items():
            failures.setdefault(name, []).extend(problems)
        if switched and not again:
            break
        rolled_back |= again
        if session.is_overtaken:
            instances, former = as_others_left_it(session, former)
        for name in again:
            session.report.note(f"{name} does not work, and is rolled back")
            instances.pop(name, None)
            if name in former:
                instances[name] = former[name]
    deployments = {name: instance.deployment for name, instance in former.items()}
    endings = {name: _ending(session.request, former, rolled_back, given_up, name) for name in failures}
    report = report_applied(session.done, failures, plan.manifest, deployments, session.account.paths, endings)
    touched, finished = frozenset(session.touched), frozenset(session.touched - given_up)
    outcome = Outcome(plan.manifest, session.number, session.is_overtaken, touched, finished, deployments, failures)
    unrecorded = session.done or failures or session.touched & plan.observed.unproven
    problems = record(session.account, session.request, outcome, session.steps) if unrecorded else []
    return replace(report, diagnostics=(*report.diagnostics, *session.warnings, *problems))


def _changed(names: Iterable[str], former: Instances, instances: Instances) -> set[str]:
    return {name for name in names if not is_same(former.get(name), instances.get(name))}


def _ending(request: Request, former: Instances, rolled_back: set[str], given_up: set[str], name: str) -> str:
    return ending_of(name, name in former, name in rolled_back, name in given_up, request.keeps)


def _planned(session: Session, plan: Plan) -> Result:
    """Return what the plan would do, and which instances would share an origin."""
    explaining = session.account.paths if session.request.explained else None
    shown = report_plan(plan.actions, plan.observed.manifest.number, explaining)
    hosts = {name: [item.route.host] for name, item in plan.manifest.instances.items()}
    return replace(shown, diagnostics=shared_origins(hosts, plan.changed))


def _ready(session: Session, plan: Plan) -> Plan:
    """Return the part of a plan that may be carried out now; raise NotReadyError when it must wait first.

    An instance that another command is changing, and that this plan need not change, is left to that command.
    """
    busy = session.locks.take_free(plan.touched)
    mine = plan.without(busy)
    missing = [action for action in mine.images if not session.images.is_known(action.need)]
    # With names given, their locks are held already, and no other instance is waited for.
    waited = frozenset() if session.request.names else frozenset(plan.changed)
    if (busy & waited or missing) and not session.touched:
        raise NotReadyError(waited, (*session.provided, *missing), session.images)
    for name in sorted(busy):
        session.report.note(f"{name} is left as it is: another command is changing it")
    session.touched |= plan.touched - busy
    provided, session.provided = session.provided, ()
    return mine.after(action for action in provided if action.owner not in busy)


def _carry_out(session: Session, plan: Plan, earlier: Failures) -> tuple[bool, Failures]:
    if not plan.actions:
        return True, {}
    if any(isinstance(action, act.ProvideImage) for action in plan.actions):
        with session.steps.timed("start Podman's API"):
            session.manager.start_api()
    try:
        return carry_out(plan.actions, worker_for(session, plan))
    except ChainsawError as error:
        before = [problem for problems in earlier.values() for problem in problems]
        whole = ChainsawError([*before, *error.diagnostics], error.exit)
        raise _with_the_site_rolled_back(session, plan, whole) from error
    except Exception as error:
        # A fault of chainsaw's own must not leave a site behind that is half switched.
        fault = ChainsawError(Diagnostic("fault", f"{type(error).__name__}: {error}"))
        for problem in _with_the_site_rolled_back(session, plan, fault).diagnostics[1:]:
            session.report.note(problem.message)
        raise


def _with_the_site_rolled_back(session: Session, plan: Plan, error: ChainsawError) -> ChainsawError:
    """Return the site to the generation before a switch that failed; return the error, and what came of this."""
    paths, before = session.account.paths, session.found or plan.observed.manifest
    switching = operations.unfinished(paths).switch and generations.current_number(paths) != before.number
    if before.front is None or not switching:
        return error
    session.report.note(f"the site is rolled back to generation {before.number}")
    try:
        back = session.plan_to(before, generations.read_tree(paths, before), {})
        back = back.without(session.locks.take_free(back.touched))
        switched, failures = carry_out(back.actions, worker_for(session, back))
    except ChainsawError as again:
        return ChainsawError([*error.diagnostics, *again.diagnostics], error.exit)
    problems = [problem for found in failures.values() for problem in found]
    if switched:
        # What was never served is no generation to return to, and nobody needs to prove it any more.
        generations.discard_generation(paths, plan.number)
        operations.write_done(paths, back.number, (plan.touched | back.touched) & session.touched - failures.keys())
        message = f"the site is rolled back: it serves what it did in generation {before.number}"
        problems.append(Diagnostic("site-rolled-back", message, hint="fix it, then: chainsaw apply", severity="note"))
    return ChainsawError([*error.diagnostics, *problems], error.exit)
