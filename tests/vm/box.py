"""The virtual machine as the tests use it: commands go in, requests come out, and its power fails."""

from __future__ import annotations

import json
import random
import shlex
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qemu.guest import Guest
from system.machine import Done, run, wait

HOME = "/home/admin"


@dataclass(frozen=True)
class Cut:
    """A disk as a power cut left it: in the middle of a command, or one second after its end."""

    disk: Path
    after: bool


@dataclass
class Box:
    """A virtual machine, and how long a command takes in it that changes nothing, in seconds."""

    guest: Guest
    pace: float = 0.0

    def run(self, user: str, *command: str) -> Done:
        """Run a command as a user and return how it ended."""
        return run([*self.guest.enter(user), shlex.join(command)], command)

    def admin(self, *command: str) -> str:
        """Run a command as the admin, which must succeed; return what it printed."""
        done = self.run("admin", *command)
        assert done.code == 0, str(done)
        return done.out

    def root(self, *command: str) -> str:
        """Run a command as root, which must succeed; return what it printed."""
        done = self.run("root", *command)
        assert done.code == 0, str(done)
        return done.out

    @contextmanager
    def burning(self, *command: str) -> Iterator[None]:
        """Let the admin run a command that does not end by itself."""
        argv = [*self.guest.enter("admin"), shlex.join(["timeout", "60", *command])]
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            yield
        finally:
            self.run("admin", "pkill", "-f", "1 while 1")
            process.kill()
            process.wait()

    def json(self, *words: str) -> dict[str, Any]:
        """Run chainsaw with --json and return its data."""
        return dict(json.loads(self.admin("chainsaw", *words, "--json"))["data"])

    def get(self, host: str, path: str) -> str:
        """Ask the front for a file from outside; return the body, or why there is none."""
        port = self.guest.port("https")
        url = f"https://{host}:{port}{path}"
        argv = ["curl", "-sSk", "--max-time", "60", "--resolve", f"{host}:{port}:127.0.0.1", url]
        done = subprocess.run(argv, capture_output=True, text=True, errors="replace")
        return done.stdout or done.stderr

    def serves(self, host: str, seconds: float = 300) -> bool:
        """Wait until a host answers, and return whether it does."""
        page = {"www.localhost": ("/", "<"), "one.localhost": ("/1.txt", "number 1")}[host]
        return wait(lambda: page[1] in self.get(host, page[0]), seconds)

    def measure(self) -> None:
        """Learn how long a command takes that changes nothing."""
        began = time.monotonic()
        self.admin("chainsaw", "plan")
        self.pace = time.monotonic() - began

    def commits(self) -> list[str]:
        """Return the commits of the admin's files, newest first."""
        return self.admin("git", "-C", f"{HOME}/.config/chainsaw", "log", "--format=%H").split()

    def cut_during(self, words: Sequence[str], moments: Sequence[float]) -> Iterator[Cut]:
        """Run chainsaw and yield copies of the disk as they would be if the power failed at some moments.

        A moment is a part of the time that a command takes that changes nothing; those that would come after the end
        come at once then. The last copy is from one second after the end.
        """
        argv = [*self.guest.enter("admin"), shlex.join(["chainsaw", *words])]
        began = time.monotonic()
        command = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for number, moment in enumerate(sorted(moments), 1):
            _wait(command, began + moment * self.pace)
            yield self._cut(f"{'-'.join(words[:2])}-{number}", after=False)
        said = command.communicate()[0].decode(errors="replace")
        print(f"{words}: {(time.monotonic() - began) / self.pace:.1f} times as long as a plan, {self.pace:.0f} s")
        assert command.returncode == 0, f"chainsaw {shlex.join(words)}: {said}"
        time.sleep(1)
        yield self._cut(f"{'-'.join(words[:2])}-after", after=True)

    def _cut(self, name: str, after: bool) -> Cut:
        copy = self.guest.home / f"{name}.qcow2"
        self.guest.cut(copy)
        return Cut(copy, after)


def _wait(command: subprocess.Popen[bytes], until: float) -> None:
    while command.poll() is None and time.monotonic() < until:
        time.sleep(0.02)


def moments(seed: str, count: int, longest: float) -> list[float]:
    """Return some moments between the start of a command and its end, always the same for a seed."""
    chance = random.Random(seed)
    return [chance.uniform(0.4, longest) for _ in range(count)]
