"""What can go wrong with an authority, as one error: its kind, what was said of which name, and how long to wait."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Any

from chainsaw.errors import ChainsawError, Diagnostic
from chainsaw.model.renewal import Failure, Kind, Said

LONGEST_TEXT = 400
MOST_SAID = 20

KINDS = {
    "rateLimited": Kind.RATE_LIMITED,
    "unauthorized": Kind.UNAUTHORIZED,
    "incorrectResponse": Kind.UNAUTHORIZED,
    "caa": Kind.CAA,
    "dns": Kind.DNS,
    "dnssec": Kind.DNS,
    "unknownHost": Kind.DNS,
    "connection": Kind.CONNECTION,
    "tls": Kind.CONNECTION,
    "malformed": Kind.MALFORMED,
    "badCSR": Kind.MALFORMED,
    "badNonce": Kind.SERVER,
    "serverInternal": Kind.SERVER,
    "badPublicKey": Kind.REFUSED,
    "badSignatureAlgorithm": Kind.REFUSED,
    "externalAccountRequired": Kind.SETTINGS,
    "invalidContact": Kind.SETTINGS,
    "unsupportedContact": Kind.SETTINGS,
    "invalidProfile": Kind.SETTINGS,
    "userActionRequired": Kind.SETTINGS,
}
"""The error types of RFC 8555, 6.7, and of its registry; any other is a refusal."""


class AcmeError(ChainsawError):
    """A failed attempt: `kind`, what was `said` of which identifier, and for how many seconds to wait at least.

    `error_type` is the authority's own type of error, without its prefix; `status` is that of its answer, or 0.
    """

    def __init__(
        self, kind: Kind, said: str | list[Said], wait: float | None = None, error_type: str = "", status: int = 0
    ) -> None:
        """Take what was said as one text, or by identifier."""
        self.kind = kind
        self.said = (Said(text=plain(said)),) if isinstance(said, str) else tuple(said[:MOST_SAID])
        self.wait = wait
        self.error_type = error_type
        self.status = status
        shown = [f"{item.identifier}: {item.text}" if item.identifier else item.text for item in self.said]
        super().__init__([Diagnostic(f"acme-{kind}", text) for text in shown] or [Diagnostic(f"acme-{kind}", kind)])

    def failure(self, now: float, directory: str) -> Failure:
        """Return it as a line of the ledger."""
        until = None if self.wait is None else now + self.wait
        return Failure(at=now, directory=directory, kind=self.kind, said=self.said, wait_until=until)


def plain(text: object, longest: int = LONGEST_TEXT) -> str:
    """Return text from outside as one line that a terminal shows as it is, of a bounded length."""
    shown = "".join(
        " " if unicodedata.category(letter) in ("Cc", "Zl", "Zp") else letter
        for letter in str(text)[: 4 * longest]
        # Directions and what has no width would change how the rest of a line looks.
        if unicodedata.category(letter) not in ("Cf", "Cs", "Co", "Cn")
    )
    line = " ".join(shown.split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def of_problem(problem: Any, status: int, wait: float | None) -> AcmeError:
    """Return the error for an authority's problem document (RFC 7807), as the library read it."""
    error_type = plain(str(problem.typ or "").rpartition(":")[2], 60)
    return AcmeError(kind_of(error_type, status), list(said_of(problem)), wait, error_type, status)


def kind_of(error_type: str, status: int) -> Kind:
    """Return the kind of an error by its type, or by the status of the answer when the type says nothing."""
    if error_type in KINDS:
        return KINDS[error_type]
    if status == 429:
        return Kind.RATE_LIMITED
    return Kind.SERVER if status >= 500 or status == 0 else Kind.REFUSED


def said_of(problem: Any, identifier: str = "") -> Iterator[Said]:
    """Yield what a problem says, and each of its subproblems (RFC 8555, 6.7.1)."""
    named = plain(problem.identifier.value, 260) if problem.identifier else identifier
    below = [item for sub in (problem.subproblems or ())[:MOST_SAID] for item in said_of(sub, named)]
    error_type = str(problem.typ or "").rpartition(":")[2]
    text = plain(problem.detail or problem.title or "")
    if text or not below:
        yield Said(text=f"{text or 'no reason was given'} ({plain(error_type, 60)})", identifier=named)
    yield from below
