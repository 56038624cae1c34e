"""What is in the way between an authority and this host: addresses that lead elsewhere, and records that forbid."""

from __future__ import annotations

from chainsaw.host import files, web
from chainsaw.host.acme.attempt import Setup
from chainsaw.host.acme.challenge import WELL_KNOWN
from chainsaw.host.acme.failure import AcmeError
from chainsaw.host.acme.session import open_session
from chainsaw.host.dns import DnsError, addresses_of, authorities_of
from chainsaw.model.paths import Paths

PATIENCE = 5.0
"""Seconds for one address."""


def unreachable(paths: Paths, host: str) -> list[str]:
    """Return for each address of a host name that a file on port 80 does not come back from there, and how not.

    An authority takes any of them (RFC 8555, 8.3). Behind many routers a host cannot see itself from outside.
    """
    try:
        addresses = addresses_of(host)
    except DnsError as problem:
        return [f"its addresses in the DNS cannot be read: {problem}"]
    if not addresses:
        return ["it has no address in the DNS, neither A nor AAAA"]
    word = files.random_text(32)
    place = f"{paths.challenges}/{WELL_KNOWN}"
    files.make_directory(place)
    files.write_atomic(f"{place}/{word}", word.encode(), 0o644)
    try:
        return [text for one in addresses if (text := _seen_at(one, host, word))]
    finally:
        files.remove(f"{place}/{word}")


def _seen_at(address: str, host: str, word: str) -> str:
    record = f"{'AAAA' if ':' in address else 'A'} {address}"
    try:
        found = web.fetch_plain(address, host, f"/{WELL_KNOWN}/{word}", PATIENCE)
    except OSError as error:
        return f"its record {record} does not answer on port 80 from here ({error}); behind some routers that is so"
    return "" if found == word.encode() else f"its record {record} leads to another host: what answers is not this one"


def identities(setup: Setup) -> frozenset[str] | None:
    """Return the names by which records may allow the authorities; none where one of them does not tell its own.

    Return None while one cannot be asked.
    """
    found: list[frozenset[str]] = []
    for authority in filter(None, (setup.primary, setup.fallback)):
        try:
            session = open_session(authority, setup.accounts, lambda text: None, setup.clock)
        except AcmeError:
            return None
        found.append(frozenset(str(name).lower() for name in session.client.directory.meta.caa_identities or ()))
    return frozenset().union(*found) if all(found) else frozenset()


def forbidden(host: str, allowed: frozenset[str] | None) -> list[str]:
    """Return the CAA record (RFC 8659) that lets none of these authorities issue, or may do so, if there is one.

    `allowed` are their names; where that is empty they are not known.
    """
    if allowed is None:
        return []
    try:
        found = authorities_of(host)
    except DnsError as problem:
        return [f"its CAA records cannot be read: {problem}"]
    if found is None or found.names & allowed:
        return []
    record = f'the record {found.owner} CAA 0 issue "{";".join(sorted(found.names)) or ";"}"'
    if allowed:
        return [f"{record} forbids it; allow: {', '.join(sorted(allowed))}"]
    if not found.names:
        return [f"{record} forbids it"]
    return [f"{record} forbids it unless that is the name of the authority, which does not say what its name is"]
