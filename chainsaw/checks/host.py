"""Checks of what setup configures and packages install: what the host must have before any instance runs."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence

from chainsaw.checks.check import Check, some
from chainsaw.checks.observed import Files, IdNames, ImageStore, JournalStore
from chainsaw.compile.blocks import allocate, free_blocks, overlapping, parse_ranges
from chainsaw.errors import ChainsawError, Diagnostic
from chainsaw.model.block import SIZE, Range
from chainsaw.model.names import FRONT
from chainsaw.model.quantity import bytes_for_people

SPARE = 4
"""Fewer free blocks than this give a warning."""
CONTROLLERS = ("memory", "pids")
"""What MemoryMax= and TasksMax= act through (systemd.resource-control(5))."""
JOURNAL_RESTART = "sudo systemctl restart systemd-journald; sudo journalctl --flush"
SETUP_FILE = "/etc/systemd/journald.conf.d/50-chainsaw.conf"
KEPT_NOWHERE = ("volatile", "none")
SIZES = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


def lingering(user: str, lingers: bool | None) -> Check:
    """Check whether a user's services run without a login (loginctl(1), enable-linger)."""
    if lingers is None:
        return Check("lingering", "unknown", "/var/lib/systemd/linger cannot be read", f"loginctl show-user {user}")
    if lingers:
        return Check("lingering", "ok", f"on: the services of {user} run without a login")
    return Check(
        "lingering", "fail", f"off: the services of {user} end at logout", f"sudo loginctl enable-linger {user}"
    )


def user_manager(problem: Diagnostic | None) -> Check:
    """Check whether systemd's user manager answers; `problem` is the error if it does not."""
    if problem is None:
        return Check("user manager", "ok", "answers")
    return Check("user manager", "fail", problem.message, problem.hint)


def subordinate_ids(user: str, uid: int, texts: Mapping[str, str | None], recorded: Mapping[str, int] | None) -> Check:
    """Check the ranges in /etc/subuid and /etc/subgid (`texts`, by file): large enough, and shared with no other user.

    `recorded` are the blocks of instances; None when a record cannot be read.
    """
    topic, setup = "subordinate ids", f"sudo chainsaw setup --user {user}"
    if recorded is None:
        found = "the records of the blocks cannot be read"
        return Check(topic, "unknown", found, "ls -l ~/.local/share/chainsaw/instances/*/record.json")
    own: list[Sequence[Range]] = []
    problems: list[Diagnostic] = []
    for file, text in texts.items():
        if text is None:
            return Check(topic, "unknown", f"{file} cannot be read", f"ls -l {file}")
        every = [Range(user, item.start, item.count) if item.owner == str(uid) else item for item in parse_ranges(text)]
        own.append([item for item in every if item.owner == user])
        problems += overlapping(own[-1], every, file)
    uids, gids = own
    if not problems:
        try:
            allocate([FRONT], recorded, uids, gids, user)
        except ChainsawError as error:
            problems = error.diagnostics
    if problems:
        return Check(topic, "fail", "; ".join(item.message for item in problems), problems[0].hint or setup)
    spare = len(free_blocks(uids, gids, recorded.values()))
    found = f"{len(recorded)} of {len(recorded) + spare} blocks are in use, of {SIZE} ids each"
    if spare < SPARE:
        return Check(topic, "warn", f"{found}: few are left for new instances", f"{setup} --blocks +64")
    return Check(topic, "ok", found)


