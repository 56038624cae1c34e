"""Checks of how visitors reach this host: the answers of the front, and the DNS records of host names."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from chainsaw.checks.check import Check, some
from chainsaw.checks.observed import Addresses, PlainAnswer, Resolved, ShownCertificate
from chainsaw.model.tls import is_local

PRIVATE = [
    ip_network(text)
    for text in (
        "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "127.0.0.0/8",
        "fc00::/7", "fe80::/10", "::1/128",
    )
]  # fmt: skip
"""Addresses that are not reachable from the internet (RFC 1918, 6598, 3927, 1122, 4193, 4291)."""
REDIRECTS = range(300, 400)
FRONT_RESTART = "systemctl --user restart chainsaw-front.socket chainsaw-front.service"


def http(port: int, answer: PlainAnswer, host: str) -> Check:
    """Check the answer on the plain port: a redirect for a routed host, a closed connection for any other name."""
    if answer.problem:
        return Check("http", "fail", f"port {port} does not answer: {answer.problem}", FRONT_RESTART)
    asked = f"port {port}, asked for {host or 'an unknown host name'},"
    if host and answer.status in REDIRECTS and answer.location.startswith((f"https://{host}/", f"https://{host}:")):
        return Check("http", "ok", f"port {port} redirects to https")
    if not host and answer.status == 0:
        return Check("http", "ok", f"{asked} closes the connection, as it should")
    reply = f"answers {answer.status}" if answer.status else "closes the connection"
    return Check("http", "fail", f"{asked} {reply}: is that the front?", f"sudo ss -ltnp 'sport = :{port}'")


def https(port: int, hosts: Collection[str], shown: Mapping[str, ShownCertificate]) -> Check:
    """Check the TLS handshake on the https port for each host."""
    if not hosts:
        return Check("https", "unknown", "no instance is published, and unknown host names get no handshake")
    silent = {host: shown[host].problem if host in shown else "timed out" for host in hosts}
    silent = {host: text for host, text in silent.items() if text and not (host in shown and shown[host].refused)}
    if not silent:
        return Check("https", "ok", f"port {port} speaks TLS")
    host, problem = next(iter(silent.items()))
    return Check("https", "fail", f"port {port} does not speak TLS for {host}: {problem}", FRONT_RESTART)


def addresses_in(fib_trie: str | None, if_inet6: str | None) -> frozenset[str]:
    """Return the addresses of this host but loopback, from /proc/net/fib_trie and /proc/net/if_inet6 (proc_net(5))."""
    found = set(re.findall(r"\|-- ([0-9.]+)\n +/32 host LOCAL", fib_trie or ""))
    for line in (if_inet6 or "").splitlines():
        digits = line.split()[0] if line.split() else ""
        if re.fullmatch(r"[0-9a-f]{32}", digits):
            found.add(str(IPv6Address(int(digits, 16))))
    return frozenset(text for text in found if not ip_address(text).is_loopback)


def leads_here(host: str, answered: Resolved | None, this: Addresses) -> Check:
    """Check where the DNS records of a host name point; `answered` is None when the resolver gave no answer in time."""
    if is_local(host):
        return Check("DNS", "ok", "a name for this host only; other hosts cannot use it", subject=host)
    look = f"getent ahosts {host}"
    if answered is None or answered.problem:
        problem = answered.problem if answered else "in time"
        return Check("DNS", "unknown", f"the resolver does not answer: {problem}", look, host)
    if not answered.addresses:
        return Check("DNS", "fail", "has no address: nobody can reach it", _record(host, this.own), host)
    if host in this.own_names or all(_is_loopback(text) for text in answered.addresses):
        found = f"set on this host itself ({some(answered.addresses)}); the public DNS records are not known"
        return Check("DNS", "unknown", found, f"elsewhere: {look}", host)
    return _compared(host, answered.addresses, this.own)


def _compared(host: str, addresses: Collection[str], own: Collection[str]) -> Check:
    """Compare the A and AAAA records of a name with the IPv4 and IPv6 addresses of this host."""
    here = sorted(set(addresses) & set(own))
    elsewhere = sorted(set(addresses) - set(own))
    if not elsewhere:
        return Check("DNS", "ok", f"points to this host: {some(here)}", subject=host)
    # A host with a public address of the same kind is not behind NAT, so another address is wrong for certain.
    proven = [
        text for text in elsewhere if here or any(_kind(text) == _kind(mine) and _is_public(mine) for mine in own)
    ]
    if proven:
        found = f"{_records(proven)}: that is not this host"
        return Check("DNS", "fail", found, _record(host, own), host)
    mine = f"its own addresses are private ({some(own)})" if own else "its own addresses cannot be read"
    found = f"{_records(elsewhere)}; it may or may not point to this host: {mine}, as behind NAT"
    return Check("DNS", "unknown", found, f"from elsewhere: curl -I http://{host}/", host)


def _records(addresses: Collection[str]) -> str:
    return ", ".join(f"{'AAAA' if ':' in text else 'A'} {text}" for text in sorted(addresses, key=_kind))


def _record(host: str, own: Collection[str]) -> str:
    wanted = sorted(text for text in own if _is_public(text))
    kept = "" if any(":" in text for text in wanted) else ", and no AAAA"
    return f"at your DNS provider, set {host} {_records(wanted) or 'A, the address of this host'}{kept}"


def _is_public(text: str) -> bool:
    address: IPv4Address | IPv6Address = ip_address(text)
    return not any(address in network for network in PRIVATE if network.version == address.version)


def _is_loopback(text: str) -> bool:
    return ip_address(text).is_loopback


def _kind(text: str) -> int:
    return 6 if ":" in text else 4
