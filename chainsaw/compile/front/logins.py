"""The login service: asleep unless somebody comes, in a block of its own, and only where an instance wants a login."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from chainsaw.compile.context import Host, Shared
from chainsaw.compile.images import shared_build
from chainsaw.compile.render_unit import unit_artifact
from chainsaw.model.artifact import Artifact
from chainsaw.model.block import Block
from chainsaw.model.deployment import ComponentService, Deployment, ImageNeed, ProbeRequest, SecretFile, Service
from chainsaw.model.names import LOGINS
from chainsaw.model.volume import Directory, Ids

UNIT = "chainsaw-logins"
USER = 1000
"""The user of the service inside its container."""
IDLE = 300
"""Seconds without a request after which it ends."""


def needs_logins(deployments: Iterable[Deployment]) -> bool:
    """Return whether any instance wants the users of the site to log in; one in maintenance will again."""
    return any(item.wall is not None and bool(item.wall.allow) for item in deployments)


def login_units(block: Block, language: str, host: Host, shared: Shared) -> Iterator[Artifact]:
    """Yield the socket and the quadlet of the service."""
    paths = host.paths
    contexts: dict[str, dict[str, Any]] = {
        f"units/{UNIT}.socket": {"address": paths.login_socket},
        f"quadlets/{UNIT}.container": {
            "image": shared_build("login", shared.images).reference,
            "block": block.start,
            "language": language,
            "idle": IDLE,
            "users": f"{paths.logins}/users",
            "sessions": f"{paths.logins}/sessions",
            "key": f"{paths.logins}/session_key",
        },
    }
    for path, context in contexts.items():
        template = f"logins.{path.rsplit('.', 1)[-1]}.j2"
        yield unit_artifact(path, template, context, shared=shared, host=host, origin="site.yaml", owner="")


def login_deployment(units: list[Artifact], block: Block, host: Host, shared: Shared) -> Deployment:
    """Return what the service asks of the host: its units are given."""
    digests = {unit.path.rsplit("/", 1)[-1]: unit.digest for unit in units}
    paths, owner = host.paths, Ids(uid=block.host_id(USER), gid=block.host_id(USER))
    return Deployment(
        name=LOGINS,
        recipe=LOGINS,
        version="",
        block=block.start,
        images=(ImageNeed(reference=shared_build("login", shared.images).reference, base="login"),),
        directories=(
            Directory(path=paths.logins, mode=0o711),
            Directory(path=f"{paths.logins}/users", mode=0o711),
            Directory(path=f"{paths.logins}/sessions", mode=0o700, ids=owner),
        ),
        secrets=(
            SecretFile(path=f"{paths.logins}/session_key", key="session_key", length=64, ids=owner),
            SecretFile(path=paths.users_copy, key="users", length=0, ids=owner, source=paths.users_file),
        ),
        services=(
            ComponentService(
                unit=f"{UNIT}.service",
                digest=digests[f"{UNIT}.container"],
                component=LOGINS,
                container=UNIT,
            ),
        ),
        socket=Service(unit=f"{UNIT}.socket", digest=digests[f"{UNIT}.socket"]),
        sleep=IDLE,
        probe=ProbeRequest(path="/", status=200),
    )
