"""Keys and certificates as PEM (RFC 7468): read, written, and compared with one another."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cryptography import x509


def load_chain(text: bytes) -> list[x509.Certificate]:
    """Return the certificates of a text, at least one; raise ValueError when there is none, or one is damaged."""
    from cryptography import x509

    return x509.load_pem_x509_certificates(text)


def load_key(text: bytes) -> Any:
    """Return a private key; raise ValueError when there is none, and TypeError when it has a password."""
    from cryptography.hazmat.primitives import serialization

    return serialization.load_pem_private_key(text, None)


def encode_chain(chain: Iterable[x509.Certificate]) -> bytes:
    """Return certificates as they are written canonically, and nothing else."""
    from cryptography.hazmat.primitives import serialization

    return b"".join(item.public_bytes(serialization.Encoding.PEM) for item in chain)


def encode_key(key: Any) -> bytes:
    """Return a private key without a password (PKCS #8, RFC 5958)."""
    from cryptography.hazmat.primitives import serialization

    kind, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    found: bytes = key.private_bytes(serialization.Encoding.PEM, kind, plain)
    return found


def public_of(holder: Any) -> bytes:
    """Return the public key of a certificate or of a private key (DER), which is the same for those of a pair."""
    from cryptography.hazmat.primitives import serialization

    encoding, kind = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    found: bytes = holder.public_key().public_bytes(encoding, kind)
    return found


def is_pair(chain: bytes, key: bytes) -> bool:
    """Return whether the first certificate of a chain is for a key, both PEM."""
    try:
        return public_of(load_chain(chain)[0]) == public_of(load_key(key))
    except (ValueError, TypeError):
        return False


def is_signed(item: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Return whether a certificate is signed by another one."""
    from cryptography.exceptions import InvalidSignature

    try:
        item.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def names_of(leaf: x509.Certificate) -> tuple[str, ...]:
    """Return the names that a certificate is for, in lower case: host names, then addresses."""
    from cryptography import x509

    try:
        found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    hosts = [name.lower() for name in found.get_values_for_type(x509.DNSName)]
    return (*hosts, *map(str, found.get_values_for_type(x509.IPAddress)))
