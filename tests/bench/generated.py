"""The containers that chainsaw generates, read from the commands that systemd would run."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from .measure import BenchError

SWITCHES = {"-d", "--replace", "--rm", "--read-only"}
OF_SYSTEMD = {"--cidfile", "--replace", "--cgroups", "--sdnotify", "--pull", "--name", "--label"}


@dataclass(frozen=True)
class Mount:
    """A directory or file of the host in a container."""

    source: Path
    target: str
    read_only: bool

    def __str__(self) -> str:
        """Return it as podman's -v takes it."""
        return f"{self.source}:{self.target}{':ro' if self.read_only else ''}"


@dataclass(frozen=True)
class Container:
    """A container by its options, without those that only tell podman how to get along with systemd."""

    name: str
    image: str
    options: tuple[tuple[str, str], ...]
    mounts: tuple[Mount, ...]
    command: tuple[str, ...]

    @property
    def block(self) -> int:
        """The first host id of the container's block."""
        return int(self.value("--uidmap").split("@")[1].split(":")[0])

    def value(self, option: str) -> str:
        """Return the value of an option that stands once."""
        return dict(self.options)[option]

    def values(self, option: str) -> list[str]:
        """Return the values of an option that may repeat."""
        return [value for name, value in self.options if name == option]

    def without(self, option: str, start: str = "") -> Container:
        """Return it without an option, or without those values of it that begin in some way."""
        kept = (pair for pair in self.options if pair[0] != option or not pair[1].startswith(start))
        return replace(self, options=tuple(kept))

    def within(self, block: int) -> Container:
        """Return it in another block."""
        bare = self.without("--uidmap").without("--gidmap")
        maps = tuple((option, f"0:@{block}:65536") for option in ("--uidmap", "--gidmap"))
        return replace(bare, options=bare.options + maps)

    def run(self, *more: str) -> list[str]:
        """Return the command that starts it in the background."""
        words = ["podman", "run", "-d", "--pull=never", f"--name={self.name}", *more]
        for option, value in self.options:
            words += [option, value] if value else [option]
        for mount in self.mounts:
            words += ["-v", str(mount)]
        return [*words, self.image, *self.command]


def container(unit: str) -> Container:
    """Return the container of a generated unit."""
    file = Path(os.environ["XDG_RUNTIME_DIR"], "systemd/generator", f"{unit}.service")
    for line in file.read_text().splitlines():
        if line.startswith("ExecStart="):
            words = shlex.split(line.removeprefix("ExecStart=").replace("%%", "%"))
            return _parse(words[words.index("run") + 1 :])
    raise BenchError(f"{file} starts nothing")


def _parse(words: list[str]) -> Container:
    name = ""
    options: list[tuple[str, str]] = []
    mounts: list[Mount] = []
    rest = iter(words)
    for option, value in _options(rest):
        if option == "":
            return Container(name, value, tuple(options), tuple(mounts), tuple(rest))
        if option == "--name":
            name = value
        elif option == "-v":
            source, target, *mode = value.split(":")
            mounts.append(Mount(Path(source), target, "ro" in mode))
        elif option not in OF_SYSTEMD and option not in ("-d", "--rm"):
            options.append((option, value))
    raise BenchError(f"no image in {shlex.join(words)}")


def _options(words: Iterator[str]) -> Iterator[tuple[str, str]]:
    """Yield options with their values, and at last the image as the value of no option."""
    for word in words:
        if not word.startswith("-"):
            yield "", word
        elif "=" in word and word.startswith("--"):
            option, _, value = word.partition("=")
            yield option, value
        else:
            yield word, "" if word in SWITCHES else next(words)
