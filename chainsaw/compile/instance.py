"""One instance to its artifacts and to what it asks of the host."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from chainsaw.compile.component import component_quadlet, config_files
from chainsaw.compile.context import APP_SOCKET, SHARED_DIRECTORY, Job
from chainsaw.compile.images import image_reference, shared_build
from chainsaw.compile.locations import location_files, static_key
from chainsaw.compile.mail import mail_secret, mail_units
from chainsaw.compile.render_unit import unit_artifact
from chainsaw.model.artifact import Artifact, intent_path
from chainsaw.model.deployment import (
    Deployment,
    Directory,
    Ids,
    ImageNeed,
    ProbeRequest,
    SecretFile,
    Service,
    StaticExport,
)
from chainsaw.model.names import span_in_seconds
from chainsaw.model.sources import TRIED


@dataclass(frozen=True)
class Piece:
    """One compiled instance: its files, and what it asks of the host."""

    deployment: Deployment
    artifacts: tuple[Artifact, ...]


def compile_instance(job: Job) -> Piece:
    """Return the piece of one instance; raise ChainsawError for a template or key that does not work."""
    artifacts: list[Artifact] = []
    services = []
    for component in _start_order(job):
        files = config_files(job, component)
        quadlet = component_quadlet(job, component, files)
        services.append(_service(job, component, quadlet))
        artifacts += [*files, quadlet]
    if job.file.source.text:
        artifacts.append(Artifact(intent_path(job.name), job.file.source.text.encode(), job.name))
    units = [*_socket(job), *_network(job), *_gate(job)]
    timers, mail = list(_timers(job)), list(mail_units(job))
    artifacts += [*units, *timers, *mail, *location_files(job)]
    return Piece(_deployment(job, services, units, [*timers, *mail]), tuple(artifacts))


def _start_order(job: Job) -> list[str]:
    """Return the components so that each stands after those it waits for; the recipe has no cycle."""
    components = job.bundle.recipe.components
    order: list[str] = []

    def place(name: str) -> None:
        for other in components[name].after:
            place(other)
        if name not in order:
            order.append(name)

    for name in sorted(components):
        place(name)
    return order


def _unit(job: Job, path: str, template: str, **context: object) -> Artifact:
    return unit_artifact(path, template, context, shared=job.shared, host=job.host, origin=job.origin, owner=job.name)


def _socket(job: Job) -> Iterator[Artifact]:
    if job.bundle.recipe.primary:
        yield _unit(
            job,
            f"units/app@{job.name}.socket",
            "component.socket.j2",
            title=job.title,
            address=job.host.paths.socket(job.name),
            service=job.unit("gate" if job.gated else "app"),
            gated=job.gated,
        )


def _gate(job: Job) -> Iterator[Artifact]:
    """Yield the quadlet of what takes the front's connections in the app's place, if anything does."""
    if not job.gated:
        return
    app = job.bundle.recipe.components["app"]
    served = job.bundle.recipe.serve.http
    port = served.port if served else None
    idle = [f"--exit-idle-time={job.sleep}s"] if job.sleep is not None else []
    target = f"127.0.0.1:{port}" if port else APP_SOCKET
    assert job.block is not None
    yield _unit(
        job,
        f"quadlets/{job.stem('gate')}.container",
        "gate.container.j2",
        name=job.name,
        title=job.title,
        socket=f"app@{job.name}.socket",
        app=job.unit("app"),
        container=job.container("gate"),
        image=shared_build("gate", job.shared.images).reference,
        shares=job.container("app") if port else "",
        block=job.block.start,
        run=f"{job.host.paths.instance(job.name)}/run:{SHARED_DIRECTORY}",
        user=app.user,
        group=app.user if app.group is None else app.group,
        command=["--connections-max=1024", *idle, target],
        start_timeout=span_in_seconds(app.start_timeout),
    )


def _network(job: Job) -> Iterator[Artifact]:
    if job.may_reach_internet:
        network = f"chainsaw-{job.name}"
        yield _unit(job, f"quadlets/{network}.network", "component.network.j2", name=job.name, network=network)


def _timers(job: Job) -> Iterator[Artifact]:
    for name, timer in sorted(job.bundle.recipe.timers.items()):
        stem = f"app@{job.name}.{name}"
        words = {"title": job.title, "help": timer.help}
        every = span_in_seconds(timer.every)
        yield _unit(job, f"units/{stem}.timer", "component.timer.j2", every=every, service=f"{stem}.service", **words)
        yield _unit(
            job,
            f"units/{stem}.service",
            "component.service.j2",
            component=job.unit(timer.component),
            wakes=job.sleep is not None,
            container=job.container(timer.component),
            command=[job.value(("timers", name, "command", index), item) for index, item in enumerate(timer.command)],
            **words,
        )


def _deployment(job: Job, services: list[Service], units: list[Artifact], timers: list[Artifact]) -> Deployment:
    recipe, instance = job.bundle.recipe, job.file.instance
    sockets = [unit for unit in units if unit.path.endswith(".socket")]
    networks = [unit for unit in units if unit.path.endswith(".network")]
    gates = [unit for unit in units if unit.path.endswith(".container")]
    probe, login, url = recipe.probe, recipe.login, instance.url(job.site.ports)
    return Deployment(
        name=job.name,
        recipe=recipe.name,
        version=f"{recipe.version}-{recipe.revision}",
        origin="" if job.bundle.origin.startswith(f"{TRIED}/") else job.bundle.origin,
        digest=job.bundle.digest,
        host=instance.host,
        path=instance.path,
        url=url,
        serving=instance.serving,
        block=job.block.start if job.block else None,
        images=tuple(image_needs(job)),
        directories=tuple(_directories(job)),
        secrets=tuple(_secrets(job)),
        static=_static(job),
        services=tuple(services),
        socket=Service(unit=sockets[0].path.rsplit("/", 1)[-1], digest=sockets[0].digest) if sockets else None,
        gate=_gate_service(job, gates),
        sleep=job.sleep,
        timers=tuple(
            Service(unit=timer.path.rsplit("/", 1)[-1], digest=timer.digest)
            for timer in timers
            if timer.path.endswith(".timer")
        ),
        relay=_relay(timers),
        network=Service(unit=f"chainsaw-{job.name}-network.service", digest=networks[0].digest) if networks else None,
        probe=ProbeRequest(
            path=instance.path + probe.path.lstrip("/"),
            status=probe.status,
            contains=job.value(("probe", "contains"), probe.contains) if probe.contains else None,
        ),
        start_timeout=sum(span_in_seconds(item.start_timeout) for item in recipe.components.values()) or 30,
        login=(url + login.path.lstrip("/"), login.user or "", login.secret) if login else None,
        notes=job.value(("notes",), recipe.notes),
    )


def _service(job: Job, component: str, quadlet: Artifact) -> Service:
    declared = job.bundle.recipe.components[component]
    return Service(
        unit=job.unit(component),
        digest=quadlet.digest,
        container=job.container(component),
        health=declared.health.command if declared.health and not declared.once else (),
        polled=declared.ready == "healthy" and not declared.once,
    )


def _relay(units: list[Artifact]) -> Service | None:
    found = [unit for unit in units if unit.path.endswith(".mail.socket")]
    return Service(unit=found[0].path.rsplit("/", 1)[-1], digest=found[0].digest) if found else None


def _gate_service(job: Job, gates: list[Artifact]) -> Service | None:
    if not gates:
        return None
    return Service(unit=job.unit("gate"), digest=gates[0].digest, container=job.container("gate"))


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
    for name, volume in sorted(recipe.volumes.items()):
        users = [item for item in recipe.components.values() if name in item.volumes]
        ids = _owner(job, users[0].user, users[0].group) if users and not volume.admin else None
        public = volume.public is not None
        seed = (job.bundle.origin, volume.seed) if volume.seed else None
        mode = 0o755 if public or volume.admin else 0o700
        yield Directory(path=paths.volume(job.name, name, public), mode=mode, ids=ids, seed=seed)


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
