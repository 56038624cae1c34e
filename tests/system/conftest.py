"""What the system tests share: a machine at the stage that a module asks for, and the instances that are in it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from . import stage
from .machine import Machine

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "alone")


@pytest.fixture(scope="session")
def own() -> Iterator[Machine]:
    """Return the machine of this worker, which may be at any stage; it is powered off in the end."""
    machine = Machine(f"{os.environ.get('CHAINSAW_MACHINE', 'chainsaw')}-{WORKER}")
    yield machine
    machine.verb("down", "--cut")


@pytest.fixture(scope="module")
def machine(request: pytest.FixtureRequest, own: Machine) -> Machine:
    """Return a machine that has just been booted, at the stage that the module's mark names."""
    mark = request.node.get_closest_marker("stage")
    assert mark, "the module says which stage it begins with: pytest.mark.stage"
    machine = Machine(own.name)
    stage.begin(machine, mark.args[0])
    if mark.args[0] == "sites":
        # The front shows pages that it knows before the applications are up.
        machine.admin("systemctl", "--user", "start", "app@blog.service", "app@shop.service")
    for name in {"www": ("www",), "sites": ("www", "blog", "shop")}.get(mark.args[0], ()):
        machine.serves(f"https://{name}.localhost/", "<", 60)
    return machine


@pytest.fixture(scope="module")
def www(machine: Machine) -> str:
    """Return the URL of a static site that is up, at the stages from www on."""
    return "https://www.localhost/"


@pytest.fixture(scope="module")
def blog(machine: Machine) -> str:
    """Return the URL of a WordPress that is up, at the stage sites."""
    return "https://blog.localhost/"


@pytest.fixture(scope="module")
def shop(machine: Machine) -> str:
    """Return the URL of a second WordPress beside the first, at the stage sites."""
    return "https://shop.localhost/"
