"""Ask ACME authorities for the certificates of host names, when that is due."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property

from chainsaw.errors import ChainsawError, Diagnostic
from chainsaw.host import certificates
from chainsaw.host.account import Account
from chainsaw.host.acme.attempt import Attempted, Job, Setup, ask_again, attempt
from chainsaw.host.acme.chain import certificate_id
from chainsaw.host.acme.order import Wanted
from chainsaw.host.acme.pending import FileKeeper
from chainsaw.host.acme.session import Clock
from chainsaw.host.issued import read_ledger, write_ledger
from chainsaw.host.pem import is_pair
from chainsaw.host.stored import stored_chain
from chainsaw.model.certificate import Certificate
from chainsaw.model.directories import STAGING
from chainsaw.model.renewal import Due, Issued, Ledger, due, next_attempt, with_certificate
from chainsaw.model.site import Site
from chainsaw.model.tls import Acme
from chainsaw.work.certificates.reach import forbidden, identities, unreachable
from chainsaw.work.certificates.serve import Fresh
from chainsaw.work.certificates.settings import challengers_of, setup_of
from chainsaw.work.config.applied import applied_site
from chainsaw.work.result import Reporter


@dataclass(frozen=True)
class Asked:
    """What an authority answered for a host name: the ledger after it, and a certificate if it has issued one."""

    ledger: Ledger
    fresh: Fresh | None = None


def due_of(record: Certificate | None, ledger: Ledger, authorities: tuple[str, ...], now: float) -> Due:
    """Return when an authority is asked for a host name's certificate, and why then.

    `authorities` are the directories that the site names now.
    """
    if record is None or record.issuer != "acme":
        return Due(at=next_attempt(ledger, now), why="no authority has issued a certificate yet")
    if record.source not in authorities:
        return Due(at=next_attempt(ledger, now), why=f"it was issued by {record.source}, which is not asked any more")
    return due(ledger, now)


@dataclass(frozen=True)
class Asker:
    """One run of a site over its host names; `force` asks also before it is due."""

    account: Account
    report: Reporter
    force: bool
    quiet: bool
    now: Callable[[], float]
    seen: dict[str, list[str]] = field(default_factory=dict)
    setups: dict[str, Setup] = field(default_factory=dict)

    @cached_property
    def site(self) -> Site:
        """The site as it was applied."""
        return applied_site(self.account.paths)

    def acme(self, host: str) -> Acme:
        """Return what the site says of authorities for a host name."""
        return self.site.tls.acme_of(host)

    def setup(self, host: str) -> Setup:
        """Return the authorities for a host name; raise ChainsawError for a secret that is not set."""
        if host not in self.setups:
            found = setup_of(self.account.paths, self.site, self.acme(host))
            self.setups[host] = replace(found, clock=Clock(now=self.now))
        return self.setups[host]

    def ask(self, host: str, record: Certificate | None) -> Asked | None:
        """Return what an authority answers for a host name; None when it is not due.

        Raise ChainsawError for a failed attempt, which the ledger has then.
        """
        ledger, chain = self._known(host, record), b""
        if record and record.issuer == "acme":
            chain = stored_chain(self.account.paths, host)
            ledger = self._finished(host, ledger, record, chain)
        told = ask_again(self.setup(host), ledger, chain, self.report.doing)
        if told != ledger:
            self._write(told)
        due_at = due_of(record, told, self.acme(host).directories, self.now()).at
        if self.source_of(host):
            # What is unfinished is gone on with.
            due_at = next_attempt(told, self.now())
        if not self.force and due_at > self.now():
            return None
        return self._asked(host, told, record, chain)

    def _asked(self, host: str, ledger: Ledger, record: Certificate | None, chain: bytes) -> Asked:
        for text in self._obstacles(host) if not self.quiet else ():
            self.report.note(f"{host}: {text}")
        self.report.doing(f"asking the authority for the certificate of {host}")
        wanted = Wanted((host,), "", chain, record.source if record and chain else "")
        challengers = challengers_of(self.account.paths, self.acme(host), self.report)
        job = Job(wanted, challengers, FileKeeper(self.account.paths.order(host)), self._write, self.report.doing)
        with self.account.steps.step(f"ask the authority {host}"):
            done = attempt(self.setup(host), job, ledger)
            if done.obtained is None and done.error is None:
                # Its staging directory has issued: now the real one.
                self._write(done.ledger)
                done = attempt(self.setup(host), job, done.ledger)
        if done.obtained is None:
            self._write(done.ledger)
            raise self._refusal(host, done)
        found = done.obtained
        made = certificates.record_of(found.chain, host, "acme", found.directory)
        return Asked(done.ledger, Fresh(made, found.key, found.chain))

    def _obstacles(self, host: str) -> list[str]:
        """Return what seems to be in the way of an authority; it is asked nevertheless."""
        if host not in self.seen:
            by_files = self.acme(host).dns is None
            self.seen[host] = [*(unreachable(self.account.paths, host) if by_files else ()), *self._forbidden(host)]
        return self.seen[host]

    def _forbidden(self, host: str) -> list[str]:
        return forbidden(host, identities(self.setup(host)))

    def settle(self, asked: Asked) -> None:
        """Record that what an authority issued is shown: its order is finished."""
        with self.account.steps.step(f"finish the order {asked.ledger.host}"):
            self._write(asked.ledger)
            FileKeeper(self.account.paths.order(asked.ledger.host)).clear()

    def _known(self, host: str, record: Certificate | None) -> Ledger:
        """Return the ledger of a host name; one that was lost is made of the certificate that is in use."""
        ledger = read_ledger(self.account.paths, host)
        if (
            ledger.issued is None
            and record
            and record.issuer == "acme"
            and (chain := stored_chain(self.account.paths, host))
        ):
            return with_certificate(ledger, _issued(chain, record, self.now()))
        return ledger

    def adopted(self, host: str, record: Certificate, chain: bytes) -> Asked:
        """Return what a run that was killed had put in its place, but not recorded yet."""
        ledger = self._known(host, None)
        return Asked(with_certificate(ledger, _issued(chain, record, self.now())), Fresh(record, b"", chain))

    def _finished(self, host: str, ledger: Ledger, record: Certificate, chain: bytes) -> Ledger:
        """Return the ledger after an order whose certificate is in use, though a run was killed before it said so."""
        keeper = FileKeeper(self.account.paths.order(host))
        pending = keeper.read()
        if pending is None or not is_pair(chain, pending.key.encode()):
            return ledger
        done = with_certificate(ledger, _issued(chain, record, self.now()))
        self.settle(Asked(done))
        return done

    def source_of(self, host: str) -> str:
        """Return the directory at which there is an unfinished order for a host name, or nothing."""
        pending = FileKeeper(self.account.paths.order(host)).read()
        return pending.directory if pending else ""

    def _write(self, ledger: Ledger) -> None:
        write_ledger(self.account.paths, ledger)

    def _refusal(self, host: str, done: Attempted) -> ChainsawError:
        """Return why there is no certificate, with what is wrong on the way from the internet to this host."""
        error = done.error
        assert error is not None
        again = due(done.ledger, self.now()).at
        when = time_for_people(again)
        hint = "; ".join(
            [*self._obstacles(host), f"it is asked again at {when}; sooner with: chainsaw cert renew {host} --force"]
        )
        failed = done.ledger.failures[-1]
        where = " (staging)" if failed.directory in STAGING.values() else ""
        text = f"{host}: {failed.directory}{where} issues no certificate: {failed.text}"
        return ChainsawError(Diagnostic("no-certificate", text, hint=hint, severity="warning"))


def _issued(chain: bytes, record: Certificate, now: float) -> Issued:
    return Issued(
        certificate=certificate_id(chain),
        directory=record.source,
        at=min(now, record.not_before + 3600),
        not_before=record.not_before,
        not_after=record.not_after,
    )


def time_for_people(moment: float) -> str:
    """Return a time of this host's time zone, to the minute."""
    return time.strftime("%Y-%m-%d %H:%M %Z", time.localtime(moment))
