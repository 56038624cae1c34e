"""An instance that nobody visits ends its processes; the next request starts them and waits."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from .machine import CONFIG, Machine, wait

pytestmark = pytest.mark.system

NAP = "4s"


@pytest.fixture(scope="module")
def dav(machine: Machine) -> Iterator[str]:
    """Return the URL of an application that knows only TCP, and may sleep."""
    machine.declare("dav", "radicale", "https://dav.localhost/")
    machine.append("dav", f"sleep: {NAP}")
    machine.chainsaw("apply")
    yield "https://dav.localhost/.web/"
    machine.retract("dav")
    machine.chainsaw("apply")


def state(machine: Machine, name: str) -> str:
    rows = {row["name"]: row for row in machine.json("list")["data"]["instances"]}
    return str(rows[name]["state"])


def falls_asleep(machine: Machine, name: str) -> None:
    assert wait(lambda: state(machine, name) == "asleep", 40), state(machine, name)
    assert machine.admin("podman", "ps", "--format", "{{.Names}}", "--filter", f"name=^{name}\\.").split() == []


def test_an_application_on_a_port_is_behind_a_gate(machine: Machine, dav: str) -> None:
    assert "Radicale" in machine.get(dav).body
    running = set(machine.admin("podman", "ps", "--format", "{{.Names}}", "--filter", "name=^dav\\.").split())
    assert running == {"dav.app", "dav.gate"}


def test_without_requests_it_sleeps_and_several_at_once_wake_it(machine: Machine, dav: str) -> None:
    machine.get(dav)
    falls_asleep(machine, "dav")
    with ThreadPoolExecutor(max_workers=6) as pool:
        answers = list(pool.map(lambda _: machine.get(dav).status, range(6)))
    assert answers == [200] * 6


def test_a_sleeper_is_as_it_should_be_and_apply_lets_it_sleep(machine: Machine, dav: str) -> None:
    falls_asleep(machine, "dav")
    assert machine.plan() == []
    assert "nothing to do" in machine.chainsaw("apply").out
    assert state(machine, "dav") == "asleep"


def test_a_request_that_takes_long_keeps_it_awake(machine: Machine, dav: str) -> None:
    machine.get(dav)
    slow = machine.begin(
        "curl",
        "-sk",
        "--resolve",
        "dav.localhost:443:127.0.0.1",
        "-T",
        "-",
        "--limit-rate",
        "10",
        "-o",
        "/dev/null",
        dav,
    )
    try:
        assert not wait(lambda: state(machine, "dav") == "asleep", 9)
    finally:
        slow.kill()
        slow.communicate()


def test_while_it_falls_asleep_and_wakes_no_request_is_lost(machine: Machine, dav: str) -> None:
    """Ask at all moments around the one at which it goes."""
    answers = []
    for tenths in range(36, 60, 3):
        machine.get(dav)
        machine.admin("sleep", str(tenths / 10))
        answers.append(machine.get(dav).status)
    assert answers == [200] * 8


def test_a_sleeping_wordpress_wakes_with_its_database_and_for_its_timers(machine: Machine, blog: str) -> None:
    file = f"{CONFIG}/instances/blog.yaml"
    text = machine.read(file)
    machine.append("blog", f"sleep: {NAP}")
    machine.chainsaw("apply")
    try:
        falls_asleep(machine, "blog")
        assert "</html>" in machine.get(blog).body
        falls_asleep(machine, "blog")
        machine.admin("systemctl", "--user", "start", "app@blog.cron.service")
        falls_asleep(machine, "blog")
    finally:
        machine.write(file, text)
        machine.chainsaw("apply")
    assert state(machine, "blog") == "running"
    assert machine.plan() == []
