"""A snapshot of all instances: from systemd, Podman, the disk and the admin's files, and what apply would change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from chainsaw.checks.check import Check
from chainsaw.checks.observed import DiskUse
from chainsaw.errors import ChainsawError, Diagnostic
from chainsaw.host import usage
from chainsaw.host.account import Account
from chainsaw.host.observe import PATTERNS
from chainsaw.host.podman import storage
from chainsaw.host.store import generations
from chainsaw.host.systemd import UserManager
from chainsaw.model.deployment import Deployment, Manifest
from chainsaw.model.paths import Paths
from chainsaw.plan.observed import API_SOCKET, FRONT_SERVICE, Drift, UnitDetails
from chainsaw.plan.state import attempts_of, processes_of
from chainsaw.work.apply.unchanged import inputs_unchanged
from chainsaw.work.certificates.recorded import recorded_check
from chainsaw.work.config.names import declared_names
from chainsaw.work.inspect.disk import disk_uses

DISK_TIMEOUT = 2.0
"""Seconds after which counting what is on the disk is given up."""
DOWN = UnitDetails("inactive", "dead")


@dataclass(frozen=True)
class Pending:
    """The names of the declared instances, of those that apply would change, and the problems that prevent apply."""

    declared: frozenset[str]
    changed: frozenset[str] = frozenset()
    problems: tuple[Diagnostic, ...] = ()


def pending(account: Account, manifest: Manifest) -> Pending:
    """Return how the declared instances differ from the applied manifest."""
    declared = declared_names(account.paths)
    if inputs_unchanged(account):
        return Pending(declared)
    try:
        return Pending(declared, _differing(account, manifest))
    except ChainsawError as error:
        return Pending(declared, problems=tuple(error.diagnostics))


def _differing(account: Account, manifest: Manifest) -> frozenset[str]:
    from chainsaw.compile.intent import compile_intent
    from chainsaw.work.config.inputs import read_inputs
    from chainsaw.work.recipes.catalog import catalog_of

    compiled = compile_intent(read_inputs(account, catalog_of(account.paths)))
    changed = set()
    for name, instance in compiled.instances.items():
        own = {path for path, owner in manifest.owners.items() if owner == name}
        now = {artifact.path: artifact.digest for artifact in instance.artifacts}
        same = now == {path: manifest.files[path] for path in own} and instance.deployment == manifest.instances.get(
            name
        )
        if name in manifest.instances and not same:
            changed.add(name)
    return frozenset(changed)


@dataclass(frozen=True)
class Snapshot:
    """The host at one moment: `memory`, in bytes, and `disk` by instance, `healths` by container, `processes` by unit.

    `certificates` are what is not ok with those of an instance, as far as that is recorded. What could not be read in
    time, or was not requested, is missing.
    """

    manifest: Manifest
    units: Mapping[str, UnitDetails] = field(default_factory=dict)
    healths: Mapping[str, str] = field(default_factory=dict)
    memory: Mapping[str, int] = field(default_factory=dict)
    disk: Mapping[str, DiskUse] = field(default_factory=dict)
    processes: Mapping[str, frozenset[int]] = field(default_factory=dict)
    drift: tuple[Drift, ...] = ()
    lost: frozenset[str] = frozenset()
    pending: Pending = field(default_factory=lambda: Pending(frozenset()))
    certificates: Mapping[str, tuple[Check, ...]] = field(default_factory=dict)

    def edited(self, name: str) -> list[str]:
        """Return the generated files of an instance that were edited by hand."""
        return [item.path for item in self.drift if self.manifest.owners.get(item.path) == name]

    def lost_by(self, deployment: Deployment) -> list[str]:
        """Return the images and units of networks of an instance that Podman does not have any more."""
        needed = {need.reference for need in deployment.images} | {item.unit for item in (deployment.network,) if item}
        return sorted(needed & self.lost)


def take_snapshot(account: Account) -> Snapshot:
    """Return a snapshot of all instances."""
    paths = account.paths
    manifest = account.current()
    instances = manifest.instances
    asked = [name for name, item in instances.items() if any(service.polled for service in item.services)]
    with ThreadPoolExecutor(max_workers=2) as pool, UserManager() as manager:
        disk = pool.submit(disk_uses, account, instances, DISK_TIMEOUT)
        units = manager.details((*PATTERNS, API_SOCKET))
        if asked:
            manager.start_api()
        healths = pool.submit(_healths, account) if asked else None
        memory = {name: usage.memory_of(processes_in(manager, item, units)) for name, item in instances.items()}
        drift = tuple(generations.find_drift(paths, manifest))
        waiting = pending(account, manifest)
        return Snapshot(
            manifest,
            units,
            healths=healths.result() if healths else {},
            memory=memory,
            disk=disk.result(),
            drift=drift,
            lost=storage.lost_from(paths, manifest),
            pending=waiting,
            certificates={name: tuple(_certificates(paths, manifest, item.hosts)) for name, item in instances.items()},
        )


def _certificates(paths: Paths, manifest: Manifest, hosts: Iterable[str]) -> Iterator[Check]:
    for check in (recorded_check(paths, manifest, host) for host in hosts):
        if check.state in ("warn", "fail"):
            yield check


def units_around(manager: UserManager, name: str) -> dict[str, UnitDetails]:
    """Return the details of an instance's units, and of the units that it needs."""
    around = (f"app@{name}-network.service", *attempts_of(name), FRONT_SERVICE, API_SOCKET)
    by_itself = (f"chainsaw-backup@{name}.*", f"chainsaw-drill@{name}.*")
    return manager.details((f"app@{name}.*", *by_itself, *around))


def snapshot_of(
    account: Account, manager: UserManager, manifest: Manifest, name: str, units: Mapping[str, UnitDetails]
) -> Snapshot:
    """Return a snapshot of one applied instance, without its memory, disk and health."""
    own = manifest.files_of(name)
    services = [item.unit for item in processes_of(manifest.instances[name])]
    up = [unit for unit in services if units.get(unit, DOWN).active != "inactive"]
    return Snapshot(
        manifest,
        units,
        processes={unit: manager.processes(unit) for unit in up},
        drift=tuple(generations.find_drift(account.paths, manifest.model_copy(update={"files": own}))),
        lost=storage.lost_from(account.paths, manifest),
        pending=pending(account, manifest),
    )


def start_api() -> None:
    """Start the socket of Podman's API; the service stops by itself when idle."""
    with UserManager() as manager:
        manager.start_api()


def processes_in(manager: UserManager, deployment: Deployment, units: Mapping[str, UnitDetails]) -> list[int]:
    """Return the processes of all running units of an instance."""
    up = [
        item.unit for item in processes_of(deployment) if item.unit in units and units[item.unit].active != "inactive"
    ]
    return [number for unit in up for number in manager.processes(unit)]


def _healths(account: Account) -> dict[str, str]:
    """Return the healths that Podman knows; empty when it does not answer, since the list can do without."""
    try:
        return account.podman.healths()
    except ChainsawError:
        return {}
