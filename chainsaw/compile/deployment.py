"""What an instance asks of the host besides its files: images, directories, secrets, units, and its proof."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

from chainsaw.compile.context import Job
from chainsaw.compile.front.access import wall_of
from chainsaw.compile.front.cache import kept_directory
from chainsaw.compile.front.locations import static_key
from chainsaw.compile.images import image_reference, shared_build
from chainsaw.compile.mail import mail_secret
from chainsaw.model.artifact import Artifact
from chainsaw.model.deployment import (
    ComponentService,
    Deployment,
    ImageNeed,
    ProbeRequest,
    SecretFile,
    Service,
    StaticExport,
)
from chainsaw.model.names import span_in_seconds
from chainsaw.model.publish import seconds_of
from chainsaw.model.route import split_route
from chainsaw.model.sources import TRIED
from chainsaw.model.volume import Directory, Ids, Volume


def deployment_of(job: Job, services: list[ComponentService], units: list[Artifact]) -> Deployment:
    """Return what an instance asks of the host, from its components' services and all of its other units."""
    recipe, instance = job.bundle.recipe, job.file.instance
    probe, url = recipe.probe, instance.url(job.site.ports)
    return Deployment(
        name=job.name,
        recipe=recipe.name,
        version=f"{recipe.version}-{recipe.revision}",
        origin="" if job.bundle.origin.startswith(f"{TRIED}/") else job.bundle.origin,
        digest=job.bundle.digest,
        routes=tuple(map(split_route, instance.routes)),
        url=url,
        serving=instance.serving,
        block=job.block.start if job.block else None,
        images=tuple(image_needs(job)),
        directories=tuple(_directories(job)),
        volumes=tuple(_volumes(job)),
        secrets=tuple(_secrets(job)),
        static=_static(job),
        services=tuple(services),
        socket=_unit(units, f"app@{job.name}.socket"),
        gate=_gate(job, units),
        sleep=job.sleep,
        disk=job.disk,
        timers=tuple(_units(units, ".timer")),
        relay=_relay(job, units),
        network=_network(job, units),
        probe=ProbeRequest(
            path=instance.path + probe.path.lstrip("/"),
            status=probe.status,
            contains=job.value(("probe", "contains"), probe.contains) if probe.contains else None,
        ),
        start_timeout=sum(span_in_seconds(item.start_timeout) for item in recipe.components.values()) or 30,
        timeout=job.timeout,
        hsts=seconds_of(instance.published.hsts),
        wall=wall_of(job),
        kept=kept_directory(job),
        login=_first_login(job),
        notes=job.value(("notes",), recipe.notes),
    )


def _first_login(job: Job) -> tuple[str, str, str] | None:
    """Return page, user and secret of the application's own first login, if that is how one logs in."""
    login = job.bundle.recipe.login
    if login is None or job.takes_identity:
        return None
    return job.file.instance.url(job.site.ports) + login.path.lstrip("/"), login.user or "", login.secret


def _units(units: list[Artifact], ending: str) -> Iterator[Service]:
    for unit in units:
        if unit.path.endswith(ending):
            yield Service(unit=unit.path.rsplit("/", 1)[-1], digest=unit.digest)


def _unit(units: list[Artifact], name: str) -> Service | None:
    return next(_units(units, f"/{name}"), None)


def _relay(job: Job, units: list[Artifact]) -> Service | None:
    """Return the socket for mail; when the service behind it changes, it starts again, and the service with it."""
    found = _unit(units, f"app@{job.name}.mail.socket")
    behind = _unit(units, f"app@{job.name}.mail.service")
    if found is None or behind is None:
        return found
    return found.model_copy(update={"digest": sha256(f"{found.digest} {behind.digest}".encode()).hexdigest()})


def _gate(job: Job, units: list[Artifact]) -> Service | None:
    found = _unit(units, f"{job.stem('gate')}.container")
    return found.model_copy(update={"unit": job.unit("gate"), "container": job.container("gate")}) if found else None


