"""The admin's own certificate and key: whether they are what a host name needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from chainsaw.errors import Diagnostic
from chainsaw.host import files
from chainsaw.host.pem import encode_chain, encode_key, is_signed, load_chain, load_key, names_of, public_of

if TYPE_CHECKING:
    from cryptography import x509

TRUSTED = "/etc/ssl/certs/ca-certificates.crt"
"""The authorities that this host trusts (update-ca-certificates(8))."""


@dataclass(frozen=True)
class Pair:
    """A key and a chain, both PEM; the problems for which they are of no use."""

    key: bytes = field(default=b"", repr=False)
    chain: bytes = b""
    problems: tuple[Diagnostic, ...] = ()


def read_pair(chain_file: str, key_file: str, host: str, now: float) -> Pair:
    """Return the pair in two files of the admin, with everything that is wrong with it for a host name."""
    chain, problem = _loaded(chain_file, "certificate", load_chain)
    key, other = _loaded(key_file, "private key", load_key)
    problems = [item for item in (problem, other) if item]
    if chain:
        problems += [_at(chain_file, text) for text in _faults(chain, host, now)]
    if chain and key and public_of(key) != public_of(chain[0]):
        problems.append(_at(key_file, f"this is not the key of the certificate in {chain_file}"))
    if problems or not chain or not key:
        return Pair(problems=tuple(problems))
    return Pair(encode_key(key), encode_chain(chain))


def _at(file: str, message: str, hint: str = "") -> Diagnostic:
    return Diagnostic("certificate", message, file, hint=hint)


def _loaded(file: str, what: str, load: Any) -> tuple[Any, Diagnostic | None]:
    try:
        text = files.read_text(file)
        return (None, _at(file, "there is no such file")) if text is None else (load(text.encode()), None)
    except TypeError:
        hint = f"openssl pkey -in {file} -out {file}.plain; chmod 600 {file}.plain"
        return None, _at(file, "the key has a password, and nobody types it when the front starts", hint)
    except ValueError:
        return None, _at(file, f"there is no {what} in PEM form in it")


def _faults(chain: Sequence[x509.Certificate], host: str, now: float) -> Iterator[str]:
    leaf, moment = chain[0], datetime.fromtimestamp(now, UTC)
    if moment >= leaf.not_valid_after_utc:
        yield f"it expired on {leaf.not_valid_after_utc:%Y-%m-%d}"
    if moment < leaf.not_valid_before_utc:
        yield f"it is not valid before {leaf.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
    names = names_of(leaf)
    if not any(covers(name, host) for name in names):
        yield f"it is not for {host}, but for {', '.join(names) or 'no host name'}"
    for item, issuer in pairwise(chain):
        if not is_signed(item, issuer):
            yield f"the chain is not in order: {_name(item.subject)} is not signed by {_name(issuer.subject)}"
            return
    last = chain[-1]
    if last.issuer != last.subject and not any(is_signed(last, root) for root in _trusted().get(last.issuer, ())):
        yield f"the chain is not complete: the certificate of {_name(last.issuer)} is missing at its end"


def covers(name: str, host: str) -> bool:
    """Return whether a name of a certificate is a host's: itself, or * for its first label (RFC 6125, 6.4.3)."""
    return name == host or (name.startswith("*.") and host.partition(".")[2] == name[2:])


@cache
def _trusted() -> dict[x509.Name, list[x509.Certificate]]:
    found: dict[x509.Name, list[x509.Certificate]] = {}
    for root in load_chain((files.read_text(TRUSTED) or "").encode()) if files.exists(TRUSTED) else ():
        found.setdefault(root.subject, []).append(root)
    return found


def _name(name: x509.Name) -> str:
    return "".join(letter for letter in name.rfc4514_string() if letter.isprintable())[:200]
