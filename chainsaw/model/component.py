"""A component of a recipe: one container, and everything that it needs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from chainsaw.model.base import Model
from chainsaw.model.limits import MemoryLimit
from chainsaw.model.names import AbsolutePath, Capability, RelativePath, Size, Span, Text, Word

Identifier = Annotated[int, Field(ge=0, le=65535)]
Command = tuple[Text, ...]


class Waiver(Model):
    """One capability that a component needs, and why."""

    name: Capability = Field(description="The capability, without CAP_.")
    reason: Text = Field(description="Why the component needs it.")


class Egress(Model):
    """Why a component needs the internet; with `optional` the admin decides."""

    need: Literal["internet", "optional"] = Field(description="Whether it is always, or only if the admin allows it.")
    reason: Text = Field(description="What it is used for.")


class Stop(Model):
    """How a component is stopped."""

    signal: Literal["SIGTERM", "SIGINT", "SIGQUIT", "SIGWINCH"] = Field("SIGTERM", description="The signal.")
    timeout: Span = Field("10s", description="How long it may take before it is killed.")


class Health(Model):
    """The health check of a component: its command, and how often it runs."""

    command: Command = Field(min_length=1, description="Arguments; the first is the program.")
    every: Span = Field("5m", description="Interval between two checks.")
    timeout: Span = Field("10s", description="How long one check may take.")


class Component(Model):
    """One container of an instance."""

    image: Word = Field(description="A name from images.")
    after: tuple[Word, ...] = Field((), description="Components that are up before this one starts.")
    waits: bool = Field(
        False, description="Whether its program waits itself until those in after answer: they start side by side."
    )
    once: bool = Field(False, description="Whether it runs to its end, and again when its inputs have changed.")
    user: Identifier = Field(1000, description="Numeric user inside the container.")
    group: Identifier | None = Field(None, description="Numeric group; the same number as user when left out.")
    entrypoint: Text | None = Field(None, description="Replaces the image's entry point.")
    command: Command = Field((), description="Arguments; replaces the image's command.")
    environment: dict[str, Text] = Field({}, description="Variables; values are templates. Never a secret.")
    volumes: dict[Word, AbsolutePath] = Field({}, description="Volume to the path where it is mounted.")
    files: dict[RelativePath, AbsolutePath] = Field({}, description="File of the recipe (.j2 is rendered) to its path.")
    secrets: tuple[Word, ...] = Field((), description="Secrets, each mounted at /run/secrets/<name>.")
    tmpfs: dict[AbsolutePath, Size] = Field({}, description="Further writable paths in memory.")
    health: Health | None = Field(None, description="Its health check.")
    ready: Literal["notify", "healthy", "answers"] = Field(
        "healthy", description="notify: it uses sd_notify itself. answers: when the port of app accepts connections."
    )
    start_timeout: Span = Field("2m", description="How long it may take to become ready.")
    stop: Stop = Field(Stop(), description="How it is stopped.")
    memory: MemoryLimit = Field(description="Its memory limit.")
    tasks: Annotated[int, Field(ge=8, le=4096)] = Field(256, description="How many processes and threads it may have.")
    capabilities: tuple[Waiver, ...] = Field((), description="Capabilities that it needs; the default is none.")
    egress: Egress | None = Field(None, description="Whether it reaches the internet; not at all when left out.")
    mail: bool = Field(False, description="Whether it sends mail to /run/instance/mail.sock.")
    dump: Command = Field((), description="Writes all of its data to standard output while it runs.")
    restore: Command = Field((), description="Reads what dump wrote from standard input, and replaces its data.")

    def has_network(self, chosen: str | None) -> bool:
        """Return whether it reaches the internet: the recipe requires it, or the admin allows it."""
        if self.egress is None or chosen == "none":
            return False
        return self.egress.need == "internet" or chosen == "internet"

    @model_validator(mode="after")
    def _stays_and_is_asked(self) -> Component:
        if self.health is None and self.ready != "answers" and not self.once:
            raise ValueError("a component that keeps running needs a health check: health: {command: [...]}")
        if self.waits and not self.after:
            raise ValueError("waits: true, and no component in after that it would wait for")
        return self
