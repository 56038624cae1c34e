"""One order, from the first request to the checked certificate; a run that was killed is gone on with by the next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chainsaw.host.acme import chain
from chainsaw.host.acme.authorize import Challengers, authorize, clean_up
from chainsaw.host.acme.chain import Obtained
from chainsaw.host.acme.failure import AcmeError, of_problem, plain
from chainsaw.host.acme.network import translated
from chainsaw.host.acme.pending import Keeper, Pending
from chainsaw.host.acme.polling import Deadline
from chainsaw.host.acme.retry import moment_of
from chainsaw.host.acme.session import Session
from chainsaw.model.renewal import Kind

PATIENCE = 240.0
STATES = ("pending", "ready", "processing", "valid", "invalid")


@dataclass(frozen=True)
class Wanted:
    """The names to have a certificate for, with which profile, and the chain in use (PEM) with who issued it."""

    names: tuple[str, ...]
    profile: str = ""
    in_use: bytes = b""
    issued_by: str = ""


@dataclass(frozen=True)
class _State:
    """An order as the authority describes it (RFC 8555, 7.1.3)."""

    status: str
    authorizations: tuple[str, ...]
    finalize: str
    certificate: str
    expires: float | None
    error: Any

    def is_over(self, now: float) -> bool:
        """Return whether nothing can come of it any more, by the authority's clock."""
        expired = self.expires is not None and self.expires <= now and not self.certificate
        return expired or self.status == "invalid"


@dataclass
class _Attempt:
    session: Session
    wanted: Wanted
    challengers: Challengers
    keeper: Keeper
    deadline: Deadline


def obtain(
    session: Session, wanted: Wanted, challengers: Challengers, keeper: Keeper, patience: float = PATIENCE
) -> Obtained:
    """Return a new certificate for some names, within `patience` seconds; raise AcmeError when there is none.

    What the keeper has of an unfinished order is gone on with. It is to be cleared by the caller, once key and chain
    are in their place.
    """
    attempt = _Attempt(session, wanted, challengers, keeper, Deadline(session, patience))
    resumed = _resume(attempt)
    if resumed is not None:
        found = _finish(attempt, *resumed)
        clean_up(session, resumed[1].authorizations, challengers)
        if found.certificate != chain.certificate_id(wanted.in_use) or not wanted.in_use:
            return found
        # It is the one in use already: the keeper was not cleared.
        keeper.clear()
    return _finish(attempt, *_place(attempt))


def _resume(attempt: _Attempt) -> tuple[Pending, _State] | None:
    """Return the unfinished order of these names, if the authority still has it."""
    session, pending = attempt.session, attempt.keeper.read()
    if pending is None:
        return None
    known = (session.authority.url, attempt.wanted.profile, sorted(attempt.wanted.names))
    if (pending.directory, pending.profile, sorted(pending.names)) == known:
        try:
            state = _read(session, pending.url)
        except AcmeError as error:
            if not 400 <= error.status < 500 or error.status == 429:
                raise
            state = None
        if state is not None and not state.is_over(session.clock.now() - session.ahead):
            session.progress(f"an order that was not finished is {state.status}: it is gone on with")
            return pending, state
    attempt.keeper.clear()
    return None


def _place(attempt: _Attempt) -> tuple[Pending, _State]:
    """Order, with what is kept before the answer is acted on."""
    session, wanted = attempt.session, attempt.wanted
    _check_profile(session, wanted.profile)
    replaces = _replaced(session, wanted)
    try:
        answer = session.post(session.client.directory["newOrder"], _new_order(wanted, replaces))
    except AcmeError as error:
        if not replaces or not 400 <= error.status < 500:
            raise
        # It may have been replaced already, also by an order that failed, or be of another authority.
        session.progress(f"the authority does not take the order as a renewal ({error.error_type or error.status})")
        answer = session.post(session.client.directory["newOrder"], _new_order(wanted, ""))
    url = answer.headers.get("Location", "")
    if not url:
        raise AcmeError(Kind.SERVER, "the authority took the order without saying where it is")
    key = chain.new_key()
    pending = Pending(
        url=url,
        directory=session.authority.url,
        names=wanted.names,
        profile=wanted.profile,
        since=session.clock.now(),
        key=key.decode(),
    )
    attempt.keeper.keep(pending)
    return pending, _understood(session, answer)


