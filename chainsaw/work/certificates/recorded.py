"""What is recorded of certificates, without asking anybody."""

from __future__ import annotations

import time

from chainsaw.checks.certificates import certificate
from chainsaw.checks.check import Check
from chainsaw.host import certificates
from chainsaw.host.issued import is_failing
from chainsaw.model.deployment import Manifest
from chainsaw.model.paths import Paths


def recorded_check(paths: Paths, manifest: Manifest, host: str) -> Check:
    """Return the check of a host's certificate by what is recorded, without asking the front."""
    record = certificates.read_record(paths.issued(host))
    return certificate(host, manifest.issuer(host), record, None, time.time(), failing=is_failing(paths, host))


def moment_for_people(moment: float | None) -> str:
    """Return a time in this host's time zone, to the minute; nothing for none."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(moment)) if moment else ""
