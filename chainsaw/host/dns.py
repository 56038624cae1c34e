"""Records of the DNS, without the names that this host has by itself: addresses, and which authorities may issue."""

from __future__ import annotations

from dataclasses import dataclass

PATIENCE = 5.0
"""Seconds for one question to the resolver."""


class DnsError(Exception):
    """The resolver does not say which records there are."""


@dataclass(frozen=True)
class Allowed:
    """The domain whose records count, and the authorities that they allow."""

    owner: str
    names: frozenset[str]


def addresses_of(host: str) -> list[str]:
    """Return the addresses in the records A and AAAA of a host name; raise DnsError when nobody answers."""
    import dns.exception
    import dns.resolver

    found: list[str] = []
    for kind in ("A", "AAAA"):
        try:
            found += [record.address for record in dns.resolver.resolve(host, kind, lifetime=PATIENCE)]
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            continue
        except (dns.exception.DNSException, OSError) as error:
            raise DnsError(str(error)) from None
    return found


def authorities_of(host: str) -> Allowed | None:
    """Return what the CAA records (RFC 8659) of a host name, or of the nearest domain above it that has some, allow.

    None where there are none, and all may issue. Raise DnsError when the resolver does not answer.
    """
    import dns.exception
    import dns.resolver

    labels = host.split(".")
    for number in range(len(labels)):
        owner = ".".join(labels[number:])
        try:
            answer = dns.resolver.resolve(owner, "CAA", lifetime=PATIENCE)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            continue
        except (dns.exception.DNSException, OSError) as error:
            raise DnsError(str(error)) from None
        issuers = [_issuer(record.value) for record in answer if record.tag == b"issue"]
        if issuers:
            return Allowed(owner, frozenset(filter(None, issuers)))
        return None
    return None


def _issuer(value: bytes) -> str:
    return value.decode(errors="replace").partition(";")[0].strip().lower()
