"""Processes and clocks."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

Value = TypeVar("Value")
Argument = str | Path


class BenchError(Exception):
    """A benchmark could not be carried out."""


@dataclass(frozen=True)
class Spent:
    """What a process took: wall-clock seconds, CPU seconds of it and of its children, and MB of the largest of them."""

    wall: float
    processor: float
    memory: float


def say(message: str) -> None:
    """Print a progress message."""
    print(f"bench: {message}", file=sys.stderr, flush=True)


def spend(argv: Sequence[Argument], where: Path | None = None) -> Spent:
    """Run a command and return what it took."""
    with tempfile.TemporaryFile() as output:
        began = time.perf_counter()
        process = subprocess.Popen(argv, cwd=where, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            raise _failed(argv, output.read().decode(errors="replace"))
    return Spent(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def do(*argv: Argument, text: str | None = None) -> str:
    """Run a command and return its output."""
    done = subprocess.run(argv, input=text or "", capture_output=True, text=True)
    if done.returncode:
        raise _failed(argv, done.stdout + done.stderr)
    return done.stdout


def attempt(*argv: Argument) -> bool:
    """Run a command without output, and return whether it succeeded."""
    return subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True).returncode == 0


def alternate(repetitions: int, *subjects: Callable[[int], Value]) -> list[list[Value]]:
    """Run subjects in turns, each round in the reverse order of the one before; return the results of each."""
    given: list[list[Value]] = [[] for _ in subjects]
    for number in range(repetitions):
        order = range(len(subjects)) if number % 2 == 0 else reversed(range(len(subjects)))
        for index in order:
            given[index].append(subjects[index](number))
    return given


def wait_until(happened: Callable[[], bool], what: str, patience: float = 120, pause: float = 0.02) -> None:
    """Wait for something, and fail after a time limit."""
    until = time.monotonic() + patience
    while not happened():
        if time.monotonic() > until:
            raise BenchError(f"waited {patience} s in vain: {what}")
        time.sleep(pause)


def _failed(argv: Sequence[Argument], output: str) -> BenchError:
    words = " ".join(map(str, argv))
    return BenchError(f"{words[:300]}\n{output[-3000:].strip()}")
