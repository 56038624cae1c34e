"""cert renew, import and export: what the admin does with certificates by hand."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence

from chainsaw.errors import ChainsawError, Diagnostic, Exit, invalid
from chainsaw.host import files
from chainsaw.host.account import Account
from chainsaw.host.systemd import UserManager
from chainsaw.model.certificate import HostIssuer
from chainsaw.model.deployment import Manifest
from chainsaw.model.names import check_host
from chainsaw.work.certificates.renew import Renewal, Renewed, imported
from chainsaw.work.certificates.report import moment_for_people, no_host
from chainsaw.work.certificates.serve import placements, show_certificates, write_record
from chainsaw.work.result import Reporter, Result

FORMAT = 1


def renew(account: Account, hosts: Sequence[str], force: bool, changes: bool, report: Reporter) -> Result:
    """Renew the certificates that are due, of some host names or of all; with `force` also those that are not.

    With `changes`, a problem is reported only when it is another one than that of the last such run.
    """
    manifest = account.current()
    if unknown := [host for host in hosts if host not in manifest.hosts]:
        raise no_host(account.paths, manifest, unknown[0])
    with UserManager() as manager:
        done = Renewal(account, manager, manifest, report, force).run(hosts or sorted(manifest.hosts))
    lines = [f"{host}: renewed, valid until {moment_for_people(item.not_after)}" for host, item in done.shown.items()]
    problems = _new_problems(account, done) if changes else done.problems
    if not (lines or done.failed or changes):
        lines = ["nothing is due"]
    data = {
        "renewed": [item.model_dump() for item in done.shown.values()],
        "failed": {host: [problem.message for problem in found] for host, found in done.failed.items()},
    }
    return Result(data, tuple(lines), tuple(problems), Exit.DEGRADED if done.failed else Exit.OK)


def _new_problems(account: Account, done: Renewed) -> list[Diagnostic]:
    """Return the problems that the last run did not have, and remember those of this one."""
    file = f"{account.paths.front}/problems.json"
    try:
        before = json.loads(files.read_text(file) or "{}").get("problems", {})
    except (ValueError, AttributeError):
        before = {}
    now = {host: [problem.message for problem in found] for host, found in done.failed.items()}
    if now != before:
        files.write_atomic(file, json.dumps({"format": FORMAT, "problems": now}).encode() + b"\n", 0o600)
    return [problem for host, found in done.failed.items() if before.get(host) != now[host] for problem in found]


def import_certificate(account: Account, host: str, chain: str, key: str, report: Reporter) -> Result:
    """Take a certificate of the admin's own; raise ChainsawError, with nothing changed, when it is of no use."""
    try:
        check_host(host)
    except ValueError as error:
        raise invalid(Diagnostic("name", str(error), key=host)) from None
    manifest = account.current()
    if manifest.front is None:
        message = "there is no front yet, which would use it"
        hint = f"set chain and key of tls.hosts.{host} in site.yaml; or first: chainsaw apply"
        raise ChainsawError(Diagnostic("not-applied", message, hint=hint), Exit.MISSING)
    wanted = HostIssuer(issuer="files", chain=files.absolute_path(chain), key=files.absolute_path(key))
    try:
        fresh = imported(host, wanted, time.time())
    except ChainsawError as error:
        raise invalid(error.diagnostics) from None
    # Where its files are now does not matter any more.
    fresh = fresh.remembered("")
    report.doing(f"taking the certificate of {host}")
    served = host in manifest.hosts and manifest.issuer(host).issuer == "files"
    if served:
        with UserManager() as manager:
            if show_certificates(account, manager, manifest, [fresh]):
                message = f"{host}: the front does not show it, and goes on with the former one"
                hint = "journalctl --user CONTAINER_NAME=chainsaw-front -n 30"
                raise ChainsawError(Diagnostic("not-shown", message, hint=hint))
    else:
        with account.steps.step(f"place the certificate {host}"):
            account.podman.place(placements(account, manifest, fresh))
            write_record(account.paths, fresh.record)
    until = moment_for_people(fresh.record.not_after)
    lines = [f"{host}: valid until {until}", *([] if served else [_what_next(manifest, host)])]
    return Result({"certificate": fresh.record.model_dump(), "served": served}, tuple(lines))


def _what_next(manifest: Manifest, host: str) -> str:
    if host in manifest.hosts:
        issuer = manifest.issuer(host).issuer
        return f"site.yaml has issuer {issuer} for it; write tls: {{hosts: {{{host}: {{issuer: files}}}}}}, then apply"
    return "it is used as soon as something is published there with issuer: files"


def export_certificate(account: Account, host: str, directory: str) -> Result:
    """Write the chain and the key of a host name to files for the admin alone; raise ChainsawError if they exist."""
    place = f"{account.paths.certificates}/{host}"
    if not files.exists(f"{place}/pair.pem"):
        raise no_host(account.paths, account.current(), host)
    pair = account.podman.read_file(f"{place}/pair.pem")
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
