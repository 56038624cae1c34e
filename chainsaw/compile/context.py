"""The input of compiling one instance, and the names that are derived from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from chainsaw.compile.template import render
from chainsaw.compile.unitfile import SEPARATOR
from chainsaw.errors import ChainsawError, invalid
from chainsaw.load.recipe import Bundle
from chainsaw.load.settings import InstanceFile, effective_settings
from chainsaw.load.source import KeyPath
from chainsaw.model.block import Block
from chainsaw.model.keys import Version
from chainsaw.model.names import SIZE_UNITS, size_in_bytes, span_in_seconds
from chainsaw.model.paths import Paths
from chainsaw.model.recipe import Timer
from chainsaw.model.serve import NO_CACHE
from chainsaw.model.site import Mail, Site, effective

SHARED_DIRECTORY = "/run/instance"
WRITABLE = "nosuid,nodev"
"""How what an application may write to is mounted: no program there gives rights, and no file is a device."""
APP_SOCKET = f"{SHARED_DIRECTORY}/app.sock"
"""Where an app listens that could inherit its socket, but is behind a gate."""

FORM = SIZE_UNITS["M"]
"""Bytes of a request beside the largest file: the form that it is sent with, and the other fields of that."""

ANSWERS = """\
while :; do \
main=$(systemctl --user show -P MainPID "$0"); \
for process in $(cat "/proc/$main/task/$main/children" 2> /dev/null); do \
grep -Eqs ":$1 0+:0000 0A" "/proc/$process/net/tcp" "/proc/$process/net/tcp6" && exit; \
done; sleep 0.2; done"""
"""Waits until the container of a unit listens on a port, in hexadecimal (proc_net_tcp(5): 0A is LISTEN)."""


@dataclass(frozen=True)
class Shared:
    """What all instances share: templates of quadlets/ by path, and the contexts of the shared images by name."""

    templates: Mapping[str, str]
    images: Mapping[str, Mapping[str, bytes]]


ESCAPED_DASH = r"\x2d"


@dataclass(frozen=True)
class Host:
    """What compilation needs to know of a host; `memory` is in bytes with its swap space, 0 where it is unknown.

    `program` is this one, as systemd starts it.
    """

    paths: Paths
    podman: Version = (5, 4)
    processors: int = 2
    ipv6: bool = True
    memory: int = 0
    program: str = "/usr/bin/chainsaw"


@dataclass(frozen=True)
class Provider:
    """An instance that knows who is logged in: its name, its host, its path, and what nginx calls its headers."""

    name: str
    host: str
    check: str
    user: str
    groups: str


@dataclass(frozen=True)
class Job:
    """One instance to compile; `admin_digests` are digests of the contents of the admin's volumes, by name.

    `providers` are the instances by name that can say who is logged in.
    """

    file: InstanceFile
    bundle: Bundle
    site: Site
    block: Block | None
    host: Host
    shared: Shared
    admin_digests: Mapping[str, str] = field(default_factory=dict)
    providers: Mapping[str, Provider] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The instance's name."""
        return self.file.name

    @property
    def origin(self) -> str:
        """The admin's file, as it is named in headers of generated files."""
        return f"instances/{self.name}.yaml"

    def volume(self, name: str) -> str:
        """Return the directory of a volume."""
        return self.host.paths.volume(self.name, name, self.bundle.recipe.volumes[name].public is not None)

    @property
    def title(self) -> str:
        """The description that systemctl shows."""
        return f"{self.name}, {self.bundle.recipe.title} {self.bundle.recipe.version}"

    @cached_property
    def context(self) -> Mapping[str, Any]:
        """The names that a recipe's templates may use."""
        instance, recipe = self.file.instance, self.bundle.recipe
        common = effective(self.site, instance)
        return {
            "name": self.name,
            "recipe": {"name": recipe.name, "version": recipe.version, "revision": recipe.revision},
            "route": {
                "url": instance.url(self.site.ports),
                "origin": instance.origin(self.site.ports),
                "host": instance.host,
                "path": instance.path,
            },
            "settings": effective_settings(recipe, instance),
            "egress": self.may_reach_internet,
            "inherited": not self.gated,
            "socket": APP_SOCKET,
            "mail": self._mail_context(),
            "login": self.takes_identity,
            "cache": self.kept_seconds,
            "logout": "/.chainsaw/logout" if self.takes_identity and not self.is_forwarded else "",
            **common,
            "request_limit": size_in_bytes(common["upload_limit"]) + FORM,
            "request_timeout": self.timeout,
        }

    @property
    def takes_identity(self) -> bool:
        """Whether the application is told who is logged in, at all paths but those that are for everybody."""
        access = self.file.instance.access
        return access is not None and not access.only and self.bundle.recipe.serve.auth.identity is not None

    @property
    def kept_seconds(self) -> int:
        """How long the front keeps answers that are the same for all; 0 where each is for somebody behind a login."""
        declared, own, access = self.bundle.recipe.serve.cache, self.file.instance.cache, self.file.instance.access
        if declared is None or own == NO_CACHE or (access and not access.only):
            return 0
        return span_in_seconds(own or declared.time)

    @property
    def is_forwarded(self) -> bool:
        """Whether another instance says who is logged in."""
        access = self.file.instance.access
        return access is not None and bool(access.forward)

    @property
    def timeout(self) -> int:
        """How long a request may be worked on, in seconds."""
        return span_in_seconds(self.file.instance.published.timeout or self.bundle.recipe.serve.timeout)

    @property
    def mail(self) -> Mail | None:
        """The mail server for this instance, if its recipe sends mail."""
        return (self.file.instance.mail or self.site.mail) if "mail" in self.bundle.recipe.honours else None

    def _mail_context(self) -> dict[str, Any] | None:
        if self.mail is None:
            return None
        sender = self.mail.sender or effective(self.site, self.file.instance)["email"]
        secret = self.mail.password.secret if self.mail.password else None
        return {**self.mail.model_dump(exclude={"password"}), "sender": sender, "secret": secret}

    @property
    def sleep(self) -> int | None:
        """The seconds without a request after which its processes are stopped; None for never."""
        span = self.file.instance.sleep or self.site.sleep
        return span_in_seconds(span) if span and span != "never" and self.bundle.recipe.primary else None

    def states_due(self, timer: Timer) -> bool:
        """Return whether it is asked when work of a timer is due, before it sleeps."""
        return self.sleep is not None and bool(timer.due)

    @property
    def disk(self) -> int:
        """The bytes that are expected of it at most: by its own file, the site's, or the recipe."""
        return size_in_bytes(self.file.instance.disk or self.site.disk or self.bundle.recipe.disk)

    @property
    def gated(self) -> bool:
        """Whether the front reaches the app through a gate: because of its TCP port, or because it may sleep."""
        served = self.bundle.recipe.serve.http
        return bool(served and served.port) or self.sleep is not None

    @property
    def may_reach_internet(self) -> bool:
        """Whether any component of this instance gets a network."""
        return any(self.egress(name) for name in self.bundle.recipe.components)

    def egress(self, component: str) -> bool:
        """Return whether a component reaches the internet."""
        return self.bundle.recipe.components[component].has_network(self.file.instance.egress)

    def value(self, path: KeyPath, text: str) -> str:
        """Return a template value of recipe.yaml, rendered; `path` is its key path."""
        source = self.bundle.source
        try:
            return render(source.name, text, self.context) if "{" in text else text
        except ChainsawError as error:
            raise invalid([source.problem(path, item.message, code=item.code) for item in error.diagnostics]) from error

    def word(self, path: KeyPath, text: str) -> str:
        """Return a word of a component's command, rendered; raise ChainsawError for what would not arrive as it is.

        Podman's generator leaves an empty word out, and writes a semicolon so that it ends the command.
        """
        value = self.value(path, text)
        if value in ("", SEPARATOR):
            what = "a word that is only a semicolon" if value else "an empty word"
            message = f"{what} cannot be passed to a command"
            raise invalid(self.bundle.source.problem(path, message, code="unit-value"))
        return value

    @property
    def slice(self) -> str:
        """Return the slice of all its processes; a dash inside a name is escaped (systemd.unit(5))."""
        return f"chainsaw-instances-{self.name.replace('-', ESCAPED_DASH)}.slice"

    def wait_for(self, component: str) -> list[str]:
        """Return the command that waits until a component answers on its port; nothing where its unit waits for it."""
        port = self.bundle.recipe.awaits_port(component)
        return ["/bin/sh", "-c", ANSWERS, self.unit(component), f"{port:04X}"] if port else []

    def unit(self, component: str) -> str:
        """Return the service of a component."""
        return f"{self.stem(component)}.service"

    def stem(self, component: str) -> str:
        """Return the unit name of a component without its suffix."""
        return f"app@{self.name}" if component == "app" else f"app@{self.name}.{component}"

    def backup_unit(self, what: str) -> str:
        """Return the unit name, without its suffix, of what is done by itself for its data: backup, or drill."""
        return f"chainsaw-{what}@{self.name}"

    def container(self, component: str) -> str:
        """Return the container's name; instance names have no dot, so it is unique."""
        return f"{self.name}.{component}"
