"""Verdicts on how visitors find this host: what the front answers, and where names lead."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from chainsaw.checks.check import Check, some
from chainsaw.checks.observed import Addresses, PlainAnswer, Resolved, ShownCertificate
from chainsaw.model.quantity import span_for_people

PRIVATE = [
    ip_network(text)
    for text in (
        "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "127.0.0.0/8",
        "fc00::/7", "fe80::/10", "::1/128",
    )
]  # fmt: skip
"""Addresses that mean nothing outside (RFC 1918, 6598, 3927, 1122, 4193, 4291)."""
REDIRECTS = range(300, 400)
DAY = 86400.0
LIFE = 397 * DAY
"""Seconds that a certificate of the local authority lives."""
FRONT_RESTART = "systemctl --user restart chainsaw-front.socket chainsaw-front.service"


def http(port: int, answer: PlainAnswer, host: str) -> Check:
    """Judge the answer on the plain port: a redirect for a routed host, a closed connection for any other name."""
    if answer.problem:
        return Check("http", "fail", f"port {port} does not answer: {answer.problem}", FRONT_RESTART)
    asked = f"port {port}, asked for {host or 'a name that nobody routed'},"
    if host and answer.status in REDIRECTS and answer.location.startswith((f"https://{host}/", f"https://{host}:")):
        return Check("http", "ok", f"port {port} redirects to https")
    if not host and answer.status == 0:
        return Check("http", "ok", f"{asked} closes the connection, as it should")
    said = f"answers {answer.status}" if answer.status else "closes the connection"
    return Check("http", "fail", f"{asked} {said}: is that the front?", f"sudo ss -ltnp 'sport = :{port}'")


def https(port: int, hosts: Collection[str], shown: Mapping[str, ShownCertificate]) -> Check:
    """Judge the handshakes on the port for https, by host: whether anybody answers there, and knows these names."""
    if not hosts:
        return Check("https", "unknown", "no host is routed, and other names get no handshake")
    silent = {host: shown[host].problem if host in shown else "timed out" for host in hosts}
    silent = {host: text for host, text in silent.items() if text and not (host in shown and shown[host].refused)}
    if not silent:
        return Check("https", "ok", f"port {port} speaks TLS")
    host, problem = next(iter(silent.items()))
    return Check("https", "fail", f"port {port} does not speak TLS for {host}: {problem}", FRONT_RESTART)


def certificate(host: str, recorded: float | None, shown: ShownCertificate | None, now: float) -> Check:
    """Judge the certificate of a host, recorded and shown: seconds since 1970 at which it ends.

    An apply renews what has a third of its life left.
    """
    seen = shown if shown and shown.until else None
    if shown and shown.refused:
        renewed = recorded is not None and recorded - now > LIFE / 3
        hint = "systemctl --user reload chainsaw-front" if renewed else "chainsaw apply"
        return Check("certificate", "fail", f"does not hold: {shown.problem}", hint, host)
    if recorded is None and seen is None:
        return Check("certificate", "unknown", "there is no record of it", "chainsaw apply", host)
    until = min(item for item in (recorded, seen.until if seen else None) if item is not None)
    left, life = until - now, seen.until - seen.since if seen else LIFE
    if left <= 0:
        return Check("certificate", "fail", f"ended {span_for_people(-left)} ago", "chainsaw apply", host)
    found = f"valid for {span_for_people(left)} more"
    if left < min(3 * DAY, life / 10):
        return Check("certificate", "fail", f"{found} only", "chainsaw apply", host)
    if recorded is not None and seen and recorded - seen.until > DAY:
        found = f"{found}; the front shows the one before the last"
        return Check("certificate", "warn", found, "systemctl --user reload chainsaw-front", host)
    if left < life / 3:
        return Check("certificate", "warn", f"{found}, and due for renewal", "chainsaw apply", host)
    return Check("certificate", "ok", found, subject=host)


def addresses_in(fib_trie: str | None, if_inet6: str | None) -> frozenset[str]:
    """Return the addresses of this host but loopback, from /proc/net/fib_trie and /proc/net/if_inet6 (proc_net(5))."""
    found = set(re.findall(r"\|-- ([0-9.]+)\n +/32 host LOCAL", fib_trie or ""))
    for line in (if_inet6 or "").splitlines():
        digits = line.split()[0] if line.split() else ""
        if re.fullmatch(r"[0-9a-f]{32}", digits):
            found.add(str(IPv6Address(int(digits, 16))))
    return frozenset(text for text in found if not ip_address(text).is_loopback)


def is_local(host: str) -> bool:
    """Tell whether a name means this host by itself: no resolver needs to be asked (RFC 6761, 6.3)."""
    return host == "localhost" or host.endswith(".localhost")


def leads_here(host: str, answered: Resolved | None, this: Addresses) -> Check:
    """Judge where a host name leads; `answered` is None when the resolver has not answered in time."""
    if is_local(host):
        return Check("DNS", "ok", "this host by itself, for nobody else", subject=host)
    look = f"getent ahosts {host}"
    if answered is None or answered.problem:
        problem = answered.problem if answered else "in time"
        return Check("DNS", "unknown", f"the resolver does not answer: {problem}", look, host)
    if not answered.addresses:
        return Check("DNS", "fail", "has no address: nobody finds it", _record(host, this.own), host)
    if host in this.own_names or all(_is_loopback(text) for text in answered.addresses):
        found = f"this host answers for it by itself ({some(answered.addresses)}); what others are told is not known"
        return Check("DNS", "unknown", found, f"elsewhere: {look}", host)
    return _compared(host, answered.addresses, this.own)


def _compared(host: str, addresses: Collection[str], own: Collection[str]) -> Check:
    """Judge the A and AAAA records of a name, each against the addresses of this host of that kind."""
    here = sorted(set(addresses) & set(own))
    elsewhere = sorted(set(addresses) - set(own))
    if not elsewhere:
        return Check("DNS", "ok", f"leads here: {some(here)}", subject=host)
    # Whoever has a public address of this kind is not behind NAT; who has none may be, and cannot tell.
    proven = [
        text for text in elsewhere if here or any(_kind(text) == _kind(mine) and _is_public(mine) for mine in own)
    ]
    if proven:
        found = f"{_records(proven)}: that is not this host"
        return Check("DNS", "fail", found, _record(host, own), host)
    mine = f"its own addresses are private ({some(own)})" if own else "its own addresses cannot be read"
    found = f"{_records(elsewhere)}; whether that leads here cannot be told: {mine}, as behind NAT"
    return Check("DNS", "unknown", found, f"from elsewhere: curl -I http://{host}/", host)


def _records(addresses: Collection[str]) -> str:
    return ", ".join(f"{'AAAA' if ':' in text else 'A'} {text}" for text in sorted(addresses, key=_kind))


def _record(host: str, own: Collection[str]) -> str:
    wanted = sorted(text for text in own if _is_public(text))
    kept = "" if any(":" in text for text in wanted) else ", and no AAAA"
    return f"where its records are kept: {host} {_records(wanted) or 'A, the address of this host'}{kept}"


def _is_public(text: str) -> bool:
    address: IPv4Address | IPv6Address = ip_address(text)
    return not any(address in network for network in PRIVATE if network.version == address.version)


def _is_loopback(text: str) -> bool:
    return ip_address(text).is_loopback


def _kind(text: str) -> int:
    return 6 if ":" in text else 4
