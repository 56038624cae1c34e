"""The whole site: its compiled instances, the front, and the target that starts them all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any

from chainsaw.compile.context import Host, Shared
from chainsaw.compile.front.headers import DROPPED
from chainsaw.compile.front.hosts import host_contexts
from chainsaw.compile.front.logins import login_deployment, login_units, needs_logins
from chainsaw.compile.front.pages import GONE, MISSING, page_files
from chainsaw.compile.header import marked
from chainsaw.compile.images import shared_build
from chainsaw.compile.instance import CompiledInstance
from chainsaw.compile.render_unit import unit_artifact
from chainsaw.compile.template import render
from chainsaw.model.artifact import INTENT_OF_SITE, Artifact, as_tree
from chainsaw.model.block import Block
from chainsaw.model.certificate import LOCAL, HostIssuer
from chainsaw.model.deployment import ComponentService, Deployment, ImageNeed, Manifest, ProbeRequest, Service
from chainsaw.model.names import FRONT, LOGINS
from chainsaw.model.route import Elsewhere, split_route
from chainsaw.model.site import DEFAULTS, Site
from chainsaw.model.volume import Directory, Ids

ORIGIN = "site.yaml and instances/"
RENEWAL, NOTIFICATION, AGE = "chainsaw-certificates.timer", "chainsaw-notify.timer", "chainsaw-known.timer"
KERNEL_LIMITS: dict[str, Any] = {"instances": 64, "watches": 32768, "namespaces": 32}
"""What one container may have of inotify(7) and of each kind of namespaces(7), counted for all together."""
PROGRAMS = tuple(f"programs/{name}.py" for name in ("drain", "due", "egress", "known", "logs"))
"""What systemd starts beside containers."""
SHUTDOWN = 600
"""Seconds that a connection may go on after a reload of the front; each such reload keeps a process in memory."""
SHARE = "85%"
"""The part of the host's memory that all instances together may take, unless the admin says otherwise."""


def compile_site(
    instances: Mapping[str, CompiledInstance],
    site: Site,
    blocks: Mapping[str, Block],
    host: Host,
    shared: Shared,
    site_text: str | None = None,
) -> tuple[Manifest, dict[str, Artifact]]:
    """Return the manifest (number 0) and the tree of a site; `site_text` is site.yaml's.

    `blocks` has that of the front, and if an instance wants a login, that of the login service.
    """
    block = blocks[FRONT]
    artifacts = [artifact for instance in instances.values() for artifact in instance.artifacts]
    artifacts += [Artifact(INTENT_OF_SITE, site_text.encode())] if site_text else []
    artifacts += _nginx(instances, site, host, shared)
    front, timers = list(_front_units(site, block, host, shared)), _timers(instances, site, host)
    own = [*_site_units(instances, site, host, shared), *_common(site, host, shared)]
    language = site.language or DEFAULTS["language"]
    asked = [blocks[LOGINS]] if needs_logins(item.deployment for item in instances.values()) else []
    logins = [unit for item in asked for unit in login_units(item, language, host, shared)]
    artifacts += [*front, *logins, _target(instances, timers, host, shared, bool(logins)), *own]
    tree, elsewhere = as_tree(artifacts), _elsewhere(site, instances)
    manifest = Manifest(
        number=0,
        front=_front_deployment([*front, *own], block, host, shared, timers),
        logins=login_deployment(logins, asked[0], host, shared) if asked else None,
        instances={name: instance.deployment for name, instance in sorted(instances.items())},
        elsewhere=elsewhere,
        issuers=_issuers(site, instances, elsewhere),
        files={path: artifact.digest for path, artifact in tree.items()},
        owners={path: artifact.owner for path, artifact in tree.items() if artifact.owner},
    )
    return manifest, tree


def _addresses(port: int, host: Host) -> list[str]:
    return [f"0.0.0.0:{port}", *([f"[::]:{port}"] if host.ipv6 else [])]


def _front_units(site: Site, block: Block, host: Host, shared: Shared) -> Iterator[Artifact]:
    addresses = _addresses(site.ports.http, host) + _addresses(site.ports.https, host)
    paths = host.paths
    contexts: dict[str, dict[str, Any]] = {
        "units/chainsaw-front.socket": {"addresses": addresses},
        "quadlets/chainsaw-front.container": {
            "image": shared_build("nginx", shared.images).reference,
            "block": block.start,
            "descriptors": "".join(f"{number + 3}:" for number in range(len(addresses)))[:-1] + ";",
            "generations": paths.generations,
            "certificates": paths.certificates,
            "sockets": paths.sockets,
            "static": paths.static,
            "public": paths.public,
            "buffers": paths.buffers,
            "privacy": site.privacy,
        },
    }
    for path, context in contexts.items():
        template = f"front.{path.rsplit('.', 1)[-1]}.j2"
        yield unit_artifact(path, template, context, shared=shared, host=host, origin="site.yaml", owner="")


