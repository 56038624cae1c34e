"""apply is killed, or fails, at each of its steps: what others see goes on, and the next apply finishes the work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count

import pytest

from .machine import Machine
from .watch import Watch

pytestmark = pytest.mark.system

KILLED = -9


@dataclass
class Change:
    """A change that apply is to carry out, how it is declared, and how its result is recognised."""

    declare: Callable[[], None]
    check: Callable[[], None]


@dataclass
class Log:
    """What the faults of one test did, for a failure's message."""

    lines: list[str] = field(default_factory=list)


@pytest.fixture
def watched(machine: Machine, www: str, blog: str) -> Iterator[None]:
    """The other sites answer all the time, and run on in the very same processes."""
    machine.chainsaw("apply")
    before = machine.invocations()
    with Watch(machine, (www, blog)) as watch:
        yield
        machine.purge("gadget", "widget")
    assert watch.failures == [], f"of {watch.answers} requests"
    assert watch.answers > 10
    assert {unit: machine.invocations().get(unit) for unit in before} == before
    assert machine.plan() == []


def strike(machine: Machine, change: Change, fault: str) -> bool:
    """Carry a change out with a fault, then mend it; return False when the fault had no step left to strike."""
    change.declare()
    done = machine.chainsaw("apply", code=None, fault=fault)
    if fault.startswith("kill"):
        assert done.code in (0, KILLED), f"{fault}: {done}"
    elif done.code:
        assert done.code in (1, 3), f"{fault}: {done}"
        assert "fault injected at step" in done.err, f"{fault}: {done}"
        assert "Traceback" not in done.err, f"{fault}: {done}"
    mended = machine.chainsaw("apply", code=None)
    assert mended.code == 0, f"after {fault}: {mended}"
    assert machine.plan() == [], f"after {fault}"
    change.check()
    return done.code != 0


def gone(machine: Machine, name: str) -> Change:
    """Return the removal of an instance."""

    def check() -> None:
        with pytest.raises(OSError, match="UNRECOGNIZED_NAME"):
            machine.get(f"https://{name}.localhost/")
        assert machine.units(f"app@{name}*") == []

    return Change(lambda: machine.retract(name), check)


def here(machine: Machine, name: str, recipe: str, **settings: str) -> Change:
    """Return an instance that is to be up."""

    def check() -> None:
        answer = machine.get(f"https://{name}.localhost/")
        assert answer.status == 200
        assert settings.get("text", "") in answer.body

    return Change(lambda: machine.declare(name, recipe, **settings), check)


@pytest.mark.parametrize("fault", ["kill:{}", "kill:{}+", "error:{}"])
def test_a_static_site_comes_and_goes(machine: Machine, watched: None, fault: str) -> None:
    for number in count(1):
        struck = strike(machine, here(machine, "gadget", "static"), fault.format(number))
        struck |= strike(machine, gone(machine, "gadget"), fault.format(number))
        if not struck:
            break
        machine.purge("gadget")
    assert number > 5, "adding a site has more steps than that"


@pytest.mark.parametrize("fault", ["kill:{}", "error:{}"])
def test_an_app_comes_for_the_first_time(machine: Machine, watched: None, fault: str) -> None:
    for number in count(1):
        if not strike(machine, here(machine, "widget", "widget"), fault.format(number)):
            break
        machine.purge("widget")
    assert number > 12, "a new app has more steps than that"


def test_an_app_changes_and_goes(machine: Machine, watched: None) -> None:
    for number in count(1):
        here(machine, "widget", "widget", text="before").declare()
        machine.chainsaw("apply")
        struck = strike(machine, here(machine, "widget", "widget", text=f"after {number}"), f"kill:{number}")
        struck |= strike(machine, gone(machine, "widget"), f"kill:{number}")
        if not struck:
            break
    assert number > 5


def test_a_wordpress_changes(machine: Machine, blog: str) -> None:
    machine.chainsaw("apply")
    for number in count(1):
        title = f"Walk number {number}"

        def check(title: str = title) -> None:
            assert f"<title>{title}</title>" in machine.get(blog).body

        change = Change(lambda title=title: machine.declare("blog", "wordpress", title=title), check)  # type: ignore[misc]
        if not strike(machine, change, f"kill:{number}"):
            break
    assert number > 5
    machine.declare("blog", "wordpress", title="Walks by the sea")
    machine.chainsaw("apply")
