"""The test of a recipe on a real host: an application is waited for, and what is broken is found."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .machine import CONFIG, HOME, Machine
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
    levels = json.loads(machine.read(f"{place}/tested.json"))["levels"]
    wanted = words[words.index("--levels") + 1] if "--levels" in words else "3"
    assert wanted in levels, str(done)
    return {**levels, "done": done}


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


CHOICE = """settings:
  look:
    type: choice
    options: [plain, odd]
    default: plain
    help: How it looks.
    documentation: https://example.org/docs#look
"""
LOOK = '      LOOK: "{{ settings.look }}"\n'
ODD = """
variants:
  look:
    odd:
      components:
        app:
          volumes:
            data: /srv/elsewhere
"""
ROTATE = "The password of the user admin.\n    rotate: {component: app, command: [%s]}"
TIMER = "\ntimers:\n  fetch:\n    component: app\n    command: [sh, -c, echo no such feed >&2; exit 3]\n"
DUE = "\ntimers:\n  fetch:\n    component: app\n    command: ['true']\n    every: 1d\n    due: [echo, soon]\n"
PAGE = 'self.answer(200, f"'
Changes = dict[str, list[tuple[str, str]]]
"""For each file, the texts that are replaced, and by what."""
FAULTS: dict[str, tuple[Changes, int, str]] = {
    "an option that ends the server": (
        {
            "recipe.yaml": [("settings:\n", CHOICE), ("      TITLE:", f"{LOOK}      TITLE:")],
            "images/app/start-app": [("exec app.py", '[ "$LOOK" = plain ] && exec app.py')],
        },
        5,
        "with look: odd: ",
    ),
    "a variant that keeps its data elsewhere": (
        {
            "recipe.yaml": [
                ("settings:\n", CHOICE),
                ("      TITLE:", f"{LOOK}      TITLE:"),
                ("\nlogin:", f"{ODD}\nlogin:"),
            ],
            "images/app/Containerfile": [("/srv/data\n", "/srv/data /srv/elsewhere\n")],
        },
        5,
        "with look: odd: POST / answers",
    ),
    "a directive that the page does not survive": (
        {
            "recipe.yaml": [
                ("settings:\n", "honours:\n  timezone: The clock.\nsettings:\n"),
                ("      TITLE:", '      TZ: "{{ timezone }}"\n      TITLE:'),
            ],
            "images/app/start-app": [("exec app.py", '[ "$TZ" = UTC ] && exec app.py')],
        },
        5,
        "with timezone: ",
    ),
    "a rotation that does nothing": (
        {"recipe.yaml": [("The password of the user admin.", ROTATE % '"true"')]},
        8,
        "with a new password: POST / answers 401, not 303",
    ),
    "a rotation that fails": (
        {"recipe.yaml": [("The password of the user admin.", ROTATE % '"false"')]},
        8,
        "with a new password: false in try-faulty.app ended with 1",
    ),
    "a timer that fails": (
        {"recipe.yaml": [("\nlogin:", f"{TIMER}    every: 1d\n    help: It fetches.\n\nlogin:")]},
        8,
        "no such feed",
    ),
    "a time that is none": (
        {"recipe.yaml": [("\nlogin:", f"{DUE}    help: It fetches.\n\nlogin:")]},
        8,
        "the timer fetch: echo soon did not print a time in seconds since 1970, or nothing",
    ),
    "websockets that are not passed on": (
        {"images/app/app.py": [(PAGE, f"{PAGE}<script>new WebSocket('wss://x/')</script>")]},
        2,
        "/ opens websockets, and serve.http does not say what becomes of them",
    ),
}


def changed(machine: Machine, name: str, changes: Changes) -> str:
    """Make a recipe of the skeleton for a server on a port, with some texts replaced; return its directory."""
    place = f"{HOME}/{name}"
    machine.admin("rm", "-rf", place)
    machine.chainsaw("recipe", "new", name, "--from", "http", "--in", HOME)
    for file, pairs in changes.items():
        text = machine.read(f"{place}/{file}")
        for former, new in pairs:
            assert former in text, former
            text = text.replace(former, new, 1)
        machine.admin("sh", "-c", 'cat > "$0"', f"{place}/{file}", stdin=text)
    return place


def test_a_setting_that_must_be_set_is_tried_with_its_example(machine: Machine, www: str) -> None:
    place = changed(machine, "faulty", {"recipe.yaml": [("default: Notes", "example: By the sea")]})
    second = tried(machine, place, "--levels", "2", "--keep")["2"]
    assert second["passed"], second["problems"]
    assert "By the sea" in str(machine.get("https://try-faulty.localhost/").body)


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_broken_in_a_recipe_is_found(machine: Machine, www: str, fault: str) -> None:
    changes, level, problem = FAULTS[fault]
    place = changed(machine, "faulty", changes)
    found = tried(machine, place, "--levels", str(level))
    assert not found[str(level)]["passed"], str(found["done"])
    assert any(problem in item for item in found[str(level)]["problems"]), found[str(level)]["problems"]
    assert "try-faulty" not in machine.chainsaw("inventory", "--orphans").out


def test_an_instance_that_does_not_work_can_be_kept_and_looked_at(machine: Machine, www: str) -> None:
    # The time for which it is waited is that for its start.
    changes = [("contains: <h1>", "contains: <h7>"), ("ready: answers", "ready: answers\n    start_timeout: 5s")]
    place = changed(machine, "faulty", {"recipe.yaml": changes})
    found = tried(machine, place, "--levels", "2", "--keep")
    (problem,) = found["2"]["problems"]
    assert "answers 200, but without '<h7>':\n  <!DOCTYPE html><title>Notes</title><h1>Notes</h1>" in problem
    assert "try-faulty stays until the next test, at https://try-faulty.localhost/" in found["done"].out
    assert "<h1>Notes</h1>" in str(machine.get("https://try-faulty.localhost/").body)
    assert machine.inside("try-faulty.app", "id", "-u") == "1000\n"
    assert machine.json("status", "try-faulty", code=None)["data"]
    # It is a problem of this site by now, and none of another recipe.
    assert tried(machine, changed(machine, "sound", {}), "--levels", "2")["2"]["passed"]
    tried(machine, place, "--levels", "2")
    assert "try-faulty" not in machine.chainsaw("inventory", "--orphans").out


def test_mail_of_a_test_stays_with_the_test(machine: Machine, www: str) -> None:
    """Nobody listens where the site would send it to."""
    machine.write(f"{CONFIG}/site.yaml", "mail: {host: localhost, port: 2525, tls: none}\n")
    try:
        fifth = tried(machine, bring(machine, "mirror"), "--levels", "5")["5"]
        assert fifth["passed"], fifth["problems"]
        assert "mail" in fifth["evidence"]["directives"]
        assert "try-mirror" not in machine.chainsaw("inventory", "--orphans").out
    finally:
        machine.admin("rm", f"{CONFIG}/site.yaml")
        machine.chainsaw("apply")


def test_without_a_reboot_level_3_is_not_tried(machine: Machine, www: str) -> None:
    done = machine.chainsaw("recipe", "test", changed(machine, "faulty", {}), "--levels", "1-3")
    assert "3  not tried" in done.out
    assert "level 3 needs a reboot: chainsaw recipe test" in done.out
    assert done.err.count("error") == 0
