"""cert renew, import and export: what the admin does with certificates by hand."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

from chainsaw.errors import ChainsawError, Diagnostic, Exit, invalid
from chainsaw.host import certificates, files
from chainsaw.host.account import Account
from chainsaw.host.issued import read_ledger
from chainsaw.host.systemd import UserManager
from chainsaw.model.certificate import HostIssuer
from chainsaw.model.names import check_host
from chainsaw.model.renewal import next_attempt
from chainsaw.work.certificates.problems import new_problems
from chainsaw.work.certificates.recorded import moment_for_people
from chainsaw.work.certificates.renew import Renewal, imported
from chainsaw.work.certificates.report import no_host
from chainsaw.work.certificates.serve import not_shown, placements, show_certificates
from chainsaw.work.locks import tls
from chainsaw.work.result import Reporter, Result


def renew(account: Account, hosts: Sequence[str], force: bool, changes: bool, report: Reporter) -> Result:
    """Renew the certificates that are due, of some host names or of all; with `force` also those that are not.

    With `changes`, a problem is reported only when it is another one than that of the last such run.
    """
    manifest = account.current()
    if unknown := [host for host in hosts if host not in manifest.hosts]:
        raise no_host(account.paths, manifest, unknown[0])
    with UserManager() as manager:
        done = Renewal(account, manager, report, force, quiet=changes).run(hosts)
    lines = [f"{host}: renewed, valid until {moment_for_people(item.not_after)}" for host, item in done.shown.items()]
    asked = [host for host, issuer in manifest.issuers.items() if issuer.issuer == "acme"]
    problems = new_problems(account.paths, done.failed, asked) if changes else done.problems
    if not (lines or done.failed or changes):
        lines = ["nothing is due", *_waiting(account, hosts or sorted(manifest.hosts))]
    data = {
        "renewed": [item.model_dump() for item in done.shown.values()],
        "failed": {host: [problem.message for problem in found] for host, found in done.failed.items()},
    }
    return Result(data, tuple(lines), tuple(problems), Exit.DEGRADED if done.failed else Exit.OK)


def _waiting(account: Account, hosts: Sequence[str]) -> Iterator[str]:
    """Yield why certificates that authorities did not issue are not asked for just now, and how they are."""
    for host in hosts:
        ledger, now = read_ledger(account.paths, host), time.time()
        if ledger.failures and account.current().issuer(host).issuer == "acme":
            asked = moment_for_people(next_attempt(ledger, now))
            yield f"{host}: not issued when it was asked for last: {ledger.failures[-1].text}"
            yield f"  asked for again at {asked}; at once: chainsaw cert renew {host} --force"


def import_certificate(account: Account, host: str, chain: str, key: str, report: Reporter) -> Result:
    """Take a certificate of the admin's own; raise ChainsawError, with nothing changed, when it is of no use."""
    try:
        check_host(host)
    except ValueError as error:
        raise invalid(Diagnostic("name", str(error), key=host)) from None
    wanted = HostIssuer(issuer="files", chain=files.absolute_path(chain), key=files.absolute_path(key))
    with tls(account, f"chainsaw cert import {host}", report):
        return _import(account, host, wanted, report)


def _import(account: Account, host: str, wanted: HostIssuer, report: Reporter) -> Result:
    manifest = account.current()
    served = host in manifest.hosts
    if manifest.front is None or (served and manifest.issuer(host).issuer != "files"):
        issuer = manifest.issuer(host).issuer
        message = (
            f"{host} has certificates of issuer {issuer}" if served else "there is no front yet, which would use it"
        )
        hint = f"in site.yaml: tls: {{hosts: {{{host}: {{issuer: files, chain: {wanted.chain}, key: {wanted.key}}}}}}}"
        raise ChainsawError(Diagnostic("not-applied", message, hint=f"{hint}; then chainsaw apply"), Exit.MISSING)
    try:
        # Where its files are now does not matter any more.
        fresh = imported(host, wanted, time.time()).remembered("")
    except ChainsawError as error:
        raise invalid(error.diagnostics) from None
    report.doing(f"taking the certificate of {host}")
    with UserManager() as manager:
        if served and show_certificates(account, manager, manifest, [fresh]):
            raise ChainsawError(replace(not_shown(host), severity="error"))
    if not served:
        with account.steps.step(f"place the certificate {host}"):
            account.podman.place(placements(account, manifest, fresh))
            certificates.write_record(account.paths.issued(host), fresh.record)
    until = moment_for_people(fresh.record.not_after)
    later = [] if served else ["it is used as soon as something is published there with issuer: files"]
    return Result(
        {"certificate": fresh.record.model_dump(), "served": served}, (f"{host}: valid until {until}", *later)
    )


def export_certificate(account: Account, host: str, directory: str) -> Result:
    """Write the chain and the key of a host name to files for the admin alone; raise ChainsawError if they exist."""
    place = f"{account.paths.certificates}/{host}"
    every = [("pair.pem",), ("former.pem",), ("key.pem", "chain.pem")]
    names = next((names for names in every if all(files.exists(f"{place}/{name}") for name in names)), None)
    if names is None:
        raise no_host(account.paths, account.current(), host)
    pair = b"".join(account.podman.read_file(f"{place}/{name}") for name in names)
    end = pair.index(b"-----BEGIN CERTIFICATE-----")
    target = files.absolute_path(directory)
    if not files.is_directory(target):
        raise ChainsawError(Diagnostic("usage", "there is no such directory", target, hint=f"mkdir -m 700 {target}"))
    made = {f"{target}/{host}.chain.pem": pair[end:], f"{target}/{host}.key.pem": pair[:end]}
    if present := [path for path in made if files.exists(path)]:
        raise ChainsawError(Diagnostic("exists", "there is such a file already", present[0], hint=f"rm {present[0]}"))
    for path, content in made.items():
        files.create_file(path, content, 0o600)
    return Result({"host": host, "paths": list(made)}, tuple(made))
