"""Facts about this host: its admin, its id ranges, its versions."""

from __future__ import annotations

import json
import os
import pwd
import re
import shutil
import sys
from collections.abc import Sequence

from chainsaw.errors import Diagnostic, host_lacks
from chainsaw.host import files, process
from chainsaw.model.block import Ranges
from chainsaw.model.keys import Version
from chainsaw.model.paths import Paths

PODMAN_FLOOR: Version = (5, 4)
SYSTEMD_FLOOR = 254
INOTIFY = "/proc/sys/fs/inotify"
PORT_START = "/proc/sys/net/ipv4/ip_unprivileged_port_start"


def ranges_of(user: str, uid: int) -> Ranges:
    """Return a user's subordinate ranges; raise ChainsawError when another user's overlap them."""
    # An apply that has nothing to do needs no ranges.
    from chainsaw.compile.blocks import ranges_in

    return ranges_in(user, uid, files.read_text("/etc/subuid") or "", files.read_text("/etc/subgid") or "")


def asking_user() -> str:
    """Return the user who runs this, or who called sudo."""
    return os.environ.get("SUDO_USER") or pwd.getpwuid(os.getuid()).pw_name


def user_named(name: str) -> pwd.struct_passwd | None:
    """Return a user's entry of the user database, or None."""
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def homes() -> dict[str, str]:
    """Return the home directory of each user but root."""
    return {entry.pw_name: entry.pw_dir for entry in pwd.getpwall() if entry.pw_uid}


def is_root() -> bool:
    """Return whether this runs as root."""
    return os.geteuid() == 0


def processors() -> int:
    """Return how many processors there are."""
    return os.cpu_count() or 1


def program() -> str:
    """Return the path of this program, as systemd is to start it."""
    own = f"{sys.prefix}/bin/chainsaw"
    return own if os.access(own, os.X_OK) else "/usr/bin/chainsaw"


def node() -> str:
    """Return the name of this host."""
    return os.uname().nodename


def boot_id() -> str:
    """Return the id of this boot (proc(5), sys/kernel/random/boot_id)."""
    return (files.read_text("/proc/sys/kernel/random/boot_id") or "").strip()


def description(paths: Paths) -> dict[str, str]:
    """Return the properties of this host that a measurement depends on."""
    release = dict(re.findall(r'^(\w+)="?([^"\n]*)"?$', files.read_text("/etc/os-release") or "", re.MULTILINE))
    return {
        "system": release.get("PRETTY_NAME", "unknown"),
        "kernel": os.uname().release,
        "machine": os.uname().machine,
        "podman": ".".join(map(str, podman_version(paths))),
        "processors": str(processors()),
    }


def has_ipv6() -> bool:
    """Return whether the kernel has IPv6 switched on."""
    return bool(files.read_text("/proc/net/if_inet6"))


def podman_version(paths: Paths) -> Version:
    """Return Podman's version; the program runs again only when it has changed."""
    program = shutil.which("podman")
    if program is None:
        raise host_lacks(Diagnostic("no-podman", "Podman is not installed", hint="sudo apt install podman"))
    stamp = f"{program}:{os.stat(program).st_mtime_ns}"
    cache = f"{paths.state}/chainsaw/podman.json"
    try:
        known = json.loads(files.read_text(cache) or "{}")
    except ValueError:
        known = {}
    if known.get("stamp") != stamp:
        shown = process.run([program, "--version"]).text
        match = re.search(r"(\d+)\.(\d+)", shown)
        version = [int(match[1]), int(match[2])] if match else [0, 0]
        known = {"format": 1, "stamp": stamp, "version": version}
        files.write_atomic(cache, json.dumps(known).encode())
    major, minor = known["version"]
    return (major, minor)


def missing_from_host(user: str, paths: Paths, ports: Sequence[int], podman: Version, systemd: int) -> list[Diagnostic]:
    """Return what is missing on this host, each with the command that fixes it."""
    setup = f"sudo chainsaw setup --user {user}"
    found = []
    if podman < PODMAN_FLOOR:
        shown = ".".join(map(str, podman))
        found.append(Diagnostic("old-podman", f"Podman {shown} is older than 5.4", hint="upgrade to Debian 13"))
    if systemd < SYSTEMD_FLOOR:
        found.append(Diagnostic("old-systemd", f"systemd {systemd} is older than 254", hint="upgrade to Debian 13"))
    if not files.exists(f"/var/lib/systemd/linger/{user}"):
        message = f"{user}'s services end at logout: lingering is off"
        found.append(Diagnostic("no-linger", message, hint=setup))
    lowest = int((files.read_text(PORT_START) or "1024").strip())
    if min(ports) < lowest:
        message = f"an ordinary user may not listen on port {min(ports)}, only from {lowest} on"
        found.append(Diagnostic("low-ports", message, PORT_START, hint=setup))
    if not files.exists(f"{paths.config}/containers/storage.conf"):
        message = "no storage driver was chosen, and Podman's default would copy each image for each instance"
        found.append(Diagnostic("no-storage", message, hint=setup))
    return found


def listeners() -> set[int]:
    """Return the TCP ports on which anything on this host listens (proc_net_tcp: state 0A)."""
    ports = set()
    for file in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in (files.read_text(file) or "").splitlines()[1:]:
            fields = line.split()
            if len(fields) > 3 and fields[3] == "0A":
                ports.add(int(fields[1].rsplit(":", 1)[1], 16))
    return ports
