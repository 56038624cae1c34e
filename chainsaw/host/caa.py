"""CAA records (RFC 8659): which authorities the owner of a domain lets issue certificates."""

from __future__ import annotations

from dataclasses import dataclass

PATIENCE = 5.0
"""Seconds for one question to the resolver."""


class CaaError(Exception):
    """The resolver does not say which records there are."""


@dataclass(frozen=True)
class Allowed:
    """The domain whose records count, and the authorities that they allow."""

    owner: str
    names: frozenset[str]


def authorities_of(host: str) -> Allowed | None:
    """Return what the records of a host name, or of the nearest domain above it that has some, allow.

    None where there are none, and all may issue. Raise CaaError when the resolver does not answer.
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
            raise CaaError(str(error)) from None
        issuers = [_issuer(record.value) for record in answer if record.tag == b"issue"]
        if issuers:
            return Allowed(owner, frozenset(filter(None, issuers)))
        return None
    return None


def _issuer(value: bytes) -> str:
    return value.decode(errors="replace").partition(";")[0].strip().lower()
