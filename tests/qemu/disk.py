"""Disks: made of a root directory, copied as a power cut leaves them, and read without a boot."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nspawn.host import MachineError, attempt, replace, run, wait_for

SIZE = "6G"
NETWORK = "[Match]\nType=ether\n[Network]\nAddress=10.0.2.15/24\nGateway=10.0.2.2\n"
VM_NETWORK = "etc/systemd/network/10-vm.network"
SERVICES = ("ssh.service", "systemd-networkd.service")
NEEDLESS = (
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "e2scrub_reap.service",
    "systemd-networkd-wait-online.service",
)
LIMITS = "etc/containers/containers.conf.d/50-no-pids-controller.conf"


def kernel_of(root: Path) -> tuple[Path, Path]:
    """Return the kernel and the initial RAM disk that are in a root."""
    kernels = sorted(root.glob("boot/vmlinuz-*"))
    if not kernels:
        raise MachineError("the root has no kernel; give it one with: tests/machine kernel")
    return kernels[-1], kernels[-1].with_name(kernels[-1].name.replace("vmlinuz", "initrd.img"))


def make(root: Path, disk: Path, key: Path) -> None:
    """Make a raw disk of a root that is at rest; it lets the owner of an SSH key (ssh-keygen(1)) in."""
    kernel, ram_disk = kernel_of(root)
    work = disk.with_name("making")
    shutil.rmtree(work, ignore_errors=True)
    for part in ("upper", "work", "root"):
        (work / part).mkdir(parents=True)
    merged = work / "root"
    layers = f"lowerdir={root},upperdir={work / 'upper'},workdir={work / 'work'}"
    run(["mount", "-t", "overlay", "overlay", "-o", layers, merged])
    partial = disk.with_name(f"{disk.name}.partial")
    try:
        _fit(merged, key)
        shutil.copy(kernel, disk.with_name("kernel"))
        shutil.copy(ram_disk, disk.with_name("initrd"))
        partial.unlink(missing_ok=True)
        run(["truncate", "--size", SIZE, partial])
        run(["mke2fs", "-q", "-t", "ext4", "-d", merged, partial])
    finally:
        run(["umount", merged])
    shutil.rmtree(work)
    partial.rename(disk)


def _fit(root: Path, key: Path) -> None:
    for home, owner in (("root", 0), ("home/admin", 1000)):
        place = root / home / ".ssh"
        place.mkdir(mode=0o700, exist_ok=True)
        shutil.copy(key.with_suffix(".pub"), place / "authorized_keys")
        for path in (place, place / "authorized_keys"):
            shutil.chown(path, owner, owner)
    replace(root / VM_NETWORK, NETWORK)
    run(["systemctl", "--quiet", f"--root={root}", "enable", *SERVICES])
    run(["systemctl", "--quiet", f"--root={root}", "mask", *NEEDLESS])
    (root / "etc/resolv.conf").unlink(missing_ok=True)
    replace(root / "etc/resolv.conf", "nameserver 10.0.2.3\n")
    # What the kernel of a system container lacks, this one has.
    (root / LIMITS).unlink(missing_ok=True)


def overlay(base: Path, path: Path) -> None:
    """Make a disk that holds only what differs from another one."""
    kind = "raw" if base.suffix == ".raw" else "qcow2"
    path.unlink(missing_ok=True)
    run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", kind, path])


@contextmanager
def mounted(disk: Path, place: Path) -> Iterator[Path]:
    """Repair the file system of a disk as a boot does, check that nothing else is wrong with it, and mount it."""
    raw = disk.with_suffix(".export")
    raw.touch()
    export = f"type=fuse,id=raw,node-name=disk,mountpoint={raw},writable=on"
    nodes = f"driver=qcow2,node-name=disk,file.driver=file,file.filename={disk}"
    daemon = subprocess.Popen(["qemu-storage-daemon", "--blockdev", nodes, "--export", export])
    place.mkdir(exist_ok=True)
    try:
        if not wait_for(lambda: raw.stat().st_size > 0 or daemon.poll() is not None, 30) or daemon.poll() is not None:
            raise MachineError(f"{disk} cannot be read")
        checked = subprocess.run(["e2fsck", "-f", "-p", raw], capture_output=True, text=True)
        # 1: the journal was replayed, and what it leaves to a check is right now (e2fsck(8), EXIT CODE).
        if checked.returncode not in (0, 1):
            raise MachineError(f"the file system of {disk} is damaged:\n{checked.stdout}")
        run(["mount", "-o", "loop", raw, place])
        try:
            yield place
        finally:
            # A process that was just killed may hold it for a moment.
            if not wait_for(lambda: not place.is_mount() or attempt(["umount", place]), 20):
                run(["umount", "--lazy", place])
    finally:
        daemon.terminate()
        daemon.wait()
        raw.unlink(missing_ok=True)
