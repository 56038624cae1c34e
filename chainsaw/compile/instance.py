"""From one instance to its generated files and to what it needs on the host."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from chainsaw.compile.bounds import together
from chainsaw.compile.component import component_quadlet, config_files
from chainsaw.compile.context import APP_SOCKET, SHARED_DIRECTORY, WRITABLE, Job
from chainsaw.compile.deployment import deployment_of, service_of
from chainsaw.compile.front.locations import location_files
from chainsaw.compile.images import shared_build
from chainsaw.compile.mail import mail_units
from chainsaw.compile.render_unit import unit_artifact
from chainsaw.compile.scheduled import schedule_units, scheduled_of
from chainsaw.model.artifact import Artifact, intent_path
from chainsaw.model.deployment import ComponentService, Deployment
from chainsaw.model.names import SPAN_UNITS, span_in_seconds


@dataclass(frozen=True)
class CompiledInstance:
    """One compiled instance: its files, and what it needs on the host."""

    deployment: Deployment
    artifacts: tuple[Artifact, ...]


def compile_instance(job: Job) -> CompiledInstance:
    """Return one compiled instance; raise ChainsawError for a template or key that does not work."""
    with together():
        return _compiled(job)


def _compiled(job: Job) -> CompiledInstance:
    artifacts: list[Artifact] = []
    services: list[ComponentService] = []
    for component in _start_order(job):
        files = config_files(job, component)
        quadlet = component_quadlet(job, component, files)
        services.append(service_of(job, component, quadlet))
        artifacts += [*files, quadlet]
    if job.file.source.text:
        artifacts.append(Artifact(intent_path(job.name), job.file.source.text.encode(), job.name))
    units = [*_socket(job), *_network(job), *_gate(job), *_timers(job), *mail_units(job), *_slice(job)]
    by_itself = list(schedule_units(job))
    artifacts += [*units, *by_itself, *location_files(job)]
    deployment = deployment_of(job, services, units).model_copy(update={"scheduled": scheduled_of(job, by_itself)})
    return CompiledInstance(deployment, tuple(artifacts))


def _start_order(job: Job) -> list[str]:
    """Return the components in start order; the recipe has no cycle."""
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
    """Yield the quadlet of the gate, which accepts the front's connections for the app, if there is one."""
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
        address=job.host.paths.socket(job.name),
        drain=job.host.paths.program("drain"),
        app=job.unit("app"),
        container=job.container("gate"),
        slice=job.slice,
        image=shared_build("gate", job.shared.images).reference,
        shares=job.container("app") if port else "",
        block=job.block.start,
        run=f"{job.host.paths.instance(job.name)}/run:{SHARED_DIRECTORY}:{WRITABLE}",
        user=app.user,
        group=app.user if app.group is None else app.group,
        command=["--connections-max=1024", *idle, target],
        start_timeout=span_in_seconds(app.start_timeout),
    )


def _network(job: Job) -> Iterator[Artifact]:
    if job.may_reach_internet:
        network = f"chainsaw-{job.name}"
        yield _unit(job, f"quadlets/{network}.network", "component.network.j2", name=job.name, network=network)


def _slice(job: Job) -> Iterator[Artifact]:
    if job.bundle.recipe.components:
        yield _unit(job, f"units/{job.slice}", "instance.slice.j2", title=job.title)


SPREAD = 3600
"""Seconds over which timers of the same time are spread, at most."""
OFTEN = 900
"""Seconds: of what is done more often, only failures are written down."""


def calendar_of(seconds: int) -> str:
    """Return the expression of systemd.time(7) for a span that check_period accepts."""
    days, rest = divmod(seconds, SPAN_UNITS["d"])
    if days:
        return "weekly" if days > 1 else "daily"
    hours = rest // SPAN_UNITS["h"]
    return f"0/{hours}:00" if hours else f"*:0/{rest // SPAN_UNITS['m']}"


def _timers(job: Job) -> Iterator[Artifact]:
    for name, timer in sorted(job.bundle.recipe.timers.items()):
        stem = job.stem(name)
        words = {"title": job.title, "help": timer.help}
        period = span_in_seconds(timer.every)
        when = {"calendar": calendar_of(period), "period": min(period, SPREAD)}
        service = f"{stem}.due.service" if job.states_due(timer) else f"{stem}.service"
        yield _unit(job, f"units/{stem}.timer", "component.timer.j2", service=service, **when, **words)
        yield _unit(
            job,
            f"units/{stem}.service",
            "component.service.j2",
            component=job.unit(timer.component),
            wakes=job.sleep is not None,
            quiet=period < OFTEN,
            container=job.container(timer.component),
            slice=job.slice,
            logs=job.host.paths.logs,
            waits=job.wait_for(timer.component),
            command=[job.value(("timers", name, "command", index), item) for index, item in enumerate(timer.command)],
            **words,
        )
        if job.states_due(timer):
            yield _unit(
                job,
                f"units/{stem}.due.service",
                "due.service.j2",
                program=job.host.paths.program("due"),
                arguments=[
                    job.host.paths.due(job.name, name),
                    f"app@{job.name}.socket",
                    job.unit(timer.component),
                    f"{stem}.service",
                ],
                **words,
            )
