"""From a wanted and an observed state to the actions that lead from one to the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from chainsaw.model.certificate import LOCAL, HostIssuer
from chainsaw.model.deployment import Deployment, Manifest, Service
from chainsaw.model.names import FRONT, LOGINS
from chainsaw.model.paths import Paths
from chainsaw.plan import actions as act
from chainsaw.plan.observed import TARGET, Observed
from chainsaw.plan.state import attempts_of, processes_of

FRONT_SOCKET = "chainsaw-front.socket"


@dataclass(frozen=True)
class Wanted:
    """The wanted state: a manifest, and the blocks that are not recorded yet."""

    manifest: Manifest
    fresh_blocks: Mapping[str, int]
    paths: Paths


def make_plan(wanted: Wanted, observed: Observed) -> list[act.Step]:
    """Return the actions in the order in which they must be done; none when there is nothing to do."""
    changes = _file_changes(wanted, observed)
    found = list(_actions(wanted, observed, changes))
    return sorted(found, key=lambda action: action.phase)


def _owner(name: str) -> str | None:
    """Return the instance of a deployment; the front and the login service are the site's."""
    return None if name in (FRONT, LOGINS) else name


@dataclass(frozen=True)
class _Changes:
    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]

    def touch(self, prefix: str) -> bool:
        return any(path.startswith(prefix) for path in (*self.added, *self.changed, *self.removed))

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)


def _file_changes(wanted: Wanted, observed: Observed) -> _Changes:
    new, old = wanted.manifest.files, observed.manifest.files
    edited = {item.path for item in observed.drift}
    return _Changes(
        added=tuple(sorted(new.keys() - old.keys())),
        changed=tuple(sorted(path for path in new.keys() & old.keys() if new[path] != old[path] or path in edited)),
        removed=tuple(sorted(old.keys() - new.keys())),
    )


def _actions(wanted: Wanted, observed: Observed, changes: _Changes) -> Iterator[act.Step]:
    manifest = wanted.manifest
    for name, start in sorted(wanted.fresh_blocks.items()):
        yield act.RecordBlock(_owner(name), name, start)
    for deployment in (*manifest.own, *manifest.instances.values()):
        yield from _preparations(deployment, observed, wanted.paths)
    for host in sorted(manifest.hosts - observed.certificates):
        yield from _certificate(host, manifest.issuer(host))
    manifest_differs = _applied_differs(manifest, observed.manifest)
    if changes or manifest_differs:
        number = observed.next_number
        yield act.WriteGeneration(None, number, changes.added, changes.changed, changes.removed)
        yield act.Activate(None, number)
    units = {path.removeprefix("units/") for path in manifest.files if path.startswith("units/")}
    for name in sorted(units - observed.links):
        yield act.Link(None, name)
    if not observed.quadlets_linked:
        yield act.LinkQuadlets(None)
    for name in sorted(observed.links - units):
        yield act.Unlink(None, name)
    if (
        changes.touch("units/")
        or changes.touch("quadlets/")
        or observed.unfinished
        or units != observed.links
        or not observed.quadlets_linked
    ):
        yield act.ReloadSystemd(None)
    yield from _unit_actions(wanted, observed, changes)


def _certificate(host: str, wanted: HostIssuer) -> Iterator[act.Step]:
    if wanted.issuer == LOCAL:
        yield act.IssueCertificate(None, host)
    elif wanted.issuer == "acme":
        yield act.ObtainCertificate(None, host)
    elif wanted.chain:
        yield act.ImportCertificate(None, host, wanted.chain, wanted.key)


def _applied_differs(new: Manifest, old: Manifest) -> bool:
    kept = ("instances", "front", "logins", "elsewhere", "issuers")
    return any(getattr(new, name) != getattr(old, name) for name in kept)


