"""The test of a recipe on a real host: an application is waited for, and what is broken is found."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .machine import HOME, Machine
from .stage import OWN_RECIPES, unpack

pytestmark = [pytest.mark.system, pytest.mark.stage("www")]


def bring(machine: Machine, name: str) -> str:
    """Copy a recipe of the tests into the admin's home, and return its directory."""
    place = f"{HOME}/{name}"
    machine.admin("rm", "-rf", place)
    unpack(machine.admin, OWN_RECIPES / name, place)
    return place


def tried(machine: Machine, place: str, *words: str) -> dict[str, Any]:
    """Test a recipe; return the levels of its record, with what the command said as `done`."""
    done = machine.chainsaw("recipe", "test", place, *words, code=None)
    record = json.loads(machine.read(f"{place}/tested.json"))
    return {**record["levels"], "done": done}


def test_what_answers_late_is_waited_for_after_a_reboot(machine: Machine, www: str) -> None:
    """Its marker is read by a command in the container, which is refused until the port answers."""
    place = bring(machine, "late")
    machine.chainsaw("recipe", "test", place, "--levels", "1-3", "--pause")
    machine.verb("reboot")
    third = tried(machine, place, "--resume")["3"]
    assert third["passed"], third["problems"]
    assert third["evidence"]["boot"] != third["evidence"]["boot_after"]


def test_a_level_alone_finds_the_data_that_it_has_written(machine: Machine, www: str) -> None:
    fourth = tried(machine, bring(machine, "late"), "--levels", "4")["4"]
    assert fourth["passed"], fourth["problems"]


def test_what_needs_an_application_on_a_port_starts_when_the_port_answers(machine: Machine, www: str) -> None:
    machine.declare("late", "late", jobs="beside")
    machine.chainsaw("apply", "late")
    unit = "app@late.jobs.service"
    assert machine.admin("systemctl", "--user", "show", "-P", "NRestarts", unit) == "0\n", machine.journal("-u", unit)
    machine.admin("systemctl", "--user", "restart", "app@late.service")
    machine.admin("systemctl", "--user", "start", "app@late.tick.service")
    machine.purge("late")


def test_a_timer_of_what_sleeps_runs_when_the_port_answers(machine: Machine, www: str) -> None:
    machine.declare("late", "late")
    machine.append("late", "sleep: 1d")
    machine.chainsaw("apply", "late")
    machine.admin("systemctl", "--user", "stop", "app@late.service")
    machine.admin("systemctl", "--user", "start", "app@late.tick.service")
    machine.purge("late")
