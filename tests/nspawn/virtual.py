"""The verbs of tests/machine for the virtual machine that is made of a machine's root."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from typing import NoReturn

from qemu.guest import Guest
from qemu.guest import require_packages as require_qemu

from . import snapshot
from .host import MachineError, locked
from .machine import Machine


def guest_of(machine: Machine) -> Guest:
    """Return the virtual machine of a machine's name."""
    return Guest(machine.home / "vm")


def virtual(machine: Machine, options: argparse.Namespace, command: list[str]) -> int:
    """Run one verb for a virtual machine and return the exit status."""
    guest = guest_of(machine)
    if options.verb in ("root", "admin"):
        _execute(guest, options.verb, command)
    if command:
        raise MachineError(f"{options.verb} takes no command")
    if options.verb == "status":
        sys.stdout.write(
            f"name     {machine.name}\nstate    {'up' if guest.process else 'off'}\ndisk     {guest.disk}\n"
        )
        return 0 if guest.process else 3
    if options.verb == "address":
        sys.stdout.write("".join(f"{name:<6} 127.0.0.1:{guest.port(name)}\n" for name in ("ssh", "https")))
        return 0
    with locked(machine.lock):
        _change(machine, guest, options)
    return 0


def _change(machine: Machine, guest: Guest, options: argparse.Namespace) -> None:
    match options.verb:
        case "up":
            require_qemu()
            if not guest.base.exists():
                make_disk(machine, guest)
            if guest.process is None:
                guest.boot()
        case "down":
            guest.kill() if options.cut else guest.stop()
        case "reboot":
            guest.port("ssh")
            guest.kill() if options.cut else guest.stop()
            guest.boot()
        case "destroy":
            guest.destroy()
        case _:
            message = f"{options.verb} is for the system container; then: destroy --vm, up --vm"
            raise MachineError(message)


def make_disk(machine: Machine, guest: Guest) -> None:
    """Power a machine off and make a disk of its root."""
    machine.stop()
    snapshot.attach(machine.home)
    try:
        guest.make(machine.root)
    finally:
        snapshot.detach(machine.home)


def _execute(guest: Guest, user: str, command: Sequence[str]) -> NoReturn:
    terminal = ["-t"] if sys.stdin.isatty() and sys.stdout.isatty() else []
    words = guest.enter(user)
    os.execvp(words[0], [words[0], *terminal, *words[1:], *([shlex.join(command)] if command else [])])
