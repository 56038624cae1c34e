"""An instance with internet access reaches neither its neighbours nor this host, but for the host's own sites."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from .machine import Machine, wait

pytestmark = [pytest.mark.system, pytest.mark.stage("www")]

LISTEN = """use IO::Socket::INET; my $listener = IO::Socket::INET->new(Listen => 5, LocalPort => 7777) or die;
    print STDOUT "listening\\n"; STDOUT->flush; while (accept(my $client, $listener)) { print $client "hello\\n" }"""
CONNECT = """use IO::Socket::INET; my ($host, $port) = @ARGV;
    my $connection = IO::Socket::INET->new(PeerAddr => $host, PeerPort => $port, Timeout => 3) or exit 9;
    print <$connection>"""


@pytest.fixture(scope="module")
def neighbours(machine: Machine, www: str) -> Iterator[tuple[str, str]]:
    """Two apps whose admin allows them the internet, the second listening where it should not be reached."""
    for name in ("widget", "gadget"):
        machine.declare(name, "widget")
        machine.append(name, "egress: internet")
    machine.chainsaw("apply")
    listening = machine.begin("podman", "exec", "gadget.app", "perl", "-e", LISTEN)
    assert listening.stdout is not None and listening.stdout.readline() == "listening\n"
    yield "widget.app", "gadget.app"
    listening.terminate()
    listening.communicate()
    machine.purge("widget", "gadget")


def address(machine: Machine, container: str) -> str:
    """Return a container's address on its bridge."""
    template = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    return machine.admin("podman", "inspect", "--format", template, container).strip()


def reaches(machine: Machine, container: str, host: str, port: int) -> bool:
    """Return whether a container can open a connection."""
    return machine.try_admin("podman", "exec", container, "perl", "-e", CONNECT, host, str(port)).code == 0


def test_it_reaches_what_is_outside(machine: Machine, neighbours: tuple[str, str]) -> None:
    gateway = machine.address.rsplit(".", 1)[0] + ".1"
    with socket.create_server((gateway, 0)) as outside:
        outside.settimeout(20)
        done = machine.begin(
            "podman", "exec", neighbours[0], "perl", "-e", CONNECT, gateway, str(outside.getsockname()[1])
        )
        connection, _ = outside.accept()
        connection.close()
        done.communicate()
        assert done.returncode == 0


def test_the_network_that_they_share_is_counted(machine: Machine, neighbours: tuple[str, str]) -> None:
    names = machine.json("top")["data"]["shared"]["names"]
    assert "aardvark-dns" in names
    assert any(name.startswith("pasta") for name in names)


def test_it_does_not_reach_a_neighbour(machine: Machine, neighbours: tuple[str, str]) -> None:
    first, second = neighbours
    target = address(machine, second)
    assert target and address(machine, first) != target
    assert reaches(machine, second, target, 7777), "it listens"
    assert not reaches(machine, first, target, 7777)


NFT = "/usr/sbin/nft"
SECOND = "198.51.100.9"
"""A second address of this host."""


def rules_of(machine: Machine, container: str) -> str:
    pid = machine.admin("podman", "inspect", "--format", "{{.State.Pid}}", container).strip()
    return machine.admin("podman", "unshare", "nsenter", "--net", f"--target={pid}", NFT, "list", "ruleset")


@pytest.fixture
def second(machine: Machine, neighbours: tuple[str, str]) -> Iterator[str]:
    """Give the host another address, while the applications run."""
    machine.root("ip", "addr", "add", f"{SECOND}/32", "dev", "lo")
    assert wait(lambda: f"{SECOND}" in rules_of(machine, neighbours[0]), 90)
    yield SECOND
    machine.root("ip", "addr", "del", f"{SECOND}/32", "dev", "lo")


@pytest.fixture
def service(machine: Machine) -> Iterator[int]:
    """A service of the host, on all of its addresses."""
    machine.root("systemd-run", "--quiet", "--unit=mailbox", "perl", "-e", LISTEN)
    assert wait(lambda: ":7777 " in machine.root("ss", "-ltnH"), 10)
    yield 7777
    machine.root("systemctl", "stop", "mailbox")


def test_it_reaches_no_service_of_the_host_at_any_address(
    machine: Machine, neighbours: tuple[str, str], second: str, service: int
) -> None:
    gateway = address(machine, neighbours[0]).rsplit(".", 1)[0] + ".1"
    for place in ("host.containers.internal", "169.254.1.2", machine.address, second, gateway):
        assert not reaches(machine, neighbours[0], place, service), place
    assert machine.root("perl", "-e", CONNECT, second, str(service)) == "hello\n", "it listens there"


def test_it_reaches_the_sites_of_the_host_at_any_address(
    machine: Machine, neighbours: tuple[str, str], second: str
) -> None:
    for place in ("host.containers.internal", machine.address, second):
        for port in (80, 443):
            assert reaches(machine, neighbours[0], place, port), (place, port)


def test_it_reaches_the_ports_that_its_file_names(
    machine: Machine, neighbours: tuple[str, str], second: str, service: int
) -> None:
    machine.append("widget", "host_ports: [7777]")
    machine.chainsaw("apply")
    assert reaches(machine, neighbours[0], "host.containers.internal", service)
    assert not reaches(machine, neighbours[0], second, service)
    machine.chainsaw("config", "unset", "widget", "host_ports")
    machine.chainsaw("apply")
    assert not reaches(machine, neighbours[0], "host.containers.internal", service)


def test_it_cannot_take_the_rules_away(machine: Machine, neighbours: tuple[str, str]) -> None:
    user = machine.inside("widget.app", "cat", "/proc/self/status")
    assert "CapEff:\t0000000000000000" in user
    assert "reject" in rules_of(machine, neighbours[0])


def test_it_does_not_start_without_its_rules(machine: Machine, neighbours: tuple[str, str]) -> None:
    machine.root("mv", NFT, f"{NFT}.away")
    try:
        machine.try_admin("systemctl", "--user", "restart", "app@widget.service")
        running = machine.admin("podman", "ps", "--format", "{{.Names}}").split()
        assert "widget.app" not in running
        assert "gadget.app" in running
    finally:
        machine.root("mv", f"{NFT}.away", NFT)
    assert wait(lambda: "widget.app" in machine.admin("podman", "ps", "--format", "{{.Names}}").split(), 60)


def test_it_listens_nowhere_on_the_host(machine: Machine, neighbours: tuple[str, str]) -> None:
    assert ":7777 " not in machine.root("ss", "-ltnH")


def test_without_leave_there_is_no_network(machine: Machine, neighbours: tuple[str, str]) -> None:
    machine.declare("widget", "widget")
    machine.chainsaw("apply")
    devices = machine.inside("widget.app", "cat", "/proc/net/dev").splitlines()[2:]
    assert [line.split(":")[0].strip() for line in devices] == ["lo"]
    assert "chainsaw-widget" not in machine.admin("podman", "network", "ls", "--format", "{{.Name}}").split()
    assert machine.plan() == []


def test_the_network_of_a_removed_instance_is_deleted(machine: Machine, neighbours: tuple[str, str]) -> None:
    machine.retract("gadget")
    machine.chainsaw("apply")
    assert "chainsaw-gadget" not in machine.admin("podman", "network", "ls", "--format", "{{.Name}}").split()
    assert machine.units("*gadget*") == []
    assert machine.plan() == []
