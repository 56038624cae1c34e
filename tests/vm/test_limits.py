"""What one instance may take: the kernel ends it at its limits, and nobody else notices."""

from __future__ import annotations

import pytest

from .box import Box

pytestmark = pytest.mark.system

# One read that the kernel fills: a program that ran meanwhile would long wait for its own pages to be read again.
GREEDY = ("dd", "if=/dev/zero", "of=/dev/null", "bs=300M", "count=1")
FORKING = """
    setpgrp;
    my $made = 0;
    while (defined(my $pid = fork)) { $pid or (sleep(120), exit); $made++; }
    syswrite STDOUT, $made;
    kill '-TERM', getpgrp;
"""
GROUP = "/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service"


def events(box: Box, resource: str) -> dict[str, int]:
    """Return how often the instance `one` came to a limit, by what happened then."""
    path = f"$(find {GROUP} -type d -name 'app@one.service')/{resource}.events"
    lines = box.root("sh", "-c", f"cat {path}").splitlines()
    return {name: int(count) for name, count in (line.split() for line in lines)}


def answers(box: Box) -> list[str]:
    return [box.get("www.localhost", "/") for _ in range(5)] + [box.get("one.localhost", "/2.txt") for _ in range(5)]


def pages(box: Box) -> bool:
    found = answers(box)
    return all("<html" in page for page in found[:5]) and all(page.startswith("number 2") for page in found[5:])


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
