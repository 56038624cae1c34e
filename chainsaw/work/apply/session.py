"""The session of one apply: what it reads, holds and has done so far, its plan, and what keeps it from that."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Self

from chainsaw.compile.instance import CompiledInstance
from chainsaw.compile.intent import CompiledIntent
from chainsaw.errors import ChainsawError, Diagnostic, Exit, host_lacks
from chainsaw.host import facts
from chainsaw.host.account import Account
from chainsaw.host.observe import foreign_files, observe
from chainsaw.host.step import Steps
from chainsaw.host.store import generations, records
from chainsaw.host.systemd import UserManager
from chainsaw.load.site import load_site
from chainsaw.model.artifact import Tree, as_tree
from chainsaw.model.deployment import Manifest
from chainsaw.model.names import FRONT, LOGINS
from chainsaw.model.paths import Paths
from chainsaw.plan import actions as act
from chainsaw.plan.diff import FRONT_SOCKET, Wanted, make_plan
from chainsaw.plan.observed import Observed
from chainsaw.work.apply.record import recipes_and_blocks
from chainsaw.work.apply.worker import Worker
from chainsaw.work.certificates.before import certificate_problems
from chainsaw.work.config.names import no_instance
from chainsaw.work.history.diff import intent_of
from chainsaw.work.locks import Locks
from chainsaw.work.recipes.catalog import Catalog
from chainsaw.work.recipes.images import Images
from chainsaw.work.result import Reporter, Request

Instances = dict[str, CompiledInstance]
"""Compiled instances by name."""


@dataclass(frozen=True)
class Plan:
    """What is to be current, what is on the host, and the actions that lie between."""

    manifest: Manifest
    tree: Tree
    observed: Observed
    actions: list[act.Step]

    @property
    def changed(self) -> set[str]:
        """The instances that are to be other than they are."""
        new, old = self.manifest, self.observed.manifest
        every = new.instances.keys() | old.instances.keys()
        names = {name for name in every if new.instances.get(name) != old.instances.get(name)}
        edited = {item.path for item in self.observed.drift}
        paths = {path for path in new.files.keys() | old.files.keys() if new.files.get(path) != old.files.get(path)}
        owners = {manifest.owners.get(path) for path in paths | edited for manifest in (new, old)}
        return names | {owner for owner in owners if owner}

    @property
    def touched(self) -> set[str]:
        """The instances for which something is to be done: those that change, and those that are not as they should."""
        return self.changed | self.observed.unproven | {action.owner for action in self.actions if action.owner}

    @property
    def number(self) -> int:
        """The generation that is current once the plan is carried out."""
        made = [action.number for action in self.actions if isinstance(action, act.Activate)]
        return made[-1] if made else self.observed.manifest.number

    @property
    def images(self) -> list[act.ProvideImage]:
        """The images that are to be in the store before anything is changed."""
        return [action for action in self.actions if isinstance(action, act.ProvideImage)]

    def without(self, names: Collection[str]) -> Self:
        """Return the plan without what is to be done for some instances."""
        return replace(self, actions=[action for action in self.actions if action.owner not in names])

    def after(self, provided: Iterable[act.ProvideImage]) -> Self:
        """Return the plan with what was provided for it before it was made."""
        every = [*(action for action in provided if action not in self.actions), *self.actions]
        return replace(self, actions=sorted(every, key=lambda action: action.phase))


@dataclass(eq=False)
class NotReadyError(Exception):
    """A plan cannot be carried out yet: other commands work on its instances, or images are missing from the store."""

    names: frozenset[str]
    missing: tuple[act.ProvideImage, ...]
    store: Images


def refuse(session: Session, plan: Plan) -> None:
    """Raise ChainsawError for files that were edited or are not ours, and for ports that somebody else has.

    Edited files are no obstacle to a session that overwrites.
    """
    paths, observed = session.account.paths, plan.observed
    problems: list[Diagnostic] = []
    for item in () if session.overwrites else observed.drift:
        file = f"{paths.generations}/{observed.manifest.number}/{item.path}"
        hint = "put the change into the instance's file or a drop-in; --force discards it"
        problems.append(Diagnostic("edited", f"edited by hand:\n{item.diff}", file, hint=hint))
    for place in foreign_files(paths, plan.manifest):
        hint = f"mv {place} {place}.old"
        problems.append(Diagnostic("foreign", "not made by chainsaw, and in the way", place, hint=hint))
    site = session.compiled.inputs.intent.site
    problems += certificate_problems(paths, plan.manifest, plan.actions, site)
    if problems:
        raise ChainsawError(problems)
    ports = session.compiled.inputs.intent.site.ports
    # Systemd knows them also when the generations are lost.
    own = session.manager.ports_of(FRONT_SOCKET) if observed.runs(FRONT_SOCKET) else frozenset()
    taken = sorted(({ports.http, ports.https} - own) & facts.listeners())
    if taken:
        raise host_lacks([_occupied(port) for port in taken])


def _occupied(port: int) -> Diagnostic:
    hint = f"sudo ss -ltnp 'sport = :{port}' shows which; or set ports: in site.yaml"
    return Diagnostic("port-occupied", f"another program listens on port {port}", hint=hint)


@dataclass
class Session:
    """What one apply holds while it runs.

    `number` is the generation that this command found or made current, `found` is what it found. `done` are the actions
    that led from one to the other, `touched` the instances that they were for, all of them locked. `compiled_from` are
    the digest of the installed recipes and the blocks, as they were before others could change them; only an apply of
    all needs them.
    """

    account: Account
    catalog: Catalog
    manager: UserManager
    report: Reporter
    compiled: CompiledIntent
    digest: str
    request: Request
    locks: Locks
    number: int
    store: Images | None = None
    provided: tuple[act.ProvideImage, ...] = ()
    done: list[act.Step] = field(default_factory=list)
    touched: set[str] = field(default_factory=set)
    warnings: list[Diagnostic] = field(default_factory=list)
    found: Manifest | None = None
    compiled_from: tuple[str, Mapping[str, int]] | None = None

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

    @contextmanager
    def unlocked(self) -> Iterator[None]:
        """Let others switch."""
        if not self.request.names:
            self.compiled_from = self.compiled_from or recipes_and_blocks(self.account.paths)
        with self.locks.unlocked():
            yield

    @property
    def is_overtaken(self) -> bool:
        """Whether another command has switched since."""
        return generations.current_number(self.account.paths) != self.number

    def plan_for(self, instances: Mapping[str, CompiledInstance]) -> Plan:
        """Return the plan from the host as it is to some compiled instances."""
        paths = self.account.paths
        with self.steps.timed("compile the site"):
            manifest, tree = self.compiled.site(instances)
        recorded = records.read_blocks(paths)
        used = {
            FRONT,
            *([LOGINS] if manifest.logins else []),
            *(name for name, instance in instances.items() if instance.deployment.block is not None),
        }
        fresh = {
            name: item.start for name, item in self.compiled.blocks.items() if name in used and name not in recorded
        }
        return self.plan_to(manifest, tree, fresh)

    def plan_to(self, manifest: Manifest, tree: Tree, fresh: Mapping[str, int]) -> Plan:
        """Return the plan from the host as it is to a manifest and its files; `fresh` are blocks to record."""
        paths = self.account.paths
        with self.steps.timed("read the state of the host"):
            observed = observe(paths, manifest, self.manager)
            observed = replace(observed, provided=frozenset(item.need.reference for item in self.provided))
        self.found = self.found or observed.manifest
        return Plan(manifest, tree, observed, make_plan(Wanted(manifest, fresh, paths), observed))


def as_others_left_it(session: Session, former: Mapping[str, CompiledInstance]) -> tuple[Instances, Instances]:
    """Return what is current, and what was before this command, after others have switched while it waited.

    The site is then compiled from the site.yaml that they applied.
    """
    paths = session.account.paths
    session.number = generations.current_number(paths)
    now, text = former_instances(paths, session.number), intent_of(paths, session.number).get("site.yaml")
    inputs = session.compiled.inputs
    intent = replace(inputs.intent, site=load_site("site.yaml", text), site_text=text)
    session.compiled = replace(session.compiled, inputs=replace(inputs, intent=intent))
    before = {name: item for name, item in now.items() if name not in session.touched}
    return now, before | {name: item for name, item in former.items() if name in session.touched}


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
        node=facts.node(),
        manifest=plan.manifest.model_copy(update={"number": generations.current_number(paths)}),
        tree=plan.tree,
        touched=frozenset(plan.touched & session.touched),
        is_switching=plan.observed.unfinished,
        unlocked=session.unlocked,
        warnings=session.warnings,
    )


def former_instances(paths: Paths, number: int | None = None) -> Instances:
    """Return the compiled instances of a generation, by default the current one."""
    manifest = generations.read_manifest(paths, generations.current_number(paths) if number is None else number)
    tree = generations.read_tree(paths, manifest)
    return {
        name: CompiledInstance(deployment, tuple(artifact for artifact in tree.values() if artifact.owner == name))
        for name, deployment in manifest.instances.items()
    }


def is_same(one: CompiledInstance | None, other: CompiledInstance | None) -> bool:
    """Return whether two compiled instances are the same, in whatever order their files are."""
    if one is None or other is None:
        return one is other
    return one.deployment == other.deployment and as_tree(one.artifacts) == as_tree(other.artifacts)


def select(
    paths: Paths,
    fresh: Mapping[str, CompiledInstance],
    former: Mapping[str, CompiledInstance],
    names: tuple[str, ...],
) -> Instances:
    """Return the fresh instances, or with names only those fresh and the former others.

    Raise ChainsawError for names that no instance has.
    """
    if not names:
        return dict(fresh)
    known = frozenset(fresh.keys() | former.keys())
    unknown = [
        problem for name in names if name not in known for problem in no_instance(paths, name, known).diagnostics
    ]
    if unknown:
        raise ChainsawError(unknown, Exit.MISSING)
    chosen = {name: instance for name, instance in former.items() if name not in names}
    return chosen | {name: fresh[name] for name in names if name in fresh}
