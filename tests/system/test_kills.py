"""Commands that are killed after each of their steps can be finished, and leave nothing behind."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import pytest

from .inhabitant import named
from .kills import Fault, check, kill_after, kills, steps_of
from .machine import CONFIG, Machine
from .stage import bring_back

pytestmark = [pytest.mark.system, pytest.mark.stage("www")]

WIDGET = "https://widget.localhost/"
PURGE = ("remove", "widget", "--purge", "--no-backup", "--yes")
NUMBERS = count(10)
MISSING = 4
RENAMED = "record that the rename is done"


@pytest.fixture(scope="module", autouse=True)
def pruned(machine: Machine, www: str) -> None:
    """Nothing is unused."""
    machine.chainsaw("remove", "--orphans")


def begin(machine: Machine, name: str = "widget", url: str = WIDGET) -> None:
    """Make an instance with everything that an instance may have: a network, a note, data."""
    bring_back(machine, "widget-app")
    machine.declare(name, "widget", url, text="It is a widget")
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
    """Return what is unused, except data."""
    rows = machine.json("inventory", "--orphans")["data"]["orphans"]
    return [row for row in rows if row["kind"] != "data"]


def struck_purge(machine: Machine, fault: Fault) -> None:
    """Purge, be killed, and purge again, after which nothing is left."""
    fault.inject(machine, *PURGE)
    again = machine.chainsaw(*PURGE, code=None)
    assert again.code == (4 if fault.name == "delete the record" else 0), (
        f"after the last step nothing is left: {again}"
    )
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
def test_an_interrupted_purge_can_be_repeated(machine: Machine, running: None, fault: Fault) -> None:
    struck_purge(machine, fault)


def test_the_steps_of_a_purge_of_what_was_removed(machine: Machine, removed: None, update: bool) -> None:
    check("purge-removed", steps_of(machine, *PURGE), update=update)


@pytest.mark.parametrize("fault", kills("purge-removed"))
def test_an_interrupted_purge_of_a_removed_instance_can_be_repeated(
    machine: Machine, removed: None, fault: Fault
) -> None:
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
    fault.inject(machine, "rename", name, new, named={name: "OLD", new: "NEW"})
    again = machine.chainsaw("rename", name, new, code=None)
    assert again.code == (MISSING if fault.name == RENAMED else 0), str(again)
    is_whole(machine, name, new, block)


@pytest.mark.parametrize("fault", kills("rename"))
def test_an_interrupted_rename_can_be_repeated(
    machine: Machine, renamed: Callable[[], tuple[str, str]], fault: Fault
) -> None:
    struck_rename(machine, *renamed(), fault)


@pytest.mark.parametrize("fault", kills("rename-removed", without="rename"))
def test_an_interrupted_rename_of_a_removed_instance_can_be_repeated(
    machine: Machine, renamed: Callable[[], tuple[str, str]], fault: Fault
) -> None:
    name, new = renamed()
    close(machine, name)
    struck_rename(machine, name, new, fault)


# clone

ORIGINAL = "https://original.localhost/"
OWN = ("write ", "stop OLD", "start OLD", "copy ", "change ", "put ")
"""How the steps of a clone begin that are none of an apply's."""


@pytest.fixture(scope="module")
def original(machine: Machine, www: str) -> str:
    begin(machine, "original", ORIGINAL)
    return "original"


def test_the_steps_of_a_clone(machine: Machine, original: str, update: bool) -> None:
    new = f"copy-{next(NUMBERS)}"
    check("clone", steps_of(machine, "clone", original, new), update=update, named={original: "OLD", new: "NEW"})
    machine.chainsaw("remove", new, "--purge", "--no-backup", "--yes")


@pytest.mark.parametrize("fault", kills("clone", only=OWN))
def test_what_a_clone_stopped_is_up_after_the_next_command(machine: Machine, original: str, fault: Fault) -> None:
    """Afterwards the unfinished copy can be purged."""
    new = f"copy-{next(NUMBERS)}"
    fault.inject(machine, "clone", original, new, named={original: "OLD", new: "NEW"})
    again = machine.chainsaw("remove", new, "--purge", "--no-backup", "--yes", code=None)
    assert again.code == (0 if fault.number else MISSING), str(again)
    machine.serves(ORIGINAL, "It is a widget")
    assert machine.inside(f"{original}.app", "cat", "/srv/data/kept") == "walks\n"
    assert named(machine, new) == set()
    assert machine.plan() == []


