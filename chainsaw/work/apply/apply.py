"""Apply: bring the host to what the admin declared, or leave it as it was."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property, partial

from chainsaw.compile.instance import CompiledInstance
from chainsaw.compile.intent import CompiledIntent, compile_intent
from chainsaw.errors import ChainsawError, Diagnostic, Exit, host_lacks
from chainsaw.host import facts
from chainsaw.host.account import Account
from chainsaw.host.observe import observe
from chainsaw.host.step import Steps
from chainsaw.host.store import generations, records
from chainsaw.host.systemd import UserManager
from chainsaw.model.deployment import ImageNeed
from chainsaw.model.names import FRONT
from chainsaw.plan import actions as act
from chainsaw.plan.diff import Wanted, make_plan
from chainsaw.work.apply.instances import former_instances, select
from chainsaw.work.apply.phases import carry_out, hint_of
from chainsaw.work.apply.planned import NotReadyError, Plan, refuse
from chainsaw.work.apply.record import Outcome, record, record_inputs
from chainsaw.work.apply.report import report_applied, report_plan, with_timings
from chainsaw.work.apply.start import Failures
from chainsaw.work.apply.unchanged import inputs_digest
from chainsaw.work.apply.worker import Worker
from chainsaw.work.config.inputs import read_inputs
from chainsaw.work.locks import Locks, holding, preparing, site, take_free
from chainsaw.work.recipes.catalog import Catalog, catalog_of
from chainsaw.work.recipes.images import Images
from chainsaw.work.result import Reporter, Request, Result


@dataclass
class Session:
    """What one apply holds while it runs.

    `done` are the actions so far, `touched` the instances that they were for, all of them locked, and `number` is the
    generation that it made current.
    """

    account: Account
    catalog: Catalog
    manager: UserManager
    report: Reporter
    compiled: CompiledIntent
    digest: str
    request: Request
    locks: Locks
    store: Images | None = None
    provided: tuple[act.ProvideImage, ...] = ()
    done: list[act.Step] = field(default_factory=list)
    touched: set[str] = field(default_factory=set)
    number: int = 0

    @cached_property
    def images(self) -> Images:
        """The image store, and what an earlier attempt of this command found of it."""
        shared = self.compiled.inputs.shared
        return self.store or Images(self.account.paths, self.account.podman, self.catalog, shared, self.report)

    @property
    def steps(self) -> Steps:
        """The steps of the command."""
        return self.account.steps

    @property
    def overwrites(self) -> bool:
        """Whether edited files are overwritten: when that was asked for, and once this apply has written some."""
        return self.request.force or bool(self.done)

    def plan_for(self, instances: Mapping[str, CompiledInstance]) -> Plan:
        """Return the plan from the host as it is to some compiled instances."""
        paths = self.account.paths
        with self.steps.timed("compile the site"):
            manifest, tree = self.compiled.site(instances)
        with self.steps.timed("read the state of the host"):
            observed = observe(paths, manifest, self.manager)
        recorded = records.read_blocks(paths)
        used = {FRONT, *(name for name, instance in instances.items() if instance.deployment.block is not None)}
        fresh = {
            name: item.start for name, item in self.compiled.blocks.items() if name in used and name not in recorded
        }
        return Plan(manifest, tree, observed, make_plan(Wanted(manifest, fresh, paths), observed))


def apply(account: Account, request: Request, report: Reporter, catalog: Catalog | None = None) -> Result:
    """Bring the host to what is declared; raise ChainsawError, with nothing changed, for what is wrong beforehand."""

    def declared(session: Session) -> Result:
        former = former_instances(session.account.paths)
        result = settle(
            session, select(session.account.paths, session.compiled.instances, former, request.names), former
        )
        current = generations.current_number(session.account.paths)
        if result.exit is Exit.OK and not (request.names or request.dry_run) and session.number == current:
            with session.steps.step("record what was compiled"):
                record_inputs(session.account.paths, session.compiled.inputs, session.digest)
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
    began = time.monotonic()
    if request.dry_run:
        return with_timings(begin(Locks(account, report, ExitStack(), ExitStack()), None), request, steps, began)
    command = command_line(request)
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
                    return with_timings(begin(Locks(account, report, locks, images), unready), request, steps, began)
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
        inputs = read_inputs(account, catalog)
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
        return work(Session(account, catalog, manager, report, compiled, digest, request, locks, *known))


def settle(session: Session, instances: dict[str, CompiledInstance], former: Mapping[str, CompiledInstance]) -> Result:
    """Bring the host to some compiled instances; one that fails is rolled back, and the others go on."""
    failures: Failures = {}
    while True:
        plan = session.plan_for(instances)
        ports = session.compiled.inputs.intent.site.ports
        refuse(session.account.paths, ports, plan.manifest, plan.observed, session.overwrites)
        if session.request.dry_run:
            explaining = session.account.paths if session.request.explained else None
            return report_plan(plan.actions, plan.observed.manifest.number, explaining)
        plan = _ready(session, plan)
        failed = _carry_out(session, plan, failures)
        session.done += plan.actions
        session.number = plan.number
        again = {name: problems for name, problems in failed.items() if name not in failures}
        for name, problems in failed.items():
            failures.setdefault(name, []).extend(problems)
        if not again:
            break
        if generations.current_number(session.account.paths) not in (plan.number, plan.observed.manifest.number):
            instances, former = _as_others_left_it(session, former)
        for name in again:
            session.report.note(f"{name} does not work, and is rolled back")
            instances.pop(name)
            if name in former:
                instances[name] = former[name]
    deployments = {name: instance.deployment for name, instance in former.items()}
    report = report_applied(session.done, failures, plan.manifest, deployments, session.account.paths)
    outcome = Outcome(plan.manifest, plan.number, frozenset(session.touched), deployments, failures)
    unrecorded = session.done or session.touched & plan.observed.unproven
    problems = record(session.account, session.request, outcome, session.steps) if unrecorded else []
    return replace(report, diagnostics=(*report.diagnostics, *problems))


def _as_others_left_it(
    session: Session, former: Mapping[str, CompiledInstance]
) -> tuple[dict[str, CompiledInstance], dict[str, CompiledInstance]]:
    """Return what is current, and what was before this command, after others have switched while it waited.

    The site is compiled from the files as they are; one that cannot be read now was not applied by the others either.
    """
    now = former_instances(session.account.paths)
    with suppress(ChainsawError):
        session.compiled = compile_intent(read_inputs(session.account, session.catalog))
    before = {name: item for name, item in now.items() if name not in session.touched}
    return now, before | {name: item for name, item in former.items() if name in session.touched}


def _ready(session: Session, plan: Plan) -> Plan:
    """Return the part of a plan that may be carried out now; raise NotReadyError when it must wait first.

    An instance that another command is changing, and that this plan need not change, is left to that command.
    """
    busy = take_free(
        session.locks.instances, session.account, plan.touched, command_line(session.request), session.report
    )
    mine = plan.without(busy)
    missing = [action for action in mine.images if not session.images.is_known(action.need)]
    # With names given, their locks are held already, and no other instance is waited for.
    waited = frozenset() if session.request.names else frozenset(plan.changed)
    if (busy & waited or missing) and not session.done:
        raise NotReadyError(waited, (*session.provided, *missing), session.images)
    for name in sorted(busy):
        session.report.note(f"{name} is left as it is: another command is changing it")
    session.touched |= plan.touched - busy
    provided, session.provided = session.provided, ()
    return mine.after(action for action in provided if action.owner not in busy)


def _carry_out(session: Session, plan: Plan, earlier: Failures) -> Failures:
    if not plan.actions:
        return {}
    if any(isinstance(action, act.ProvideImage) for action in plan.actions):
        with session.steps.timed("start Podman's API"):
            session.manager.start_api()
    try:
        return carry_out(plan.actions, worker_for(session, plan))
    except ChainsawError as error:
        before = [problem for problems in earlier.values() for problem in problems]
        raise ChainsawError([*before, *error.diagnostics], error.exit) from error


def worker_for(session: Session, plan: Plan) -> Worker:
    """Return who carries out a plan."""
    account, paths = session.account, session.account.paths
    return Worker(
        account=account,
        manager=session.manager,
        podman=account.podman,
        catalog=session.catalog,
        images=session.images,
        steps=session.steps,
        report=session.report,
        https=session.compiled.inputs.intent.site.ports.https,
        node=facts.node(),
        manifest=plan.manifest.model_copy(update={"number": generations.current_number(paths)}),
        tree=plan.tree,
        changed=frozenset(plan.touched),
        unlocked=session.locks.unlocked,
    )
