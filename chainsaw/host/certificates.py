"""The local authority and the certificates that it issues."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from chainsaw.errors import ChainsawError, Diagnostic
from chainsaw.host import files
from chainsaw.host.pem import encode_chain, encode_key, load_chain, load_key, names_of
from chainsaw.model.certificate import LOCAL, Certificate

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

AUTHORITY_DAYS = 3650
LEAF_DAYS = 397
"""The longest validity that browsers accept (CA/Browser Forum Baseline Requirements 6.3.2, ballot SC-031)."""


@dataclass(frozen=True)
class Issued:
    """A key and a chain, both PEM."""

    key: bytes
    chain: bytes


def read_record(file: str) -> Certificate | None:
    """Return what is recorded of a certificate; None when nothing is, or it is not known."""
    text = files.read_text(file)
    try:
        content = json.loads(text or "null")
        if isinstance(content, dict) and content.get("format") == 1:
            return _of_format_1(content)
        return None if text is None else Certificate.model_validate(content)
    except (ValueError, KeyError, TypeError):
        return None


def _of_format_1(content: dict[str, Any]) -> Certificate:
    """Return a record of format 1, which was of the local authority and had only the end."""
    until, host = datetime.fromisoformat(content["not_after"]).timestamp(), str(content["host"])
    since = until - timedelta(days=LEAF_DAYS).total_seconds()
    return Certificate(host=host, issuer=LOCAL, names=(host,), serial="", not_before=since, not_after=until)


def write_record(file: str, record: Certificate) -> None:
    """Record a certificate that is in use from now on."""
    files.write_atomic(file, f"{record.model_dump_json()}\n".encode(), 0o644)


def record_of(chain: bytes, host: str, issuer: str, source: str = "") -> Certificate:
    """Return the record of a chain (PEM) whose first certificate is a host's; raise ValueError when it is none."""
    leaf = load_chain(chain)[0]
    return Certificate(
        host=host,
        issuer=issuer,
        names=names_of(leaf),
        serial=f"{leaf.serial_number:x}",
        not_before=leaf.not_valid_before_utc.timestamp(),
        not_after=leaf.not_valid_after_utc.timestamp(),
        source=source,
    )


def make_authority(directory: str, node: str) -> None:
    """Create the local authority, once: ca.key for the admin alone, and ca.pem."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    if files.exists(f"{directory}/ca.pem"):
        return
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, f"chainsaw on {node}"[:64])])
    certificate = (
        _begin(name, name, key.public_key(), AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    files.write_atomic(f"{directory}/ca.key", encode_key(key), 0o600)
    files.write_atomic(f"{directory}/ca.pem", encode_chain([certificate]), 0o644)


def issue(directory: str, host: str) -> Issued:
    """Return a new key and chain for a host name, signed by the authority in a directory, and no longer valid than it.

    Raise ChainsawError when the authority has ended.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID

    authority = load_chain((files.read_text(f"{directory}/ca.pem") or "").encode())[0]
    signer = load_key((files.read_text(f"{directory}/ca.key") or "").encode())
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    if authority.not_valid_after_utc <= datetime.now(UTC):
        text = f"this host's own authority ended on {authority.not_valid_after_utc:%Y-%m-%d}"
        raise ChainsawError(Diagnostic("authority-ended", text, hint=another_authority(directory)))
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)] if len(host) <= 64 else [])
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    certificate = (
        _begin(name, authority.subject, key.public_key(), LEAF_DAYS, authority.not_valid_after_utc)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=len(host) > 64)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs=False), critical=True)
        .add_extension(usage, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .sign(signer, hashes.SHA256())
    )
    return Issued(encode_key(key), encode_chain([certificate, authority]))


def is_of(directory: str, chain: bytes) -> bool:
    """Return whether a chain (PEM) ends with the authority that is in a directory now."""
    authority = (files.read_text(f"{directory}/ca.pem") or "").encode()
    return bool(authority) and chain.endswith(authority)


def authority_end(directory: str) -> float | None:
    """Return until when the authority in a directory is valid, in seconds since 1970; None where it cannot be read."""
    try:
        authority = load_chain((files.read_text(f"{directory}/ca.pem") or "").encode())[0]
    except (ValueError, ChainsawError):
        return None
    return authority.not_valid_after_utc.timestamp()


def another_authority(directory: str) -> str:
    """Return what makes another authority, and lets all browsers trust that one."""
    return f"rm -r {directory}; chainsaw cert renew; then import what chainsaw ca prints into each browser"


def _begin(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    days: int,
    end: datetime | None = None,
) -> x509.CertificateBuilder:
    from cryptography import x509

    now = datetime.now(UTC)
    until = now + timedelta(days=days)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(min(until, end or until))
    )


def _key_usage(signs: bool) -> x509.KeyUsage:
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )
