"""The result of one check of the host; unknown is a state of its own, and never counts as ok."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Literal, get_args

State = Literal["ok", "warn", "fail", "unknown"]
"""ok: as it should be. warn: works, but something should be fixed. fail: does not work, or will not for long."""


FIRST = 3
"""How many names of a long list are shown."""


@dataclass(frozen=True)
class Check:
    """One check: its topic, its state, what was found, and the command that fixes it.

    If there is one check of the topic for each host name or instance, `subject` is that host name or instance.
    """

    topic: str
    state: State
    found: str
    hint: str = ""
    subject: str = ""

    @property
    def name(self) -> str:
        """The topic, with the subject if there is one."""
        return f"{self.topic} of {self.subject}" if self.subject else self.topic

    def as_dict(self) -> dict[str, str]:
        """Return the check for the JSON envelope."""
        return {"name": self.name, "state": self.state, "found": self.found, "hint": self.hint}


def in_short(checks: Sequence[Check]) -> list[Check]:
    """Return checks for people: within a topic, those that are ok become one, and those with the same finding too."""
    shown: list[Check] = []
    for _, group in groupby(checks, key=lambda check: check.topic):
        together = list(group)
        kinds: dict[tuple[str, str], list[Check]] = {}
        for check in together:
            kinds.setdefault((check.state, "" if check.state == "ok" else check.found), []).append(check)
        for alike in kinds.values():
            whole = "all " if alike == together else ""
            shown += [_as_one(alike, whole)] if len(alike) > 1 and alike[0].subject else alike
    return shown


def _as_one(alike: Sequence[Check], whole: str) -> Check:
    first, texts = alike[0], {check.found for check in alike}
    found = some(check.subject for check in alike) + (f": {first.found}" if len(texts) == 1 else "")
    return replace(first, found=found, subject=f"{whole}{len(alike)}")


def summary(checks: Sequence[Check]) -> str:
    """Return how many checks there are of each state."""
    counted = {state: sum(check.state == state for check in checks) for state in get_args(State)}
    return f"{len(checks)} checks: " + ", ".join(f"{count} {state}" for state, count in counted.items() if count)


def some(names: Iterable[str]) -> str:
    """Return the first names, and how many more there are."""
    listed = sorted(names)
    more = len(listed) - FIRST
    return ", ".join(listed[:FIRST]) + (f" and {more} more" if more > 0 else "")
