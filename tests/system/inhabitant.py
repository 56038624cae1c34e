"""All that is in the admin's account at one moment, so that two moments can be compared."""

from __future__ import annotations

from collections.abc import Mapping

from .machine import CONFIG, HOME, STATE, Machine

HISTORY = (f"{CONFIG}/.git", f"{CONFIG}/notes", f"{CONFIG}/removed", f"{STATE}/generations")
"""Where what was is kept: commits, notes, former files and generations."""
FIND = """
find /home /tmp /var/tmp /dev/shm /run/user/1000 /etc/userdb -xdev \\
    \\( -path '*/storage/overlay/*/diff' -o -path '*/systemd/transient' -o -path '*/systemd/units' \\
    -o -path '*/crun/.cache' \\) -prune \\
    -o -printf '%p|%y|%m|%U:%G|%l\\n' 2>/dev/null; true
"""
Account = Mapping[str, frozenset[str]]


def look(machine: Machine) -> Account:
    """Return the files of the account, but for those of history, and its images, containers, networks and units."""

    def lines(*command: str) -> frozenset[str]:
        return frozenset(machine.admin(*command).splitlines())

    files = machine.root("sh", "-c", FIND).splitlines()
    asked = ["systemctl", "--user", "--plain", "--no-legend", "--all"]
    units = [machine.admin(*asked, verb) for verb in ("list-units", "list-unit-files")]
    return {
        "files": frozenset(line for line in files if not line.startswith(HISTORY)),
        "images": lines("podman", "images", "--all", "--format", "{{.Repository}}:{{.Tag}} {{.Id}}"),
        "containers": lines("podman", "ps", "--all", "--format", "{{.Names}}"),
        "networks": lines("podman", "network", "ls", "--format", "{{.Name}}"),
        "volumes": lines("podman", "volume", "ls", "--format", "{{.Name}}"),
        "units": frozenset(f"{line.split()[0]}" for text in units for line in text.splitlines()),
        "processes": frozenset(owners(machine)),
    }


def owners(machine: Machine) -> set[str]:
    """Return the ids of users who have processes."""
    return set(machine.root("ps", "-eo", "uid:1").split()[1:])


def difference(before: Account, after: Account) -> list[str]:
    """Return what came and what went."""
    came = [f"+ {kind} {item}" for kind, items in after.items() for item in sorted(items - before[kind])]
    return came + [f"- {kind} {item}" for kind, items in before.items() for item in sorted(items - after[kind])]


def named(machine: Machine, name: str) -> set[str]:
    """Return the files of the account whose path has a name in it, but for former generations and Podman's store."""
    found = machine.root("find", HOME, "-path", f"*{name}*").splitlines()
    current = f"{STATE}/generations/{machine.generation()}/"
    past = (f"{CONFIG}/.git/", f"{HOME}/.local/share/containers/", f"{current}.written/")
    former = {path for path in found if path.startswith(f"{STATE}/generations/") and not path.startswith(current)}
    return {path for path in found if not path.startswith(past)} - former
