"""Closes this host to a container that may reach the internet, before its first process runs.

An OCI hook (oci-hooks(5)) of the stage createRuntime: crun(1) calls it with the container's state on standard input,
and the container is not started unless it succeeds. The arguments are the ports of the front. Of this host, the
container reaches these at each address of the host, and the `host_ports` of the instance at host.containers.internal.

Podman gives the host an address in containers, and pasta(1) hands on what is for another address of the host, too.
The rules are in the container's own network namespace, whose processes may not change them.
"""

import json
import os
import re
import sys

FRONT_IS_AT = "169.254.1.2"
"""The address of this host in containers (podman-run(1), pasta's --map-guest-addr)."""
ANNOTATION = "chainsaw.host-ports"
NFT = "/usr/sbin/nft"
RULES = """table inet chainsaw {{
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


def own_addresses(routes: str) -> list[str]:
    """Return this host's IPv4 addresses but those of the loopback, from the text of /proc/net/fib_trie."""
    found = re.findall(r"\|-- ([0-9.]+)\n +/32 host LOCAL", routes)
    return sorted({address for address in found if not address.startswith("127.")})


def host_ports(state: dict[str, dict[str, str]]) -> list[str]:
    """Return the ports that the admin allows, as the container's annotation names them."""
    found = state.get("annotations", {}).get(ANNOTATION, "").split()
    return [port for port in found if port.isdigit()]


def rules(own: list[str], front: list[str], others: list[str]) -> str:
    """Return the rules for a container, for nft(8)."""
    # Where the host has no address of its own, there is nothing that could be reached at one.
    own = own or ["0.0.0.0"]  # noqa: S104 - an address of nobody
    return RULES.format(
        own=", ".join(own), front=", ".join(front), allowed=", ".join([*front, *others]), there=FRONT_IS_AT
    )


def main() -> None:
    """Give the container its rules."""
    state = json.load(sys.stdin)
    with open("/proc/net/fib_trie") as file:
        text = rules(own_addresses(file.read()), sys.argv[1:], host_ports(state))
    reading, writing = os.pipe()
    os.write(writing, text.encode())
    os.close(writing)
    os.dup2(reading, 0)
    argv = ["nsenter", "--net", f"--target={int(state['pid'])}", NFT, "--file", "-"]
    os.execvp(argv[0], argv)  # noqa: S606


if __name__ == "__main__":
    main()
