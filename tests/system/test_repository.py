"""Backups in a repository of restic, with Debian's restic, as the admin, in the machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from . import repository
from .machine import HOME, Machine

pytestmark = [pytest.mark.system, pytest.mark.stage("site")]

PROGRAM = f"{HOME}/repository.py"


@pytest.fixture(scope="module")
def client(machine: Machine) -> Iterator[Machine]:
    """Let the machine have the program that tries the repository."""
    machine.write(PROGRAM, Path(repository.__file__).read_text())
    yield machine
    machine.root("rm", PROGRAM)


@pytest.mark.parametrize("name", repository.SCENARIOS)
def test_a_scenario_ends_as_it_should(client: Machine, name: str) -> None:
    done = client.try_admin("/usr/bin/python3", PROGRAM, name)
    assert done.code == 0, str(done)
    told = json.loads(done.out)
    if name == "increments":
        assert told["changed"] < told["first"] / 20, told
