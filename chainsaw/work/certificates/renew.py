"""Renew certificates when they are due: issue, import or obtain them, then let the front show them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from chainsaw.errors import ChainsawError, Diagnostic
from chainsaw.host import certificates, facts
from chainsaw.host.account import Account
from chainsaw.host.issued import digest_of
from chainsaw.host.lock import locked
from chainsaw.host.pair import read_pair
from chainsaw.host.systemd import UserManager
from chainsaw.model.certificate import LOCAL, Certificate, HostIssuer
from chainsaw.model.deployment import Manifest
from chainsaw.work.certificates.acme import Asked, Asker
from chainsaw.work.certificates.serve import Fresh, issue_local, show_certificates
from chainsaw.work.result import Reporter


@dataclass
class Renewed:
    """What came of it: the certificates that are shown now, and what went wrong, by host name."""

    shown: dict[str, Certificate] = field(default_factory=dict)
    failed: dict[str, list[Diagnostic]] = field(default_factory=dict)
    unseen: set[str] = field(default_factory=set)

    @property
    def problems(self) -> list[Diagnostic]:
        """All that went wrong; as the sites go on with what they have, these are warnings."""
        return [problem for found in self.failed.values() for problem in found]


@dataclass(frozen=True)
class Renewal:
    """One run over some host names; with `force` also for those whose certificate is not due."""

    account: Account
    manager: UserManager
    manifest: Manifest
    report: Reporter
    force: bool = False
    now: Callable[[], float] = time.time

    def run(self, hosts: Sequence[str]) -> Renewed:
        """Renew what is due, one host name after the other; the front reads its files once, in the end.

        No other command does the same meanwhile.
        """
        lock = f"{self.account.paths.locks}/tls"
        with locked(lock, "chainsaw cert renew", wait=True, waiting=self.report.note):
            return self._run(hosts)

    def _run(self, hosts: Sequence[str]) -> Renewed:
        renewed, fresh = Renewed(), list[Fresh]()
        asker = Asker(self.account, self.manifest, self.report, self.force, self.now)
        asked: dict[str, Asked] = {}
        for host in hosts:
            try:
                for item in self._fresh(host, asker, asked):
                    fresh.append(item)
            except ChainsawError as error:
                renewed.failed[host] = [_warning(host, item) for item in error.diagnostics]
        if not fresh:
            return renewed
        renewed.unseen = show_certificates(self.account, self.manager, self.manifest, fresh)
        for item in fresh:
            host = item.record.host
            if host in renewed.unseen:
                message = f"{host}: the front does not show the new certificate, and goes on with the former one"
                hint = "journalctl --user CONTAINER_NAME=chainsaw-front -n 30"
                renewed.failed[host] = [Diagnostic("not-shown", message, hint=hint, severity="warning")]
                continue
            renewed.shown[host] = item.record
            if host in asked:
                asker.settle(asked[host])
        return renewed

    def _fresh(self, host: str, asker: Asker, asked: dict[str, Asked]) -> Iterator[Fresh]:
        wanted = self.manifest.issuer(host)
        record = certificates.read_record(self.account.paths.issued(host))
        if wanted.issuer == LOCAL:
            due = record is None or record.issuer != LOCAL or not record.is_fresh(self.now())
            if due or self.force:
                yield issue_local(self.account, facts.node(), host)
        elif wanted.issuer == "files":
            found = self._imported(host, wanted, record)
            yield from [found] if found else []
        else:
            answer = asker.ask(host, record)
            if answer and answer.fresh:
                asked[host] = answer
                yield answer.fresh

    def _imported(self, host: str, wanted: HostIssuer, record: Certificate | None) -> Fresh | None:
        """Return the admin's certificate, if its files have changed; raise ChainsawError when they are of no use."""
        digest = digest_of(wanted) if wanted.chain else ""
        if not wanted.chain or (record and record.issuer == "files" and record.source == digest and not self.force):
            return None
        return imported(host, wanted, self.now())


def imported(host: str, wanted: HostIssuer, now: float) -> Fresh:
    """Return the certificate in the admin's files; raise ChainsawError with everything that is wrong with it."""
    pair = read_pair(wanted.chain, wanted.key, host, now)
    if pair.problems:
        raise ChainsawError(pair.problems)
    return Fresh(certificates.record_of(pair.chain, host, "files", digest_of(wanted)), pair.key, pair.chain)


def _warning(host: str, item: Diagnostic) -> Diagnostic:
    message = item.message if item.message.startswith(host) else f"{host}: {item.message}"
    return Diagnostic(item.code, message, item.file, hint=item.hint, severity="warning")
