"""The actions of a plan: one frozen type each, printable and JSON-able, without secrets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from chainsaw.model.deployment import Directory, ImageNeed, SecretFile, StaticExport


@dataclass(frozen=True)
class Action:
    """One effect on the host; `owner` is the instance that it is for, or '' for the site."""

    owner: str
    verb: ClassVar[str] = ""
    phase: ClassVar[int] = 0

    def subject(self) -> str:
        """Return what the action is done to."""
        return ""

    def as_dict(self) -> dict[str, Any]:
        """Return the action for the JSON envelope."""
        return {"action": self.verb, "subject": self.subject(), "instance": self.owner or None}


@dataclass(frozen=True)
class RecordBlock(Action):
    """Write down which block belongs to an instance."""

    start: int
    verb = "record-block"
    phase = 10

    def subject(self) -> str:
        """Return the ids."""
        return f"{self.start}-{self.start + 65535}"


@dataclass(frozen=True)
class ProvideImage(Action):
    """Build or pull an image, unless the store has it."""

    need: ImageNeed
    verb = "provide-image"
    phase = 20

    def subject(self) -> str:
        """Return the reference."""
        return self.need.reference


@dataclass(frozen=True)
class CreateDirectory(Action):
    """Make a directory with its owner and mode."""

    directory: Directory
    verb = "create-directory"
    phase = 30

    def subject(self) -> str:
        """Return the path."""
        return self.directory.path


@dataclass(frozen=True)
class CreateSecret(Action):
    """Generate a secret."""

    secret: SecretFile
    verb = "create-secret"
    phase = 40

    def subject(self) -> str:
        """Return the path; never the value."""
        return self.secret.path


@dataclass(frozen=True)
class ExportStatic(Action):
    """Export the static files of an image for the front."""

    export: StaticExport
    verb = "export-static"
    phase = 50

    def subject(self) -> str:
        """Return the directory below static/."""
        return self.export.key


@dataclass(frozen=True)
class IssueCertificate(Action):
    """Issue or renew the certificate of a host name."""

    host: str
    verb = "issue-certificate"
    phase = 60

    def subject(self) -> str:
        """Return the host name."""
        return self.host


@dataclass(frozen=True)
class WriteGeneration(Action):
    """Write and validate all files of a new generation."""

    number: int
    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    verb = "write-generation"
    phase = 70

    def subject(self) -> str:
        """Return the number."""
        return str(self.number)

    def as_dict(self) -> dict[str, Any]:
        """Return the action with the files that differ."""
        return {**super().as_dict(), "added": self.added, "changed": self.changed, "removed": self.removed}


@dataclass(frozen=True)
class Activate(Action):
    """Make a generation the current one, in one rename."""

    number: int
    verb = "activate"
    phase = 80

    def subject(self) -> str:
        """Return the number."""
        return str(self.number)


@dataclass(frozen=True)
class Link(Action):
    """Let systemd find a unit of the current generation."""

    name: str
    verb = "link"
    phase = 90

    def subject(self) -> str:
        """Return the unit."""
        return self.name


@dataclass(frozen=True)
class StopUnit(Action):
    """Stop a unit that goes, or that has to start anew."""

    name: str
    verb = "stop"
    phase = 100

    def subject(self) -> str:
        """Return the unit."""
        return self.name


@dataclass(frozen=True)
class Unlink(Link):
    """Take the link of a unit away that is no longer there."""

    verb = "unlink"
    phase = 110


@dataclass(frozen=True)
class ReloadSystemd(Action):
    """Let systemd read the units."""

    verb = "reload-systemd"
    phase = 120


@dataclass(frozen=True)
class StartUnit(Action):
    """Start or restart a unit, and remember the digests that it is started from."""

    name: str
    again: bool
    digests: tuple[tuple[str, str], ...]
    verb = "start"
    phase = 130

    def subject(self) -> str:
        """Return the unit."""
        return self.name

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
    """Ask for the page that proves an instance, through the front."""

    verb = "probe"
    phase = 150

    def subject(self) -> str:
        """Return the instance."""
        return self.owner


def summary(actions: list[Action]) -> list[dict[str, Any]]:
    """Return the actions for the JSON envelope, in order."""
    return [action.as_dict() for action in actions]
