"""The session of one apply: what it reads, holds and has done so far."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property

from chainsaw.compile.instance import CompiledInstance
from chainsaw.compile.intent import CompiledIntent
from chainsaw.host import facts
from chainsaw.host.account import Account
from chainsaw.host.observe import observe
from chainsaw.host.step import Steps
from chainsaw.host.store import generations, records
from chainsaw.host.systemd import UserManager
from chainsaw.load.site import load_site
from chainsaw.model.names import FRONT
from chainsaw.plan import actions as act
from chainsaw.plan.diff import Wanted, make_plan
from chainsaw.work.apply.instances import former_instances
from chainsaw.work.apply.planned import Plan
from chainsaw.work.apply.record import recipes_and_blocks
from chainsaw.work.apply.worker import Worker
from chainsaw.work.history.diff import intent_of
from chainsaw.work.locks import Locks
from chainsaw.work.recipes.catalog import Catalog
from chainsaw.work.recipes.images import Images
from chainsaw.work.result import Reporter, Request


@dataclass
class Session:
    """What one apply holds while it runs.

    `number` is the generation that this command found or made current. `done` are the actions that led to it,
    `touched` the instances that they were for, all of them locked. `compiled_from` are the digest of the installed
    recipes and the blocks, as they were before others could change them; only an apply of all needs them.
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
        with self.steps.timed("read the state of the host"):
            observed = observe(paths, manifest, self.manager)
        recorded = records.read_blocks(paths)
        used = {FRONT, *(name for name, instance in instances.items() if instance.deployment.block is not None)}
        fresh = {
            name: item.start for name, item in self.compiled.blocks.items() if name in used and name not in recorded
        }
        return Plan(manifest, tree, observed, make_plan(Wanted(manifest, fresh, paths), observed))


def as_others_left_it(
    session: Session, former: Mapping[str, CompiledInstance]
) -> tuple[dict[str, CompiledInstance], dict[str, CompiledInstance]]:
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
    )
