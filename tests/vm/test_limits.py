"""What one instance may take: the kernel ends it at its limits, and nobody else notices."""

from __future__ import annotations

import re
import socket
import ssl
from contextlib import ExitStack

import pytest

from .box import Box

pytestmark = [pytest.mark.system, pytest.mark.long]

# One read that the kernel fills: a program that ran meanwhile would long wait for its own pages to be read again.
GREEDY = ("dd", "if=/dev/zero", "of=/dev/null", "bs=300M", "count=1")
FORKING = """
    setpgrp;
    my $made = 0;
    while (defined(my $pid = fork)) { $pid or (sleep(120), exit); $made++; }
    syswrite STDOUT, $made;
    kill '-TERM', getpgrp;
"""
AS_MALLORY = """
    uid=$(id -u mallory || { useradd -m mallory; id -u mallory; })
    exec systemd-run --quiet --wait --pipe --uid=$uid --slice=user-$uid.slice "$@"
"""
"""Runs a command as another user, in the slice of that user's sessions."""
BIND = """
    socket(my $socket, AF_INET, SOCK_STREAM, 0);
    print bind($socket, pack_sockaddr_in($ARGV[0], INADDR_ANY)) ? 'taken' : $!;
"""
# inotify_init(2) and timer_create(2) until the kernel refuses; the numbers are those of x86-64.
TAKING = """
    my ($instances, $timers, $id) = (0, 0, pack('L', 0));
    $instances++ while syscall(253) >= 0;
    $timers++ while syscall(222, 1, 0, $id) == 0;
    print "$instances $timers";
"""
# unshare(2): a user namespace of its own, in which it may make others, and then network namespaces that it holds on to.
SPLITTING = """
    syscall(272, 0x10000000) == 0 or die $!;
    my ($made, @held) = (0);
    while ($made < 100 and syscall(272, 0x40000000) == 0) {
        open(my $namespace, '<', '/proc/self/ns/net');
        push @held, $namespace;
        $made++;
    }
    print $made;
"""
GROUP = "/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service"


def events(box: Box, resource: str, unit: str = "app@one.service") -> dict[str, int]:
    """Return how often a unit, by default that of the instance `one`, came to a limit, by what happened then."""
    path = f"$(find {GROUP} -type d -name '{unit}')/{resource}.events"
    lines = box.root("sh", "-c", f"cat {path}").splitlines()
    return {name: int(count) for name, count in (line.split() for line in lines)}


def answers(box: Box) -> list[str]:
    return [box.get("www.localhost", "/") for _ in range(5)] + [box.get("one.localhost", "/2.txt") for _ in range(5)]


def pages(box: Box) -> bool:
    found = answers(box)
    return all("<html" in page for page in found[:5]) and all(page.startswith("number 2") for page in found[5:])


def test_what_the_kernel_counts_for_all_is_limited_for_each(box: Box) -> None:
    """inotify instances and timers of containers count as the admin's own; one container cannot use them up."""
    taken = box.run("admin", "podman", "exec", "one.app", "perl", "-e", TAKING)
    assert taken.out == "64 1024", str(taken)


def test_namespaces_are_limited_for_each_too(box: Box) -> None:
    """Who has all that there are for the admin would keep every other container from starting."""
    taken = box.run("admin", "podman", "exec", "one.app", "perl", "-e", SPLITTING)
    assert taken.out == "32", str(taken)
    assert pages(box)


def test_what_takes_more_memory_than_its_instance_has_is_killed_alone(box: Box) -> None:
    before = events(box, "memory")["oom_kill"]
    ended = box.run("admin", "podman", "exec", "one.app", *GREEDY)
    assert ended.code == 137, str(ended)
    assert events(box, "memory")["oom_kill"] > before
    assert pages(box)
    assert box.admin("systemctl", "--user", "is-active", "chainsaw-front.service").strip() == "active"


def test_what_starts_more_processes_than_its_instance_may_gets_none(box: Box) -> None:
    ended = box.run("admin", "podman", "exec", "one.app", "perl", "-e", FORKING)
    assert 0 < int(ended.out or 0) < 32, str(ended)
    assert events(box, "pids")["max"] > 0
    assert pages(box)


def test_the_front_comes_before_all_instances_which_have_equal_parts(box: Box) -> None:
    """However many processes an instance has: the kernel shares out between the slices."""
    instances = f"{GROUP}/chainsaw.slice/chainsaw-instances.slice"
    for resource in ("cpu", "io"):
        weights = [
            box.root("cat", f"{place}/{resource}.weight").split()[-1]
            for place in (
                f"{GROUP}/chainsaw.slice/chainsaw-front.service",
                instances,
                f"{instances}/chainsaw-instances-one.slice",
            )
        ]
        assert weights == ["1000", "100", "100"], resource
    there = int(re.findall(r"^MemTotal: +(\d+) kB", box.root("cat", "/proc/meminfo"), re.MULTILINE)[0]) * 1024
    assert 0.8 < int(box.root("cat", f"{instances}/memory.max")) / there < 0.9
    assert box.root("find", f"{instances}/chainsaw-instances-one.slice", "-name", "app@one.service").strip()
    with box.burning("podman", "exec", "one.app", "perl", "-e", "fork for 1 .. 3; 1 while 1"):
        assert pages(box)


def test_another_user_cannot_take_the_ports_of_the_front(box: Box) -> None:
    """Ordinary users may listen on low ports here; that is meant for the admin alone."""
    box.admin("systemctl", "--user", "stop", "chainsaw-front.socket", "chainsaw-front.service")
    try:
        for port in ("80", "443"):
            refused = box.root("sh", "-c", AS_MALLORY, "sh", "perl", "-MSocket", "-e", BIND, port)
            assert refused == "Operation not permitted"
            assert box.admin("perl", "-MSocket", "-e", BIND, port) == "taken"
            assert box.root("perl", "-MSocket", "-e", BIND, port) == "taken"
    finally:
        box.admin("systemctl", "--user", "start", "chainsaw-front.service")
    assert pages(box)


def test_uploads_that_never_end_leave_the_front_its_memory(box: Box) -> None:
    """Five of them are more than the front may use: what it has of them is on the disk."""
    size, restarts = 60 * 10**6, ("systemctl", "--user", "show", "-P", "NRestarts", "chainsaw-front.service")
    before = box.admin(*restarts)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with ExitStack() as stack:
        for _ in range(5):
            plain = socket.create_connection(("127.0.0.1", box.guest.port("https")), timeout=60)
            upload = stack.enter_context(context.wrap_socket(plain, server_hostname="one.localhost"))
            upload.sendall(f"POST /x.php HTTP/1.1\r\nHost: one.localhost\r\nContent-Length: {size}\r\n\r\n".encode())
            upload.sendall(b"x" * (size - 1))
        assert pages(box)
    assert events(box, "memory", "chainsaw-front.service")["oom_kill"] == 0
    assert box.admin(*restarts) == before
