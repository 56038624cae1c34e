"""One attempt for one host: which authority is asked, and what the ledger says afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from chainsaw.host.acme.account import Authority
from chainsaw.host.acme.authorize import Challengers
from chainsaw.host.acme.chain import Obtained
from chainsaw.host.acme.failure import AcmeError
from chainsaw.host.acme.order import Wanted, obtain
from chainsaw.host.acme.pending import Keeper, Pending
from chainsaw.host.acme.session import Clock, Session, open_session
from chainsaw.host.acme.window import ask_window
from chainsaw.model.directories import STAGING, Choice, choose
from chainsaw.model.renewal import (
    Issued,
    Ledger,
    asks_again,
    with_attempt,
    with_certificate,
    with_failure,
    with_order,
    with_staging,
    with_window,
)


@dataclass(frozen=True)
class Setup:
    """What all attempts of a site have in common: the authorities, and where their accounts are kept."""

    accounts: str
    primary: Authority
    fallback: Authority | None = None
    clock: Clock = field(default_factory=Clock)

    def known(self, url: str) -> Authority:
        """Return the authority with a directory; one that is no more set up is asked without an account of its own."""
        for one in (self.primary, self.fallback):
            if one is not None and one.url == url:
                return one
        # A staging directory has accounts of its own, of which a binding of the real one knows nothing.
        return replace(self.primary, url=url, key_id="", hmac_key="")


@dataclass(frozen=True)
class Job:
    """What one host wants: names, ways to show them, and where its order and its ledger are kept while it goes on."""

    wanted: Wanted
    challengers: Challengers
    keeper: Keeper
    write: Callable[[Ledger], None]
    progress: Callable[[str], None]


@dataclass(frozen=True)
class Attempted:
    """How an attempt ended: the ledger to write, and the certificate to install, or the error.

    Neither of both is there when a staging directory has issued: the next attempt is due at once.
    """

    ledger: Ledger
    obtained: Obtained | None = None
    error: AcmeError | None = None


def attempt(setup: Setup, job: Job, ledger: Ledger) -> Attempted:
    """Ask for a certificate once, and return how that ended; no AcmeError is raised.

    The caller installs what was obtained, clears the keeper, and writes the ledger, in this order. Of what a staging
    directory issues nothing is kept.
    """
    now = setup.clock.now
    chosen = _chosen(setup, ledger, job.keeper.read())
    ledger = with_attempt(ledger, now())
    job.write(ledger)
    kept = _Forgotten(ledger) if chosen.staging else _Noted(job, ledger)
    try:
        authority = setup.known(chosen.directory)
        session = open_session(authority, setup.accounts, job.progress, setup.clock)
        wanted = replace(job.wanted, profile=authority.profile or job.wanted.profile)
        found = obtain(session, _allowed(session, wanted, chosen.staging), job.challengers, kept)
    except AcmeError as error:
        return Attempted(with_failure(kept.ledger, error.failure(now(), chosen.directory)), error=error)
    if chosen.staging:
        return Attempted(with_staging(ledger, now()))
    return Attempted(with_certificate(ledger, issued(found, now())), found)


def _chosen(setup: Setup, ledger: Ledger, pending: Pending | None) -> Choice:
    chosen = choose(ledger, setup.primary.url, setup.fallback.url if setup.fallback else "")
    if chosen.staging and pending is not None and STAGING.get(pending.directory) == chosen.directory:
        # An order that is open already is gone on with: there is nothing to try out first.
        return Choice(directory=pending.directory)
    return chosen


def issued(found: Obtained, now: float) -> Issued:
    """Return a certificate that was obtained as the ledger has it."""
    return Issued(
        certificate=found.certificate,
        directory=found.directory,
        at=now,
        not_before=found.not_before,
        not_after=found.not_after,
    )


def ask_again(setup: Setup, ledger: Ledger, in_use: bytes, progress: Callable[[str], None]) -> Ledger:
    """Return the ledger with the renewal window of the certificate in use, if it is time to ask and it is told."""
    if ledger.issued is None or not asks_again(ledger, setup.clock.now()):
        return ledger
    try:
        authority = setup.known(ledger.issued.directory)
        window = ask_window(open_session(authority, setup.accounts, progress, setup.clock), in_use)
    except AcmeError as error:
        progress(f"the authority does not tell when to renew: {error}")
        return ledger
    return ledger if window is None else with_window(ledger, window)


def _allowed(session: Session, wanted: Wanted, staging: bool) -> Wanted:
    """Leave a profile away that a staging directory does not offer: what it issues is not used."""
    return replace(wanted, profile="") if staging and wanted.profile not in session.profiles else wanted


class _Noted:
    """The keeper of a job, which also notes the open order in the ledger."""

    def __init__(self, job: Job, ledger: Ledger) -> None:
        self.job, self.ledger = job, ledger

    def read(self) -> Pending | None:
        return self.job.keeper.read()

    def keep(self, pending: Pending) -> None:
        self.job.keeper.keep(pending)
        self._note(with_order(self.ledger, pending.for_ledger()))

    def clear(self) -> None:
        self.job.keeper.clear()
        self._note(with_order(self.ledger, None))

    def _note(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.job.write(ledger)


class _Forgotten:
    """A keeper of nothing."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    def read(self) -> Pending | None:
        return None

    def keep(self, pending: Pending) -> None:
        """Keep nothing: what a staging directory issues is not used."""

    def clear(self) -> None:
        """Have nothing to forget."""