def _timers(instances: Mapping[str, CompiledInstance], site: Site, host: Host) -> tuple[str, ...]:
    """Return the timers of the site; what works without chainsaw has none that need it."""
    own = [] if host.paths.ejected else [RENEWAL, *([NOTIFICATION] if site.notify else [])]
    return (*own, *([AGE] if _keeping(instances) else []))


def _keeping(instances: Mapping[str, CompiledInstance]) -> list[str]:
    """Return the instances of which the front keeps pages that it may show."""
    every = {name: item.deployment for name, item in sorted(instances.items())}
    return [name for name, item in every.items() if item.kept and item.serving == "normal"]


def _target(
    instances: Mapping[str, CompiledInstance], timers: tuple[str, ...], host: Host, shared: Shared, logins: bool
) -> Artifact:
    units = ["chainsaw-logs.service", "chainsaw-front.socket", "chainsaw-front.service"]
    units += ["chainsaw-logins.socket"] if logins else []
    units += timers
    for _, instance in sorted(instances.items()):
        deployment = instance.deployment
        # The data of one that is stopped is kept safe as well.
        units += [service.unit for service in deployment.scheduled.timers]
        if deployment.serving == "stopped":
            continue
        awake = [] if deployment.sleep is not None else [*deployment.services, deployment.gate]
        wanted = [deployment.socket, *awake, *deployment.timers, deployment.relay]
        units += [service.unit for service in wanted if service]
    path = "units/chainsaw.target"
    return unit_artifact(
        path, "chainsaw.target.j2", {"units": units}, shared=shared, host=host, origin=ORIGIN, owner=""
    )


def _site_units(
    instances: Mapping[str, CompiledInstance], site: Site, host: Host, shared: Shared
) -> Iterator[Artifact]:
    """Yield the slice of all instances, what comes before all containers after a boot, and what bounds their logs."""
    contexts: dict[str, dict[str, Any]] = {
        "instances.slice": {"memory": site.memory or SHARE},
        "podman.service": {},
        "logs.service": {"program": host.paths.program("logs")},
        "logs.socket": {"logs": host.paths.logs},
        "egress.service": _egress(site, host),
        "egress.timer": {},
    }
    for timer in _timers(instances, site, host):
        name = timer.removeprefix("chainsaw-").removesuffix(".timer")
        contexts |= {f"{name}.service": {"program": host.program}, f"{name}.timer": {}}
    known = {"program": host.paths.program("known"), "sockets": host.paths.sockets, "kept": _keeping(instances)}
    contexts |= {"known.service": known} if known["kept"] else {}
    for name, context in contexts.items():
        path = f"units/chainsaw-{name}"
        yield unit_artifact(path, f"{name}.j2", context, shared=shared, host=host, origin=ORIGIN, owner="")


def _egress(site: Site, host: Host) -> dict[str, Any]:
    ports = [str(site.ports.http), str(site.ports.https)]
    return {"program": host.paths.program("egress"), "ports": ports}


def _common(site: Site, host: Host, shared: Shared) -> Iterator[Artifact]:
    """Yield what all instances have in common.

    It is a drop-in of the template of their services (systemd.unit(5)), hooks for their containers (oci-hooks(5)), the
    units that start again what fails, and programs.
    """
    text = shared.templates["component.service.conf.j2"]
    yield Artifact("units/app@.service.d/chainsaw.conf", marked(ORIGIN, text).encode())
    contexts: dict[str, dict[str, Any]] = {
        "limits.json": KERNEL_LIMITS,
        "egress.json": _egress(site, host),
    }
    for name, context in contexts.items():
        hook = render(f"quadlets/{name}.j2", shared.templates[f"{name}.j2"], context)
        yield Artifact(f"hooks/{name}", hook.encode())
    for name in ("failed", "retry"):
        text = shared.templates[f"{name}.service.j2"]
        yield Artifact(f"units/chainsaw-{name}@.service", marked(ORIGIN, text).encode())
    for program in PROGRAMS:
        yield Artifact(program, shared.templates[program].encode())


