"""Renewal windows (RFC 9773): when an authority wants a certificate to be renewed, if it tells."""

from __future__ import annotations

from chainsaw.host.acme.chain import certificate_id
from chainsaw.host.acme.failure import AcmeError, plain
from chainsaw.host.acme.retry import moment_of
from chainsaw.host.acme.session import Session
from chainsaw.model.renewal import DAY, HOUR, MINUTE, Window

ASK_AGAIN = 6 * HOUR


def ask_window(session: Session, in_use: bytes) -> Window | None:
    """Return the window of the certificate in use (chain, PEM), or None when the authority tells none.

    What it fails of is told as progress alone: it neither leads to a renewal nor prevents one.
    """
    identifier = certificate_id(in_use)
    if not session.renewal_info or not identifier:
        return None
    try:
        told = session.get(f"{session.renewal_info.rstrip('/')}/{identifier}")
        window = told["suggestedWindow"]
        start, end = moment_of(window["start"]), moment_of(window["end"])
    except (AcmeError, KeyError, TypeError, ValueError) as error:
        session.progress(f"the authority does not tell when to renew: {plain(error, 200)}")
        return None
    if end <= start:
        session.progress("the authority's renewal window ends before it starts")
        return None
    now = session.clock.now()
    wait = session.wait
    pause = ASK_AGAIN if wait is None else min(max(wait, MINUTE), DAY)
    return Window(
        certificate=identifier,
        start=start,
        end=end,
        told=now,
        ask_again=now + pause,
        ahead=session.ahead,
        explanation=plain(told.get("explanationURL") or "", 300),
    )
