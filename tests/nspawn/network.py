"""The network of a machine: a veth pair and a masquerade rule."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .host import MachineError, attempt, cache, output, read_json, run, wait_for

FORWARD = Path("/proc/sys/net/ipv4/ip_forward")
LINKS = Path("/sys/class/net")


@dataclass(frozen=True)
class Network:
    """The addresses and names of one machine's network, derived from its number."""

    number: int

    @property
    def name(self) -> str:
        """Name of the host's end of the pair and of the nftables table."""
        return f"chainsaw{self.number}"

    @property
    def gateway(self) -> str:
        """Address of the host."""
        return f"10.213.{self.number}.1"

    @property
    def address(self) -> str:
        """Address of the machine."""
        return f"10.213.{self.number}.2"

    def attach(self, leader: int) -> None:
        """Connect the network namespace of LEADER with the host's uplink."""
        self.detach()
        # An init that was just started is still in the host's, and goes on to one of its own.
        if not wait_for(lambda: _namespace(leader) != _namespace(os.getpid()), 30):
            raise MachineError(f"the process {leader} has no network of its own")
        mtu = _uplink_mtu()
        inside = ["nsenter", "-t", str(leader), "-n", "ip"]
        run(
            [
                "ip",
                "link",
                "add",
                self.name,
                "mtu",
                mtu,
                "type",
                "veth",
                "peer",
                "name",
                "host0",
                "mtu",
                mtu,
                "netns",
                str(leader),
            ]
        )
        run(["ip", "address", "add", f"{self.gateway}/24", "dev", self.name])
        run(["ip", "link", "set", self.name, "up"])
        run([*inside, "link", "set", "lo", "up"])
        run([*inside, "address", "add", f"{self.address}/24", "dev", "host0"])
        run([*inside, "link", "set", "host0", "up"])
        run([*inside, "route", "add", "default", "via", self.gateway])
        self._masquerade()

    def detach(self) -> None:
        """Remove the pair and the table, whichever of them is left."""
        attempt(["nft", "delete", "table", "ip", self.name])
        # The kernel removes the pair itself with the machine's namespace, perhaps at this moment.
        attempt(["ip", "link", "delete", self.name])
        if (LINKS / self.name).exists():
            run(["ip", "link", "delete", self.name])

    def _masquerade(self) -> None:
        rules = f"""table ip {self.name} {{
            chain postrouting {{
                type nat hook postrouting priority 100;
                ip saddr {self.gateway}/24 oifname != "{self.name}" masquerade
            }}
        }}"""
        done = subprocess.run(["nft", "-f", "-"], input=rules, text=True, capture_output=True)
        if done.returncode:
            raise MachineError(f"nft: {done.stderr}")


def free_number() -> int:
    """Return the lowest number that no machine uses, of this cache or of another."""
    taken = {read_json(path).get("number") for path in (cache() / "machines").glob("*/network.json")}
    for number in range(250):
        if number not in taken and not (LINKS / Network(number).name).exists():
            return number
    raise MachineError("there is no free network for another machine")


def forward(marker: Path) -> None:
    """Enable forwarding on the host, and record if it was off before."""
    if FORWARD.read_text().strip() == "0":
        marker.touch()
        FORWARD.write_text("1\n")


def stop_forwarding(marker: Path) -> None:
    """Undo what forward did."""
    if marker.exists():
        FORWARD.write_text("0\n")
        marker.unlink()


def _uplink_mtu() -> str:
    routes = json.loads(output(["ip", "-j", "route", "show", "default"]) or "[]")
    return (LINKS / routes[0]["dev"] / "mtu").read_text().strip() if routes else "1500"


def _namespace(process: int) -> str:
    return os.readlink(f"/proc/{process}/ns/net")
