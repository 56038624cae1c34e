"""Whoever floods the journal fills a little of it, and keeps nobody else out."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from .machine import Machine, wait

pytestmark = [pytest.mark.system, pytest.mark.stage("sites")]

MIRROR, LATE = "https://mirror.localhost/", "https://late.localhost/"
MOST = 10_000
"""More lines than 4 MB of the journal hold."""


@pytest.fixture(scope="module", autouse=True)
def sites(machine: Machine, www: str) -> Iterator[None]:
    with machine.running("mirror", "late"):
        yield


@pytest.fixture
def since() -> str:
    return f"--since=@{time.time():.3f}"


def lines(machine: Machine, since: str, *matches: str) -> list[str]:
    return machine.journal("-o", "cat", since, *matches).splitlines()


def flood(machine: Machine, container: str, seconds: int) -> None:
    """Let a container write as much as it can to where it logs."""
    endless = f"timeout {seconds} yes mad > /proc/1/fd/2 || true"
    machine.inside(container, "sh", "-c", endless)


def is_said(machine: Machine, since: str, *matches: str) -> bool:
    return any(" lines were left out in " in line for line in lines(machine, since, *matches))


def test_a_container_that_floods_its_log_keeps_nobody_out(machine: Machine, since: str) -> None:
    for number in range(3):
        flood(machine, "mirror.app", 4)
        assert machine.get(f"{LATE}?after={number}").status == 200
        machine.inside("late.app", "sh", "-c", f"echo heard {number} > /proc/1/fd/2")
    wait(lambda: "heard 2" in lines(machine, since, "CONTAINER_NAME=late.app"), 10)
    assert {"heard 0", "heard 1", "heard 2"} <= set(lines(machine, since, "CONTAINER_NAME=late.app"))
    visits = lines(machine, since, "CONTAINER_NAME=chainsaw-front")
    assert [f"?after={number} " in "\n".join(visits) for number in range(3)] == [True] * 3
    mad = lines(machine, since, "CONTAINER_NAME=mirror.app").count("mad")
    assert 1000 < mad < MOST
    assert wait(lambda: is_said(machine, since, "-u", "app@mirror.service"), 60)
    assert " lines were left out in " in machine.chainsaw("logs", "mirror").out


def test_a_visitor_who_floods_a_site_keeps_nobody_out(machine: Machine, www: str, since: str) -> None:
    machine.admin("curl", "-sk", "--parallel", "--parallel-max", "8", "-o", "/dev/null", f"{www}?n=[1-12000]")
    assert machine.get(f"{LATE}?beside").status == 200
    wait(lambda: "?beside " in "\n".join(lines(machine, since, "CONTAINER_NAME=chainsaw-front")), 10)
    visits = lines(machine, since, "CONTAINER_NAME=chainsaw-front")
    assert any("?beside " in line for line in visits)
    assert 1000 < sum("?n=" in line for line in visits) < MOST
    assert wait(lambda: is_said(machine, since, "CONTAINER_NAME=chainsaw-front"), 60)
    assert " lines were left out in " in machine.chainsaw("logs", "www", "--access").out


def test_a_command_of_a_timer_that_floods_keeps_nobody_out(machine: Machine, since: str) -> None:
    machine.inside("late.app", "sh", "-c", "yes mad | head -n 50000 > /srv/data/notes")
    machine.admin("systemctl", "--user", "start", "app@late.tick.service")
    machine.inside("mirror.app", "sh", "-c", "echo heard > /proc/1/fd/2")
    assert wait(lambda: is_said(machine, since, "-u", "app@late.tick.service"), 60)
    assert 1000 < lines(machine, since, "-u", "app@late.tick.service").count("mad") < MOST
    assert "heard" in lines(machine, since, "CONTAINER_NAME=mirror.app")


ASKING = """
for ($count = 0; $count < 30000; $count++) {
    $connection = @stream_socket_client("unix:///run/instance/mail.sock");
    $connection && fclose($connection);
}
"""


def test_an_application_that_asks_for_mail_without_end_keeps_nobody_out(machine: Machine, since: str) -> None:
    """What hands on its mail says of each connection that the mail server does not answer."""
    machine.append("mirror", "mail: {host: localhost, port: 2601, tls: none}")
    machine.chainsaw("apply", "mirror")
    machine.inside("mirror.app", "php", "-r", ASKING)
    machine.inside("late.app", "sh", "-c", "echo heard beside > /proc/1/fd/2")
    assert wait(lambda: is_said(machine, since, "-u", "app@mirror.mail.service"), 60)
    refused = lines(machine, since, "-u", "app@mirror.mail.service")
    assert 1000 < sum("Connection refused" in line for line in refused) < MOST
    assert "heard beside" in lines(machine, since, "CONTAINER_NAME=late.app")


def test_nothing_is_lost_while_the_limits_start_again(machine: Machine, since: str) -> None:
    before = machine.admin("systemctl", "--user", "show", "-P", "MainPID", "chainsaw-logs.service").strip()
    machine.admin("kill", "-9", before)
    machine.inside("late.app", "sh", "-c", "echo meanwhile > /proc/1/fd/2")
    assert wait(lambda: "meanwhile" in lines(machine, since, "-u", "app@late.service"), 30)
    after = machine.admin("systemctl", "--user", "show", "-P", "MainPID", "chainsaw-logs.service").strip()
    assert after not in {before, "0"}


def test_the_log_has_the_same_sources_as_before(machine: Machine, since: str) -> None:
    machine.inside("late.app", "sh", "-c", "echo 'by whom?' > /proc/1/fd/2")
    assert wait(lambda: "by whom?" in lines(machine, since, "-u", "app@late.service"), 10)
    (row,) = [item for item in machine.json("logs", "late")["data"]["entries"] if item["text"] == "by whom?"]
    assert row["from"] == "app"
    assert "by whom?" in machine.admin("systemctl", "--user", "status", "app@late.service", "--lines=20")
    assert "by whom?" in machine.admin("sh", "-c", "podman logs late.app 2>&1")


def test_the_limit_of_the_whole_user_is_above_that_of_many_sources(machine: Machine) -> None:
    unit = f"user@{machine.admin('id', '-u').strip()}.service"
    shown = machine.root("systemctl", "show", "-p", "LogRateLimitBurst,LogRateLimitIntervalUSec", unit)
    assert "LogRateLimitBurst=100000\n" in shown
    assert "LogRateLimitIntervalUSec=30s\n" in shown
