"""A backup and a restore that are killed after any step, or fail at it: all is as before, or as it should be."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from .kills import KILLED, Fault, check, errors, kills, steps_of
from .machine import DATA, HOME, Done, Machine
from .stage import bring_back

pytestmark = [pytest.mark.system, pytest.mark.stage("www")]

WIDGET = "https://widget.localhost/"
KEPT = "/srv/data/kept"
OWN = ("store the recipe", "make DATA", "unpack", "record that", "put ", "write CONFIG", "clear")
"""Beginnings of the steps that are the restore's own; those of an apply are struck in test_faults.py."""
BACKUPS = f"{DATA}/backups/widget"
BACKUP, RESTORE = ("backup", "widget"), ("restore", f"{HOME}/then/widget.tar.zst", "--no-backup")
BESIDE = ("restore", f"{HOME}/then/widget.tar.zst", "--as", "gadget")


@pytest.fixture(scope="module")
def then(machine: Machine, www: str) -> Iterator[None]:
    """A widget with data, and a backup of it, away from where backups are by default."""
    bring_back(machine, "widget-app")
    machine.declare("widget", "widget", WIDGET, text="It is a widget")
    machine.chainsaw("apply", "widget")
    machine.inside("widget.app", "sh", "-c", f"echo then > {KEPT}; echo more > {KEPT}.more")
    machine.chainsaw("backup", "widget", "--to", f"{HOME}/then")
    machine.admin("sh", "-c", f"mv {HOME}/then/*.tar.zst {HOME}/then/widget.tar.zst; rm {HOME}/then/*.json")
    yield
    machine.chainsaw("remove", "widget", "--purge", "--backups", "--yes")


def kept(machine: Machine) -> str:
    machine.serves(WIDGET, "It is a widget")
    return machine.inside("widget.app", "sh", "-c", f"cat {KEPT}; ls /srv/data").replace("\n", " ").strip()


@pytest.fixture
def now(machine: Machine, then: None) -> None:
    """The widget has other data now."""
    machine.serves(WIDGET, "It is a widget")
    machine.inside("widget.app", "sh", "-c", f"echo now > {KEPT}; rm -f {KEPT}.more")
    assert kept(machine) == "now kept"


def struck(machine: Machine, asked: str, *words: str) -> Done:
    """Run a command with a fault, and forget its steps."""
    done = machine.chainsaw(*words, code=None, fault=asked)
    machine.steps()
    return done


def is_sound(machine: Machine) -> None:
    """Assert that nothing is left of an attempt, and that nothing is to be done."""
    assert machine.plan() == []
    assert not machine.exists(f"{DATA}/instances/widget/former")
    assert not machine.exists(f"{DATA}/instances/widget/restore.json")
    assert machine.chainsaw("doctor", code=None).code in (0, 3)


# backup


def test_the_steps_of_a_backup(machine: Machine, now: None, update: bool) -> None:
    check("backup", [named(step) for step in steps_of(machine, *BACKUP)], update=update)


def named(step: str) -> str:
    """Return the name of a step without the time and the letters in the name of a backup."""
    return re.sub(r"-\d{8}T\d{6}Z-[a-z0-9]{4}", "-ID", step)


@pytest.mark.parametrize("fault", [*kills("backup"), *errors("backup", only=("write ",))])
def test_an_interrupted_backup_leaves_what_is_whole(machine: Machine, now: None, fault: Fault) -> None:
    before = {row["id"] for row in machine.json("backups", "widget")["data"]["backups"]}
    done = struck(machine, fault.asked, *BACKUP)
    assert done.code == KILLED if fault.kind == "kill" else done.code in (0, 1, 3), str(done)
    # What was left stopped is started by the next command, or by a boot.
    machine.chainsaw(*BACKUP)
    assert kept(machine) == "now kept"
    rows = machine.json("backups", "widget")["data"]["backups"]
    assert before < {row["id"] for row in rows}
    assert [row["problem"] for row in rows] == [""] * len(rows)
    machine.chainsaw("backup", "verify", "widget")
    assert [name for name in machine.admin("ls", "-A", BACKUPS).split() if name.startswith(".")] == []
    is_sound(machine)