def _nginx(instances: Mapping[str, CompiledInstance], site: Site, host: Host, shared: Shared) -> Iterator[Artifact]:
    listen = {
        "http": site.ports.http,
        "https": site.ports.https,
        "http_addresses": _addresses(site.ports.http, host),
        "https_addresses": _addresses(site.ports.https, host),
        "port_suffix": site.ports.suffix,
    }
    workers = min(host.processors, 2)
    slowest = max([item.deployment.timeout for item in instances.values()], default=0)
    general = {"workers": workers, "shutdown_timeout": max(slowest, SHUTDOWN), "privacy": site.privacy, **listen}
    yield _nginx_file("nginx.conf", "nginx.conf.j2", general, shared)
    yield _nginx_file("dropped-headers.conf", "dropped-headers.conf.j2", {"dropped": DROPPED}, shared)
    yield _nginx_file("formats.conf", "formats.conf.j2", {"names": [FRONT, *sorted(instances)]}, shared)
    deployments = {name: item.deployment for name, item in sorted(instances.items())}
    hosts = host_contexts(deployments, _elsewhere(site, instances))
    pages = (MISSING, *([GONE] if any(item["gone"] for item in hosts.values()) else []))
    yield from page_files(shared, site.language or DEFAULTS["language"], pages)
    users = needs_logins(deployments.values())
    if any(item.wall for item in deployments.values()):
        yield _nginx_file("access/logins.conf", "logins.conf.j2", {"users": users}, shared)
    if users:
        yield _nginx_file("login.conf", "login.conf.j2", {}, shared)
    for name, context in hosts.items():
        yield _nginx_file(f"hosts/{name}.conf", "host.conf.j2", {**context, **listen}, shared)


def _elsewhere(site: Site, instances: Mapping[str, CompiledInstance]) -> tuple[Elsewhere, ...]:
    """Return the routes without an instance; one that is still an instance's stays that until it is applied, too."""
    taken = {route for item in instances.values() for route in item.deployment.routes}
    routes = {split_route(url): item for url, item in sorted(site.routes.items())}
    return tuple(
        Elsewhere(route=route, redirect=item.redirect or "") for route, item in routes.items() if route not in taken
    )


def _issuers(
    site: Site, instances: Mapping[str, CompiledInstance], elsewhere: tuple[Elsewhere, ...]
) -> dict[str, HostIssuer]:
    """Return the issuers of all host names that are not local ones."""
    hosts = {host for item in instances.values() for host in item.deployment.hosts}
    wanted = {host: site.tls.of(host) for host in sorted(hosts | {item.route.host for item in elsewhere})}
    return {
        host: HostIssuer(
            issuer=item.issuer,
            chain=item.chain or "",
            key=item.key or "",
            directories=site.tls.acme_of(host).directories if item.issuer == "acme" else (),
        )
        for host, item in wanted.items()
        if item.issuer != LOCAL
    }


def _nginx_file(filename: str, template: str, context: dict[str, Any], shared: Shared) -> Artifact:
    text = render(f"quadlets/nginx/{template}", shared.templates[f"nginx/{template}"], context)
    return Artifact(f"nginx/{filename}", marked(ORIGIN, text).encode())


def _front_deployment(
    units: list[Artifact], block: Block, host: Host, shared: Shared, timers: tuple[str, ...]
) -> Deployment:
    digests = {unit.path.rsplit("/", 1)[-1]: unit.digest for unit in units}
    paths = host.paths
    return Deployment(
        name=FRONT,
        recipe=FRONT,
        version="",
        block=block.start,
        images=(ImageNeed(reference=shared_build("nginx", shared.images).reference, base="nginx"),),
        directories=(
            *(Directory(path=path, mode=0o755) for path in (paths.static, paths.public)),
            Directory(path=paths.challenges, mode=0o755),
            Directory(path=paths.sockets, mode=0o711),
            Directory(path=paths.front, mode=0o711),
            Directory(path=paths.authority, mode=0o700),
            Directory(path=paths.certificates, mode=0o711),
            Directory(path=paths.buffers, mode=0o711, ids=Ids(uid=block.start, gid=block.start)),
        ),
        services=(
            ComponentService(
                unit="chainsaw-front.service", digest=digests["chainsaw-front.container"], component=FRONT
            ),
        ),
        socket=Service(unit="chainsaw-front.socket", digest=digests["chainsaw-front.socket"]),
        timers=tuple(Service(unit=unit, digest=digests[unit]) for unit in timers),
        relay=Service(unit="chainsaw-logs.service", digest=_digest_of_logs(digests)),
        probe=ProbeRequest(path="/", status=200),
    )


def _digest_of_logs(digests: Mapping[str, str]) -> str:
    """Return what changes when the unit or its program does."""
    return sha256(f"{digests['chainsaw-logs.service']} {digests['logs.py']}".encode()).hexdigest()
