"""cert list and show: every certificate, who issued it, until when it is valid, and when and why it is renewed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from typing import Any

from chainsaw.checks.certificates import certificate
from chainsaw.checks.observed import ShownCertificate
from chainsaw.errors import ChainsawError, Diagnostic, Exit
from chainsaw.host import certificates, readings, web
from chainsaw.host.account import Account
from chainsaw.host.issued import is_failing, read_ledger
from chainsaw.host.stored import stored_chain, stored_hosts
from chainsaw.load.check import nearest
from chainsaw.model.certificate import LOCAL, Certificate
from chainsaw.model.deployment import Manifest
from chainsaw.model.paths import Paths
from chainsaw.model.renewal import Due
from chainsaw.work.certificates.problems import read_problems
from chainsaw.work.certificates.recorded import moment_for_people
from chainsaw.work.config.applied import applied_site
from chainsaw.work.parallel import answers
from chainsaw.work.result import Result, Table

PATIENCE = 2.0
"""Seconds for the front, which answers in milliseconds where nothing is wrong."""


def list_certificates(account: Account) -> Result:
    """Return all certificates that are stored or wanted, with what the front shows of each."""
    manifest = account.current()
    rows = [_row(account, manifest, host, shown) for host, shown in _shown(account, manifest).items()]
    rows += [_obsolete(account, host) for host in obsolete_hosts(account.paths, manifest)]
    table = Table(("state", "host", "issuer", "valid until", "next renewal", "found"), tuple(map(_cells, rows)))
    bad = any(row["state"] == "fail" for row in rows)
    lines = () if rows else ("no certificates yet: chainsaw apply",)
    return Result({"certificates": rows}, lines, exit=Exit.DEGRADED if bad else Exit.OK, table=table if rows else None)


def show_certificate(account: Account, host: str) -> Result:
    """Return all that is known of one certificate; raise ChainsawError when there is none of this name."""
    manifest = account.current()
    if host in manifest.hosts:
        row = _row(account, manifest, host, _shown(account, manifest, (host,)).get(host))
    elif host in obsolete_hosts(account.paths, manifest):
        row = _obsolete(account, host)
    else:
        raise no_host(account.paths, manifest, host)
    lines = [f"{_TITLES[key]:15} {_text(key, row[key])}" for key in _TITLES if row.get(key) not in (None, "", [])]
    code = Exit.DEGRADED if row["state"] == "fail" else Exit.OK
    return Result(row, tuple(lines), exit=code)


def no_host(paths: Paths, manifest: Manifest, host: str) -> ChainsawError:
    """Return the error for a host name that has no route, and no certificate."""
    known = sorted({*manifest.hosts, *obsolete_hosts(paths, manifest)})
    message = f"{host} has no route, and no certificate{nearest(host, known)}"
    return ChainsawError(Diagnostic("no-host", message, hint=f"host names: {', '.join(known) or 'none'}"), Exit.MISSING)


def obsolete_hosts(paths: Paths, manifest: Manifest) -> list[str]:
    """Return the host names whose certificate is stored although nothing is published there."""
    return [host for host in stored_hosts(paths) if host not in manifest.hosts]


def _shown(account: Account, manifest: Manifest, hosts: tuple[str, ...] = ()) -> dict[str, ShownCertificate | None]:
    ports = readings.front_ports(account.paths)
    wanted = sorted(hosts or manifest.hosts)
    if not ports:
        return dict.fromkeys(wanted)
    found = answers(
        {host: partial(shown_to_visitors, account, manifest, host, PATIENCE) for host in wanted}, PATIENCE
    )()
    return {host: found.get(host) for host in wanted}


def shown_to_visitors(account: Account, manifest: Manifest, host: str, patience: float) -> ShownCertificate:
    """Return what the front shows for a host; one of the admin's own is trusted with the chain that came with it."""
    ports = readings.front_ports(account.paths) or (80, 443)
    front = web.Front(ports[1], f"{account.paths.authority}/ca.pem")
    own = manifest.issuer(host).issuer == "files"
    return web.shown_certificate(front, host, patience, stored_chain(account.paths, host) if own else b"")


def _row(account: Account, manifest: Manifest, host: str, shown: ShownCertificate | None) -> dict[str, Any]:
    issuer, record = manifest.issuer(host), certificates.read_record(account.paths.issued(host))
    check = certificate(host, issuer, record, shown, time.time(), failing=is_failing(account.paths, host))
    mine = record if record and record.issuer == issuer.issuer else None
    planned = _next(account, manifest, host, mine)
    failures = read_ledger(account.paths, host).failures if issuer.issuer == "acme" else ()
    return {
        "host": host,
        "issuer": issuer.issuer,
        "source": mine.source if mine and issuer.issuer == "acme" else issuer.chain,
        "names": list(mine.names) if mine else [],
        "serial": mine.serial if mine else None,
        "not_before": mine.not_before if mine else None,
        "not_after": mine.not_after if mine else None,
        "next_renewal": planned.at if planned else None,
        "why": planned.why if planned else None,
        "failed": failures[-1].text if failures else "; ".join(read_problems(account.paths).get(host, ())) or None,
        "used_by": [*_users(manifest, host)],
        "state": check.state,
        "found": check.found,
        "hint": check.hint,
    }


def _users(manifest: Manifest, host: str) -> Iterator[str]:
    """Yield the instances that are published at a host, and site.yaml if a route of its own is."""
    yield from (name for name, item in manifest.instances.items() if host in item.hosts)
    if any(item.route.host == host for item in manifest.elsewhere):
        yield "site.yaml"


def _next(account: Account, manifest: Manifest, host: str, record: Certificate | None) -> Due | None:
    """Return when a certificate is renewed next, and why then; None where only the admin knows."""
    issuer = manifest.issuer(host)
    if issuer.issuer == LOCAL and record:
        return Due(at=record.not_after - record.lifetime / 3, why="a third of its lifetime is left then")
    if issuer.issuer == "acme":
        from chainsaw.work.certificates.acme import due_of

        acme = applied_site(account.paths).tls.acme_of(host)
        return due_of(record, read_ledger(account.paths, host), acme.directories, time.time())
    return None


def _obsolete(account: Account, host: str) -> dict[str, Any]:
    record = certificates.read_record(account.paths.issued(host))
    row = dict.fromkeys(("source", "names", "serial", "not_before", "not_after", "next_renewal", "why", "failed"))
    known = {"names": list(record.names), "serial": record.serial} if record else {}
    times = {"not_before": record.not_before, "not_after": record.not_after} if record else {}
    found = {"state": "ok", "found": "obsolete: nothing is published there", "hint": "chainsaw remove --orphans"}
    return {**row, "host": host, "issuer": record.issuer if record else "", "used_by": [], **known, **times, **found}


_TITLES = {
    "host": "host",
    "state": "state",
    "found": "found",
    "hint": "to do",
    "issuer": "issuer",
    "source": "from",
    "names": "names",
    "serial": "serial number",
    "not_before": "valid from",
    "not_after": "valid until",
    "next_renewal": "next renewal",
    "why": "because",
    "failed": "failed last",
    "used_by": "used by",
}


def _text(key: str, value: Any) -> str:
    if key in ("not_before", "not_after", "next_renewal"):
        return moment_for_people(value)
    return ", ".join(value) if isinstance(value, list) else str(value)


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    until, planned = (moment_for_people(row[key])[:10] for key in ("not_after", "next_renewal"))
    return (row["state"], row["host"], row["issuer"], until or "-", planned or "-", row["found"])