def test_what_a_clone_stopped_is_up_after_a_boot(machine: Machine, original: str) -> None:
    new = f"copy-{next(NUMBERS)}"
    fault = kill_after("clone", "stop OLD")
    fault.inject(machine, "clone", original, new, named={original: "OLD", new: "NEW"})
    machine.verb("reboot", "--cut")
    machine.serves(ORIGINAL, "It is a widget", 60)
    machine.chainsaw("remove", new, "--purge", "--no-backup", "--yes")
    assert machine.plan() == []


# rollback


@pytest.fixture
def twice(machine: Machine, www: str) -> tuple[str, str]:
    """Apply two texts one after the other, and return them."""
    bring_back(machine, "widget-app")
    texts = f"Text {next(NUMBERS)}", f"Text {next(NUMBERS)}"
    for text in texts:
        machine.declare("gizmo", "widget", text=text)
        machine.chainsaw("apply")
    return texts


def test_the_steps_of_a_rollback(machine: Machine, twice: tuple[str, str], update: bool) -> None:
    check("rollback", steps_of(machine, "rollback", "gizmo"), update=update)
    assert machine.get("https://gizmo.localhost/").body == f"{twice[0]}\n"


@pytest.mark.parametrize("fault", kills("rollback"))
def test_a_rollback_is_done_or_not_after_the_next_apply(machine: Machine, twice: tuple[str, str], fault: Fault) -> None:
    fault.inject(machine, "rollback", "gizmo")
    machine.chainsaw("apply")
    written = machine.read(f"{CONFIG}/instances/gizmo.yaml")
    (text,) = [text for text in twice if text in written]
    assert machine.get("https://gizmo.localhost/").body == f"{text}\n"
    assert machine.plan() == []


# secret rotate


@pytest.mark.parametrize("key", ["session", "token"])
def test_the_steps_of_a_rotation(machine: Machine, original: str, key: str, update: bool) -> None:
    found = steps_of(machine, "secret", "rotate", original, key)
    check(f"rotate-{key}", found, update=update, named={original: "NAME"})


@pytest.mark.parametrize("fault", kills("rotate-session"))
def test_a_rotation_by_a_restart_can_be_repeated(machine: Machine, original: str, fault: Fault) -> None:
    struck_rotation(machine, original, "session", fault)
    assert machine.inside(f"{original}.app", "cat", "/run/secrets/session") == shown(machine, original, "session")


@pytest.mark.parametrize("fault", kills("rotate-token"))
def test_a_rotation_by_a_command_can_be_repeated(machine: Machine, original: str, fault: Fault) -> None:
    struck_rotation(machine, original, "token", fault)
    assert machine.inside(f"{original}.app", "cat", "/srv/data/token") == shown(machine, original, "token")


def shown(machine: Machine, name: str, key: str) -> str:
    return machine.chainsaw("secret", "show", name, key).out.strip()


def struck_rotation(machine: Machine, name: str, key: str, fault: Fault) -> None:
    """Change a secret, be killed, and change it again."""
    before = shown(machine, name, key)
    fault.inject(machine, "secret", "rotate", name, key, named={name: "NAME"})
    machine.chainsaw("secret", "rotate", name, key)
    assert shown(machine, name, key) != before
    assert machine.plan() == []


# doctor --fix

WHOLE = (
    "before all",
    "make the state directory",
    "write-generation",
    "record that it is done",
    "prune generations",
    "record what was compiled",
)
"""The steps after which an apply has not changed what is current yet, or has done everything."""


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
def test_doctor_finishes_an_interrupted_apply(machine: Machine, changed: str, fault: Fault) -> None:
    """And the next apply brings what was declared."""
    fault.inject(machine, "apply")
    assert last_apply(machine, code=None) == ("ok" if fault.name in WHOLE else "fail")
    machine.json("doctor", "--fix")
    assert last_apply(machine) == "ok"
    machine.chainsaw("apply")
    assert machine.get("https://gizmo.localhost/").body == f"{changed}\n"
