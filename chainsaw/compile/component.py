"""One component of an instance: its config files and its quadlet."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from chainsaw.compile.context import SHARED_DIRECTORY, WRITABLE, Job
from chainsaw.compile.images import image_reference
from chainsaw.compile.render_unit import unit_artifact
from chainsaw.compile.template import render
from chainsaw.compile.unitfile import SEPARATOR, lost_of
from chainsaw.errors import invalid
from chainsaw.model.artifact import Artifact
from chainsaw.model.component import Component
from chainsaw.model.names import size_in_bytes, span_in_seconds

PAUSE = 75
"""Seconds that a stop and the longest pause between two starts may take; see quadlets/component.container.j2."""


def config_files(job: Job, component: str) -> list[Artifact]:
    """Return the config files of a component, rendered where they end in .j2; they never hold a secret."""
    return [
        Artifact(_config_path(job, component, source), _content(job, source), job.name)
        for source in job.bundle.recipe.components[component].files
    ]


def _config_path(job: Job, component: str, source: str) -> str:
    return f"config/{job.name}/{component}/{source.removesuffix('.j2')}"


def _content(job: Job, source: str) -> bytes:
    content = job.bundle.files[source]
    if not source.endswith(".j2"):
        return content
    where = f"recipes/{job.bundle.recipe.name}/{source}"
    return render(where, content.decode(), job.context, one_line_values=False).encode()


def component_quadlet(job: Job, component: str, files: list[Artifact]) -> Artifact:
    """Return the quadlet of a component whose config files are given."""
    declared = job.bundle.recipe.components[component]
    assert job.block is not None, component
    context = {
        **_identity(job, component, declared),
        **_process(job, component, declared),
        "block": job.block.start,
        "config_digest": _digest(job, component, files),
        "networks": [f"chainsaw-{job.name}.network" if job.egress(component) else "none"],
        "egress": job.egress(component),
        "host_ports": " ".join(map(str, job.file.instance.host_ports or ())),
        "slice": job.slice,
        "hooks": f"{job.host.paths.current}/hooks",
        "tried_file": job.host.paths.tried_file(job.name),
        "up_file": job.host.paths.up_file(job.name) if component == "app" and job.kept_seconds else "",
        "mounts": list(_mounts(job, component, declared)),
    }
    return unit_artifact(
        f"quadlets/{job.stem(component)}.container",
        "component.container.j2",
        context,
        shared=job.shared,
        host=job.host,
        origin=job.origin,
        owner=job.name,
    )


def _identity(job: Job, component: str, declared: Component) -> dict[str, Any]:
    primary = component == "app"
    others = job.bundle.recipe.components
    return {
        "name": job.name,
        "title": job.title if primary else f"{job.title}: {component}",
        "documentation": job.bundle.recipe.documentation,
        "primary": primary,
        "primary_unit": job.unit("app") if "app" in others and not declared.once else "",
        "socket": f"app@{job.name}.socket" if primary and not job.gated else "",
        "sleeps": primary and job.sleep is not None,
        "wants": [job.unit(name) for name in sorted(others) if primary and name not in ("app", *declared.after)],
        "once": declared.once,
        "needed": not declared.once and job.bundle.recipe.is_needed(component),
        "pulled": job.bundle.recipe.images[declared.image].reference is not None,
        "after": [job.unit(other) for other in declared.after],
        "container": job.container(component),
        "image": image_reference(job.bundle, declared.image, job.shared.images),
    }


def _process(job: Job, component: str, declared: Component) -> dict[str, Any]:
    where = ("components", component)
    return {
        "user": declared.user,
        "group": declared.user if declared.group is None else declared.group,
        "capabilities": [item.name for item in declared.capabilities],
        "tmpfs": sorted(declared.tmpfs.items()),
        "environment": [
            (key, job.value((*where, "environment", key), value)) for key, value in sorted(declared.environment.items())
        ],
        "entrypoint": _entrypoint(job, component, declared),
        "command": [job.word((*where, "command", index), item) for index, item in enumerate(declared.command)],
        "health": declared.health,
        "ready": declared.ready,
        "notify": _notify(job, component, declared),
        "stop_signal": declared.stop.signal,
        "stop_seconds": span_in_seconds(declared.stop.timeout),
        "start_timeout": job.bundle.recipe.start_timeout(component),
        "four_starts": max(300, 4 * (job.bundle.recipe.start_timeout(component) + PAUSE)),
        "memory": size_in_bytes(memory_limit(job, component)),
        "tasks": declared.tasks,
        "asks": list(_questions(job, component)),
        "waits": [command for other in declared.after if not declared.waits and (command := job.wait_for(other))],
    }


def _entrypoint(job: Job, component: str, declared: Component) -> str | None:
    """Return the program of a component; raise ChainsawError for one that would not arrive as it is."""
    value = declared.entrypoint
    if value is not None:
        loss = lost_of(value) or {"": "an empty word", SEPARATOR: "only a semicolon"}.get(value, "")
        loss = loss or ("a backslash at its end" if value.endswith("\\") else "")
        if loss:
            message = f"this cannot be passed to Podman: {loss}"
            raise invalid(
                job.bundle.source.problem(("components", component, "entrypoint"), message, code="unit-value")
            )
    return value


def _questions(job: Job, component: str) -> Iterator[list[str]]:
    """Yield the commands that ask a component when its work is due, before it sleeps."""
    for name, timer in sorted(job.bundle.recipe.timers.items()):
        if timer.component == component and job.states_due(timer):
            words = [job.word(("timers", name, "due", index), item) for index, item in enumerate(timer.due)]
            places = [job.host.paths.due(job.name, name), f"{job.host.paths.logs}/lines"]
            program = ["/usr/bin/python3", "-I", "-S", job.host.paths.program("due"), "ask", *places]
            podman = ["/usr/bin/podman", "--events-backend=none", "--log-level=error"]
            yield [*program, *podman, "exec", job.container(component), *words]


def _notify(job: Job, component: str, declared: Component) -> str:
    """Return when systemd hears that a component is up, in quadlet's word; nothing for when its container runs."""
    if declared.once or job.bundle.recipe.is_awaited(component):
        return ""
    return {"notify": "true", "healthy": "healthy"}.get(declared.ready, "")


