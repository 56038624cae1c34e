"""Before the first apply: what is missing is named, and nothing is done."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .kills import Fault, check, kills, steps_of
from .machine import DATA, STATE, UNITS, Done, Machine, wait
from .stage import install

pytestmark = [pytest.mark.system, pytest.mark.stage("images")]


@pytest.fixture(scope="module")
def unprepared(machine: Machine) -> Done:
    """Return how apply ends on a host that has chainsaw and nothing else."""
    install(machine)
    return machine.chainsaw("apply", code=None)


@pytest.fixture(scope="module")
def prepared(machine: Machine, unprepared: Done) -> Machine:
    machine.admin("sudo", "chainsaw", "setup")
    return machine


def test_a_host_without_setup_shows_the_command(unprepared: Done) -> None:
    assert unprepared.code == 6
    assert "sudo chainsaw setup --user admin" in unprepared.err


def test_setup_again_changes_nothing(prepared: Machine) -> None:
    assert prepared.admin("sudo", "chainsaw", "setup").startswith("nothing to change")


def test_an_occupied_port_is_named_before_anything_is_done(machine: Machine, prepared: Machine) -> None:
    machine.chainsaw("new", "static", "www", "--route", "https://www.localhost/")
    other = machine.begin("python3", "-m", "http.server", "443")
    try:
        assert wait(lambda: ":443 " in machine.root("ss", "-ltnH"), 10)
        done = machine.chainsaw("apply", code=6)
        assert "another program listens on port 443" in done.err
        assert "sudo ss -ltnp" in done.err
        assert machine.generation() == 0
        assert not machine.exists(f"{DATA}/public/www")
        assert not machine.exists(f"{STATE}/generations")
    finally:
        other.terminate()
        other.communicate()
        machine.retract("www")


@pytest.fixture
def nothing(machine: Machine, prepared: Machine) -> Iterator[None]:
    """A site is declared, and nothing of chainsaw is there yet."""
    machine.start_over()
    machine.declare("www", "static")
    yield
    machine.start_over()


def test_the_steps_of_a_first_apply(machine: Machine, nothing: None, update: bool) -> None:
    check("first-apply", steps_of(machine, "apply"), update=update)


@pytest.mark.parametrize("fault", kills("first-apply"))
def test_a_first_apply_may_be_killed(machine: Machine, nothing: None, fault: Fault) -> None:
    fault.inject(machine, "apply")
    machine.chainsaw("apply")
    assert machine.plan() == []
    assert machine.get("https://www.localhost/").status == 200
    assert machine.exists(f"{UNITS}/default.target.wants/chainsaw.target"), "a reboot brings it back"
