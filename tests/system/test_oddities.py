"""Unusual conditions: similar names, no git, read-only files. Nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .machine import CONFIG, DATA, STATE, Machine
from .places import FULL, READ_ONLY, mounted

pytestmark = [pytest.mark.system, pytest.mark.stage("www")]

ALIKE = ("nap", "nap2", "nap-app", "kidnap")
FILE = f"{CONFIG}/instances/nap.yaml"


@pytest.fixture(scope="module", autouse=True)
def naps(machine: Machine, www: str) -> Iterator[None]:
    """Instances whose names begin or end alike; that of one is that of another's component, almost."""
    for name in ALIKE:
        machine.declare(name, "widget", text=f"I am {name}")
    machine.chainsaw("apply", "-m", "Four of a kind")
    yield
    machine.purge(*ALIKE)


# Names that look alike


@pytest.mark.parametrize("name", ALIKE)
def test_each_has_what_is_its_own_and_nothing_of_another(machine: Machine, name: str) -> None:
    for other in ALIKE:
        machine.inside(f"{other}.app", "sh", "-c", f"echo 'a line of {other}' > /proc/1/fd/1")
        machine.get(f"https://{other}.localhost/only-{other}")
    assert machine.get(f"https://{name}.localhost/").body == f"I am {name}\n"
    printed = machine.chainsaw("logs", name, "--all").out
    assert f"a line of {name}\n" in printed
    assert f"/only-{name} " in printed
    for other in set(ALIKE) - {name}:
        assert f"a line of {other}\n" not in printed
        assert f"/only-{other} " not in printed
    rows = machine.json("inventory", name)["data"]["resources"]
    listed = [row["path"] or row["name"] for row in rows]
    assert any(name in text for text in listed)
    for other in set(ALIKE) - {name}:
        strange = (f"/{other}/", f"@{other}.", f"/{other}.", f"/{other}.localhost", f"chainsaw-{other}/")
        assert [text for text in listed if any(part in f"{text}/" for part in strange)] == []


def test_what_is_stopped_restarted_and_purged_is_that_one(machine: Machine) -> None:
    before = machine.invocations()
    machine.chainsaw("stop", "nap")
    machine.chainsaw("start", "nap")
    machine.chainsaw("restart", "nap")
    machine.chainsaw("remove", "nap", "--purge", "--no-backup", "--yes")
    after = machine.invocations()
    for name in ALIKE[1:]:
        own = {unit for unit in before if unit.startswith((f"app@{name}.", f"app@{name}-"))}
        assert own
        assert {unit: after.get(unit) for unit in own} == {unit: before[unit] for unit in own}
        assert machine.get(f"https://{name}.localhost/").body == f"I am {name}\n"
    assert not machine.exists(f"{DATA}/instances/nap")
    machine.declare("nap", "widget", text="I am nap")
    machine.chainsaw("apply")


@pytest.mark.parametrize(
    "words", [["status"], ["logs"], ["inventory"], ["start"], ["remove"], ["secret", "list"], ["note", "why"], ["diff"]]
)
def test_an_unknown_name_gets_a_suggestion(machine: Machine, words: list[str]) -> None:
    verb, *rest = words
    argv = [verb, *rest, "kidnapp"] if verb == "secret" else [verb, "kidnapp", *rest]
    done = machine.chainsaw(*argv, code=4)
    assert "did you mean kidnap?" in done.err, str(done)


# No git


@pytest.fixture
def no_git(machine: Machine) -> Iterator[None]:
    """Remove git from the machine for a while."""
    machine.root("mv", "/usr/bin/git", "/usr/bin/git.away")
    yield
    machine.root("mv", "/usr/bin/git.away", "/usr/bin/git")


def test_without_git_everything_but_history_works_and_a_warning_is_shown(machine: Machine, no_git: None) -> None:
    number = machine.generation()
    machine.chainsaw("config", "set", "nap", "text", "Nobody remembers")
    done = machine.chainsaw("apply")
    assert "warning: git is not installed" in done.err
    assert "hint: sudo apt install git" in done.err
    assert machine.get("https://nap.localhost/").body == "Nobody remembers\n"
    shown = machine.chainsaw("history", "nap")
    assert f"generation {number + 1}" in shown.out
    assert "I am nap" in machine.chainsaw("diff", "nap", "--generation", str(number)).out
    machine.chainsaw("rollback", "nap", "--to", str(number))
    assert machine.get("https://nap.localhost/").body == "I am nap\n"
    machine.chainsaw("note", "nap", "Written without git")
    assert "Written without git" in machine.chainsaw("status", "nap").out


# Files that cannot be written


def test_a_configuration_that_is_read_only_is_read(machine: Machine) -> None:
    before, number = machine.read(FILE), machine.generation()
    with mounted(machine, CONFIG, READ_ONLY):
        for words in (
            ["config", "set", "nap", "text", "Never"],
            ["config", "unset", "nap", "text"],
            ["new", "static", "fresh"],
            ["note", "nap", "Never"],
            ["stop", "nap"],
            ["rename", "nap", "nip"],
        ):
            done = machine.chainsaw(*words, code=1)
            assert "Read-only file system" in done.err, str(done)
            assert CONFIG in done.err, str(done)
            assert "Traceback" not in done.err
        assert machine.chainsaw("list").code == 0
        assert machine.chainsaw("status", "nap").code == 0
        assert machine.chainsaw("apply").out == "nothing to do\n"
        assert machine.chainsaw("restart", "nap").code == 0
    assert (machine.read(FILE), machine.generation()) == (before, number)
    assert machine.get("https://nap.localhost/").body == "I am nap\n"
    assert machine.chainsaw("status", "nap").code == 0
    assert machine.plan() == []


def test_a_change_in_a_read_only_configuration_is_applied_but_not_committed(machine: Machine) -> None:
    machine.declare("nap", "widget", text="Read and run")
    with mounted(machine, CONFIG, READ_ONLY):
        done = machine.chainsaw("apply")
        assert "warning: the change could not be committed" in done.err
    assert machine.get("https://nap.localhost/").body == "Read and run\n"
    machine.declare("nap", "widget", text="I am nap")
    assert machine.chainsaw("apply").problems == ""


def test_on_a_full_disk_no_file_of_the_admin_is_cut_short(machine: Machine) -> None:
    before = machine.read(FILE)
    with mounted(machine, CONFIG, FULL):
        for words in (["config", "set", "nap", "text", "x" * 5000], ["note", "nap", "x" * 5000]):
            done = machine.chainsaw(*words, code=1)
            assert "No space left on device" in done.err, str(done)
        assert machine.read(FILE) == before
        assert machine.chainsaw("list").code == 0
        assert machine.chainsaw("status", "nap").code == 0
    assert machine.chainsaw("apply").out == "nothing to do\n"


def test_a_lost_state_is_created_again_and_its_numbers_continue(machine: Machine) -> None:
    number = machine.generation()
    machine.admin("rm", "-rf", STATE)
    assert machine.chainsaw("list").code == 0
    machine.chainsaw("apply")
    assert machine.generation() == number + 1
    for name in ALIKE:
        assert machine.get(f"https://{name}.localhost/").body == f"I am {name}\n"
    assert "Four of a kind" in machine.chainsaw("history", "nap").out
    assert machine.admin("git", "-C", CONFIG, "status", "--porcelain") == ""
