"""Put certificates into the place where the front takes them, and see that it shows them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from chainsaw.host import certificates, files, readings
from chainsaw.host.account import Account
from chainsaw.host.front import reload_front
from chainsaw.host.podman.placement import Placement
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
    """Return the files of a certificate: the pair in one, so that it is replaced in one rename; and its chain.

    Their directory is made, with what browsers are told.

    The key is readable for the front's master process alone, the chain for the admin, too.
    """
    assert manifest.front is not None
    assert manifest.front.block is not None
    owner = Ids(uid=manifest.front.block, gid=manifest.front.block)
    place = f"{account.paths.certificates}/{fresh.record.host}"
    files.make_directory(place, 0o711)
    tell_browsers(account.paths, fresh.record)
    return [
        Placement(f"{place}/pair.pem", 0o400, owner, fresh.key + fresh.chain),
        Placement(f"{place}/chain.pem", 0o444, owner, fresh.chain),
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
            for place in (f"{paths.certificates}/{item.record.host}" for item in new):
                with suppress(FileNotFoundError):
                    files.rename(f"{place}/pair.pem", f"{place}/former.pem")
        with steps.step(f"place the certificate {names}"):
            account.podman.place([one for item in new for one in placements(account, manifest, item)])
    unseen: set[str] = set()
    if manager.states([FRONT_SERVICE]).get(FRONT_SERVICE) == "active":
        with steps.step("reload the front"):
            reload_front(manager)
        unseen = {item.record.host for item in every if not is_shown(account, item.record, PATIENCE)}
    for item in every:
        _settle(account, item.record, item.record.host not in unseen)
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
    """Record a certificate that is shown, and let the former one go; or put the former one back."""
    paths, place = account.paths, f"{account.paths.certificates}/{record.host}"
    if shown:
        with account.steps.step(f"record the certificate {record.host}"):
            write_record(paths, record)
            for name in ("former.pem", "key.pem"):
                # key.pem is of an earlier version.
                files.remove(f"{place}/{name}")
    elif files.exists(f"{place}/former.pem"):
        with account.steps.step(f"put the former certificate back {record.host}"):
            files.rename(f"{place}/former.pem", f"{place}/pair.pem")


def write_record(paths: Paths, record: Certificate) -> None:
    """Record a certificate that is in use."""
    certificates.write_record(paths.issued(record.host), _counted(paths, record))


def tell_browsers(paths: Paths, record: Certificate) -> None:
    """Write for the front for how long browsers are told to use https alone, from the certificate that comes now."""
    place, seconds = f"{paths.certificates}/{record.host}/hsts", _counted(paths, record).hsts
    if seconds:
        files.write_atomic(place, f"{seconds}\n".encode(), 0o644)
    else:
        files.remove(place)


def _counted(paths: Paths, record: Certificate) -> Certificate:
    """Return a record with the renewals that its issuer has granted so far."""
    former = certificates.read_record(paths.issued(record.host))
    if not former or (former.issuer, former.source) != (record.issuer, record.source):
        return record
    return record.model_copy(update={"renewals": former.renewals + (former.serial != record.serial)})


def issue_local(account: Account, node: str, host: str) -> Fresh:
    """Return a certificate of this host's own authority, which is made the first time."""
    certificates.make_authority(account.paths.authority, node)
    issued = certificates.issue(account.paths.authority, host)
    return Fresh(certificates.record_of(issued.chain, host, "local"), issued.key, issued.chain)
