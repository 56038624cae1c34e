"""What an apply is about to do, and what keeps it from doing it yet."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Self

from chainsaw.errors import ChainsawError, Diagnostic, host_lacks
from chainsaw.host import facts
from chainsaw.host.observe import foreign_files
from chainsaw.model.artifact import Tree
from chainsaw.model.deployment import Manifest
from chainsaw.model.paths import Paths
from chainsaw.model.site import Ports
from chainsaw.plan import actions as act
from chainsaw.plan.diff import FRONT_SOCKET
from chainsaw.plan.observed import Observed
from chainsaw.work.recipes.images import Images


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


def refuse(paths: Paths, ports: Ports, manifest: Manifest, observed: Observed, overwrite: bool) -> None:
    """Raise ChainsawError for files that were edited or are not ours, and for ports that somebody else has.

    With `overwrite`, edited files are no obstacle.
    """
    problems: list[Diagnostic] = []
    for item in () if overwrite else observed.drift:
        file = f"{paths.generations}/{observed.manifest.number}/{item.path}"
        hint = "put the change into the instance's file or a drop-in; --force discards it"
        problems.append(Diagnostic("edited", f"edited by hand:\n{item.diff}", file, hint=hint))
    for place in foreign_files(paths, manifest):
        hint = f"mv {place} {place}.old"
        problems.append(Diagnostic("foreign", "not made by chainsaw, and in the way", place, hint=hint))
    if problems:
        raise ChainsawError(problems)
    if not observed.runs(FRONT_SOCKET):
        taken = sorted({ports.http, ports.https} & facts.listeners())
        if taken:
            raise host_lacks([_occupied(port) for port in taken])


def _occupied(port: int) -> Diagnostic:
    hint = f"sudo ss -ltnp 'sport = :{port}' shows which; or set ports: in site.yaml"
    return Diagnostic("port-occupied", f"another program listens on port {port}", hint=hint)
