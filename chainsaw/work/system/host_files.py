"""The files of the host that setup writes for one user: what the kernel and systemd's drop-ins allow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from chainsaw.host import facts, files, firewall
from chainsaw.host.account import Account

MADE = "# Made by chainsaw setup"
"""How the files begin that setup writes."""
SYSCTL = "/etc/sysctl.d/50-chainsaw.conf"
JOURNALD = "/etc/systemd/journald.conf.d/50-chainsaw.conf"
UNITS = "/etc/systemd/system"
HELD = 512
"""How many connections one address may hold, which for IPv6 is the network of one customer."""
CONNECTIONS = f"""\
{MADE}: otherwise one address could hold all the connections of the front.
[Unit]
Description=Bounds how many connections one address holds to the ports 80 and 443
Documentation=man:nft(8)
StartLimitIntervalSec=0

[Service]
Type=oneshot
RemainAfterExit=true
StandardInput=data
StandardInputText=table inet chainsaw
StandardInputText=delete table inet chainsaw
StandardInputText=table inet chainsaw {{
StandardInputText=    set held4 {{ type ipv4_addr; flags dynamic; size 65535; }}
StandardInputText=    set held6 {{ type ipv6_addr; flags dynamic; size 65535; }}
StandardInputText=    chain held {{ type filter hook input priority filter - 10; }}
StandardInputText=}}
StandardInputText=add rule inet chainsaw held iif lo accept
StandardInputText=add rule inet chainsaw held tcp dport {{ 80, 443 }} ct state new \\
    add @held4 {{ ip saddr ct count over {HELD} }} reject with tcp reset
StandardInputText=add rule inet chainsaw held tcp dport {{ 80, 443 }} ct state new \\
    add @held6 {{ ip6 saddr & ffff:ffff:ffff:ffff:: ct count over {HELD} }} reject with tcp reset
ExecStart=/usr/sbin/nft -f -
ExecStop=-/usr/sbin/nft delete table inet chainsaw

[Install]
WantedBy=multi-user.target
"""
"""Sources: nft(8), connection limit and dynamic sets; systemd.exec(5), StandardInputText=."""
AGAIN = "-/usr/bin/systemctl --no-block restart chainsaw-connections.service"
WITH_NFTABLES = f"""\
{MADE}: Debian's rules begin with the removal of all others.
[Service]
ExecStartPost={AGAIN}
ExecReload={AGAIN}
ExecStopPost={AGAIN}
"""
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
    why = "users may not take the ports 80 and 443, nor may their containers"
    yield HostFile(f"{UNITS}/user-.slice.d/50-chainsaw.conf", text, why, True)
    allowed = f"{MADE}.\n[Slice]\nSocketBindDeny=\n"
    yield HostFile(f"{UNITS}/user-{account.uid}.slice.d/60-chainsaw.conf", allowed, f"but {account.name} may")
    for name, uid in sorted(others.items()):
        yield HostFile(f"{UNITS}/user-{uid}.slice.d/60-chainsaw.conf", allowed, f"and {name}, who uses chainsaw, too")
    yield HostFile(f"{UNITS}/user-0.slice.d/60-chainsaw.conf", allowed, "and root may", True)


def connection_files() -> Iterator[HostFile]:
    """Yield the unit that bounds the connections of each address, and what starts it again after other rules."""
    why = f"one address holds {HELD} connections at most to the ports 80 and 443"
    yield HostFile(f"{UNITS}/{firewall.UNIT}", CONNECTIONS, why, True)
    yield HostFile(
        f"{UNITS}/nftables.service.d/50-chainsaw.conf", WITH_NFTABLES, "and so after Debian's own rules", True
    )


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
