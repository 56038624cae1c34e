"""What an instance needs on the host besides its files, and the manifest of a generation that records it."""

from __future__ import annotations

from pydantic import Field

from chainsaw.model.access import Wall
from chainsaw.model.base import Recorded
from chainsaw.model.certificate import LOCAL, HostIssuer
from chainsaw.model.route import Elsewhere, Route
from chainsaw.model.schedule import DrillEvery, Every
from chainsaw.model.volume import Directory, Ids, Volume

FORMAT = 2
"""The format of a generation's manifest."""


class SecretFile(Recorded):
    """A secret that must exist: generated once, or a copy of the site's own at `source`."""

    path: str
    key: str
    length: int
    ids: Ids
    source: str = ""


class ImageNeed(Recorded):
    """An image that must be in the store: its full reference, and the version of the recipe that it is built from."""

    reference: str
    recipe: str = ""
    digest: str = ""
    image: str = ""
    build: str = ""
    base: str = ""
    mounted: tuple[str, ...] = ()


class StaticExport(Recorded):
    """Static files that must have been exported: the key is the directory's name below static/."""

    key: str
    reference: str
    root: str
    scripts: tuple[str, ...]


class Service(Recorded):
    """A unit of an instance, its container if it has one, and the health check of that.

    The digest covers everything that a running process was started from; `polled` is true if Podman runs the check.
    """

    unit: str
    digest: str
    container: str = ""
    health: tuple[str, ...] = ()
    polled: bool = False


class ComponentService(Service):
    """The service of a component, with how it stops and how its data is dumped and restored while it runs.

    `stop_timeout` is in seconds. `dump` writes all of its data to standard output, and `restore` reads that.
    """

    component: str
    once: bool = False
    stop_signal: str = "SIGTERM"
    stop_timeout: int = 10
    dump: tuple[str, ...] = ()
    restore: tuple[str, ...] = ()


class Scheduled(Recorded):
    """What is done for an instance by itself: how often a backup is made, where to, and how often one is rehearsed.

    `timers` are the units that do it. They need chainsaw itself, unlike the timers of an application.
    """

    every: Every = "never"
    drill: DrillEvery = "never"
    to: tuple[str, ...] = ()
    timers: tuple[Service, ...] = ()


class ProbeRequest(Recorded):
    """The request through the front that shows whether an instance works."""

    path: str
    status: int
    contains: str | None = None


class Deployment(Recorded):
    """One applied instance; `disk` is how many bytes are expected of it at most.

    `kept` is the directory of the answers that the front keeps, if any. `sleep`, `start_timeout`, `timeout`, that of a
    request, and `hsts` (RFC 6797, max-age) are in seconds.
    """

    name: str
    recipe: str
    version: str
    origin: str = ""
    digest: str = ""
    routes: tuple[Route, ...] = ()
    url: str = ""
    serving: str = "normal"
    block: int | None
    images: tuple[ImageNeed, ...] = ()
    directories: tuple[Directory, ...] = ()
    volumes: tuple[Volume, ...] = ()
    secrets: tuple[SecretFile, ...] = ()
    static: StaticExport | None = None
    services: tuple[ComponentService, ...] = ()
    socket: Service | None = None
    gate: Service | None = None
    sleep: int | None = None
    disk: int = 2 * 2**30
    timers: tuple[Service, ...] = ()
    scheduled: Scheduled = Scheduled()
    relay: Service | None = None
    network: Service | None = None
    probe: ProbeRequest
    start_timeout: int = 120
    timeout: int = 0
    hsts: int | None = None
    wall: Wall | None = None
    kept: str = ""
    login: tuple[str, str, str] | None = None
    notes: str = ""

    @property
    def route(self) -> Route:
        """The canonical route of an instance, to which its others lead; the front has none."""
        return self.routes[0]

    @property
    def also_at(self) -> tuple[str, ...]:
        """The URLs that lead to the one of the canonical route."""
        port = self.url.removeprefix(f"https://{self.route.host}").partition("/")[0] if self.routes else ""
        return tuple(f"https://{route.host}{port}{route.path}" for route in self.routes[1:])

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts of all routes."""
        return tuple(dict.fromkeys(route.host for route in self.routes))

    @property
    def places(self) -> tuple[Directory | Volume, ...]:
        """Every directory that must exist, parents first."""
        return (*self.directories, *self.volumes)


class Manifest(Recorded):
    """The content of a generation: its instances, the front's units, and the digest of every file.

    `logins` is the service that is asked for logins, if an instance wants one. `elsewhere` are the routes without an
    instance, each with the URL to which it leads; without one its site is gone.
    `issuers` are those of the host names whose certificate is not of this host's own authority.
    """

    format: int = FORMAT
    number: int
    front: Deployment | None = None
    logins: Deployment | None = None
    instances: dict[str, Deployment] = Field({})
    elsewhere: tuple[Elsewhere, ...] = ()
    issuers: dict[str, HostIssuer] = Field({})
    files: dict[str, str] = Field({})
    owners: dict[str, str] = Field({})

    @property
    def own(self) -> tuple[Deployment, ...]:
        """What belongs to the site and to no instance: the front, and the login service."""
        return tuple(item for item in (self.logins, self.front) if item is not None)

    def files_of(self, name: str) -> dict[str, str]:
        """Return the digests of the files that were generated for an instance."""
        return {path: digest for path, digest in self.files.items() if self.owners.get(path) == name}

    @property
    def hosts(self) -> frozenset[str]:
        """The hosts of all routes."""
        of_instances = frozenset(host for item in self.instances.values() for host in item.hosts)
        return of_instances | {item.route.host for item in self.elsewhere}

    def issuer(self, host: str) -> HostIssuer:
        """Return who issues a host's certificate."""
        return self.issuers.get(host) or HostIssuer(issuer=LOCAL)
