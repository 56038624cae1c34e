"""The actions of a plan: one frozen type each, printable and JSON-able, without secrets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, ClassVar

from chainsaw.model.block import Block
from chainsaw.model.deployment import ImageNeed, SecretFile, StaticExport
from chainsaw.model.volume import Directory, Volume


@dataclass(frozen=True)
class Action:
    """One effect on the host; `owner` is the instance that it is for, or None for the site, its front included."""

    owner: str | None
    verb: ClassVar[str] = ""
    shows: ClassVar[str] = ""
    phase: ClassVar[int] = 0

    def subject(self) -> str:
        """Return what the action is done to."""
        return str(attrgetter(self.shows)(self)) if self.shows else ""

    def as_dict(self) -> dict[str, Any]:
        """Return the action for the JSON envelope."""
        return {"action": self.verb, "subject": self.subject(), "instance": self.owner}


@dataclass(frozen=True)
class RecordBlock(Action):
    """Record which block belongs to an instance, or to the front."""

    name: str
    start: int
    verb = "record-block"
    shows = "ids"
    phase = 10

    @property
    def ids(self) -> str:
        """The ids of the block."""
        return f"{self.start}-{Block(self.start).end - 1}"


@dataclass(frozen=True)
class InstallRecipe(Action):
    """Copy a recipe to the installed recipes, so that it does not change until another version is installed."""

    origin: str
    path: str
    verb = "install-recipe"
    shows = "origin"
    phase = 15


@dataclass(frozen=True)
class ProvideImage(Action):
    """Build or pull an image, unless it is in the store."""

    need: ImageNeed
    verb = "provide-image"
    shows = "need.reference"
    phase = 20


@dataclass(frozen=True)
class CreateDirectory(Action):
    """Make a directory with its owner and mode."""

    directory: Directory | Volume
    verb = "create-directory"
    shows = "directory.path"
    phase = 30


@dataclass(frozen=True)
class CreateSecret(Action):
    """Generate a secret."""

    secret: SecretFile
    verb = "create-secret"
    shows = "secret.path"
    phase = 40


@dataclass(frozen=True)
class ExportStatic(Action):
    """Export the static files of an image for the front."""

    export: StaticExport
    verb = "export-static"
    shows = "export.key"
    phase = 50


@dataclass(frozen=True)
class IssueCertificate(Action):
    """Issue or renew the certificate of a host name."""

    host: str
    verb = "issue-certificate"
    shows = "host"
    phase = 60


@dataclass(frozen=True)
class ImportCertificate(Action):
    """Take the certificate of a host name from files of the admin."""

    host: str
    chain: str
    key: str
    verb = "import-certificate"
    shows = "host"
    phase = 65


@dataclass(frozen=True)
class WriteGeneration(Action):
    """Write and validate all files of a new generation."""

    number: int
    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    verb = "write-generation"
    shows = "number"
    phase = 70

    def as_dict(self) -> dict[str, Any]:
        """Return the action with the files that differ."""
        return {**super().as_dict(), "added": self.added, "changed": self.changed, "removed": self.removed}


@dataclass(frozen=True)
class Activate(Action):
    """Make a generation the current one, in one rename."""

    number: int
    verb = "activate"
    shows = "number"
    phase = 80


@dataclass(frozen=True)
class Link(Action):
    """Let systemd find a unit of the current generation."""

    name: str
    verb = "link"
    shows = "name"
    phase = 90


@dataclass(frozen=True)
class LinkQuadlets(Action):
    """Let Podman's generator find the quadlets of the current generation."""

    verb = "link-quadlets"
    phase = 91


@dataclass(frozen=True)
class StopUnit(Action):
    """Stop a unit that is removed, or that must restart."""

    name: str
    verb = "stop"
    shows = "name"
    phase = 100


@dataclass(frozen=True)
class Unlink(Action):
    """Remove the link of a unit that is no longer there."""

    name: str
    verb = "unlink"
    shows = "name"
    phase = 110


@dataclass(frozen=True)
class ReloadSystemd(Action):
    """Let systemd read the units."""

    verb = "reload-systemd"
    phase = 120


@dataclass(frozen=True)
class StartUnit(Action):
    """Start or restart a unit, and record the digests that it is started from."""

    name: str
    again: bool
    digests: tuple[tuple[str, str], ...]
    verb = "start"
    shows = "name"
    phase = 130

    def as_dict(self) -> dict[str, Any]:
        """Return the action; restarting has a name of its own."""
        return {**super().as_dict(), "action": "restart" if self.again else "start"}


@dataclass(frozen=True)
class ReloadFront(Action):
    """Let the front read its files, without losing a connection."""

    verb = "reload-front"
    phase = 140


@dataclass(frozen=True)
class ProbeInstance(Action):
    """Request, through the front, the page that shows whether an instance works."""

    verb = "probe"
    shows = "owner"
    phase = 150


@dataclass(frozen=True)
class ObtainCertificate(Action):
    """Obtain the certificate of a host name from an ACME authority."""

    host: str
    verb = "obtain-certificate"
    shows = "host"
    phase = 160


Preparing = (
    RecordBlock
    | InstallRecipe
    | ProvideImage
    | CreateDirectory
    | CreateSecret
    | ExportStatic
    | IssueCertificate
    | ImportCertificate
)
"""Actions before anything that runs is changed."""
Switching = (
    WriteGeneration | Activate | Link | LinkQuadlets | StopUnit | Unlink | ReloadSystemd | StartUnit | ReloadFront
)
"""Actions that make the host run the new generation."""
Step = Preparing | Switching | ProbeInstance | ObtainCertificate
"""Any action of a plan."""


def summary(actions: Sequence[Action]) -> list[dict[str, Any]]:
    """Return the actions for the JSON envelope, in order."""
    return [action.as_dict() for action in actions]
