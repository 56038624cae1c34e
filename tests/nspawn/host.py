"""What the host offers: processes, packages, locks and messages."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PACKAGES = {
    "mmdebstrap": "mmdebstrap",
    "systemd-nspawn": "systemd-container",
    "nft": "nftables",
    "ip": "iproute2",
    "gpgv": "gpgv",
    "nsenter": "util-linux",
    "tar": "tar",
    "dpkg-deb": "dpkg",
}
LIBRARIES = ("debian-archive-keyring", "libdistro-info-perl", "ca-certificates")


class MachineError(Exception):
    """A problem that ends the command with a message."""


@dataclass(frozen=True)
class Process:
    """A process that was started here; a later process with the same number does not count as it."""

    pid: int
    started: int
    boot: str

    @classmethod
    def of(cls, pid: int) -> Process:
        """Describe the running process PID."""
        return cls(pid, _start_time(pid), _boot_id())

    def alive(self) -> bool:
        """Say whether this very process still runs."""
        try:
            return _boot_id() == self.boot and _start_time(self.pid) == self.started
        except OSError:
            return False

    def gone(self) -> bool:
        """Say whether this process has ended."""
        return not self.alive()

    def signal(self, number: int) -> None:
        """Send a signal, unless the process is gone."""
        if self.alive():
            os.kill(self.pid, number)


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _start_time(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    if fields[0] in "ZX":
        raise ProcessLookupError(pid)
    return int(fields[19])


def say(message: str) -> None:
    """Print a message to standard error; standard output is only for results."""
    sys.stderr.write(f"machine: {message}\n")


def run(argv: Sequence[str | Path], *, stdin: int | None = subprocess.DEVNULL) -> None:
    """Run a command; its output is shown only if it fails."""
    pipe, both = subprocess.PIPE, subprocess.STDOUT
    done = subprocess.run(argv, stdin=stdin, stdout=pipe, stderr=both, text=True, errors="replace")
    if done.returncode:
        raise MachineError(f"{' '.join(map(str, argv))}: exit status {done.returncode}\n{done.stdout}")


def attempt(argv: Sequence[str | Path]) -> bool:
    """Run a command without output and return whether it succeeded."""
    quiet = subprocess.DEVNULL
    return subprocess.run(argv, stdin=quiet, stdout=quiet, stderr=quiet).returncode == 0


def output(argv: Sequence[str | Path]) -> str:
    """Return what a command prints."""
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
    if done.returncode:
        raise MachineError(f"{' '.join(map(str, argv))}: exit status {done.returncode}\n{done.stderr}")
    return done.stdout


def wait_for(ready: Callable[[], bool], seconds: float) -> bool:
    """Wait until READY is true, and return whether it is."""
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def cache() -> Path:
    """Return the directory that holds everything the machines need."""
    chosen = os.environ.get("CHAINSAW_CACHE")
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(chosen).absolute() if chosen else home / "chainsaw-machine"


def read_json(path: Path) -> dict[str, object]:
    """Return a JSON object, empty if the file is missing or was cut short."""
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def replace(path: Path, text: str) -> None:
    """Write a file atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text)
    partial.rename(path)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock that the kernel releases when this process ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another command that holds {path}")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def require_packages() -> None:
    """Install the host packages that are missing."""
    install(lambda: [package for package in [*PACKAGES.values(), *LIBRARIES] if not _installed(package)])


def install(missing: Callable[[], Sequence[str]]) -> None:
    """Install packages of the host that are missing; of several workers that begin at once, one does it."""
    if not missing():
        return
    with locked(cache() / "locks" / "packages"):
        if packages := missing():
            say(f"installing {' '.join(packages)}")
            os.environ["DEBIAN_FRONTEND"] = "noninteractive"
            run(["apt-get", "update"])
            run(["apt-get", "install", "-y", "--no-install-recommends", *packages])


def _installed(package: str) -> bool:
    done = subprocess.run(["dpkg-query", "-W", "-f", "${db:Status-Status}", package], capture_output=True, text=True)
    return done.stdout == "installed"
