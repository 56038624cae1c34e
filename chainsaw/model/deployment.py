"""What an instance asks of the host besides its files, and the manifest of a generation that records it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Recorded(BaseModel):
    """A value that chainsaw itself writes and reads back."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Ids(Recorded):
    """Who owns a path: ids of the host; None for the admin."""

    uid: int
    gid: int


class Directory(Recorded):
    """A directory that must exist; an absolute path, an octal mode."""

    path: str
    mode: int
    ids: Ids | None = None
    seed: tuple[str, str] | None = None


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
    """A unit of an instance, its container if it has one, and the command that asks how that is.

    The digest covers everything that a running process was started from; `polled` tells whether Podman itself asks.
    """

    unit: str
    digest: str
    container: str = ""
    health: tuple[str, ...] = ()
    polled: bool = False


class ProbeRequest(Recorded):
    """The request that proves an instance through the front."""

    path: str
    status: int
    contains: str | None = None


class Deployment(Recorded):
    """One applied instance."""

    name: str
    recipe: str
    version: str
    origin: str = ""
    digest: str = ""
    host: str
    path: str
    url: str = ""
    serving: str = "normal"
    block: int | None
    images: tuple[ImageNeed, ...] = ()
    directories: tuple[Directory, ...] = ()
    secrets: tuple[SecretFile, ...] = ()
    static: StaticExport | None = None
    services: tuple[Service, ...] = ()
    socket: Service | None = None
    gate: Service | None = None
    sleep: int | None = None
    timers: tuple[Service, ...] = ()
    relay: Service | None = None
    network: Service | None = None
    probe: ProbeRequest
    start_timeout: int = 120
    login: tuple[str, str, str] | None = None
    notes: str = ""


class Manifest(Recorded):
    """What a generation is: its instances, the front's units, and the digest of every file."""

    format: int = 1
    number: int
    front: Deployment | None = None
    instances: dict[str, Deployment] = {}
    files: dict[str, str] = {}
    owners: dict[str, str] = {}
