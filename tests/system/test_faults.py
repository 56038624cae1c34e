"""apply is killed, or fails, at each step: other instances keep running, and the next apply finishes the work."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from .kills import KILLED, Fault, check, errors, kills, steps_of
from .machine import Machine
from .watch import Watch

pytestmark = [pytest.mark.system, pytest.mark.stage("sites")]


SWITCHING = ("stop ", "record what was stopped", "reload-systemd", "reload-front", "record the switch")
"""Beginnings of the steps that concern the site, after a generation became current."""


@pytest.fixture(scope="module")
def watch(machine: Machine, www: str, blog: str) -> Iterator[Watch]:
    with Watch(machine, (www, blog)) as watch:
        yield watch
    assert watch.answers > 10


@pytest.fixture
def watched(machine: Machine, watch: Watch) -> Iterator[None]:
    """The other sites answer all the time, in the same processes."""
    before, answers = machine.invocations(), watch.answers
    others = [unit for unit in before if "widget" not in unit]
    yield
    assert watch.failures == [], f"of {watch.answers} requests"
    assert watch.answers > answers
    assert {unit: machine.invocations().get(unit) for unit in others} == {unit: before[unit] for unit in others}


@dataclass
class Turns:
    """Widgets that replace each other, so that every kind of step occurs."""

    machine: Machine
    made: list[str] = field(default_factory=list)

    def declare_next(self) -> tuple[str, str]:
        """Declare another in the place of the one that is up; return the names of both."""
        if not self.made:
            self._declare()
            self.machine.chainsaw("apply")
        if len(self.made) % 16 == 0:
            # Each has a block of ids until it is purged, and there are only so many.
            for name in self.made[-16:-1]:
                self.machine.chainsaw("remove", name, "--purge", "--no-backup", "--yes")
        former = self.made[-1]
        self.machine.retract(former)
        return former, self._declare()

    def _declare(self) -> str:
        self.made.append(f"widget-{10 + len(self.made)}")
        self.machine.declare(self.made[-1], "widget")
        return self.made[-1]


@pytest.fixture(scope="module")
def turns(machine: Machine, www: str, blog: str) -> Turns:
    return Turns(machine)


def fix(machine: Machine, fault: Fault) -> None:
    """Let another apply finish the interrupted one."""
    fixed = machine.chainsaw("apply", code=None)
    assert fixed.code == 0, f"after {fault}: {fixed}"
    assert machine.plan() == []


def test_the_steps_of_an_exchange(machine: Machine, turns: Turns, update: bool) -> None:
    former, name = turns.declare_next()
    check("exchange", steps_of(machine, "apply"), update=update, named={former: "OLD", name: "NEW"})


@pytest.mark.parametrize("fault", [*kills("exchange"), *errors("exchange")])
def test_one_instance_is_added_and_another_removed(machine: Machine, watched: None, turns: Turns, fault: Fault) -> None:
    former, name = turns.declare_next()
    done = fault.inject(machine, "apply", named={former: "OLD", name: "NEW"})
    if done.code != KILLED:
        assert done.code in (1, 3), str(done)
        assert "fault injected at step" in done.err, str(done)
        assert "Traceback" not in done.err, str(done)
    if fault.kind == "error" and fault.name.startswith(SWITCHING):
        assert done.code == 1, str(done)
        assert "the site is rolled back: it serves what it did in generation" in done.err, str(done)
        assert machine.get(f"https://{former}.localhost/").status == 200, "at once, without another command"
    fix(machine, fault)
    assert machine.get(f"https://{name}.localhost/").status == 200
    machine.refuses(f"https://{former}.localhost/")
    assert machine.units(f"app@{former}.*") == []


def retitle(machine: Machine, title: str) -> None:
    machine.declare("blog", "wordpress", title=title)


def test_the_steps_of_a_change(machine: Machine, blog: str, update: bool) -> None:
    retitle(machine, "Walks by the lake")
    check("change", steps_of(machine, "apply"), update=update)


@pytest.mark.parametrize("fault", kills("change"))
def test_a_wordpress_changes(machine: Machine, blog: str, fault: Fault) -> None:
    title = f"Walk number {fault.number}"
    retitle(machine, title)
    fault.inject(machine, "apply")
    fix(machine, fault)
    assert f"<title>{title}</title>" in machine.get(blog).body
