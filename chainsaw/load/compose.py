"""Words of a Compose file in a recipe: what a recipe says in their place."""

from __future__ import annotations

from typing import Any

from chainsaw.load.source import KeyPath

_NETWORK = (
    "a component has a loopback of its own and no network: components meet at sockets in /run/instance, "
    "egress asks for the internet"
)
_SERVE = "nothing listens on this host: serve says how the front reaches app, such as serve: {http: {port: 8080}}"
_PRIVILEGES = "there are no privileges; a single capability, with its reason: capabilities: [{name: CHOWN, reason: …}]"
_HOST = "a recipe mounts nothing of this host: declare a volume, volumes: {data: {}}, and mount it as data: /srv/data"
_MOUNTED = "only the path: data: /srv/data; what components may only read is a volume with admin: true"
_IMAGE = "images says where an image comes from: images: {app: {build: images/app}}, and here image: app"
_GENERATED = "a secret is generated for each instance, and is the file /run/secrets/NAME: NAME: {help: What it is for.}"

_ANYWHERE = {
    "services": "they are called components here, and the one that the front reaches is called app",
    "networks": _NETWORK,
    "configs": "files: {FILE: /where/it/is}, for a file of the recipe; FILE.j2 is a template",
}
_IN_COMPONENT = {
    "build": _IMAGE,
    "cap_add": _PRIVILEGES,
    "cap_drop": "all capabilities are dropped already",
    "configs": _ANYWHERE["configs"],
    "container_name": "a container is named after its instance and its component",
    "cpus": "memory and tasks are limited here, processors are not",
    "depends_on": "after: [db], for those that are up before this one starts",
    "deploy": "memory: 256M and tasks: 64 are limits of a component",
    "devices": "a component has no devices of this host",
    "dns": _NETWORK,
    "env_file": "environment: {NAME: value}; what an admin changes is a setting: {{ settings.name }}",
    "expose": _SERVE,
    "extra_hosts": _NETWORK,
    "healthcheck": "health: {command: [program, argument]}",
    "hostname": "the host name of a component is the name of its instance",
    "labels": "the route is in the file of the instance, and nothing reads labels",
    "links": _NETWORK,
    "logging": "what a component writes to standard output and standard error is in the journal",
    "mem_limit": "memory: 256M",
    "network_mode": _NETWORK,
    "networks": _NETWORK,
    "pids_limit": "tasks: 64",
    "ports": _SERVE,
    "privileged": _PRIVILEGES,
    "read_only": "the root is read-only already; volumes and tmpfs are writable",
    "restart": "what ends is started again already, also after a reboot; once: true is for what runs to its end",
    "security_opt": "no process gains privileges already",
    "stop_grace_period": "stop: {timeout: 30s}",
    "stop_signal": "stop: {signal: SIGINT}",
    "working_dir": "the image says it (WORKDIR), or a start script: cd /srv/app",
}
_IN_HEALTH = {
    "interval": "every: 5m",
    "retries": "while it starts, the check runs each second until start_timeout",
    "start_period": "start_timeout: 2m, beside health",
    "test": "command: [program, argument]",
}
_IN_GENERATED = dict.fromkeys(("environment", "external", "file"), _GENERATED)
_IN_VOLUME = dict.fromkeys(("driver", "driver_opts", "external", "name"), "data: {}, a plain directory of the instance")

_OTHER_TYPE = {
    "command": "a list of words, which no shell reads: [program, argument]",
    "entrypoint": "one program: entrypoint: sh, and its arguments: command: [-c, …]",
    "environment": "NAME: value, without a dash before it",
    "secrets": "a list of names: [password]",
    "tmpfs": "tmpfs: {/var/cache/app: 16M}",
    "user": "two numbers: user: 1000, and group: 1000 where it is another one",
    "volumes": _HOST,
}


def unknown_key(path: KeyPath) -> str:
    """Return what a recipe says in the place of a key that it does not have, or nothing."""
    name = str(path[-1])
    if len(path) == 1:
        return _ANYWHERE.get(name, "")
    table: dict[str, str] = {}
    if path[0] == "components":
        table = {3: _IN_COMPONENT, 4: _IN_HEALTH if path[2] == "health" else {}}.get(len(path), {})
    elif len(path) == 3:
        table = {"secrets": _IN_GENERATED, "volumes": _IN_VOLUME}.get(str(path[0]), {})
    return table.get(name, "")


def wrong_value(path: KeyPath, value: Any, at_key: bool) -> str:
    """Return how a recipe writes a value of a component that has another form; or nothing."""
    if path[:1] != ("components",) or len(path) < 3:
        return ""
    if path[2] == "volumes" and len(path) == 4:
        return _HOST if at_key and "/" in str(path[-1]) else _MOUNTED if ":" in str(value) else ""
    if path[2] == "image" and isinstance(value, str):
        return f"images: {{{path[1]}: {{reference: docker.io/library/NAME:1.2.3}}}}, and here image: {path[1]}"
    return _OTHER_TYPE.get(str(path[2]), "") if len(path) == 3 else ""
