"""Commands that are killed after each of their steps: what is begun can be finished, and nothing is left behind."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import pytest

from .inhabitant import named
from .kills import Fault, check, kills, steps_of
from .machine import CONFIG, Machine
from .stage import bring_back

pytestmark = [pytest.mark.system, pytest.mark.stage("www")]

WIDGET = "https://widget.localhost/"
PURGE = ("remove", "widget", "--purge", "--yes")
NUMBERS = count(10)


@pytest.fixture(scope="module", autouse=True)
def pruned(machine: Machine, www: str) -> None:
    """Nothing is here that nobody uses."""
    machine.chainsaw("remove", "--orphans")


def begin(machine: Machine, name: str = "widget") -> None:
    """Make an instance with everything that an instance may have: a network, a note, data."""
    bring_back(machine, "widget-app")
    machine.declare(name, "widget", WIDGET, text="It is a widget")
    machine.append(name, "egress: internet")
    machine.chainsaw("apply", name)
    machine.chainsaw("note", name, "Kim knows")
    machine.inside(f"{name}.app", "sh", "-c", "echo walks > /srv/data/kept")


# purge


@pytest.fixture
def running(machine: Machine) -> None:
    begin(machine)


@pytest.fixture
def removed(machine: Machine, running: None) -> None:
    machine.chainsaw("remove", "widget")


def orphans(machine: Machine) -> list[object]:
    """Return what nobody uses, but for data."""
    rows = machine.json("inventory", "--orphans")["data"]["orphans"]
    return [row for row in rows if row["kind"] != "data"]


def struck_purge(machine: Machine, fault: Fault) -> None:
    """Purge, be killed, and purge again, after which nothing is left."""
    fault.strike(machine, *PURGE)
    again = machine.chainsaw(*PURGE, code=None)
    assert again.code == 0, str(again)
    assert named(machine, "widget") == set()
    assert machine.units("*widget*") == []
    assert machine.admin("podman", "ps", "-aq", "--filter", "name=widget") == ""
    assert "widget" not in machine.admin("podman", "network", "ls")
    assert "localhost/chainsaw/widget" not in machine.admin("podman", "images")
    assert orphans(machine) == []
    assert machine.plan() == []
    assert machine.admin("git", "-C", CONFIG, "status", "--porcelain") == ""


def test_the_steps_of_a_purge(machine: Machine, running: None, update: bool) -> None:
    check("purge", steps_of(machine, *PURGE), update=update)


@pytest.mark.parametrize("fault", kills("purge", without="purge-removed"))
def test_a_purge_is_finished_by_the_next(machine: Machine, running: None, fault: Fault) -> None:
    struck_purge(machine, fault)


def test_the_steps_of_a_purge_of_what_was_removed(machine: Machine, removed: None, update: bool) -> None:
    check("purge-removed", steps_of(machine, *PURGE), update=update)


@pytest.mark.parametrize("fault", kills("purge-removed"))
def test_a_purge_of_what_was_removed_is_finished_by_the_next(machine: Machine, removed: None, fault: Fault) -> None:
    struck_purge(machine, fault)


# rename


@pytest.fixture(scope="module")
def renamed(machine: Machine, www: str) -> Callable[[], tuple[str, str]]:
    """Return what names an instance that is up, and another name for it."""
    names: list[str] = []

    def following() -> tuple[str, str]:
        if not names:
            names.append(f"widget-{next(NUMBERS)}")
            begin(machine, names[-1])
        names.append(f"widget-{next(NUMBERS)}")
        return names[-2], names[-1]

    return following


def close(machine: Machine, name: str) -> None:
    """Let an instance be declared and not run."""
    machine.chainsaw("remove", name)
    machine.admin("mv", f"{CONFIG}/removed/{name}.yaml", f"{CONFIG}/instances/{name}.yaml")


def is_whole(machine: Machine, name: str, new: str, block: int) -> None:
    """Assert that an instance is what it was, under another name."""
    machine.serves(WIDGET, "It is a widget")
    assert machine.inside(f"{new}.app", "cat", "/srv/data/kept") == "walks\n"
    assert machine.block(new) == block
    assert machine.units(f"app@{name}*") == []
    assert machine.plan() == []


@pytest.mark.parametrize("state", ["", "-removed"])
def test_the_steps_of_a_rename(
    machine: Machine, renamed: Callable[[], tuple[str, str]], state: str, update: bool
) -> None:
    name, new = renamed()
    if state:
        close(machine, name)
    found = steps_of(machine, "rename", name, new)
    check(f"rename{state}", found, update=update, named={name: "OLD", new: "NEW"})


def struck_rename(machine: Machine, name: str, new: str, fault: Fault) -> None:
    """Rename, be killed, and rename again, after which it is what it was."""
    block = machine.block(name)
    fault.strike(machine, "rename", name, new, named={name: "OLD", new: "NEW"})
    again = machine.chainsaw("rename", name, new, code=None)
    assert again.code == 0, str(again)
    is_whole(machine, name, new, block)


@pytest.mark.parametrize("fault", kills("rename"))
def test_a_rename_goes_on(machine: Machine, renamed: Callable[[], tuple[str, str]], fault: Fault) -> None:
    struck_rename(machine, *renamed(), fault)


@pytest.mark.parametrize("fault", kills("rename-removed", without="rename"))
def test_a_rename_of_what_does_not_run_goes_on(
    machine: Machine, renamed: Callable[[], tuple[str, str]], fault: Fault
) -> None:
    name, new = renamed()
    close(machine, name)
    struck_rename(machine, name, new, fault)


# doctor --fix

WHOLE = (
    "before all",
    "make the state directory",
    "record that it is done",
    "prune generations",
    "record what was compiled",
)
"""The steps after which an apply has not begun to change anything, or has done all."""


@pytest.fixture
def changed(machine: Machine, www: str) -> str:
    """Declare another text, and return it."""
    bring_back(machine, "widget-app")
    text = f"Text {next(NUMBERS)}"
    machine.declare("gizmo", "widget", text="The first text")
    machine.chainsaw("apply")
    machine.declare("gizmo", "widget", text=text)
    return text


def last_apply(machine: Machine, code: int | None = 0) -> str:
    """Return the state of what doctor says of the last apply."""
    checks = {check["name"]: check for check in machine.json("doctor", code=code)["data"]["checks"]}
    return str(checks["last apply"]["state"])


def test_the_steps_of_a_change(machine: Machine, changed: str, update: bool) -> None:
    check("widget-change", steps_of(machine, "apply"), update=update)
    assert last_apply(machine) == "ok"


@pytest.mark.parametrize("fault", kills("widget-change"))
def test_doctor_brings_an_apply_to_its_end(machine: Machine, changed: str, fault: Fault) -> None:
    """And the next apply brings what was declared."""
    fault.strike(machine, "apply")
    assert last_apply(machine, code=None) == ("ok" if fault.name in WHOLE else "fail")
    machine.json("doctor", "--fix")
    assert last_apply(machine) == "ok"
    machine.chainsaw("apply")
    assert machine.get("https://gizmo.localhost/").body == f"{changed}\n"
