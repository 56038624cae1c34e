"""The same containers in a compose file."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .byhand import Pair
from .generated import Container
from .measure import Argument

LISTS = {
    "--cap-drop": "cap_drop", "--cap-add": "cap_add", "--security-opt": "security_opt", "--env": "environment",
    "--tmpfs": "tmpfs", "--sysctl": "sysctls", "-p": "ports",
}  # fmt: skip
VALUES: dict[str, tuple[str, Callable[[str], Any]]] = {
    "--hostname": ("hostname", str),
    "--user": ("user", str),
    "--network": ("network_mode", str),
    "--stop-signal": ("stop_signal", str),
    "--stop-timeout": ("stop_grace_period", "{}s".format),
    "--log-driver": ("logging", lambda driver: {"driver": driver}),
    "--read-only": ("read_only", lambda _: True),
    "--entrypoint": ("entrypoint", shlex.split),
}
MAPS = {"--uidmap": "x-podman.uidmaps", "--gidmap": "x-podman.gidmaps"}
OF_HEALTH = {"--health-cmd", "--health-interval", "--health-timeout"}


def service(one: Container) -> dict[str, Any]:
    """Return a container as a service, without a health check."""
    made: dict[str, Any] = {"image": one.image, "container_name": one.name, "pull_policy": "never"}
    for option, value in one.options:
        if option in LISTS:
            made.setdefault(LISTS[option], []).append(value)
        elif option in MAPS:
            made.setdefault(MAPS[option], []).append(value)
        elif option == "--ulimit":
            limit, _, most = str(value).partition("=")
            made.setdefault("ulimits", {})[limit] = int(most)
        elif option in VALUES:
            key, convert = VALUES[option]
            made[key] = convert(value)
        elif option not in OF_HEALTH:
            raise KeyError(f"{one.name}: {option} has no equal in a compose file")
    made["volumes"] = [str(mount) for mount in one.mounts]
    if one.command:
        made["command"] = list(one.command)
    return made


def services(pair: Pair) -> dict[str, Any]:
    """Return a WordPress and its database; podman-compose waits for nothing, so WordPress waits for the socket."""
    app = service(pair.app)
    wait = 'until [ -S /run/instance/mysqld.sock ]; do sleep 0.05; done; exec start-wordpress "$$@"'
    app |= {"entrypoint": ["sh", "-c", wait, "sh"], "depends_on": [pair.db.name]}
    return {pair.db.name: service(pair.db), pair.app.name: app}


def front(one: Container) -> dict[str, Any]:
    """Return the nginx with a published port, on the network of the project."""
    made = service(one)
    del made["network_mode"]
    return {one.name: made}


def project(directory: Path, *groups: Mapping[str, Any]) -> list[Argument]:
    """Write a compose file with groups of services; return the words that begin every command."""
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / "compose.yaml"
    content = {"services": {name: one for group in groups for name, one in group.items()}}
    # JSON is YAML.
    file.write_text(json.dumps(content, indent=1))
    return ["podman-compose", "--in-pod=false", "-f", file]
