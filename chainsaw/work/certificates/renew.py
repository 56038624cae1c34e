"""Renew certificates when they are due: issue, import or obtain them, then let the front show them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from chainsaw.errors import ChainsawError, Diagnostic
from chainsaw.host import certificates, facts
from chainsaw.host.account import Account
from chainsaw.host.issued import digest_of
from chainsaw.host.pair import read_pair
from chainsaw.host.stored import has_former, stored_chain
from chainsaw.host.systemd import UserManager
from chainsaw.model.certificate import LOCAL, Certificate, HostIssuer
from chainsaw.model.deployment import Manifest
from chainsaw.plan.observed import EMPTY, FRONT_SERVICE
from chainsaw.work.certificates.acme import Asked, Asker
from chainsaw.work.certificates.problems import forget_problems
from chainsaw.work.certificates.serve import Fresh, is_shown, issue_local, not_shown, show_certificates
from chainsaw.work.locks import renewal, tls
from chainsaw.work.result import Reporter

COMMAND = "chainsaw cert renew"


@dataclass
class Renewed:
    """What came of it: the certificates that are shown now, and what went wrong, by host name."""

    shown: dict[str, Certificate] = field(default_factory=dict)
    failed: dict[str, list[Diagnostic]] = field(default_factory=dict)

    @property
    def problems(self) -> list[Diagnostic]:
        """All that went wrong; as the sites go on with what they have, these are warnings."""
        return [problem for found in self.failed.values() for problem in found]


@dataclass
class Renewal:
    """One run over some host names; with `force` also for those whose certificate is not due.

    What is on the way of an authority is told to `report`, unless it is to be `quiet`.
    """

    account: Account
    manager: UserManager
    report: Reporter
    force: bool = False
    quiet: bool = False
    now: Callable[[], float] = time.time
    manifest: Manifest = EMPTY

    def run(self, hosts: Sequence[str] = ()) -> Renewed:
        """Renew what is due, of some host names or of all; the front reads its files once, in the end.

        No other command does the same meanwhile, and what is published is read only then.
        """
        with renewal(self.account, COMMAND, self.report):
            self.manifest = self.account.current()
            done = self._run([host for host in hosts or sorted(self.manifest.hosts) if host in self.manifest.hosts])
            forget_problems(self.account.paths, done.shown)
            return done

    def _run(self, hosts: Sequence[str]) -> Renewed:
        renewed, fresh = Renewed(), list[Fresh]()
        asker = Asker(self.account, self.report, self.force, self.quiet, self.now)
        asked: dict[str, Asked] = {}
        for host in hosts:
            try:
                fresh += self._unrecorded(host, asker, asked) or self._fresh(host, asker, asked)
            except ChainsawError as error:
                renewed.failed[host] = [_warning(host, item) for item in error.diagnostics]
            except (OSError, ValueError) as error:
                # What is wrong with one host, or with the local authority, is no obstacle for the others.
                renewed.failed[host] = [_warning(host, Diagnostic("system", f"{type(error).__name__}: {error}"))]
        fresh += self._unshown([host for host in hosts if host not in {item.record.host for item in fresh}])
        if not fresh:
            return renewed
        with tls(self.account, COMMAND, self.report):
            if fresh := self._still_wanted(fresh):
                unseen = show_certificates(self.account, self.manager, self.manifest, fresh)
                for item in fresh:
                    self._end(item, item.record.host in unseen, renewed, asker, asked)
        return renewed

    def _still_wanted(self, fresh: Sequence[Fresh]) -> list[Fresh]:
        """Return the certificates whose issuer is still the one that is wanted: another command may have switched."""
        now = self.account.current()
        if now.front is None:
            return []
        self.manifest = now
        return [item for item in fresh if now.issuer(item.record.host).issuer == item.record.issuer]

    def _end(self, item: Fresh, unseen: bool, renewed: Renewed, asker: Asker, asked: dict[str, Asked]) -> None:
        host = item.record.host
        if unseen:
            renewed.failed.setdefault(host, []).append(not_shown(host))
            return
        if item.key or host in asked:
            renewed.shown[host] = item.record
        if host in asked:
            asker.settle(asked[host])

    def _unrecorded(self, host: str, asker: Asker, asked: dict[str, Asked]) -> list[Fresh]:
        """Return a certificate that a run which was killed has put in its place, and not recorded."""
        paths, wanted = self.account.paths, self.manifest.issuer(host)
        record, chain = certificates.read_record(paths.issued(host)), stored_chain(paths, host)
        if record is None or record.issuer != wanted.issuer or not has_former(paths, host):
            return []
        try:
            placed = certificates.record_of(chain, host, wanted.issuer, record.source)
        except ValueError:
            return []
        if wanted.issuer != "acme":
            return [Fresh(placed, b"", chain)]
        source = asker.source_of(host) or record.source
        asked[host] = asker.adopted(host, placed.model_copy(update={"source": source}), chain)
        return [item for item in (asked[host].fresh,) if item]

    def _unshown(self, hosts: Sequence[str]) -> list[Fresh]:
        """Return the recorded certificates that the front does not show, though it runs."""
        if self.manager.states([FRONT_SERVICE]).get(FRONT_SERVICE) != "active":
            return []
        records = [certificates.read_record(self.account.paths.issued(host)) for host in hosts]
        mine = [item for item in records if item and item.issuer == self.manifest.issuer(item.host).issuer]
        return [Fresh(item, b"", b"") for item in mine if item.serial and not is_shown(self.account, item)]

    def _fresh(self, host: str, asker: Asker, asked: dict[str, Asked]) -> list[Fresh]:
        wanted = self.manifest.issuer(host)
        record = certificates.read_record(self.account.paths.issued(host))
        if wanted.issuer == LOCAL:
            due = record is None or record.issuer != LOCAL or not record.is_fresh(self.now())
            # What another authority has signed is trusted nowhere any more.
            due = due or not certificates.is_of(self.account.paths.authority, stored_chain(self.account.paths, host))
            return [issue_local(self.account, facts.node(), host)] if due or self.force else []
        if wanted.issuer == "files":
            found = self._imported(host, wanted, record)
            return [found] if found else []
        answer = asker.ask(host, record)
        if answer is None or answer.fresh is None:
            return []
        asked[host] = answer
        return [answer.fresh]

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
