"""A program that runs another away from this host: `python3 -I seclusion.py DIRECTORY HOME KEPT... -- PROGRAM WORD...`.

It runs as root of a user namespace of the admin. PROGRAM, and whatever it starts, has a network of its own, in which
this host has no address, and sees nothing of HOME but the directories KEPT. What it may do there is no matter: it has
neither this network nor these mounts, because it is to run in a further user namespace. DIRECTORY is for this program's
own files, outside of HOME.

pasta(1) is that network. It would hand on what is for an address of this host that the network does not have itself;
rules of nft(8) refuse it. Of this host remain the name server, through pasta, and a proxy on the loopback if a variable
of the environment names one.
"""

from __future__ import annotations

import ipaddress
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

NAMES_ARE_AT = "169.254.1.1"
"""Where pasta answers for the name server of this host; Podman has it there in containers, too."""
PASTA = [
    "pasta", "--quiet", "--config-net", "--no-map-gw", "--map-guest-addr", "none", "--dns-forward", NAMES_ARE_AT,
    "-t", "none", "-u", "none", "-U", "none",
]  # fmt: skip
NFT = "/usr/sbin/nft"
PACKAGES = {"pasta": "passt", NFT: "nftables"}
RESOLVER = "/etc/resolv.conf"
LOCAL_ROUTE = 0x80000000
"""The flag of a route to this host itself (linux/ipv6_route.h, RTF_LOCAL)."""
RULES = """table inet chainsaw {{
    chain closed {{
        type filter hook output priority filter; policy accept;
        oifname "lo" accept
        ip daddr {names} meta l4proto {{ tcp, udp }} th dport 53 accept
        ip daddr {{ {own} }} reject
        ip6 daddr {{ {own6} }} reject
    }}
}}
"""
CLOSED = ["127.0.0.0/8", "169.254.0.0/16"]
CLOSED6 = ["::1/128", "fe80::/10"]
"""Besides this host's addresses, those of a link, where a provider's service may tell a machine's secrets."""


def own_addresses(routes: str) -> list[str]:
    """Return this host's IPv4 addresses and ranges; from the text of /proc/net/fib_trie."""
    found = re.findall(r"\|-- ([0-9.]+)\n +/([0-9]+) host LOCAL", routes)
    networks = [ipaddress.IPv4Network(text) for text in [*CLOSED, *("/".join(pair) for pair in found)]]
    return [str(network) for network in ipaddress.collapse_addresses(networks)]


def own_addresses6(routes: str) -> list[str]:
    """Return this host's IPv6 addresses and ranges; from the text of /proc/net/ipv6_route."""
    networks = [ipaddress.IPv6Network(text) for text in CLOSED6]
    for fields in map(str.split, routes.splitlines()):
        if int(fields[8], 16) & LOCAL_ROUTE:
            networks.append(ipaddress.IPv6Network((int(fields[0], 16), int(fields[1], 16))))
    return [str(network) for network in ipaddress.collapse_addresses(networks)]


def rules(routes: str, routes6: str) -> str:
    """Return the rules of the network, for nft(8)."""
    own, own6 = own_addresses(routes), own_addresses6(routes6)
    return RULES.format(names=NAMES_ARE_AT, own=", ".join(own), own6=", ".join(own6))


def resolver(text: str) -> str:
    """Return what resolv.conf(5) is there: pasta first, and no name server on the loopback, where there is none."""
    lines = [line for line in text.splitlines() if not re.match(r"\s*nameserver\s+(127\.|::1\b)", line)]
    return "\n".join([f"nameserver {NAMES_ARE_AT}", *lines]) + "\n"


def proxy_ports(environment: Mapping[str, str]) -> list[str]:
    """Return the ports of this host's loopback on which a proxy is, as the admin's environment says."""
    found = set()
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        for value in (environment.get(name, ""), environment.get(name.upper(), "")):
            try:
                where = urlsplit(value if "://" in value else f"http://{value}")
                is_here = where.hostname == "localhost" or ipaddress.ip_address(where.hostname or "").is_loopback
                found |= {str(where.port)} if is_here and where.port else set()
            except ValueError:
                continue
    return sorted(found)


def _read(path: str) -> str:
    """Return the text of a file; nothing where there is none, such as without IPv6."""
    try:
        with open(path) as file:
            return file.read()
    except FileNotFoundError:
        return ""


def seclude(directory: str, words: Sequence[str]) -> int:
    """Run this program inside a new network, which pasta connects, and return how it ended."""
    with open(f"{directory}/resolv.conf", "w") as file:
        file.write(resolver(_read(RESOLVER)))
    (is_there, there), (allowed, allow) = os.pipe(), os.pipe()
    argv = ["unshare", "--net", "--mount", sys.executable, "-I", __file__, "inside", str(there), str(allowed)]
    inside = subprocess.Popen([*argv, directory, *words], pass_fds=(there, allowed))
    os.close(there)
    os.close(allowed)
    pasta = [*PASTA, "-T", ",".join(proxy_ports(os.environ)) or "none", "--pid", f"{directory}/pasta.pid"]
    try:
        if os.read(is_there, 1):
            subprocess.run([*pasta, "--netns", f"/proc/{inside.pid}/ns/net"], check=True)
            os.write(allow, rules(_read("/proc/net/fib_trie"), _read("/proc/net/ipv6_route")).encode())
    finally:
        # Without rules it gives up.
        os.close(allow)
        code = inside.wait()
        if number := _read(f"{directory}/pasta.pid"):
            os.kill(int(number), signal.SIGTERM)
    return code


def enter(there: int, allowed: int, directory: str, home: str, words: Sequence[str]) -> None:
    """Become the program, as soon as there is a network and its rules are given."""
    os.write(there, b"1")
    os.close(there)
    with open(allowed) as file:
        given = file.read()
    if not given:
        raise SystemExit(1)
    if os.path.exists(RESOLVER):
        _mount("--bind", f"{directory}/resolv.conf", RESOLVER)
    subprocess.run([NFT, "--file", "-"], input=given.encode(), check=True)
    at = words.index("--")
    _hide(directory, home, [path for path in words[:at] if os.path.isdir(path)])
    os.execvp(words[at + 1], list(words[at + 1 :]))  # noqa: S606  # it is what the caller has started


def _hide(directory: str, home: str, kept: Sequence[str]) -> None:
    """Mount an empty directory over the admin's, but for those that are kept."""
    for number, path in enumerate(kept):
        os.mkdir(f"{directory}/{number}")
        _mount("--rbind", path, f"{directory}/{number}")
    _mount("-t", "tmpfs", "-o", "mode=0755", "chainsaw", home)
    for number, path in enumerate(kept):
        os.makedirs(path, exist_ok=True)
        _mount("--rbind", f"{directory}/{number}", path)
    os.chdir("/")


def _mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True)


def main(argv: Sequence[str]) -> int:
    """Run the program; print what went wrong before it."""
    try:
        if argv[0] == "inside":
            _, there, allowed, directory, home, *words = argv
            enter(int(there), int(allowed), directory, home, words)
        return seclude(argv[0], argv[1:])
    except FileNotFoundError as error:
        package = PACKAGES.get(str(error.filename), "")
        hint = f": sudo apt install {package}" if package else ""
        sys.stderr.write(f"{error.filename} is not installed{hint}\n")
    except subprocess.CalledProcessError as error:
        sys.stderr.write(f"{error.cmd[0]} ended with {error.returncode}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
