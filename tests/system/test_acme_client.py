"""The ACME client with Debian's pebble and python3-acme, as the admin, in the machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from . import authority
from .machine import HOME, Machine

pytestmark = [pytest.mark.system, pytest.mark.stage("site")]

PROGRAM = f"{HOME}/authority.py"
PACKAGES = ("python3-acme", "pebble", "acme.sh", "curl", "bind9-dnsutils")
PREPARE = """\
set -e
apt-get update -q
DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "$@"
"""


@pytest.fixture(scope="module")
def client(machine: Machine) -> Iterator[Machine]:
    """Let the machine have the authority, and the program that tries the client with it."""
    machine.root("sh", "-c", PREPARE, "prepare", *PACKAGES)
    machine.write(PROGRAM, Path(authority.__file__).read_text())
    yield machine
    machine.root("rm", PROGRAM)


@pytest.mark.parametrize("name", authority.SCENARIOS)
def test_a_scenario_ends_as_it_should(client: Machine, name: str) -> None:
    done = client.try_admin("/usr/bin/python3", PROGRAM, name)
    assert done.out, str(done)
    told = json.loads(done.out.splitlines()[-1])
    assert (told["name"], told["problem"]) == (name, "")
    assert done.code == 0
