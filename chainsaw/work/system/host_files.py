"""The files of the host that setup writes for one user: what the kernel and systemd's drop-ins allow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from chainsaw.host import facts, files
from chainsaw.host.account import Account

MADE = "# Made by chainsaw setup"
"""How the files begin that setup writes."""
SYSCTL = "/etc/sysctl.d/50-chainsaw.conf"
JOURNALD = "/etc/systemd/journald.conf.d/50-chainsaw.conf"
UNITS = "/etc/systemd/system"
OTHERS = "users may not take the ports 80 and 443, nor may their containers"
INOTIFY = {"max_user_instances": 1024, "max_user_watches": 524288}
"""What the kernel gives one user of inotify(7): enough for 16 containers that take all they may."""


@dataclass(frozen=True)
class HostFile:
    """A file, its text, and what it is for."""

    path: str
    text: str
    why: str
    shared: bool = False
    """Whether every user of chainsaw on this host needs it."""


def drop_ins(account: Account, others: Mapping[str, int] = MappingProxyType({})) -> Iterator[HostFile]:
    """Yield the drop-ins of systemd for a user; a later one of a user takes back what is denied to all.

    `others` are the ids of other users of chainsaw by name. The kernel asks at each bind(2), also inside the containers
    of the users to whom it is denied.

    Sources: systemd.resource-control(5) for Delegate= and SocketBindDeny=, systemd.unit(5) for their order.
    """
    manager = f"{UNITS}/user@{account.uid}.service.d/50-chainsaw.conf"
    text = f"{MADE}: instances share these.\n[Service]\nDelegate=cpu io memory pids\n"
    text += "# chainsaw-logs.service bounds each source; journald would take all of them for one.\n"
    text += "LogRateLimitIntervalSec=30s\nLogRateLimitBurst=100000\n"
    why = f"{account.name} may share out the processor, the disk and memory, and each source of logs has its own limit"
    yield HostFile(manager, text, why)
    text = f"{MADE}: the front's, also while it is down.\n[Slice]\nSocketBindDeny=tcp:80\nSocketBindDeny=tcp:443\n"
    yield HostFile(
        f"{UNITS}/user-.slice.d/50-chainsaw.conf",
        text,
        "users may not take the ports 80 and 443, nor may their containers",
        True,
    )
    allowed = f"{MADE}.\n[Slice]\nSocketBindDeny=\n"
    yield HostFile(f"{UNITS}/user-{account.uid}.slice.d/60-chainsaw.conf", allowed, f"but {account.name} may")
    for name, uid in sorted(others.items()):
        yield HostFile(f"{UNITS}/user-{uid}.slice.d/60-chainsaw.conf", allowed, f"and {name}, who uses chainsaw, too")
    yield HostFile(f"{UNITS}/user-0.slice.d/60-chainsaw.conf", allowed, "and root may", True)


def sysctl_file() -> HostFile:
    """Return the settings of the kernel; what is higher already stays."""
    lines = [
        f"{MADE}: the front listens on 80 and 443 as an ordinary user.",
        "net.ipv4.ip_unprivileged_port_start = 80",
    ]
    lines.append("# The kernel counts what all containers use of these as the admin's own.")
    lines += [f"fs.inotify.{name} = {max(value, inotify_limit(name))}" for name, value in INOTIFY.items()]
    why = "ordinary users may listen on ports from 80 on, and watch enough files for all containers"
    return HostFile(SYSCTL, "\n".join(lines) + "\n", why)


def inotify_limit(name: str) -> int:
    """Return what the kernel allows a user now; 0 when it does not say."""
    text = files.read_text(f"{facts.INOTIFY}/{name}") or ""
    return int(text) if text.strip().isdigit() else 0
