"""What crashes again and again is called failing, takes little, keeps nobody waiting, and comes back by itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial

import pytest

from .machine import DATA, Machine, wait

pytestmark = [pytest.mark.system, pytest.mark.stage("sites")]

NAMES = ("widget", "gadget")
"""One that inherits its socket, and one behind a gate."""


@pytest.fixture(scope="module")
def sites(machine: Machine, www: str) -> Iterator[None]:
    with machine.running(*NAMES):
        yield


def url(name: str) -> str:
    return f"https://{name}.localhost/"


def state(machine: Machine, name: str) -> str:
    return str({row["name"]: row for row in machine.json("list", code=None)["data"]["instances"]}[name]["state"])


def is_in(machine: Machine, name: str, wanted: str) -> bool:
    return state(machine, name) == wanted


def is_tried(machine: Machine, name: str) -> bool:
    """Return whether an instance is down, and systemd knows the unit that tries it again."""
    socket = machine.try_admin("systemctl", "--user", "is-active", f"app@{name}.socket").out.strip()
    return socket in ("inactive", "failed") and machine.units(f"chainsaw-retry@{name}.service") != []


def shows(machine: Machine, name: str, text: str) -> bool:
    return text in machine.chainsaw("status", name, code=3).out


def gives_up(machine: Machine, name: str) -> None:
    """Wait until systemd starts an instance no more; it counts starts, and each takes long on a busy host."""
    assert wait(lambda: bool(machine.try_get(url(name))) and is_tried(machine, name), 300), state(machine, name)


def answers(machine: Machine, name: str) -> bool:
    return machine.get(url(name)).status == 200


def starts(machine: Machine, name: str, since: float) -> int:
    """Return how often the application was started since a time."""
    lines = machine.journal("-u", f"app@{name}.service", "-o", "cat", f"--since=@{since:.0f}").splitlines()
    return sum(line.startswith("Starting ") for line in lines)


def is_refused_at_once(machine: Machine, name: str) -> bool:
    """Return whether a visitor learns within a second that the site is not available."""
    began = time.monotonic()
    try:
        status = machine.get(url(name)).status
    except OSError:
        return False
    return status == 503 and time.monotonic() - began < 1


def test_a_crash_loop_is_seen_backs_off_and_ends(machine: Machine, sites: None, www: str) -> None:
    began = time.time()
    for name in NAMES:
        machine.root("touch", f"{DATA}/instances/{name}/run/broken")
        machine.admin("systemctl", "--user", "kill", "--signal=KILL", f"app@{name}.service")
    for name in NAMES:
        assert wait(partial(is_in, machine, name, "failing"), 60), state(machine, name)
    machine.chainsaw("list", code=3)
    for name in NAMES:
        assert wait(partial(is_refused_at_once, machine, name), 90)
        assert f"{name}: failing" in machine.chainsaw("status", name, code=3).out
        # Podman may have more to say of an attempt that has just ended.
        assert wait(partial(shows, machine, name, "it is broken"), 60)
        assert starts(machine, name, began) <= 7
    assert machine.get(www).status == 200
    checks = {check["name"]: check for check in machine.json("doctor", code=None)["data"]["checks"]}
    assert [checks[f"instance of {name}"]["state"] for name in NAMES] == ["fail", "fail"]
    for name in NAMES:
        machine.root("rm", f"{DATA}/instances/{name}/run/broken")
    for name in NAMES:
        assert wait(partial(answers, machine, name), 150)
        assert wait(partial(is_in, machine, name, "running"), 20)
    assert machine.plan() == []


def breaks(machine: Machine, name: str, after: int) -> None:
    """Let an application end with an error from now on, some seconds after each of its starts."""
    machine.root("sh", "-c", 'cat > "$0"', f"{DATA}/instances/{name}/run/broken", stdin=f"{after}\n")


def repair(machine: Machine, *names: str) -> None:
    """Let applications work again; an attempt that is under way fails all the same."""
    for name in names:
        machine.root("rm", f"{DATA}/instances/{name}/run/broken")
    assert wait(lambda: machine.chainsaw("apply", code=None).code == 0, 90)
    for name in names:
        assert wait(partial(answers, machine, name), 30)


@pytest.mark.long
def test_one_that_takes_long_to_fail_is_called_failing_too(machine: Machine, sites: None) -> None:
    began = time.time()
    for name in NAMES:
        breaks(machine, name, 12)
        machine.admin("systemctl", "--user", "kill", "--signal=KILL", f"app@{name}.service")
    for name in NAMES:
        assert wait(partial(is_in, machine, name, "failing"), 120), state(machine, name)
        assert wait(partial(is_refused_at_once, machine, name), 120)
        assert starts(machine, name, began) <= 7
    repair(machine, *NAMES)


@pytest.mark.long
def test_one_that_fails_whenever_it_is_woken_backs_off_too(machine: Machine, sites: None) -> None:
    machine.chainsaw("config", "set", "gadget", "sleep", "4s")
    machine.chainsaw("apply")
    assert wait(partial(is_in, machine, "gadget", "asleep"), 40)
    began = time.time()
    breaks(machine, "gadget", 0)
    gives_up(machine, "gadget")
    assert wait(partial(is_refused_at_once, machine, "gadget"), 30)
    assert is_in(machine, "gadget", "failing")
    for _ in range(30):
        machine.try_get(url("gadget"))
        time.sleep(1)
    assert starts(machine, "gadget", began) <= 7, "whoever asks meanwhile"
    machine.chainsaw("config", "unset", "gadget", "sleep")
    repair(machine, "gadget")


def test_visitors_who_wait_for_what_crashes_do_not_fill_the_journal(machine: Machine, sites: None) -> None:
    """journald would drop all that the admin's units have to say, the words of the application among them."""
    began = time.time()
    machine.root("touch", f"{DATA}/instances/gadget/run/broken")
    machine.admin("systemctl", "--user", "kill", "--signal=KILL", "app@gadget.service")
    gives_up(machine, "gadget")
    lines = machine.journal("-u", "app@gadget.service", "-o", "cat", f"--since=@{began:.0f}").splitlines()
    assert sum("repeated too quickly" in line for line in lines) < 100
    machine.root("rm", f"{DATA}/instances/gadget/run/broken")
    machine.chainsaw("apply")
    assert wait(partial(answers, machine, "gadget"), 30)


@pytest.mark.long
def test_apply_starts_it_at_once_and_a_stop_ends_the_attempts(machine: Machine, sites: None) -> None:
    for name in NAMES:
        machine.root("touch", f"{DATA}/instances/{name}/run/broken")
        machine.admin("systemctl", "--user", "kill", "--signal=KILL", f"app@{name}.service")
        gives_up(machine, name)
        machine.root("rm", f"{DATA}/instances/{name}/run/broken")
    # The kill took conmon, too: Podman may need a second attempt to remove what it left, and apply makes it.
    machine.chainsaw("apply")
    assert machine.get(url("widget")).status == 200
    assert machine.get(url("gadget")).status == 200
    machine.root("touch", f"{DATA}/instances/widget/run/broken")
    machine.admin("systemctl", "--user", "kill", "--signal=KILL", "app@widget.service")
    gives_up(machine, "widget")
    machine.chainsaw("stop", "widget")
    assert machine.units("chainsaw-retry@widget.service") == []
    assert state(machine, "widget") == "stopped"
