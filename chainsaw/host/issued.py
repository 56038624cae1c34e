"""Which host names have the certificate that they are to have, by what is recorded of each."""

from __future__ import annotations

from hashlib import sha256

from pydantic import ValidationError

from chainsaw.errors import ChainsawError
from chainsaw.host import certificates, files
from chainsaw.model.certificate import LOCAL, HostIssuer
from chainsaw.model.deployment import Manifest
from chainsaw.model.paths import Paths
from chainsaw.model.renewal import Ledger, next_attempt


def read_ledger(paths: Paths, host: str) -> Ledger:
    """Return what was asked of ACME authorities for a host name: nothing, where there is no record that is known."""
    text = files.read_text(paths.ledger(host))
    try:
        return Ledger(host=host) if text is None else Ledger.model_validate_json(text)
    except ValidationError:
        return Ledger(host=host)


def is_failing(paths: Paths, host: str) -> bool:
    """Return whether ACME authorities have issued nothing for a host name when they were asked last."""
    return bool(read_ledger(paths, host).failures)


def write_ledger(paths: Paths, ledger: Ledger) -> None:
    """Record what was asked of ACME authorities for a host name."""
    files.make_directory(f"{paths.front}/acme", 0o700)
    files.write_atomic(paths.ledger(ledger.host), f"{ledger.model_dump_json()}\n".encode(), 0o600)


def digest_of(issuer: HostIssuer) -> str:
    """Return a digest of the admin's chain and key, or nothing where one cannot be read."""
    texts = [_text(path) for path in (issuer.chain, issuer.key)]
    return "" if None in texts else sha256("\0".join(map(str, texts)).encode()).hexdigest()


def _text(path: str) -> str | None:
    try:
        return files.read_text(path)
    except ChainsawError:
        return None


def settled_hosts(paths: Paths, wanted: Manifest, now: float) -> frozenset[str]:
    """Return the hosts for which an apply has nothing to issue, to import, or to ask an authority for."""
    return frozenset(host for host in wanted.hosts if _is_settled(paths, host, wanted.issuer(host), now))


def _is_settled(paths: Paths, host: str, wanted: HostIssuer, now: float) -> bool:
    record = certificates.read_record(paths.issued(host))
    mine = record is not None and record.issuer == wanted.issuer
    if wanted.issuer == LOCAL:
        return mine and record is not None and record.is_fresh(now)
    if wanted.issuer == "acme":
        # Before it expires, the timer renews it; and an authority that said no is not asked before its time.
        known = record is not None and (not wanted.directories or record.source in wanted.directories)
        if mine and known and record is not None and record.not_after > now:
            return True
        ledger = read_ledger(paths, host)
        return bool(ledger.failures) and next_attempt(ledger, now) > now
    return mine and record is not None and (not wanted.chain or record.source == digest_of(wanted))
