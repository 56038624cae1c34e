"""What is wrong with the certificates that a plan needs, before anything is done."""

from __future__ import annotations

import time
from collections.abc import Iterator

from chainsaw.errors import Diagnostic
from chainsaw.host import certificates, files
from chainsaw.host.pair import read_pair
from chainsaw.model.deployment import Manifest
from chainsaw.model.paths import Paths
from chainsaw.model.site import Site
from chainsaw.plan import actions as act


def certificate_problems(paths: Paths, manifest: Manifest, plan: list[act.Step], site: Site) -> Iterator[Diagnostic]:
    """Yield what is wrong with the admin's own files, what was not imported yet, and secrets that are not set."""
    now = time.time()
    for action in plan:
        if isinstance(action, act.ImportCertificate) and not is_usable(paths, action.host, now):
            yield from read_pair(action.chain, action.key, action.host, now).problems
    for host, wanted in sorted(manifest.issuers.items()):
        record = certificates.read_record(paths.issued(host)) if wanted.issuer == "files" else None
        if wanted.issuer == "files" and not wanted.chain and (record is None or record.issuer != "files"):
            message = f"{host} is to have a certificate of your own, and there is none yet"
            hint = f"chainsaw cert import {host} --chain FILE --key FILE; or set chain and key of tls.hosts.{host}"
            yield Diagnostic("no-certificate", message, "site.yaml", hint=hint)
    acme = [host for host, wanted in manifest.issuers.items() if wanted.issuer == "acme"]
    wanting = [host for host in acme if not is_usable(paths, host, now, "acme")]
    for key in dict.fromkeys(key for host in wanting for key in site.tls.acme_of(host).secrets):
        if not files.exists(paths.site_secret(key)):
            message, hint = f"the authority needs the secret {key}, which is not set", f"chainsaw secret set {key}"
            yield Diagnostic("no-site-secret", message, "site.yaml", hint=hint)


def is_usable(paths: Paths, host: str, now: float, issuer: str = "files") -> bool:
    """Return whether there is a certificate of an issuer that goes on for now."""
    record = certificates.read_record(paths.issued(host))
    return record is not None and record.issuer == issuer and record.not_after > now
