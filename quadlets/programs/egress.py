"""Closes this host to containers that may reach the internet.

With `hook` this is an OCI hook (oci-hooks(5)) of the stage createRuntime: crun(1) calls it with the container's state
on standard input before the first process of the container runs, and does not start the container unless it succeeds.
With `refresh` a timer calls it: it gives all such containers new rules when the host has other addresses than before.
The further arguments are the ports of the front. Of this host, a container reaches these at each address of the host,
and the `host_ports` of its instance at host.containers.internal.

Podman gives the host an address in containers, and pasta(1) hands on what is for another address of the host, too.
The rules are in the container's own network namespace, whose processes may not change them.
"""

import ipaddress
import json
import os
import re
import subprocess
import sys

FRONT_IS_AT = "169.254.1.2"
"""The address of this host in containers (podman-run(1), pasta's --map-guest-addr)."""
KEY = "chainsaw.host-ports"
"""The annotation, and the label, with the ports that the admin allows."""
LOOPBACK = ipaddress.IPv4Network("127.0.0.0/8")
RULES = """add table inet chainsaw
delete table inet chainsaw
table inet chainsaw {{
    chain door {{
        type nat hook output priority dstnat; policy accept;
        ip daddr {{ {own} }} tcp dport {{ {front} }} dnat ip to {there}
    }}
    chain closed {{
        type filter hook output priority filter; policy accept;
        oifname "lo" accept
        ip daddr {there} tcp dport {{ {allowed} }} accept
        ip daddr {{ {own}, {there} }} reject
    }}
}}
"""


def routes() -> str:
    """Return the kernel's table of IPv4 routes."""
    with open("/proc/net/fib_trie") as file:
        return file.read()


def own_addresses(text: str) -> list[str]:
    """Return this host's IPv4 addresses and ranges but those of the loopback."""
    found = re.findall(r"\|-- ([0-9.]+)\n +/([0-9]+) host LOCAL", text)
    networks = {ipaddress.IPv4Network(f"{address}/{length}") for address, length in found}
    outside = [network for network in networks if not network.subnet_of(LOOPBACK)]
    return [str(network) for network in ipaddress.collapse_addresses(outside)]


def host_ports(text: str) -> list[str]:
    """Return the ports in a text that the admin's file has given."""
    return [port for port in text.split() if port.isdigit()]


def rules(own: list[str], front: list[str], others: list[str]) -> str:
    """Return the rules for a container, for nft(8); they replace those that it has."""
    # Where the host has no address of its own, there is nothing that could be reached at one.
    own = own or ["0.0.0.0"]  # noqa: S104 - an address of nobody
    return RULES.format(
        own=", ".join(own), front=", ".join(front), allowed=", ".join([*front, *others]), there=FRONT_IS_AT
    )


def give(pid: int, text: str, *before: str) -> None:
    """Give the network namespace of a process its rules."""
    argv = [*before, "nsenter", "--net", f"--target={pid}", "/usr/sbin/nft", "--file", "-"]
    subprocess.run(argv, input=text.encode(), check=True)


def hook(front: list[str]) -> None:
    """Give a container that is created its rules."""
    state = json.load(sys.stdin)
    ports = host_ports(state.get("annotations", {}).get(KEY, ""))
    give(int(state["pid"]), rules(own_addresses(routes()), front, ports))


def refresh(front: list[str]) -> None:
    """Give all running containers new rules, unless nothing has changed since the last time."""
    place = f"{os.environ['XDG_RUNTIME_DIR']}/chainsaw-egress"
    own = own_addresses(routes())
    known = json.dumps([own, front, os.stat(__file__).st_mtime_ns])
    if os.path.exists(place):
        with open(place) as file:
            if file.read() == known:
                return
    podman = ["/usr/bin/podman", "--events-backend=none"]
    shown = '{{.Pid}} {{index .Labels "chainsaw.host-ports"}}'
    argv = [*podman, "ps", "--filter=label=chainsaw.egress=internet", f"--format={shown}"]
    for line in subprocess.run(argv, check=True, capture_output=True, text=True).stdout.splitlines():
        pid, _, ports = line.partition(" ")
        give(int(pid), rules(own, front, host_ports(ports)), *podman, "unshare")
    with open(place, "w") as file:
        file.write(known)


if __name__ == "__main__":
    {"hook": hook, "refresh": refresh}[sys.argv[1]](sys.argv[2:])