def _network(job: Job, units: list[Artifact]) -> Service | None:
    found = _unit(units, f"chainsaw-{job.name}.network")
    return found.model_copy(update={"unit": f"chainsaw-{job.name}-network.service"}) if found else None


def service_of(job: Job, component: str, quadlet: Artifact) -> ComponentService:
    """Return the service that Podman makes of a component's quadlet."""
    declared = job.bundle.recipe.components[component]
    return ComponentService(
        unit=job.unit(component),
        digest=quadlet.digest,
        container=job.container(component),
        health=declared.health.command if declared.health and not declared.once else (),
        polled=declared.ready == "healthy" and not declared.once,
        component=component,
        once=declared.once,
        stop_signal=declared.stop.signal,
        stop_timeout=span_in_seconds(declared.stop.timeout),
        dump=declared.dump,
        restore=declared.restore,
    )


def image_needs(job: Job) -> Iterator[ImageNeed]:
    """Yield the images that an instance needs, its gate's among them."""
    recipe = job.bundle.recipe
    for name, image in sorted(recipe.images.items()):
        mounted = {path for item in recipe.components.values() if item.image == name for path in item.volumes.values()}
        mounted |= {path for item in recipe.components.values() if item.image == name for path in item.tmpfs}
        yield ImageNeed(
            reference=image_reference(job.bundle, name, job.shared.images),
            recipe=job.bundle.origin if image.build else "",
            digest=job.bundle.digest if image.build else "",
            image=name if image.build else "",
            build=image.build or "",
            base=image.shared or (image.base if image.build else ""),
            mounted=tuple(sorted(mounted)),
        )
    if job.gated:
        yield ImageNeed(reference=shared_build("gate", job.shared.images).reference, base="gate")


def _owner(job: Job, user: int, group: int | None) -> Ids | None:
    if job.block is None:
        return None
    return Ids(uid=job.block.host_id(user), gid=job.block.host_id(user if group is None else group))


def _directories(job: Job) -> Iterator[Directory]:
    paths, recipe = job.host.paths, job.bundle.recipe
    yield Directory(path=paths.instance(job.name), mode=0o711)
    if recipe.components:
        yield Directory(path=f"{paths.instance(job.name)}/run", mode=0o1777, ids=_owner(job, 0, 0))
        yield Directory(path=f"{paths.instance(job.name)}/secrets", mode=0o711)
        yield Directory(path=f"{paths.instance(job.name)}/volumes", mode=0o711)
    if any(volume.public is not None for volume in recipe.volumes.values()):
        yield Directory(path=f"{paths.public}/{job.name}", mode=0o755)


def _volumes(job: Job) -> Iterator[Volume]:
    recipe = job.bundle.recipe
    for name, volume in sorted(recipe.volumes.items()):
        users = {key: item for key, item in recipe.components.items() if name in item.volumes}
        first = next(iter(users.values()), None)
        ids = _owner(job, first.user, first.group) if first and not volume.admin else None
        public = volume.public is not None
        yield Volume(
            name=name,
            path=job.volume(name),
            mode=0o755 if public or volume.admin else 0o700,
            ids=ids,
            owner="application" if ids else "admin",
            public=volume.public,
            seed=(job.bundle.origin, volume.seed) if volume.seed else None,
            components=tuple(sorted(users)),
        )


def _secrets(job: Job) -> Iterator[SecretFile]:
    for name, secret in sorted(job.bundle.recipe.secrets.items()):
        users = [item for item in job.bundle.recipe.components.values() if name in item.secrets]
        ids = _owner(job, users[0].user, users[0].group) if users else _owner(job, 0, 0)
        if ids:
            yield SecretFile(path=job.host.paths.secret(job.name, name), key=name, length=secret.length, ids=ids)
    if (copied := mail_secret(job)) is not None:
        yield copied


def _static(job: Job) -> StaticExport | None:
    served = job.bundle.recipe.serve.fastcgi
    if served is None:
        return None
    key, reference = static_key(job)
    return StaticExport(key=key, reference=reference, root=served.root, scripts=served.scripts)
