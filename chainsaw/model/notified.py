"""What was told to the admin: every condition that needs attention, who was told of it, and what could not be sent."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from chainsaw.model.base import Recorded

Grade = Literal["ok", "warn", "fail"]


class Told(Recorded):
    """What a channel was told last of a condition, and when, in seconds since 1970."""

    state: Grade
    at: float


class Condition(Recorded):
    """One thing that may need attention: its state, and what is about to become of it.

    `topic` and `subject` are those of the check. `state` is what counts, since `since`; `coming` was seen in the last
    `looks` looks, and counts after some more. `returns` is how often it came back after it had become better, within
    a week. `told` is by channel.
    """

    topic: str
    subject: str = ""
    state: Grade = "ok"
    found: str = ""
    hint: str = ""
    since: float = 0.0
    coming: Grade | None = None
    looks: int = 0
    returns: int = 0
    bettered: bool = False
    told: dict[str, Told] = Field(default_factory=dict)

    @property
    def name(self) -> str:
        """The topic, with the subject if there is one."""
        return f"{self.topic} of {self.subject}" if self.subject else self.topic


class Sending(Recorded):
    """How one channel does: when something was sent in the last day, and what has failed since when, how often.

    `retry` is when it is tried again, `summary` when the last weekly summary was sent, or would have been.
    """

    sent: tuple[float, ...] = ()
    last: float | None = None
    failed: int = 0
    since: float = 0.0
    retry: float = 0.0
    problem: str = ""
    summary: float | None = None


class Notified(Recorded):
    """The record of one site: when it looked last, all conditions, and all channels by name."""

    format: Literal[1] = 1
    looked: float = 0.0
    conditions: tuple[Condition, ...] = ()
    channels: dict[str, Sending] = Field(default_factory=dict)

    def channel(self, name: str) -> Sending:
        """Return how a channel does."""
        return self.channels.get(name, Sending())