def _preparations(deployment: Deployment, observed: Observed, paths: Paths) -> Iterator[act.Step]:
    owner = _owner(deployment.name)
    recipe = paths.installed(deployment.origin, deployment.digest)
    if deployment.origin and recipe not in observed.paths:
        yield act.InstallRecipe(owner, deployment.origin, recipe)
    static = deployment.static
    exported = static is None or f"{paths.static}/{static.key}" in observed.paths
    pending = any(_is_stale(service.unit, service.digest, observed) for service in processes_of(deployment))
    for need in deployment.images:
        unknown = set(observed.images.get(need.reference, ("unknown",))) - set(need.mounted)
        if need.reference in observed.lost or (unknown and (pending or not exported)):
            yield act.ProvideImage(owner, need)
    for directory in deployment.places:
        if directory.path not in observed.paths:
            yield act.CreateDirectory(owner, directory)
    for secret in deployment.secrets:
        if secret.path not in observed.paths:
            yield act.CreateSecret(owner, secret)
    if static is not None and not exported:
        yield act.ExportStatic(owner, static)


def _is_stale(unit: str, digest: str, observed: Observed, sleep: int | None = None) -> bool:
    """Return whether a unit must be (re)started: it is down and may not sleep, or its digest has changed."""
    up = observed.runs(unit) or (sleep is not None and observed.units.get(unit) != "failed")
    return not up or observed.applied.get(unit) != digest


def _unit_actions(wanted: Wanted, observed: Observed, changes: _Changes) -> Iterator[act.Step]:
    manifest = wanted.manifest
    yield from _stops(wanted, observed)
    for name, deployment in manifest.instances.items():
        # These are no reason to look whether it works, and one that is stopped has them, too.
        yield from _timer_starts(deployment.scheduled.timers, name, observed)
        if deployment.serving == "stopped":
            continue
        started = list(_starts(deployment, observed))
        yield from started
        moved = observed.manifest.instances.get(name) != deployment or changes.touch(f"nginx/locations/{name}.")
        if deployment.serving == "normal" and (started or moved or name in observed.unproven):
            yield act.ProbeInstance(name)
    if manifest.logins:
        yield from _starts(manifest.logins, observed)
    front = list(_process_starts(manifest.front, observed)) if manifest.front else []
    yield from front
    yield from _other_starts(manifest.front, observed) if manifest.front else ()
    # What an authority issues comes later, and the front reads its files for it then.
    renewed = any(manifest.issuer(host).issuer != "acme" for host in manifest.hosts - observed.certificates)
    if not front and (changes.touch("nginx/") or renewed or observed.unfinished):
        yield act.ReloadFront(None)


def _stops(wanted: Wanted, observed: Observed) -> Iterator[act.Step]:
    """Yield the stop of each unit of chainsaw that is not wanted and not inactive, whoever started it.

    An attempt to start an instance again ends when this apply starts it, or when it is not to run. An attempt that
    brought it up, and waits whether it stays up, goes on.
    """
    kept, former = _units(wanted.manifest), _units(observed.manifest, also_stopped=True)
    for name, deployment in wanted.manifest.instances.items():
        if deployment.serving != "stopped" and not any(_starts(deployment, observed)):
            kept |= dict.fromkeys(attempts_of(name), name)
    for unit, state in sorted(observed.units.items()):
        ours = unit in former or unit in observed.applied
        if ours and unit not in kept and state != "inactive":
            yield act.StopUnit(former.get(unit), unit)


def _starts(deployment: Deployment, observed: Observed) -> Iterator[act.Step]:
    """Yield the starts and restarts that update a deployment's units."""
    yield from _process_starts(deployment, observed)
    yield from _other_starts(deployment, observed)


