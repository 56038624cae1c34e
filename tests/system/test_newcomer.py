"""The first commands of a new user, and a second apply that does nothing."""

from __future__ import annotations

import pytest

from .machine import DATA, STATE, UNITS, Done, Machine
from .wordpress import Visitor

pytestmark = [pytest.mark.system, pytest.mark.stage("site")]


@pytest.fixture(scope="module")
def first_steps(machine: Machine) -> tuple[Done, Done]:
    """Return the results of the first two commands."""
    route, title = "https://blog.localhost/", "title=Walks by the sea"
    return machine.chainsaw("new", "wordpress", "blog", "--route", route, "--set", title), machine.chainsaw("apply")


@pytest.fixture(scope="module")
def blog(first_steps: tuple[Done, Done]) -> str:
    return "https://blog.localhost/"


def test_two_commands_bring_a_site_up(machine: Machine, first_steps: tuple[Done, Done]) -> None:
    new, apply = first_steps
    assert "next: chainsaw apply" in new.out
    assert "blog is live at https://blog.localhost/" in apply.out
    assert "chainsaw secret show blog admin_password" in apply.out
    assert apply.problems == ""


def test_it_answers_with_its_title(machine: Machine, blog: str) -> None:
    assert machine.chainsaw("ca").out.strip() == machine.authority.strip()
    assert "<title>Walks by the sea</title>" in machine.curl(blog)


def test_it_speaks_http2(machine: Machine, blog: str) -> None:
    machine.curl(blog)
    shown = machine.admin(
        "curl", "-sS", "--cacert", "ca.pem", "-o", "/dev/null", "-w", "%{http_version} %{http_code}", blog
    )
    assert shown == "2 200"


def test_the_shown_password_is_the_right_one(machine: Machine, blog: str) -> None:
    password = machine.chainsaw("secret", "show", "blog", "admin_password").out.strip()
    assert len(password) == 24
    assert Visitor(machine, blog, password).nonce


def test_status_names_the_instance_and_its_recipe(machine: Machine, blog: str) -> None:
    shown = machine.admin("systemctl", "--user", "status", "--no-pager", "app@blog")
    assert "app@blog.service - blog, WordPress 6" in shown
    assert "active (running)" in shown


def test_the_journal_has_each_component_by_its_unit(machine: Machine, blog: str) -> None:
    assert "installing WordPress 6" in machine.journal("-u", "app@blog")
    assert "ready for connections" in machine.journal("-u", "app@blog.db")
    units = ["app@blog", "app@blog.db", "chainsaw-front"]
    every = machine.journal("-o", "cat", *(word for unit in units for word in ("-u", unit)))
    assert "image=localhost/" not in every, "events of Podman would drown the logs"


def test_stop_and_restart_take_the_components_along(machine: Machine, blog: str) -> None:
    before = machine.invocations()
    machine.admin("systemctl", "--user", "restart", "app@blog")
    after = machine.invocations()
    changed = {unit for unit in before if before[unit] != after.get(unit)}
    assert changed == {"app@blog.service", "app@blog.db.service"}
    assert machine.get(blog).status == 200


def test_a_second_apply_does_nothing_at_all(machine: Machine, blog: str) -> None:
    def state() -> tuple[str, dict[str, str]]:
        places = [
            f"{STATE}/generations",
            f"{STATE}/applied.json",
            f"{STATE}/journal",
            UNITS,
            f"{DATA}/instances",
            f"{DATA}/front",
        ]
        skipped = ["(", "-path", "*/volumes/*", "-o", "-path", "*/run/*", ")", "-prune", "-o"]
        return machine.root("find", *places, *skipped, "-printf", "%p %i %T@ %C@ %s\n"), machine.invocations()

    before, number = state(), machine.generation()
    assert machine.plan() == []
    assert machine.chainsaw("apply").out == "nothing to do\n"
    assert machine.json("apply")["data"]["actions"] == []
    assert machine.generation() == number
    assert state() == before


def test_a_dry_run_changes_nothing(machine: Machine, blog: str) -> None:
    machine.declare("later", "static")
    try:
        number = machine.generation()
        planned = machine.json("apply", "--dry-run")["data"]["actions"]
        assert {"action": "probe", "subject": "later", "instance": "later"} in planned
        assert machine.generation() == number
        assert not machine.exists(f"{DATA}/public/later")
    finally:
        machine.retract("later")
    assert machine.plan() == []
