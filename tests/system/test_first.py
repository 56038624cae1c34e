"""Before the first apply: what is missing is named, and nothing is done."""

from __future__ import annotations

from itertools import count

import pytest

from .machine import DATA, STATE, UNITS, Done, Machine, wait

pytestmark = pytest.mark.system


def test_a_host_without_setup_is_told_the_command(bare: tuple[Machine, Done, str]) -> None:
    done = bare[1]
    assert done.code == 6
    assert "sudo chainsaw setup --user admin" in done.err


def test_setup_again_changes_nothing(machine: Machine) -> None:
    assert machine.admin("sudo", "chainsaw", "setup").startswith("nothing to change")


def test_an_occupied_port_is_named_before_anything_is_done(machine: Machine) -> None:
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


def test_a_first_apply_may_be_killed_at_each_of_its_steps(machine: Machine) -> None:
    for number in count(1):
        machine.start_over()
        machine.declare("www", "static")
        done = machine.chainsaw("apply", code=None, fault=f"kill:{number}+")
        machine.chainsaw("apply")
        assert machine.plan() == [], f"after a kill behind step {number}"
        assert machine.get("https://www.localhost/").status == 200
        assert machine.exists(f"{UNITS}/default.target.wants/chainsaw.target"), "a reboot brings it back"
        if done.code == 0:
            break
    assert number > 10, "a first apply has more steps than that"
    machine.start_over()
