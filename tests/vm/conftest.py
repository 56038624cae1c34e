"""The virtual machine of the tests."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from nspawn.machine import Machine as NspawnMachine
from nspawn.virtual import guest_of
from qemu.guest import require_packages
from system import stage
from system.machine import Machine

from . import prepared
from .box import Box


@pytest.fixture(scope="session")
def box() -> Iterator[Box]:
    """Return the virtual machine, booted; `one` and `www` are up, and `two` is declared."""
    require_packages()
    machine = Machine(f"{os.environ.get('CHAINSAW_MACHINE', 'chainsaw')}-vm")
    box = Box(guest_of(NspawnMachine(machine.name)))
    if not prepared.place().exists():
        box.guest.destroy()
        stage.begin(machine, "vaults")
        machine.verb("up", "--vm")
        for host in ("one.localhost", "www.localhost"):
            assert box.serves(host), f"{host} does not answer"
        box.measure()
        prepared.keep(box.guest)
    box.guest.resume(prepared.place())
    box.measure()
    yield box
    box.guest.destroy()
    machine.verb("destroy")
