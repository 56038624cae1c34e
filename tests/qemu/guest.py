"""A virtual machine that runs: commands go in by SSH, and its power can be cut."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nspawn.host import MachineError, Process, attempt, install, read_json, replace, run, say, wait_for

from . import disk

MEMORY = "1280"
BOOT_SECONDS = 600
BOOTS = 3
STOP_SECONDS = 120
SAVE_SECONDS = 120.0
APPEND = "root=/dev/vda rw console=ttyS0 quiet net.ifnames=0 mitigations=off"
PACKAGES = ("qemu-system-x86", "qemu-utils", "e2fsprogs", "openssh-client")
PROGRAMS = ("qemu-system-x86_64", "qemu-storage-daemon", "mke2fs", "ssh")


@dataclass(frozen=True)
class Guest:
    """A virtual machine with all that it needs in one directory."""

    home: Path

    @property
    def base(self) -> Path:
        """The disk that it was made with; it is never written to."""
        return self.home / "base.raw"

    @property
    def disk(self) -> Path:
        """What differs from that."""
        return self.home / "disk.qcow2"

    @property
    def key(self) -> Path:
        """The SSH key that lets commands in."""
        return self.home / "key"

    @property
    def process(self) -> Process | None:
        """QEMU, if it runs."""
        found = read_json(self.home / "run.json").get("process")
        process = Process(**found) if isinstance(found, dict) else None
        return process if process is not None and process.alive() else None

    def port(self, name: str) -> int:
        """Return the port on loopback that leads to the guest's own: ssh or https."""
        found = read_json(self.home / "run.json").get(name)
        if self.process is None or not isinstance(found, int):
            raise MachineError("the virtual machine does not run; start it with: tests/machine up --vm")
        return found

    def make(self, root: Path) -> None:
        """Make the disk of a root; a disk that there was is gone."""
        self.home.mkdir(parents=True, exist_ok=True)
        if not self.key.exists():
            run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.key])
        say("making a disk of the root")
        disk.make(root, self.base, self.key)
        disk.overlay(self.base, self.disk)

    def boot(self) -> None:
        """Start it and wait until the admin's user manager is up."""
        say("booting the virtual machine; without KVM this takes minutes")
        for _ in range(BOOTS):
            (self.home / "console.log").unlink(missing_ok=True)
            self._start()
            # Reaped by whoever waits; a command of tests/machine leaves it to init.
            if not wait_for(lambda: self._has_panicked() or self._is_up(), BOOT_SECONDS):
                raise MachineError(f"the virtual machine does not finish its boot; see {self.home / 'console.log'}")
            if not self._has_panicked():
                return
            # The kernel changes its code while another processor runs it, and without KVM that goes wrong at times.
            say("the kernel of the virtual machine panicked in the emulator; booting once more")
            self.kill()
        raise MachineError(f"the kernel of the virtual machine panics; see {self.home / 'console.log'}")

    def _has_panicked(self) -> bool:
        console = self.home / "console.log"
        return console.exists() and b"Kernel panic - not syncing" in console.read_bytes()

    def save(self, place: Path) -> None:
        """Let it stop where it is and keep it in a directory, memory and all, from which others may go on."""
        partial = place.with_name(f"{place.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        self._ask("stop")
        self._ask("migrate", uri=f"exec:cat > {partial / 'memory'}")
        if not wait_for(lambda: self._ask("query-migrate")["status"] in ("completed", "failed"), SAVE_SECONDS):
            raise MachineError("the memory of the virtual machine cannot be saved")
        self.kill()
        for name in ("base.raw", "kernel", "initrd", "key", "key.pub"):
            (self.home / name).rename(partial / name)
        run(["qemu-img", "rebase", "-u", "-b", place / "base.raw", "-F", "raw", self.disk])
        self.disk.rename(partial / "booted.qcow2")
        partial.rename(place)

    def resume(self, place: Path) -> None:
        """Go on where another one was saved, on a disk of its own."""
        self.destroy()
        self.home.mkdir(parents=True)
        for name in ("kernel", "initrd", "key", "key.pub"):
            shutil.copy(place / name, self.home / name)
        disk.overlay(place / "booted.qcow2", self.disk)
        self._start("-incoming", f"exec:cat {place / 'memory'}")
        if not wait_for(lambda: self._ask("query-status")["status"] in ("paused", "postmigrate"), SAVE_SECONDS):
            raise MachineError(f"the virtual machine does not go on; see {self.home / 'qemu.log'}")
        self._ask("cont")

    def _ask(self, command: str, **arguments: str) -> dict[str, Any]:
        """Let QEMU carry out a command of its machine protocol (QMP) and return the answer."""
        with socket.socket(socket.AF_UNIX) as monitor, monitor.makefile("rw") as lines:
            monitor.settimeout(SAVE_SECONDS)
            if not wait_for(lambda: _connected(monitor, self.home / "monitor"), 30):
                raise MachineError(f"QEMU does not answer; see {self.home / 'qemu.log'}")
            answer: dict[str, Any] = {}
            for words in ({"execute": "qmp_capabilities"}, {"execute": command, "arguments": arguments}):
                lines.write(json.dumps(words))
                lines.flush()
                while not answer.keys() & {"return", "error"}:
                    answer = json.loads(lines.readline())
                if "error" in answer:
                    raise MachineError(f"{command}: {answer['error']['desc']}")
                result, answer = answer["return"], {}
        return dict(result)

    def _start(self, *more: str) -> None:
        ports = {name: _free_port() for name in ("ssh", "https")}
        forwarded = f"hostfwd=tcp:127.0.0.1:{ports['ssh']}-:22,hostfwd=tcp:127.0.0.1:{ports['https']}-:443"
        argv = ["qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", MEMORY]
        argv += ["-nodefaults", "-nographic", "-no-reboot", "-serial", f"file:{self.home / 'console.log'}"]
        argv += ["-kernel", str(self.home / "kernel"), "-initrd", str(self.home / "initrd"), "-append", APPEND]
        argv += ["-drive", f"file={self.disk},if=virtio,format=qcow2,cache=writeback"]
        argv += ["-netdev", f"user,id=net,{forwarded}", "-device", "virtio-net-pci,netdev=net,romfile="]
        argv += ["-device", "virtio-rng-pci", "-qmp", f"unix:{self.home / 'monitor'},server=on,wait=off", *more]
        with (self.home / "qemu.log").open("wb") as log:
            child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        replace(self.home / "run.json", json.dumps({"process": asdict(Process.of(child.pid)), **ports}))

    def _is_up(self) -> bool:
        if self.process is None:
            raise MachineError(f"QEMU ended; see {self.home / 'qemu.log'}")
        return attempt([*self.enter("root"), "systemctl is-active --quiet user@1000.service"])

    def enter(self, user: str) -> list[str]:
        """Return the words that put a command in as a user; what follows is one shell command line."""
        options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR", "ConnectTimeout=20"]
        argv = ["ssh", "-F", "none", "-i", str(self.key), "-p", str(self.port("ssh"))]
        return [*argv, *(word for option in options for word in ("-o", option)), f"{user}@127.0.0.1"]

    def cut(self, copy: Path) -> None:
        """Copy the disk as it would be if the power failed now: QEMU is stopped, not asked, and goes on afterwards.

        A kill of QEMU leaves exactly these bytes. What the guest, or QEMU itself, has not written yet is not in them.
        """
        process = self.process
        if process is None:
            raise MachineError("the virtual machine does not run")
        process.signal(signal.SIGSTOP)
        try:
            run(["cp", "--sparse=always", self.disk, copy])
        finally:
            process.signal(signal.SIGCONT)

    def kill(self) -> None:
        """Cut its power."""
        if process := self.process:
            process.signal(signal.SIGKILL)
            _reap(process)

    def stop(self) -> None:
        """Power it off."""
        if process := self.process:
            say("powering the virtual machine off")
            attempt([*self.enter("root"), "systemctl poweroff"])
            if not wait_for(process.gone, STOP_SECONDS):
                self.kill()
            _reap(process)

    def destroy(self) -> None:
        """Cut its power and remove the disk."""
        self.kill()
        shutil.rmtree(self.home, ignore_errors=True)


def require_packages() -> None:
    """Install QEMU and what makes disks, where they are missing."""
    install(lambda: [] if all(shutil.which(program) for program in PROGRAMS) else PACKAGES)


def _connected(monitor: socket.socket, path: Path) -> bool:
    try:
        monitor.connect(str(path))
    except OSError:
        return False
    return True


def _reap(process: Process) -> None:
    try:
        os.waitpid(process.pid, 0)
    except ChildProcessError:
        wait_for(process.gone, 10)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
