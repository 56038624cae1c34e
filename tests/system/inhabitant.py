"""A snapshot of everything in the admin's account, to compare two moments."""

from __future__ import annotations

import re
from collections.abc import Mapping

from .machine import CONFIG, DATA, HOME, STATE, Machine

HISTORY = (f"{CONFIG}/.git", f"{CONFIG}/notes", f"{CONFIG}/removed", f"{STATE}/generations")
"""The paths of history: commits, notes, former files and generations."""
PASSING: tuple[str, ...] = (
    "*/storage/overlay/*/diff",
    "*/overlay-containers",
    "*/systemd/transient",
    "*/systemd/units",
)
PASSING += tuple(f"/run/user/1000/{name}" for name in ("containers", "crun", "libpod", "netns"))
"""State of running containers, which may change at any time."""
PLACES = ("/home", "/tmp", "/var/tmp", "/dev/shm", "/run/user/1000", "/etc/userdb")
FLEETING = re.compile(r"[0-9a-f]{64}|run-")
"""Prefixes of units that exist only during a command in a container."""
SUBORDINATE = 100000
Account = Mapping[str, frozenset[str]]


def snapshot(machine: Machine) -> Account:
    """Return the files of the account, except those of history, and its images, containers, networks and units."""

    def lines(*command: str) -> frozenset[str]:
        return frozenset(machine.admin(*command).splitlines())

    skipped = [word for pattern in PASSING for word in ("-path", pattern, "-prune", "-o")]
    files = machine.try_root("find", *PLACES, "-xdev", *skipped, "-printf", "%p|%y|%m|%U:%G|%l\\n").out.splitlines()
    asked = ["systemctl", "--user", "--plain", "--no-legend", "--all"]
    units = [machine.admin(*asked, verb) for verb in ("list-units", "list-unit-files")]
    return {
        "files": frozenset(line for line in files if not line.startswith(HISTORY)),
        "images": lines("podman", "images", "--all", "--format", "{{.Repository}}:{{.Tag}} {{.Id}}"),
        "containers": lines("podman", "ps", "--all", "--format", "{{.Names}}"),
        "networks": lines("podman", "network", "ls", "--format", "{{.Name}}"),
        "volumes": lines("podman", "volume", "ls", "--format", "{{.Name}}"),
        "units": frozenset(name for text in units for name in text.split() if is_lasting(name)),
        "ids": frozenset(uid for uid in machine.root("ps", "-eo", "uid=").split() if int(uid) >= SUBORDINATE),
    }


def is_lasting(word: str) -> bool:
    """Return whether a word is the name of a permanent unit."""
    return word.endswith((".service", ".socket", ".timer", ".target", ".path")) and not FLEETING.match(word)


def difference(before: Account, after: Account) -> list[str]:
    """Return what was added and what was removed."""
    came = [f"+ {kind} {item}" for kind, items in after.items() for item in sorted(items - before[kind])]
    return came + [f"- {kind} {item}" for kind, items in before.items() for item in sorted(items - after[kind])]


def named(machine: Machine, name: str) -> set[str]:
    """Return the files of the account whose path has a name in it, but for former generations and what images bring."""
    found = machine.root("find", HOME, "-path", f"*{name}*").splitlines()
    current = f"{STATE}/generations/{machine.generation()}/"
    past = (f"{CONFIG}/.git/", f"{HOME}/.local/share/containers/", f"{DATA}/static/", f"{current}.written/")
    former = {path for path in found if path.startswith(f"{STATE}/generations/") and not path.startswith(current)}
    return {path for path in found if not path.startswith(past)} - former