def _process_starts(deployment: Deployment, observed: Observed) -> Iterator[act.Step]:
    """Yield those of its socket and its services, which are all started together."""
    name = _owner(deployment.name)
    socket, services = deployment.socket, deployment.services
    stale_socket = socket is not None and _is_stale(socket.unit, socket.digest, observed)
    processes = processes_of(deployment)
    stale = any(_is_stale(service.unit, service.digest, observed, deployment.sleep) for service in processes)
    stale = stale or _waits_for_what_is_lost(deployment, observed)
    if socket is not None and stale_socket:
        running = [service.unit for service in reversed(processes) if observed.runs(service.unit)]
        for unit in (*running, *([socket.unit] if observed.runs(socket.unit) else [])):
            yield act.StopUnit(name, unit)
        yield act.StartUnit(name, socket.unit, False, ((socket.unit, socket.digest),))
    if services and (stale or stale_socket):
        yield from _processes(deployment, observed, stopped=stale_socket)


def _other_starts(deployment: Deployment, observed: Observed) -> Iterator[act.Step]:
    """Yield those of its timers and of its relay, which have no process of its own that reads what is generated."""
    others = (*deployment.timers, *([deployment.relay] if deployment.relay else []))
    yield from _timer_starts(others, _owner(deployment.name), observed)


def _timer_starts(timers: Iterable[Service], name: str | None, observed: Observed) -> Iterator[act.Step]:
    for timer in timers:
        if _is_stale(timer.unit, timer.digest, observed):
            yield act.StartUnit(name, timer.unit, observed.runs(timer.unit), ((timer.unit, timer.digest),))


def _waits_for_what_is_lost(deployment: Deployment, observed: Observed) -> bool:
    """Return whether a deployment cannot run without what Podman has, or had, lost, and is started all the same."""
    attempts = (*(service.unit for service in processes_of(deployment)), *attempts_of(deployment.name))
    trying = any(observed.units.get(unit) == "activating" for unit in attempts)
    images = any(need.reference in observed.lost | observed.provided for need in deployment.images)
    return (images and trying) or _network_is_lost(deployment, observed)


def _network_is_lost(deployment: Deployment, observed: Observed) -> bool:
    return deployment.network is not None and deployment.network.unit in observed.lost


def _processes(deployment: Deployment, observed: Observed, stopped: bool) -> Iterator[act.Step]:
    """Yield the starts of the units that pull in all others of a deployment; a gate pulls in the app behind it."""
    owner = _owner(deployment.name)
    started = (*deployment.services, *([deployment.network] if deployment.network else []))
    digests = tuple((service.unit, service.digest) for service in started)
    if deployment.network and _network_is_lost(deployment, observed) and observed.runs(deployment.network.unit):
        # Its unit did its work once; all that requires it stops with it.
        yield act.StopUnit(owner, deployment.network.unit)
    units = [service.unit for service in deployment.services]
    app = f"app@{deployment.name}.service"
    for unit in [app] if app in units else units:
        again = observed.runs(unit) and not stopped
        if again or deployment.gate is None:
            yield act.StartUnit(owner, unit, again, digests)
    if deployment.gate is not None:
        own = (deployment.gate.unit, deployment.gate.digest)
        again = observed.runs(own[0]) and observed.applied.get(own[0]) != own[1] and not stopped
        yield act.StartUnit(owner, own[0], again, (*digests, own))


def _units(manifest: Manifest, also_stopped: bool = False) -> dict[str, str | None]:
    """Return every unit of a manifest that should be up, with its owner; or all that may be."""
    units: dict[str, str | None] = {TARGET: None}
    for deployment in (*manifest.own, *manifest.instances.values()):
        # What a timer has started ends with it, or is forgotten with it where it has failed.
        scheduled = [timer.unit for timer in deployment.scheduled.timers]
        scheduled += [unit.replace(".timer", ".service") for unit in scheduled]
        units |= dict.fromkeys(scheduled, _owner(deployment.name))
        if deployment.serving == "stopped" and not also_stopped:
            continue
        own = (
            deployment.socket,
            deployment.gate,
            *deployment.services,
            *deployment.timers,
            deployment.network,
            deployment.relay,
        )
        for service in own:
            if service:
                units[service.unit] = _owner(deployment.name)
        if also_stopped and _owner(deployment.name):
            units |= dict.fromkeys(attempts_of(deployment.name), deployment.name)
    return units