def _check_profile(session: Session, profile: str) -> None:
    offered = session.profiles
    if profile and profile not in offered:
        has = ", ".join(f"{name} ({text})" if text else name for name, text in offered.items()) or "none"
        raise AcmeError(Kind.SETTINGS, f"the authority has no profile {profile!r}; it offers: {has}")


def _replaced(session: Session, wanted: Wanted) -> str:
    """Return the identifier of the certificate that the order replaces (RFC 9773, 5), or nothing."""
    if not session.renewal_info or not wanted.in_use or wanted.issued_by != session.authority.url:
        return ""
    return chain.certificate_id(wanted.in_use)


def _new_order(wanted: Wanted, replaces: str) -> Any:
    from acme import messages
    from josepy import json_util

    class NewOrder(messages.NewOrder):
        replaces: str = json_util.field("replaces", omitempty=True)

    named = [
        messages.Identifier(
            typ=messages.IDENTIFIER_IP if chain.address_of(name) else messages.IDENTIFIER_FQDN,
            value=chain.address_of(name) or name,
        )
        for name in wanted.names
    ]
    return NewOrder(identifiers=named, profile=wanted.profile, replaces=replaces)


def _finish(attempt: _Attempt, pending: Pending, state: _State) -> Obtained:
    """Bring an order to its end, from whichever state it is in."""
    session, deadline = attempt.session, attempt.deadline
    try:
        if state.status == "pending":
            authorize(session, state.authorizations, attempt.challengers, deadline)
            state = _until(attempt, pending, lambda now: now.status != "pending")
        if state.status == "ready":
            _finalize(session, pending, state)
            state = _until(attempt, pending, lambda now: now.status in ("valid", "invalid"))
        if state.status == "processing":
            state = _until(attempt, pending, lambda now: now.status != "processing")
        if state.status != "valid":
            raise _refused(session, state)
        return _download(session, pending, state)
    except AcmeError as error:
        if (400 <= error.status < 500 and error.status != 429) or error.kind in (Kind.MALFORMED, Kind.REFUSED):
            # This order leads nowhere: it would fail again in the same way.
            attempt.keeper.clear()
        raise


def _until(attempt: _Attempt, pending: Pending, is_decided: Callable[[_State], bool]) -> _State:
    return attempt.deadline.poll(", ".join(pending.names[:3]), lambda: _read(attempt.session, pending.url), is_decided)


def _finalize(session: Session, pending: Pending, state: _State) -> None:
    from acme import messages

    session.progress("the names are shown to be ours: the certificate is asked for")
    request = messages.CertificateRequest(csr=chain.signing_request(pending.key.encode(), pending.names))
    try:
        session.post(state.finalize, request)
    except AcmeError as error:
        # It may have been taken before a crash, or need a moment: the order's state tells.
        if error.error_type != "orderNotReady":
            raise


def _download(session: Session, pending: Pending, state: _State) -> Obtained:
    key = pending.key.encode()
    text = session.post(state.certificate, None).text
    ahead = session.ahead
    found, leaf = chain.checked(text, key, pending.names, session.clock.now() - ahead)
    return Obtained(
        key=key,
        chain=found,
        directory=pending.directory,
        certificate=chain.certificate_id(found),
        not_before=leaf.not_valid_before_utc.timestamp(),
        not_after=leaf.not_valid_after_utc.timestamp(),
        ahead=ahead,
    )


def _refused(session: Session, state: _State) -> AcmeError:
    from acme import messages

    if isinstance(state.error, dict):
        with translated(session.client.net):
            return of_problem(messages.Error.from_json(state.error), 403, session.wait)
    return AcmeError(Kind.REFUSED, f"the authority ended the order as {state.status}, without a reason", status=403)


def _read(session: Session, url: str) -> _State:
    return _understood(session, session.post(url, None))


def _understood(session: Session, answer: Any) -> _State:
    with translated(session.client.net):
        told = answer.json()
        status, urls, expires = told["status"], told["authorizations"], told.get("expires")
        if status not in STATES or not all(isinstance(url, str) for url in urls):
            raise AcmeError(Kind.SERVER, f"the authority's order is {plain(status, 60)}, which is not understood")
        return _State(
            status=status,
            authorizations=tuple(urls),
            finalize=str(told["finalize"]),
            certificate=str(told.get("certificate", "")),
            expires=moment_of(expires) if expires else None,
            error=told.get("error"),
        )
