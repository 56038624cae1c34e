"""Put certificates into the place where the front takes them, and see that it shows them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from chainsaw.errors import Diagnostic
from chainsaw.host import certificates, files, readings
from chainsaw.host.account import Account
from chainsaw.host.front import reload_front
from chainsaw.host.podman.placement import Placement
from chainsaw.host.stored import keep_former, let_former_go, put_former_back
from chainsaw.host.systemd import UserManager
from chainsaw.host.web import served_serial
from chainsaw.model.certificate import Certificate
from chainsaw.model.deployment import Manifest
from chainsaw.model.paths import Paths
from chainsaw.model.volume import Ids
from chainsaw.plan.observed import FRONT_SERVICE

PATIENCE, PAUSE = 10.0, 0.2
"""Seconds until the front shows what it has read; between two looks."""


@dataclass(frozen=True)
class Fresh:
    """A certificate that is to be shown: its record, its key and its chain, both PEM.

    Without a key it is in its place already, and the front need only take it.
    """

    record: Certificate
    key: bytes = field(repr=False)
    chain: bytes

    def remembered(self, source: str) -> Fresh:
        """Return it with another source in its record."""
        return replace(self, record=self.record.model_copy(update={"source": source}))


def placements(account: Account, manifest: Manifest, fresh: Fresh) -> list[Placement]:
    """Return the files of a certificate; its directory is made. The key is readable for the front's master alone."""
    assert manifest.front is not None
    assert manifest.front.block is not None
    owner = Ids(uid=manifest.front.block, gid=manifest.front.block)
    place = f"{account.paths.certificates}/{fresh.record.host}"
    files.make_directory(place, 0o711)
    return [
        Placement(f"{place}/pair.pem", 0o400, owner, fresh.key + fresh.chain),
        Placement(f"{place}/certificate.pem", 0o444, owner, fresh.chain),
    ]


def show_certificates(account: Account, manager: UserManager, manifest: Manifest, every: Sequence[Fresh]) -> set[str]:
    """Place certificates, and let the front take them; return the hosts for which it does not show the new one.

    What was there before is kept until the new one is seen, and is what the front starts with if it is not. While the
    front is down nothing is seen, and the new one counts. Raise ChainsawError when the front does not reload.
    """
    steps, paths = account.steps, account.paths
    new = [item for item in every if item.key]
    if names := " ".join(item.record.host for item in new):
        with steps.step(f"keep the former certificate {names}"):
            for item in new:
                keep_former(paths, item.record.host)
                tell_browsers(paths, item.record)
        with steps.step(f"place the certificate {names}"):
            account.podman.place([one for item in new for one in placements(account, manifest, item)])
    if manager.states([FRONT_SERVICE]).get(FRONT_SERVICE) == "active":
        with steps.step("reload the front"):
            reload_front(manager)
    return settle_certificates(account, manager, [item.record for item in every])


def settle_certificates(account: Account, manager: UserManager, every: Sequence[Certificate]) -> set[str]:
    """Look whether the front shows the certificates that it has read; return the hosts for which it does not.

    One that is shown is recorded, and the former one let go; otherwise the former one is put back.
    """
    runs = manager.states([FRONT_SERVICE]).get(FRONT_SERVICE) == "active"
    unseen = {record.host for record in every if runs and not is_shown(account, record, PATIENCE)}
    for record in every:
        _settle(account, record, record.host not in unseen)
    return unseen


def is_shown(account: Account, record: Certificate, patience: float = 0.0) -> bool:
    """Return whether the front shows a certificate, within `patience` seconds."""
    ports = readings.front_ports(account.paths)
    deadline = time.monotonic() + patience
    while ports:
        with suppress(OSError):
            if served_serial(ports[1], record.host, PATIENCE) == record.serial:
                return True
        if time.monotonic() >= deadline:
            break
        time.sleep(PAUSE)
    return False


def _settle(account: Account, record: Certificate, shown: bool) -> None:
    paths, host = account.paths, record.host
    if shown:
        with account.steps.step(f"record the certificate {host}"):
            certificates.write_record(paths.issued(host), _counted(paths, record))
            let_former_go(paths, host)
        return
    with account.steps.step(f"put the former certificate back {host}"):
        former = certificates.read_record(paths.issued(host))
        if former:
            tell_browsers(paths, former)
        put_former_back(paths, host)


def tell_browsers(paths: Paths, record: Certificate) -> None:
    """Write for the front for how long browsers are told to use https alone, from the certificate that comes now."""
    place = f"{paths.certificates}/{record.host}/hsts"
    if seconds := _counted(paths, record).hsts:
        files.write_atomic(place, f"{seconds}\n".encode(), 0o644)
    else:
        files.remove(place)


def _counted(paths: Paths, record: Certificate) -> Certificate:
    """Return a record with the renewals that its issuer has granted so far: those after some time, and not by force."""
    former = certificates.read_record(paths.issued(record.host))
    if not former or (former.issuer, former.source) != (record.issuer, record.source):
        return record
    granted = record.not_before - former.not_before > former.lifetime / 4
    return record.model_copy(update={"renewals": former.renewals + granted})


def not_shown(host: str) -> Diagnostic:
    """Return the warning that a host goes on with its former certificate."""
    message = f"{host}: the front does not show its new certificate, and goes on with the former one"
    hint = "journalctl --user CONTAINER_NAME=chainsaw-front -n 30"
    return Diagnostic("not-shown", message, hint=hint, severity="warning")


def issue_local(account: Account, node: str, host: str) -> Fresh:
    """Return a certificate of this host's own authority, which is made the first time."""
    certificates.make_authority(account.paths.authority, node)
    issued = certificates.issue(account.paths.authority, host)
    return Fresh(certificates.record_of(issued.chain, host, "local"), issued.key, issued.chain)
