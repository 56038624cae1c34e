"""Apply: bring the host to what the admin declared, or leave it as it was."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from chainsaw.compile.context import Shared
from chainsaw.compile.front.site import compile_site
from chainsaw.compile.instance import CompiledInstance
from chainsaw.errors import ChainsawError, Diagnostic, Exit, host_lacks
from chainsaw.host import facts, files
from chainsaw.host.account import Account
from chainsaw.host.lock import locked
from chainsaw.host.observe import foreign_files, observe
from chainsaw.host.store import generations, operations, records
from chainsaw.host.systemd import UserManager
from chainsaw.host.worktree import OWN
from chainsaw.model.artifact import Artifact
from chainsaw.model.deployment import Manifest
from chainsaw.plan import actions as act
from chainsaw.plan.diff import FRONT_SOCKET, Wanted, make_plan
from chainsaw.plan.observed import Observed
from chainsaw.work.apply.instances import former_instances, select
from chainsaw.work.apply.report import report_applied, report_plan
from chainsaw.work.apply.switch import Failures, carry_out
from chainsaw.work.apply.unchanged import inputs_digest
from chainsaw.work.apply.worker import Worker
from chainsaw.work.config.inputs import FRONT, Compiled, compile_intent, read_intent
from chainsaw.work.history.history import ChangeRecord, commit_change, outcomes_of, paths_about
from chainsaw.work.recipes.catalog import Catalog, catalog_of
from chainsaw.work.recipes.images import Images
from chainsaw.work.recipes.shipped import shared_files
from chainsaw.work.result import Reporter, Request, Result


@dataclass
class Session:
    """What one apply holds while it runs."""

    user: Account
    catalog: Catalog
    shared: Shared
    manager: UserManager
    report: Reporter
    compiled: Compiled
    inputs: str
    request: Request
    done: list[act.Action] = field(default_factory=list)

    def plan_for(
        self, instances: Mapping[str, CompiledInstance]
    ) -> tuple[Manifest, dict[str, Artifact], Observed, list[act.Action]]:
        """Return the manifest and tree of some pieces, what is on the host, and what lies between."""
        paths = self.user.paths
        site = self.compiled.intent.site
        block = self.compiled.blocks[FRONT]
        manifest, tree = compile_site(
            instances, site, block, self.compiled.host, self.shared, self.compiled.intent.site_text
        )
        observed = observe(paths, manifest, self.manager)
        recorded = records.read_blocks(paths)
        used = {FRONT, *(name for name, instance in instances.items() if instance.deployment.block is not None)}
        fresh = {
            name: item.start for name, item in self.compiled.blocks.items() if name in used and name not in recorded
        }
        return manifest, tree, observed, make_plan(Wanted(manifest, fresh, paths), observed)


def apply(account: Account, request: Request, report: Reporter, catalog: Catalog | None = None) -> Result:
    """Bring the host to what is declared; raise ChainsawError, with nothing changed, for what is wrong beforehand."""

    def declared(session: Session) -> Result:
        former = former_instances(session.user.paths)
        result = settle(session, select(session.user.paths, session.compiled.instances, former, request.names), former)
        if result.exit is Exit.OK and not request.names and not request.dry_run:
            _remember(session)
        return result

    return applied(account, request, report, declared, catalog)


def applied(
    account: Account,
    request: Request,
    report: Reporter,
    work: Callable[[Session], Result],
    catalog: Catalog | None = None,
) -> Result:
    """Return what a piece of work returns that needs a session: under the lock, on a host that lacks nothing."""
    begin = partial(_in_session, account, request, report, work, catalog or catalog_of(account.paths))
    if request.dry_run:
        return begin()
    command = " ".join(["chainsaw", request.command, *request.names])
    with locked(account.paths.lock, command, wait=request.wait, waiting=report.note):
        records.prepare(account.paths)
        return begin()


def _in_session(
    user: Account, request: Request, report: Reporter, work: Callable[[Session], Result], catalog: Catalog
) -> Result:
    inputs = inputs_digest(user)
    intent = read_intent(user, catalog)
    podman = facts.podman_version(user.paths)
    with UserManager() as manager:
        ports = (intent.site.ports.http, intent.site.ports.https)
        lacking = facts.missing_from_host(user.name, user.paths, ports, podman, manager.version)
        if lacking:
            raise host_lacks(lacking)
        compiled = compile_intent(user, intent, catalog, records.read_blocks(user.paths), user.ranges, podman)
        return work(Session(user, catalog, shared_files(), manager, report, compiled, inputs, request))


def settle(session: Session, instances: dict[str, CompiledInstance], former: Mapping[str, CompiledInstance]) -> Result:
    """Carry pieces out; an instance that fails is put back to its former piece, and the others go on."""
    failures: Failures = {}
    while True:
        manifest, tree, observed, plan = session.plan_for(instances)
        _refuse(session, observed, manifest)
        if session.request.dry_run:
            explaining = session.user.paths if session.request.explained else None
            return report_plan(plan, observed.manifest.number, explaining)
        try:
            failed = _carry_out(session, plan, manifest, tree)
        except ChainsawError as error:
            earlier = [problem for problems in failures.values() for problem in problems]
            raise ChainsawError([*earlier, *error.diagnostics], error.exit) from error
        session.done += plan
        again = {name: problems for name, problems in failed.items() if name not in failures}
        for name, problems in failed.items():
            failures.setdefault(name, []).extend(problems)
        if not again:
            break
        for name in again:
            session.report.note(f"{name} does not work, and is put back")
            instances.pop(name)
            if name in former:
                instances[name] = former[name]
    deployments = {name: instance.deployment for name, instance in former.items()}
    told = report_applied(session.done, failures, manifest, deployments, session.user.paths)
    forgotten = _commit(session, manifest, former, failures) if session.done else []
    return replace(told, diagnostics=(*told.diagnostics, *forgotten))


def _carry_out(session: Session, plan: list[act.Action], manifest: Manifest, tree: dict[str, Artifact]) -> Failures:
    if not plan:
        return {}
    if any(isinstance(action, act.ProvideImage) for action in plan):
        session.manager.start([("podman.socket", False)], 10)
    return carry_out(plan, worker_for(session, manifest, tree))


def worker_for(session: Session, manifest: Manifest, tree: dict[str, Artifact]) -> Worker:
    """Return who carries out the plan for a manifest and its tree."""
    user, paths = session.user, session.user.paths
    return Worker(
        user=user,
        manager=session.manager,
        podman=user.podman,
        catalog=session.catalog,
        images=Images(paths, user.podman, session.catalog, session.shared, session.report),
        steps=user.steps,
        report=session.report,
        https=session.compiled.intent.site.ports.https,
        node=facts.node(),
        manifest=manifest.model_copy(update={"number": generations.current_number(paths)}),
        tree=tree,
    )


def _commit(
    session: Session, manifest: Manifest, former: Mapping[str, CompiledInstance], failures: Failures
) -> list[Diagnostic]:
    """Write down what was brought to its end, and clear away what nobody needs; return what could not be written."""
    paths, request = session.user.paths, session.request
    number = generations.current_number(paths)
    before = {name: instance.deployment for name, instance in former.items()}
    names = {
        name for name in before.keys() | manifest.instances.keys() if before.get(name) != manifest.instances.get(name)
    }
    names |= failures.keys()
    change = ChangeRecord(
        request.command,
        tuple(sorted(names)),
        outcomes_of(manifest, names, failures),
        request.why,
        "in part" if failures else "done",
        ("site.yaml", *(path for name in request.names for path in paths_about(name))) if request.names else OWN,
    )
    with session.user.steps.step("remember"):
        forgotten = commit_change(session.user, change, number) if request.recorded else []
    with session.user.steps.step("commit"):
        operations.write_journal(paths, "done", generation=number)
    generations.prune_generations(paths)
    generations.prune_static(paths)
    operations.trim_journal(paths)
    return forgotten


def _remember(session: Session) -> None:
    """Write down from what the current generation was compiled, so that a glance tells the next apply if it is idle."""
    paths, ports = session.user.paths, session.compiled.intent.site.ports
    recipes = files.directory_digest(paths.recipes)
    number, watched, podman = generations.current_number(paths), session.compiled.watched, session.compiled.host.podman
    known = records.Compiled(
        number, session.inputs, records.read_blocks(paths), recipes, watched, podman, (ports.http, ports.https)
    )
    records.write_compiled(paths, known)


def _refuse(session: Session, observed: Observed, manifest: Manifest) -> None:
    """Raise ChainsawError for what stands in the way, before any effect."""
    paths = session.user.paths
    problems: list[Diagnostic] = []
    if observed.drift and not session.request.force and not session.done:
        for item in observed.drift:
            file = f"{paths.generations}/{observed.manifest.number}/{item.path}"
            hint = "put the change into the instance's file or a drop-in; --force discards it"
            problems.append(Diagnostic("edited", f"edited by hand:\n{item.diff}", file, hint=hint))
    for place in foreign_files(paths, manifest):
        problems.append(
            Diagnostic("foreign", "not made by chainsaw, and in the way", place, hint=f"mv {place} {place}.old")
        )
    if problems:
        raise ChainsawError(problems)
    problems = _occupied(session, observed)
    if problems:
        raise host_lacks(problems)


def _occupied(session: Session, observed: Observed) -> list[Diagnostic]:
    if observed.runs(FRONT_SOCKET):
        return []
    ports = session.compiled.intent.site.ports
    taken: Sequence[int] = sorted({ports.http, ports.https} & facts.listeners())
    return [
        Diagnostic(
            "port-occupied",
            f"another program listens on port {port}",
            hint=f"sudo ss -ltnp 'sport = :{port}' shows which; or set ports: in site.yaml",
        )
        for port in taken
    ]
