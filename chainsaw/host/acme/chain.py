"""Keys, requests and chains of certificates: what is asked for, and whether what came is that."""

from __future__ import annotations

import base64
import ipaddress
import math
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import pairwise
from typing import TYPE_CHECKING

from chainsaw.host.acme.failure import AcmeError, plain
from chainsaw.host.pem import encode_chain, encode_key, is_signed, load_chain, load_key, names_of, public_of
from chainsaw.model.renewal import HOUR, Kind

if TYPE_CHECKING:
    from cryptography import x509

MOST_CERTIFICATES = 10


@dataclass(frozen=True)
class Obtained:
    """A certificate that was issued: its key and chain, PEM; its identifier (RFC 9773, 4.1); its validity.

    Times are in seconds since 1970. `ahead` is by how many seconds this host's clock was ahead of the authority's.
    """

    key: bytes = field(repr=False)
    chain: bytes = field(repr=False)
    directory: str
    certificate: str
    not_before: float
    not_after: float
    ahead: float = 0.0


def new_key() -> bytes:
    """Return a new ECDSA P-256 key, PEM: small and fast, and every browser accepts it."""
    from cryptography.hazmat.primitives.asymmetric import ec

    return encode_key(ec.generate_private_key(ec.SECP256R1()))


def fingerprint(key: bytes) -> str:
    """Return the SHA-256 of the public part of a key in PEM, in hexadecimal."""
    return sha256(public_of(load_key(key))).hexdigest()


def address_of(name: str) -> str:
    """Return a name's IP address as it is written canonically, or nothing when it is a host name."""
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return ""


def signing_request(key: bytes, names: tuple[str, ...]) -> x509.CertificateSigningRequest:
    """Return the request for host names and addresses; it has no subject, which authorities ignore."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    every: list[x509.GeneralName] = [
        x509.IPAddress(ipaddress.ip_address(name)) if address_of(name) else x509.DNSName(name) for name in names
    ]
    # What the names are in is critical when there is no subject (RFC 5280, 4.2.1.6).
    return (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([]))
        .add_extension(x509.SubjectAlternativeName(every), critical=True)
        .sign(load_key(key), hashes.SHA256())
    )


def certificate_id(chain: bytes) -> str:
    """Return the identifier of a chain's first certificate (RFC 9773, 4.1), or nothing when it has none."""
    from cryptography import x509

    try:
        leaf = x509.load_pem_x509_certificate(chain)
        issuer = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    except (ValueError, x509.ExtensionNotFound):
        return ""
    if issuer is None:
        return ""
    # A serial number is an ASN.1 INTEGER: its first bit is the sign.
    size = math.ceil((leaf.serial_number.bit_length() + 1) / 8)
    parts = (issuer, leaf.serial_number.to_bytes(size, "big"))
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


def checked(text: str, key: bytes, names: tuple[str, ...], now: float) -> tuple[bytes, x509.Certificate]:
    """Return a chain as it is written canonically, and its first certificate.

    `now` is by the authority's clock. Raise AcmeError unless it is well-formed, for this key and all names, valid now,
    and each certificate is signed by the next.
    """
    try:
        every = load_chain(text.encode())
        wrong = _mistake(every, key, names, now)
    except ValueError as error:
        wrong = f"is not well-formed: {error}"
    if wrong:
        raise AcmeError(Kind.MALFORMED, f"the certificate that the authority issued {plain(wrong)}")
    return encode_chain(every), every[0]


def _mistake(every: list[x509.Certificate], key: bytes, names: tuple[str, ...], now: float) -> str:
    leaf = every[0]
    if len(every) > MOST_CERTIFICATES:
        return f"comes with a chain of {len(every)}"
    if public_of(leaf) != public_of(load_key(key)):
        return "is for another key"
    missing = sorted({address_of(name) or name.lower() for name in names} - set(names_of(leaf)))
    if missing:
        return f"lacks {', '.join(missing)}"
    since, until = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    if since.timestamp() > now + HOUR or until.timestamp() <= now:
        return f"is valid from {since:%Y-%m-%d} to {until:%Y-%m-%d}, which is not now"
    for item, issuer in pairwise(every):
        if not is_signed(item, issuer):
            return f"has a chain whose links do not fit: {item.issuer.rfc4514_string()}"
    return ""