def storage_driver(chosen: str | None, store: ImageStore, has_fuse: bool, user: str) -> Check:
    """Check storage.conf (`chosen`, its text) against the existing image store (containers-storage.conf(5)).

    An overlay store records in .has-mount-program whether it was made with a mount program, and keeps using it.
    """
    topic, setup = "storage driver", f"sudo chainsaw setup --user {user}"
    if chosen is None:
        return Check(topic, "fail", "none is configured: each image would be copied for each instance", setup)
    try:
        storage = tomllib.loads(chosen).get("storage", {})
    except tomllib.TOMLDecodeError as error:
        place = "~/.config/containers/storage.conf"
        return Check(topic, "fail", f"{place} cannot be read: {error}", f"mv {place} {place}.old; {setup}")
    driver = str(storage.get("driver", "overlay"))
    program = str(storage.get("options", {}).get("overlay", {}).get("mount_program", ""))
    wanted = "fuse-overlayfs" if program else driver
    if program and not has_fuse:
        return Check(topic, "fail", f"{program} is configured, but not installed", "sudo apt install fuse-overlayfs")
    if not store.drivers:
        return Check(topic, "ok", f"{wanted} is configured; there is no image yet")
    if driver == "overlay" and driver in store.drivers and store.mount_program is None:
        found = f"{wanted} is configured; which driver stored the existing images cannot be read"
        return Check(topic, "unknown", found, "podman info")
    made = {*store.drivers} if driver != "overlay" or driver not in store.drivers else {_overlay(store)}
    if wanted not in made:
        # A reset deletes images and containers only: data is in plain directories.
        found = f"{wanted} is configured, but the images were stored by {some(made)}"
        return Check(topic, "warn", found, "podman system reset; chainsaw apply")
    return Check(topic, "ok", f"{wanted}, configured and in use")


def _overlay(store: ImageStore) -> str:
    return "fuse-overlayfs" if (store.mount_program or "").strip() == "true" else "overlay"


def journal(files: Files, store: JournalStore | None) -> Check:
    """Check that the journal is kept on the disk, with a limit (journald.conf(5))."""
    if store is None:
        return Check("journal", "unknown", "/var/log/journal cannot be read", "journalctl --disk-usage")
    settings = {key: _last_setting(files, "Journal", key) for key in ("Storage", "SystemMaxUse")}
    storage, place = settings["Storage"]
    if storage in KEPT_NOWHERE or store.in_memory or not store.on_disk:
        return _not_on_disk(storage, place, any(path == SETUP_FILE for path, _ in files))
    size = bytes_for_people(store.size)
    limit = _bytes(settings["SystemMaxUse"][0])
    if limit is None:
        found = f"on disk, {size}, no limit is set: it may use a tenth of the disk, 4 GB at most"
        return Check("journal", "warn", found, "sudo chainsaw setup")
    return Check("journal", "ok", f"on disk, {size} of at most {bytes_for_people(limit)}")


def _not_on_disk(storage: str, place: str, prepared: bool) -> Check:
    by = f" (Storage={storage} in {place})" if storage else ""
    found = f"not kept on the disk{by}: it is lost at a reboot, and chainsaw logs shows nothing"
    hint = "sudo chainsaw setup"
    if storage == "persistent":
        hint = JOURNAL_RESTART
    elif prepared and place != SETUP_FILE:
        hint = f"sudo sed -i /^Storage=/d {place}; {JOURNAL_RESTART}"
    return Check("journal", "fail", found, hint)


def _last_setting(files: Files, section: str, key: str) -> tuple[str, str]:
    """Return the value in effect, and the file that sets it; an empty value is the default (systemd.syntax(7))."""
    value, place, now = "", "", ""
    for path, text in files:
        for line in text.splitlines():
            if heading := re.fullmatch(r"\s*\[(.+)\]\s*", line):
                now = heading[1]
            name, separator, given = line.partition("=")
            if separator and now == section and name.strip() == key:
                value, place = given.strip(), path
    return value, place


def _bytes(text: str) -> int | None:
    """Return the bytes of a size in the notation of journald.conf(5): powers of 1024."""
    match = re.fullmatch(r"([0-9]+)([KMGT]?)B?", text)
    return int(match[1]) * SIZES[match[2]] if match else None


def low_ports(ports: Sequence[int], lowest: int | None, files: Files) -> Check:
    """Check whether the front may listen on its ports, now (`lowest`) and after a reboot (sysctl.d(5))."""
    key, setup = "net.ipv4.ip_unprivileged_port_start", "sudo chainsaw setup"
    if lowest is None:
        return Check("low ports", "unknown", f"{key} cannot be read", f"sysctl {key}")
    if min(ports) < lowest:
        return Check("low ports", "fail", f"port {min(ports)} is closed to ordinary users: {key} is {lowest}", setup)
    kept = 1024
    for _, text in files:
        for line in text.splitlines():
            name, _, value = line.partition("=")
            if name.strip().lstrip("-").replace("/", ".") == key and value.strip().isdigit():
                kept = int(value)
    if min(ports) < kept:
        return Check("low ports", "warn", f"open from {lowest} on, but only until the next reboot", setup)
    return Check("low ports", "ok", f"open to ordinary users from {lowest} on")


