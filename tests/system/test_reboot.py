"""After a reboot everything starts automatically, without a network and without a login."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .machine import Machine
from .wordpress import Visitor, post

pytestmark = [pytest.mark.system, pytest.mark.stage("sites")]

OFFLINE = "/etc/systemd/system/offline.service"

# The uplink is made while the machine boots; it is taken away again before the admin's services start.
UNIT = """[Unit]
Before=user@1000.service

[Service]
Type=oneshot
ExecStart=/bin/sh -c 'until ip route | grep -q default; do sleep 0.1; done; ip link set host0 down'

[Install]
WantedBy=multi-user.target
"""

LATE = "/home/admin/.config/systemd/user/app@blog.db.service.d"

# The first attempt fails.
DROP_IN = """[Service]
ExecStartPre=/bin/sh -c 'test -e %t/tried || { touch %t/tried; exit 1; }'
"""


@pytest.fixture
def offline(machine: Machine) -> Iterator[None]:
    machine.root("sh", "-c", 'cat > "$0" && systemctl -q enable offline', OFFLINE, stdin=UNIT)
    yield
    machine.root("sh", "-c", 'systemctl -q disable offline; rm "$0"; ip link set host0 up', OFFLINE)
    machine.root("ip", "route", "add", "default", "via", machine.address.rsplit(".", 1)[0] + ".1")


def restarts(machine: Machine) -> dict[str, int]:
    """Return the services whose first attempt failed, with how often systemd started them again."""
    shown = machine.admin(
        "systemctl", "--user", "show", "-p", "Id,NRestarts", "app@*.service", "chainsaw-front.service"
    )
    found = [dict(line.split("=", 1) for line in block.splitlines()) for block in shown.strip().split("\n\n")]
    return {item["Id"]: int(item["NRestarts"]) for item in found if int(item["NRestarts"])}


@pytest.fixture(scope="module")
def written(machine: Machine, blog: str) -> int:
    visitor = Visitor(machine, blog, machine.chainsaw("secret", "show", "blog", "admin_password").out.strip())
    return visitor.write("High tide", "<p>Stay on the dyke.</p>")


def test_a_reboot_without_a_network_brings_all_back(
    machine: Machine, blog: str, shop: str, www: str, written: int, offline: None
) -> None:
    assert machine.authority
    before = set(machine.invocations())
    machine.verb("reboot")
    again = ["--retry", "30", "--retry-delay", "1", "--retry-all-errors"]
    assert "<title>Walks by the sea</title>" in machine.curl(blog, *again)
    assert "<title>Buckets and spades</title>" in machine.curl(shop, *again)
    assert machine.curl(www, *again)
    assert "High tide" in machine.curl(f"{blog}wp-json/wp/v2/posts/{written}")
    assert "default" not in machine.root("ip", "route")
    assert set(machine.invocations()) == before
    assert restarts(machine) == {}
    assert machine.plan() == []


def test_a_power_cut_brings_all_back(machine: Machine, blog: str, shop: str, written: int) -> None:
    machine.verb("reboot", "--cut")
    machine.serves(blog, "<title>Walks by the sea</title>", 60)
    machine.serves(shop, "<title>Buckets and spades</title>", 60)
    assert post(machine, blog, written)["title"]["rendered"] == "High tide"
    assert restarts(machine) == {}
    assert machine.plan() == []


def test_a_power_cut_during_an_apply_is_repaired(machine: Machine, blog: str) -> None:
    machine.declare("blog", "wordpress", title="Walks in the dark")
    machine.chainsaw("apply", fault="kill:4", code=None)
    machine.verb("reboot", "--cut")
    machine.serves(blog, "<title>Walks", 60)
    machine.chainsaw("apply")
    assert "<title>Walks in the dark</title>" in machine.get(blog).body
    assert machine.plan() == []


def test_an_application_waits_for_the_second_attempt_of_its_database(machine: Machine, blog: str) -> None:
    machine.admin("mkdir", "-p", LATE)
    machine.admin("tee", f"{LATE}/late.conf", stdin=DROP_IN)
    machine.admin("systemctl", "--user", "daemon-reload")
    machine.admin("systemctl", "--user", "stop", "app@blog.service", "app@blog.db.service")
    machine.admin("systemctl", "--user", "start", "app@blog.service")
    assert restarts(machine) == {"app@blog.db.service": 1}
    machine.serves(blog, "<title>Walks", 60)
    machine.admin("rm", "-r", LATE)
    machine.admin("systemctl", "--user", "daemon-reload")
