"""What the level test of a recipe found: tested.json, written by `chainsaw recipe test` and by nothing else."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from chainsaw.model.base import Recorded

LEVELS = {
    1: "it is well-formed: lint, Podman's generator and nginx take it",
    2: "it installs with defaults and its page answers through the front, with its first stylesheet and script",
    3: "its data survives a restart and a reboot",
    4: "two instances run side by side, and neither sees the other's data",
    5: "it follows its route, below a path where it says so, each option of a setting, and each common directive",
    6: "it is removed without residue, and installs again",
    7: "it is as confined as it can be, and leaks no secret",
    8: "it sleeps and wakes, its timers run and its secrets change, without an error",
    9: "deleted, it comes back from a backup in a file and in a repository, and so does one that was never configured",
    10: "on another host all of it comes back from a backup: its data, an uploaded file byte for byte, its logins",
}


class LevelResult(Recorded):
    """How one level ended, and what was seen; `evidence` is for people and programs to read.

    One that neither passed nor has problems was not tried, or not all of it.
    """

    passed: bool
    seconds: float
    evidence: dict[str, Any] = Field({})
    problems: tuple[str, ...] = ()

    @property
    def tried(self) -> bool:
        """Whether it passed or failed."""
        return self.passed or bool(self.problems)


class Tested(Recorded):
    """The outcome of a whole test.

    `digest` is of the recipe's files, `compiled` of what they compile to, so that a change of either shows afterwards.
    """

    format: int = 1
    recipe: str
    version: str
    digest: str
    compiled: str = ""
    date: str
    by: str
    host: dict[str, str]
    levels: dict[int, LevelResult] = Field({})
    measured: dict[str, Any] = Field({})

    @property
    def level(self) -> int:
        """The highest level up to which all were passed."""
        reached = 0
        while (found := self.levels.get(reached + 1)) and found.passed:
            reached += 1
        return reached
