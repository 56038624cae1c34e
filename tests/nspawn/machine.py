"""One machine: its record, and its life from boot to power-off."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path

from . import cgroup, enter, root, snapshot, store
from .host import MachineError, Process, attempt, cache, locked, read_json, replace, say, wait_for
from .images import Image, rootfs
from .network import Network, forward, free_number, stop_forwarding

DEFAULT_NAME = "chainsaw"
BOOT_SECONDS = 120
STOP_SECONDS = 120


@dataclass(frozen=True)
class Machine:
    """A machine by name; everything else is read from its directory in the cache."""

    name: str

    @property
    def home(self) -> Path:
        """The machine's directory in the cache."""
        return cache() / "machines" / self.name

    @property
    def root(self) -> Path:
        """The machine's root file system."""
        return self.home / "root"

    @property
    def identity(self) -> str:
        """A name that no machine of another cache on this host has."""
        return f"{self.name}-{hashlib.sha256(bytes(self.home)).hexdigest()[:8]}"

    @property
    def lock(self) -> Path:
        """The lock of every command that changes the machine."""
        return cache() / "locks" / f"machine-{self.name}"

    @property
    def network(self) -> Network | None:
        """The machine's network, if it has been given one."""
        number = read_json(self.home / "network.json").get("number")
        return Network(number) if isinstance(number, int) else None

    @property
    def leader(self) -> Process | None:
        """The machine's init, if it runs."""
        return self._recorded("leader")

    @property
    def kind(self) -> str:
        """What the root was made from: "machine", "empty", or "none" if there is no root."""
        return str(read_json(self.home / "origin.json").get("kind", "none"))

    @property
    def empty(self) -> bool:
        """Say whether this is a bare Debian."""
        return self.kind == "empty"

    @property
    def ready(self) -> bool:
        """Say whether the machine runs and has finished its boot."""
        return self.leader is not None and (self.home / "ready").exists()

    def running(self) -> Process:
        """Return the machine's init, or fail with the command that starts it."""
        leader = self.leader
        if leader is None:
            name = "" if self.name == DEFAULT_NAME else f" --name {self.name}"
            raise MachineError(f"{self.name} does not run; start it with: tests/machine up{name}")
        return leader

    def up(self, empty: bool) -> None:
        """Make what is missing, from the root to the user manager, and wait until it is ready."""
        if self.root.exists() and empty and not self.empty:
            raise MachineError(f"{self.name} is not an empty machine; choose another --name, or destroy it first")
        if self.ready:
            return
        self.stop()
        self._renew_root(rootfs(empty or self.empty))
        self.boot()

    def fresh(self, chosen: str | None) -> None:
        """Give the machine a root that stands on a snapshot, whatever it had before, and boot it."""
        record = snapshot.found(chosen)
        self.stop(cut=True)
        self._discard_root()
        snapshot.stand(self.home, record)
        self.boot()

    def keep(self, chosen: str, only: str | None) -> None:
        """Power off, and make the root, or one directory of it, a snapshot."""
        self.stop()
        snapshot.take(self.home, chosen, only)
        (self.home / "origin.json").unlink(missing_ok=True)

    def boot(self) -> None:
        """Start the machine and wait for it."""
        say(f"booting {self.name}")
        snapshot.attach(self.home)
        root.prepare(self.root, self.name)
        supervisor = self._spawn()
        leader = self._find_leader(supervisor)
        self._record(supervisor, leader)
        self._connect(leader)
        self._wait(leader)
        (self.home / "ready").touch()

    def stop(self, *, cut: bool = False) -> None:
        """Power the machine off, or cut its power, and take away all that it left on the host."""
        supervisor, leader = self._recorded("supervisor"), self.leader
        (self.home / "ready").unlink(missing_ok=True)
        if supervisor and leader and not cut:
            say(f"powering {self.name} off")
            supervisor.signal(signal.SIGTERM)
            if not wait_for(supervisor.gone, STOP_SECONDS):
                say(f"{self.name} does not stop within {STOP_SECONDS} s; cutting its power")
        self._clean()

    def destroy(self, *, keep_images: bool) -> None:
        """Power off and remove the root, and the images if they are not to be kept."""
        self.stop()
        self._discard_root()
        for name in ("network.json", "console.log"):
            (self.home / name).unlink(missing_ok=True)
        if not keep_images:
            store.forget_all(self.home)

    def _renew_root(self, image: Image) -> None:
        if self.root.exists() and read_json(self.home / "origin.json").get("key") == image.key:
            return
        if self.root.exists():
            say(f"the list of packages has changed: {self.name} gets a new root; its images stay")
        tarball = image.build()
        self._discard_root()
        say(f"unpacking the root of {self.name}")
        replace(self.home / "origin.json", json.dumps({"kind": image.name, "key": image.key}))
        root.unpack(tarball, self.root)

    def _discard_root(self) -> None:
        if snapshot.stands(self.home):
            snapshot.leave(self.home)
        elif self.root.exists():
            store.save(self.home, self.root)
            root.remove(self.root)
        (self.home / "origin.json").unlink(missing_ok=True)

    def _recorded(self, role: str) -> Process | None:
        found = read_json(self.home / "run.json").get(role)
        process = Process(**found) if isinstance(found, dict) else None
        return process if process is not None and process.alive() else None

    def _record(self, supervisor: Process, leader: Process | None) -> None:
        record = {"supervisor": asdict(supervisor), "leader": asdict(leader) if leader else None}
        replace(self.home / "run.json", json.dumps(record))

    def _spawn(self) -> Process:
        def note() -> None:
            # The record is written before the exec, so that a machine can be stopped even if `up` is killed here.
            os.setsid()
            self._record(Process.of(os.getpid()), None)
            cgroup.enclose(self.identity)

        with (self.home / "console.log").open("wb") as console:
            child = subprocess.Popen(
                [*cgroup.scope(self.identity), *root.nspawn(self.root, self.identity)],
                env=os.environ | {"SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                preexec_fn=note,
            )
        return Process.of(child.pid)

    def _find_leader(self, supervisor: Process) -> Process:
        found: list[int] = []

        def look() -> bool:
            if not supervisor.alive():
                raise MachineError(f"systemd-nspawn ended:\n{self._console()}")
            found[:] = filter(_is_init, _children(supervisor.pid))
            return bool(found)

        if not wait_for(look, 30):
            raise MachineError(f"systemd-nspawn started no init:\n{self._console()}")
        return Process.of(found[0])

    def _connect(self, leader: Process) -> None:
        with locked(cache() / "locks" / "network"):
            chosen = self.network or Network(free_number())
            replace(self.home / "network.json", json.dumps({"number": chosen.number}))
            chosen.attach(leader.pid)
            forward(cache() / "forwarding")

    def _wait(self, leader: Process) -> None:
        bus = Path(f"/proc/{leader.pid}/root/run/systemd/private")
        booted = wait_for(bus.exists, BOOT_SECONDS)
        inside = enter.as_root(leader)
        if not booted or not wait_for(lambda: systemd_state(inside) in ("running", "degraded"), BOOT_SECONDS):
            raise MachineError(f"{self.name} does not finish its boot:\n{self._console()}")
        cgroup.limit_podman(leader, self.root)
        lingers = (self.root / "var/lib/systemd/linger/admin").exists()
        if lingers and not wait_for(lambda: user_manager_runs(inside), BOOT_SECONDS):
            raise MachineError("the user manager of admin does not start; see: tests/machine root -- journalctl -b")

    def _clean(self) -> None:
        cgroup.kill(self.identity)
        snapshot.detach(self.home)
        with locked(cache() / "locks" / "network"):
            if self.network:
                self.network.detach()
            (self.home / "run.json").unlink(missing_ok=True)
            others = (Machine(path.name) for path in (cache() / "machines").glob("*"))
            if not any(other.leader for other in others):
                stop_forwarding(cache() / "forwarding")
        # systemd-nspawn leaves these if it was killed.
        runtime = Path("/run/systemd/nspawn")
        attempt(["umount", runtime / "unix-export" / self.identity])
        attempt(["rmdir", runtime / "unix-export" / self.identity, runtime / "propagate" / self.identity])

    def _console(self) -> str:
        return "\n".join((self.home / "console.log").read_text(errors="replace").splitlines()[-20:])


def systemd_state(inside: list[str]) -> str:
    """Return the state that systemctl reports for the machine, after its boot."""
    argv = [*inside, "systemctl", "is-system-running", "--wait"]
    return subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True).stdout.strip()


def user_manager_runs(inside: list[str]) -> bool:
    """Return whether the user manager of admin is up."""
    return attempt([*inside, "systemctl", "is-active", "--quiet", f"user@{enter.ADMIN_ID}.service"])


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _is_init(pid: int) -> bool:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return False
    numbers = next((line.split()[1:] for line in lines if line.startswith("NSpid:")), [])
    return len(numbers) > 1 and numbers[-1] == "1"