def reserved_ports(drop_in: str | None) -> Check:
    """Check whether other users are kept from the front's ports while it is down; the text of setup's drop-in."""
    if drop_in and "SocketBindDeny=tcp:443" in drop_in.splitlines():
        return Check("reserved ports", "ok", "setup denies 80 and 443 to other users")
    found = "any user of this host could take 80 and 443 while the front is down"
    return Check("reserved ports", "warn", found, "sudo chainsaw setup")


def connections(is_bounded: bool) -> Check:
    """Check whether setup's service bounds how many connections one address holds."""
    if is_bounded:
        return Check("connections", "ok", "one address cannot hold all those of the ports 80 and 443")
    found = "one address can hold all connections of the front, and keep others out"
    return Check("connections", "warn", found, "sudo chainsaw setup")


def version(name: str, found: Sequence[int] | None, floor: Sequence[int], hint: str, look: str) -> Check:
    """Check a version against the oldest one that chainsaw works with; `look` is the command that shows it."""
    oldest = ".".join(map(str, floor))
    if found is None:
        return Check(name, "unknown", f"its version is unknown; {oldest} or later is needed", look)
    shown = ".".join(map(str, found))
    if tuple(found) < tuple(floor):
        return Check(name, "fail", f"{shown} is older than {oldest}", hint)
    return Check(name, "ok", shown)


def git(is_there: bool) -> Check:
    """Check whether git is installed."""
    if is_there:
        return Check("git", "ok", "installed")
    return Check("git", "warn", "not installed: the history has only the last generations", "sudo apt install git")


def nftables(is_there: bool) -> Check:
    """Check whether nft(8) is installed, which closes this host to builds and to containers with the internet."""
    if is_there:
        return Check("nftables", "ok", "installed")
    return Check(
        "nftables",
        "fail",
        "not installed: no image is built, and what may reach the internet does not start",
        "sudo apt install nftables",
    )


def names_of_ids(named: IdNames | None, user: str) -> Check:
    """Check whether `ps` and `ls` have names for the ids of instances (nss-systemd(8)); None for unknown ids."""
    if named is None:
        return Check("names of ids", "unknown", "the ids cannot be read", "getent passwd")
    wrong = [name for name, shown in sorted(named.names.items()) if shown != f"chainsaw-{name}-root"]
    if not named.names:
        return Check("names of ids", "ok", "no instance has ids yet")
    if not wrong:
        return Check("names of ids", "ok", f"ps and ls have names for the ids of {some(named.names)}")
    found = f"ps and ls show numbers for the ids of {some(wrong)}"
    if not named.by_systemd:
        return Check("names of ids", "warn", f"{found}: libnss-systemd is missing", "sudo apt install libnss-systemd")
    return Check("names of ids", "warn", found, f"sudo chainsaw setup --user {user}")


def controllers(delegated: str | None, kernel: str | None, in_container: bool) -> Check:
    """Check whether memory and task limits work: which controllers the user manager has (cgroups(7)).

    `delegated` and `kernel` are the texts of cgroup.controllers of the user manager and of the root cgroup.
    """
    if delegated is None:
        found = "the control group of the user manager cannot be read"
        return Check("limits", "unknown", found, "cat /sys/fs/cgroup/cgroup.controllers")
    missing = [name for name in CONTROLLERS if name not in delegated.split()]
    if not missing:
        return Check("limits", "ok", f"work: the user manager has the controllers {', '.join(delegated.split())}")
    found = f"those of {' and '.join(missing)} do not work: the user manager does not have the controllers"
    if kernel is None or set(missing) <= set(kernel.split()):
        hint = "sudo systemctl edit user@.service, with [Service] and Delegate=cpu memory pids; then reboot"
    elif in_container:
        hint = "the host of this container has to delegate them (systemd-nspawn: a unified hierarchy)"
    else:
        hint = "boot with the kernel parameters cgroup_enable=memory systemd.unified_cgroup_hierarchy=1"
    return Check("limits", "warn", found, hint)