def memory_limit(job: Job, component: str) -> str:
    """Return the memory limit of a component: the instance's, or the recipe's."""
    own = job.file.instance.memory
    limits = own if isinstance(own, dict) else {"app": own} if own else {}
    return limits.get(component) or job.bundle.recipe.components[component].memory


def _mounts(job: Job, component: str, declared: Component) -> Iterator[str]:
    paths, recipe = job.host.paths, job.bundle.recipe
    yield f"{paths.instance(job.name)}/run:{SHARED_DIRECTORY}:{WRITABLE}"
    for volume, target in sorted(declared.volumes.items()):
        source = job.volume(volume)
        yield f"{source}:{target}:{'ro,' if recipe.volumes[volume].admin else ''}{WRITABLE}"
    own = {*declared.secrets, *([job.mail.password.secret] if declared.mail and job.mail and job.mail.password else [])}
    for secret in sorted(own):
        yield f"{paths.secret(job.name, secret)}:/run/secrets/{secret}:ro"
    for source, target in sorted(declared.files.items(), key=lambda item: item[1]):
        yield f"{paths.current}/{_config_path(job, component, source)}:{target}:ro"


def _digest(job: Job, component: str, files: list[Artifact]) -> str:
    """Return a digest of what a component reads when it starts: its files, and the inputs of a `once` component."""
    summary = sha256()
    declared = job.bundle.recipe.components[component]
    for volume in sorted(declared.volumes) if declared.once else ():
        summary.update(f"{volume}\0{job.admin_digests.get(volume, '')}\0".encode())
    for file in sorted(files, key=lambda item: item.path):
        summary.update(f"{file.path}\0{file.digest}\0".encode())
    return summary.hexdigest()[:32]
