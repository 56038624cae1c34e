"""apply is killed, or fails, at each of its steps: what others see goes on, and the next apply finishes the work."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest

from .machine import Machine
from .watch import Watch

pytestmark = pytest.mark.system

KILLED = -9


@pytest.fixture
def watched(machine: Machine, www: str, blog: str) -> Iterator[None]:
    """The other sites answer all the time, and run on in the very same processes."""
    machine.chainsaw("apply")
    before = machine.invocations()
    with Watch(machine, (www, blog)) as watch:
        yield
    assert watch.failures == [], f"of {watch.answers} requests"
    assert watch.answers > 10
    assert {unit: machine.invocations().get(unit) for unit in before} == before


def strike(machine: Machine, fault: str) -> bool:
    """Apply with a fault, then mend; return False when there was no such step any more."""
    done = machine.chainsaw("apply", code=None, fault=fault)
    if fault.startswith("kill"):
        assert done.code in (0, KILLED), f"{fault}: {done}"
    elif done.code:
        assert done.code in (1, 3), f"{fault}: {done}"
        assert "fault injected at step" in done.err, f"{fault}: {done}"
        assert "Traceback" not in done.err, f"{fault}: {done}"
    fixed = machine.chainsaw("apply", code=None)
    assert fixed.code == 0, f"after {fault}: {fixed}"
    assert machine.plan() == [], f"after {fault}"
    return done.code != 0


@pytest.mark.parametrize("fault", ["kill:{}", "kill:{}+", "error:{}"])
def test_one_comes_and_another_goes(machine: Machine, watched: None, fault: str) -> None:
    """Each time a new instance takes the place of the one before, so that every kind of step has its turn."""
    for number in count(1):
        former, name = f"widget-{number - 1}", f"widget-{number}"
        machine.retract(former)
        machine.declare(name, "widget")
        struck = strike(machine, fault.format(number))
        assert machine.get(f"https://{name}.localhost/").status == 200
        machine.refuses(f"https://{former}.localhost/")
        assert machine.units(f"app@{former}.*") == []
        if not struck:
            break
    machine.purge(*(f"widget-{made}" for made in range(1, number + 1)))
    assert number > 10, "there are more steps than that"


def test_a_wordpress_changes(machine: Machine, blog: str) -> None:
    machine.chainsaw("apply")
    for number in count(1):
        title = f"Walk number {number}"
        machine.declare("blog", "wordpress", title=title)
        struck = strike(machine, f"kill:{number}")
        assert f"<title>{title}</title>" in machine.get(blog).body
        if not struck:
            break
    assert number > 5
    machine.declare("blog", "wordpress", title="Walks by the sea")
    machine.chainsaw("apply")
