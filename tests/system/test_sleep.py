"""An idle instance stops its processes; the next request starts them and waits."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from .machine import CONFIG, DATA, Machine, wait

pytestmark = [pytest.mark.system, pytest.mark.stage("sites")]

NAP = "4s"


@pytest.fixture(scope="module")
def gadget(machine: Machine, www: str) -> Iterator[str]:
    """Return the URL of an application that knows only TCP, and may sleep."""
    machine.declare("gadget", "gadget")
    machine.append("gadget", f"sleep: {NAP}")
    machine.chainsaw("apply")
    yield "https://gadget.localhost/"
    machine.purge("gadget")


def state(machine: Machine, name: str) -> str:
    rows = {row["name"]: row for row in machine.json("list")["data"]["instances"]}
    return str(rows[name]["state"])


def falls_asleep(machine: Machine, name: str) -> None:
    assert wait(lambda: state(machine, name) == "asleep", 40), state(machine, name)
    assert machine.admin("podman", "ps", "--format", "{{.Names}}", "--filter", f"name=^{name}\\.").split() == []


def test_an_application_on_a_port_is_behind_a_gate(machine: Machine, gadget: str) -> None:
    shown = machine.get(gadget, headers={"X-Gadget": "forged", "X-Forwarded-For": "192.0.2.1"}).body
    assert "x-gadget: gadget\n" in shown
    assert "x-forwarded-proto: https\n" in shown
    assert "192.0.2.1" not in shown
    running = set(machine.admin("podman", "ps", "--format", "{{.Names}}", "--filter", "name=^gadget\\.").split())
    assert running == {"gadget.app", "gadget.gate"}


def test_no_request_reaches_an_application_twice(machine: Machine, gadget: str) -> None:
    """Not even one that it may have carried out before it died."""
    assert machine.get(f"{gadget}dies").status == 503
    assert "died 1\n" in machine.get(f"{gadget}deaths").body


def test_no_request_reaches_a_sleeper_over_fastcgi_twice(machine: Machine, www: str) -> None:
    machine.declare("mirror", "mirror")
    machine.append("mirror", f"sleep: {NAP}")
    machine.chainsaw("apply")
    mirror = "https://mirror.localhost/dies.php"
    for often in (1, 2):
        falls_asleep(machine, "mirror")
        assert machine.get(mirror).status == 503
        assert machine.get(f"{mirror}?count").body == f"died {often}\n"
    machine.purge("mirror")


def test_without_requests_it_sleeps_and_several_at_once_wake_it(machine: Machine, gadget: str) -> None:
    machine.get(gadget)
    falls_asleep(machine, "gadget")
    with ThreadPoolExecutor(max_workers=6) as pool:
        answers = list(pool.map(lambda _: machine.get(gadget).status, range(6)))
    assert answers == [200] * 6


def test_apply_does_not_wake_a_sleeping_instance(machine: Machine, gadget: str) -> None:
    falls_asleep(machine, "gadget")
    assert machine.plan() == []
    assert "nothing to do" in machine.chainsaw("apply").out
    assert state(machine, "gadget") == "asleep"


CHAT = ("--http1.1", "-H", "Connection: Upgrade", "-H", "Upgrade: websocket", "--max-time", "10")


@pytest.mark.parametrize(("path", "options"), [("slow", ("--max-time", "20")), ("chat", CHAT)])
def test_a_connection_that_is_in_use_keeps_it_awake(
    machine: Machine, gadget: str, path: str, options: tuple[str, ...]
) -> None:
    machine.get(gadget)
    busy = machine.begin("curl", "-skN", *options, f"{gadget}{path}")
    assert not wait(lambda: state(machine, "gadget") == "asleep", 8.5)
    out, _ = busy.communicate(timeout=30)
    assert out.count("tick") == (10 if path == "slow" else 0)
    falls_asleep(machine, "gadget")


def test_while_it_falls_asleep_and_wakes_no_request_is_lost(machine: Machine, gadget: str) -> None:
    """Send requests just before and after the moment it falls asleep."""
    answers = []
    for tenths in range(36, 60, 3):
        machine.get(gadget)
        machine.admin("sleep", str(tenths / 10))
        answers.append(machine.get(gadget).status)
    assert answers == [200] * 8


def restart(machine: Machine) -> None:
    """Restart the application, and wait for its gate: one that is stopped while it starts ends nothing first."""
    machine.admin("systemctl", "--user", "restart", "app@gadget")
    machine.admin("systemctl", "--user", "start", "app@gadget.gate")


def test_while_an_application_on_a_port_restarts_requests_wait(machine: Machine, gadget: str) -> None:
    """Requests come side by side, so that the gate always has one to finish."""
    machine.get(gadget)
    with ThreadPoolExecutor(max_workers=4) as pool:
        asking = [pool.submit(lambda: [machine.get(gadget).status for _ in range(40)]) for _ in range(3)]
        for _ in range(2):
            restart(machine)
        answers = [status for future in asking for status in future.result()]
    assert set(answers) == {200}


def test_what_is_being_answered_comes_to_its_end_before_the_application_restarts(machine: Machine, gadget: str) -> None:
    machine.get(gadget)
    busy = machine.begin("curl", "-skN", "--max-time", "20", f"{gadget}slow/3")
    time.sleep(1)
    restart(machine)
    out, _ = busy.communicate(timeout=30)
    assert out.count("tick") == 3
    assert "x-gadget: gadget\n" in out, "all of the answer"


POST = """
require "/usr/share/wordpress/wp-load.php";
$time = time() + (int) $argv[1];
$dates = ["post_date_gmt" => gmdate("Y-m-d H:i:s", $time), "post_date" => wp_date("Y-m-d H:i:s", $time)];
wp_insert_post(["post_title" => "By the sea", "post_status" => "future"] + $dates, true);
echo $time;
"""


@pytest.fixture
def sleeper(machine: Machine, blog: str) -> Iterator[str]:
    """Return the URL of a WordPress that may sleep for a while."""
    file = f"{CONFIG}/instances/blog.yaml"
    text = machine.read(file)
    machine.append("blog", f"sleep: {NAP}")
    machine.chainsaw("apply")
    yield blog
    machine.write(file, text)
    machine.chainsaw("apply")
    assert state(machine, "blog") == "running"
    assert machine.plan() == []


def test_a_sleeping_wordpress_wakes_with_its_database_and_for_its_timers(machine: Machine, sleeper: str) -> None:
    falls_asleep(machine, "blog")
    assert "</html>" in machine.get(sleeper).body
    falls_asleep(machine, "blog")
    machine.admin("systemctl", "--user", "start", "app@blog.cron.service")
    falls_asleep(machine, "blog")


@pytest.mark.long
def test_a_scheduled_post_is_late_by_a_minute_at_most_and_nothing_wakes_it_before(
    machine: Machine, sleeper: str
) -> None:
    machine.get(sleeper)
    # What WordPress plans for its first minutes is done, so that only the post is due.
    machine.admin("podman", "exec", "blog.app", "php", "/usr/share/wordpress/wp-cron.php")
    due = int(machine.admin("podman", "exec", "blog.app", "php", "-r", POST, "150"))
    falls_asleep(machine, "blog")
    assert int(machine.read(f"{DATA}/instances/blog/cron.due")) == due
    woken = woken_at(machine)
    assert wait(lambda: woken_at(machine) != woken, due + 70 - time.time()), "nobody woke it"
    assert due <= woken_at(machine) <= due + 62
    falls_asleep(machine, "blog")
    assert "By the sea" in machine.get(f"{sleeper}?rest_route=/wp/v2/posts&search=sea").body


def woken_at(machine: Machine) -> float:
    """Return when the service of WordPress last started, in seconds since 1970."""
    shown = machine.admin(
        "systemctl", "--user", "show", "--timestamp=unix", "-P", "InactiveExitTimestamp", "app@blog.service"
    )
    return float(shown.strip().lstrip("@"))