def test_a_backup_that_is_killed_while_it_is_stopped_lets_it_go_on(machine: Machine, now: None) -> None:
    number = [step.startswith("stop ") for step in steps_of(machine, *BACKUP)].index(True) + 1
    done = struck(machine, f"kill:{number}+", *BACKUP)
    assert done.code == KILLED, str(done)
    again = machine.chainsaw("backup", "widget")
    assert "widget was left stopped by an interrupted command, and is started again" in again.err
    assert kept(machine) == "now kept"


# restore


def test_the_steps_of_a_restore(machine: Machine, now: None, update: bool) -> None:
    check("restore", [named(step) for step in steps_of(machine, *RESTORE)], update=update)
    assert kept(machine) == "then kept kept.more"


@pytest.mark.parametrize("fault", [*kills("restore", only=OWN), *errors("restore", only=("unpack", "put "))])
def test_an_interrupted_restore_is_undone_or_done(machine: Machine, now: None, fault: Fault) -> None:
    is_undone_or_done(machine, fault)


@pytest.mark.long
@pytest.mark.parametrize("fault", [*kills("restore"), *errors("restore")])
def test_a_restore_is_interrupted_at_any_step(machine: Machine, now: None, fault: Fault) -> None:
    is_undone_or_done(machine, fault)


def is_undone_or_done(machine: Machine, fault: Fault) -> None:
    """Let a restore be interrupted, and assert that the next command leaves the old state or the new one."""
    done = struck(machine, fault.asked, *RESTORE)
    assert done.code == KILLED if fault.kind == "kill" else done.code in (0, 1, 3), str(done)
    machine.chainsaw("apply")
    assert kept(machine) in ("now kept", "then kept kept.more")
    is_sound(machine)


def test_the_next_command_says_what_happened(machine: Machine, now: None) -> None:
    steps = steps_of(machine, *RESTORE)
    machine.inside("widget.app", "sh", "-c", f"echo now > {KEPT}; rm {KEPT}.more")
    number = next(place for place, step in enumerate(steps, 1) if step.startswith("put the restored "))
    assert struck(machine, f"kill:{number}+", *RESTORE).code == KILLED
    said = machine.chainsaw("apply").err
    assert "the restore of widget from widget-" in said
    assert "did not end: it becomes what it was before" in said
    assert kept(machine) == "now kept"


def test_the_steps_of_a_restore_beside(machine: Machine, now: None, update: bool) -> None:
    check("restore-beside", [named(step) for step in steps_of(machine, *BESIDE)], update=update)
    machine.serves("https://gadget.localhost/", "It is a widget")
    machine.purge("gadget")


@pytest.mark.parametrize("fault", kills("restore-beside", only=("record that gadget", "unpack", "put ")))
def test_an_interrupted_restore_beside_leaves_nothing_or_all(machine: Machine, now: None, fault: Fault) -> None:
    is_gone_or_whole(machine, fault)


@pytest.mark.long
@pytest.mark.parametrize("fault", [*kills("restore-beside"), *errors("restore-beside")])
def test_a_restore_beside_is_interrupted_at_any_step(machine: Machine, now: None, fault: Fault) -> None:
    is_gone_or_whole(machine, fault)


def is_gone_or_whole(machine: Machine, fault: Fault) -> None:
    """Let a restore beside be interrupted, and assert that the next command leaves nothing of it, or all."""
    struck(machine, fault.asked, *BESIDE)
    machine.chainsaw("apply")
    if "gadget" in machine.chainsaw("list").out:
        machine.serves("https://gadget.localhost/", "It is a widget")
        assert machine.inside("gadget.app", "cat", KEPT) == "then\n"
        machine.purge("gadget")
    assert not machine.exists(f"{DATA}/instances/gadget")
    assert kept(machine) == "now kept"
    is_sound(machine)
