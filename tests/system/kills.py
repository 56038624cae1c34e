"""Kill tests: one for each step of a command, under the name of the step; the names stand in steps/COMMAND.txt."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from .machine import CONFIG, DATA, Done, Machine

PLACE = Path(__file__).resolve().parent / "steps"
READ_ONLY = ("obtain images", "probe ")
"""Prefixes of steps that change nothing: a kill after one leaves the same state as a kill before it."""
VOLATILE = re.compile(r"(?<=write-generation) \d+|(?<=activate) \d+|(?<=record-block) [\d-]+|[@:][0-9a-f]{16}\b")
"""What differs from run to run: numbers of generations, ids, digests."""
KILLED = -9
NO_FAULT = "none"
STALE = "the steps are others than in tests/system/steps: run the test of the steps with --update-golden"


@dataclass(frozen=True)
class Fault:
    """A command that is killed after one of its steps, or fails at it; step 0 is before all others."""

    kind: str
    number: int
    name: str

    @property
    def asked(self) -> str:
        """Return the value of the fault variable."""
        if self.kind == "error":
            return f"error:{self.number}"
        return f"kill:{self.number}+" if self.number else "kill:1"

    def inject(self, machine: Machine, *words: str, named: Mapping[str, str] | None = None) -> Done:
        """Run a command with the fault, which must be at the step that this test is named after."""
        done = machine.chainsaw(*words, code=None, fault=self.asked)
        if self.kind == "kill":
            assert done.code == KILLED, f"{STALE}: {done}"
        # A command that fails for one instance goes on with the others.
        steps = _placeholders(machine.steps(), named or {})[: self.number]
        assert self.number == 0 or steps[-1] == self.name, f"{STALE}: {steps[-1]}\n{done}"
        return done


def kills(command: str, without: str = "", only: tuple[str, ...] = ("",)) -> list[object]:
    """Return the parameters of a test that kills a command once for each state in which it can be killed.

    `without` names a command whose kills leave, after the steps of the same name, the same state; `only` are the
    beginnings of the steps that are the command's own.
    """
    passed_over = set(_written(without)) if without else set()
    struck = [Fault("kill", 0, "before all")]
    names = [pair for pair in enumerate(_written(command), 1) if not pair[1].startswith(READ_ONLY)]
    for beginning in only if names else ():
        assert any(name.startswith(beginning) for _, name in names), f"{command} has no step {beginning}"
    names = [(number, name) for number, name in names if name.startswith(only)]
    struck += [Fault("kill", number, name) for number, name in names if name not in passed_over]
    return [_parameter(fault, f"kill {'after ' if fault.number else ''}{fault.name}") for fault in struck]


def kill_after(command: str, name: str) -> Fault:
    """Return the kill after a step of a command."""
    return Fault("kill", _written(command).index(name) + 1, name)


def errors(command: str, only: tuple[str, ...] = ("",)) -> list[object]:
    """Return the parameters of a test in which each step of a command fails, of those with one of some beginnings."""
    named = [pair for pair in enumerate(_written(command), 1) if pair[1].startswith(only)]
    faults = [Fault("error", number, name) for number, name in named]
    return [_parameter(fault, f"error at {fault.name}") for fault in faults]


def steps_of(machine: Machine, *words: str) -> list[str]:
    """Run a command without a fault, and return its steps."""
    machine.chainsaw(*words, fault=NO_FAULT)
    return machine.steps()


def check(command: str, steps: list[str], *, update: bool, named: Mapping[str, str] | None = None) -> None:
    """Assert that the steps of a command are the recorded ones, or record them."""
    found = _placeholders(steps, named or {})
    if update:
        PLACE.mkdir(exist_ok=True)
        (PLACE / f"{command}.txt").write_text("".join(f"{name}\n" for name in found))
    assert found == _written(command), STALE


def _written(command: str) -> list[str]:
    file = PLACE / f"{command}.txt"
    return file.read_text().splitlines() if file.exists() else []


def _placeholders(steps: list[str], named: Mapping[str, str]) -> list[str]:
    """Replace what differs from run to run with a fixed word."""
    for name, placeholder in named.items():
        steps = [step.replace(name, placeholder).replace(name.replace("-", r"\x2d"), placeholder) for step in steps]
    for place, shown in ((DATA, "DATA"), (CONFIG, "CONFIG")):
        steps = [step.replace(place, shown) for step in steps]
    return [VOLATILE.sub("", step) for step in steps]


def _parameter(fault: Fault, name: str) -> object:
    return pytest.param(fault, id=name)
