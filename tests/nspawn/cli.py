"""The command line of tests/machine."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from . import account, enter
from .host import MachineError, attempt, cache, locked, replace, require_packages, run, say
from .images import KERNEL
from .machine import DEFAULT_NAME, Machine
from .virtual import virtual

CHECKOUT = Path(__file__).resolve().parents[2]
LAUNCHER = CHECKOUT / "tests" / "machine"
EPILOG = """\
verbs:
  up         build what the cache lacks, boot, wait until systemd and the admin's user manager are up;
             does nothing if the machine runs. A machine with a root continues with it.
  down       power the machine off; its root stays. Nothing is left on the host but the cache.
  reboot     power off and boot again, so that only what starts by itself comes back (--cut: pull the plug)
  reset      empty the admin's account: its processes, home, logs and files in /tmp. Images are put aside,
             and `base` brings them back (--images: forget them). What was changed as root outside the
             account (packages, /etc, and so the work of `sudo chainsaw setup`) stays; to undo that as
             well: destroy, then up.
  destroy    down, and remove the root; the images are put aside (--images: forget them)
  fresh      give the machine a new root that stands on a stored one, and boot it; takes seconds
             (--snapshot NAME: which one; without it a bare Debian with podman)
  snapshot   down, and store the root of a machine that `fresh` made under --snapshot NAME; the machine has no
             root then. Old snapshots on which nothing stands are removed. (--only DIR: forget other changes)
  install    build the Debian package of this checkout and install it inside with apt
  base       give the admin docker.io/library/debian:trixie-slim, made here by mmdebstrap, and the images
             put aside by reset. Only after `chainsaw setup`: an image store belongs to the storage driver
             that made it, and setup chooses the driver. Does nothing if the image is there.
  kernel     install a kernel and an SSH server, so that a disk can be made of the root
  root       run a command as root: tests/machine root -- systemctl --failed
  admin      run a command as the admin, in a login session: tests/machine admin -- podman ps
             Without a command: a shell. A terminal is passed on, as are standard input and exit status.
  address    print the machine's address (--vm: where its ports 22 and 443 are on this host)
  status     print what runs; exit status 3 if nothing does

With --vm a verb is for a virtual machine of the same name, run by QEMU without KVM: it has a kernel of its own, which
limits memory and loses in a power cut what was not synced. `up --vm` makes its disk of the root, powered off for
that, unless there is a disk; `destroy --vm` removes the disk alone. There are up, down, reboot, destroy, root, admin,
address and status: what the root is to hold is prepared in the system container.

Everything is kept in $CHAINSAW_CACHE, or else in ~/.cache/chainsaw-machine.
"""


def main(argv: Sequence[str]) -> int:
    """Run one verb and return the exit status."""
    os.umask(0o022)
    words, command = _split(argv)
    try:
        options = _parse(words)
        return _dispatch(options, command)
    except MachineError as problem:
        say(str(problem))
        return 1
    except KeyboardInterrupt:
        return 130


def _split(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    words = list(argv)
    if "--" not in words:
        return words, []
    at = words.index("--")
    return words[:at], words[at + 1 :]


def _parse(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="tests/machine",
        description="A Debian 13 machine for tests.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = ["up", "down", "reboot", "reset", "destroy", "fresh", "snapshot"]
    verbs += ["install", "base", "kernel", "root", "admin", "address", "status"]
    parser.add_argument("verb", choices=verbs, metavar="verb", help="one of those listed below")
    parser.add_argument("--name", default=DEFAULT_NAME, help=f"which machine (default: {DEFAULT_NAME})")
    parser.add_argument("--empty", action="store_true", help="up: a bare Debian, without podman and without linger")
    parser.add_argument("--images", action="store_true", help="reset, destroy: forget the images, too")
    parser.add_argument("--cut", action="store_true", help="reboot, down: as if the power failed")
    parser.add_argument("--vm", action="store_true", help="the virtual machine of this name is meant")
    parser.add_argument("--snapshot", metavar="NAME", help="fresh: begin with it; snapshot: what it is called")
    parser.add_argument("--only", metavar="DIR", help="snapshot: of what was changed, this directory alone")
    options = parser.parse_args(words)
    if options.verb == "snapshot" and not options.snapshot:
        parser.error("--snapshot NAME: what is it to be called?")
    if options.snapshot and not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,60}", options.snapshot):
        parser.error(f"--snapshot {options.snapshot}: use at most 61 lower-case letters, digits and hyphens")
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,30}", options.name):
        parser.error(f"--name {options.name}: use at most 31 lower-case letters, digits and hyphens")
    return options


def _dispatch(options: argparse.Namespace, command: list[str]) -> int:
    machine = Machine(options.name)
    if options.vm:
        return virtual(machine, options, command)
    if options.verb in ("root", "admin"):
        enter.execute(machine.running(), options.verb, command)
    if command:
        raise MachineError(f"{options.verb} takes no command")
    if options.verb == "status":
        return _status(machine)
    if options.verb == "address":
        machine.running()
        sys.stdout.write(f"{machine.network.address}\n" if machine.network else "")
        return 0
    with locked(machine.lock):
        _change(machine, options)
    return 0


def _change(machine: Machine, options: argparse.Namespace) -> None:
    match options.verb:
        case "up":
            require_packages()
            machine.up(options.empty)
        case "down":
            machine.stop(cut=options.cut)
        case "reboot":
            machine.running()
            machine.stop(cut=options.cut)
            machine.boot()
        case "reset":
            account.reset(machine, keep_images=not options.images)
        case "destroy":
            machine.destroy(keep_images=not options.images)
        case "fresh":
            require_packages()
            machine.fresh(options.snapshot)
        case "snapshot":
            machine.keep(options.snapshot, options.only)
        case "install":
            _install(machine)
        case "base":
            account.import_base(machine, LAUNCHER)
        case "kernel":
            _install_kernel(machine)


def _install(machine: Machine) -> None:
    inside = enter.as_root(machine.running())
    packages = cache() / "deb" / machine.name
    shutil.rmtree(packages, ignore_errors=True)
    run([CHECKOUT / ".deb" / "build", packages])
    package = next(packages.glob("*.deb"))
    copy = machine.root / "var/tmp" / package.name
    shutil.copy(package, copy)
    say(f"installing {package.name}")
    apt = [*inside, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-o", "Dpkg::Use-Pty=0"]
    install = [*apt, "install", "-y", "--reinstall", "--allow-downgrades", f"/var/tmp/{package.name}"]
    if not attempt([*install, "--no-download"]):
        run([*apt, "update"])
        run(install)
    copy.unlink()


def _install_kernel(machine: Machine) -> None:
    inside = enter.as_root(machine.running())
    say("installing a kernel")
    settings = machine.root / "etc/initramfs-tools"
    # Little is to be unpacked at boot: the disk and its file system are all that is needed.
    replace(settings / "modules", "\n".join(("virtio_pci", "virtio_blk", "ext4", "")))
    replace(settings / "conf.d/small", "MODULES=list\n")
    apt = [*inside, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-o", "Dpkg::Use-Pty=0"]
    run([*apt, "update"])
    run([*apt, "install", "-y", "--no-install-recommends", *KERNEL])


def _status(machine: Machine) -> int:
    leader = machine.leader
    state = "ready" if machine.ready else "booting" if leader else "off"
    facts = {"name": machine.name, "state": state, "kind": machine.kind, "root": str(machine.root)}
    if leader and machine.network:
        facts |= {"init": str(leader.pid), "address": machine.network.address}
    sys.stdout.write("".join(f"{key:<9}{value}\n" for key, value in facts.items()))
    return 0 if leader else 3
