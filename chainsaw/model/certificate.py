"""Who issues the certificate of a host name, and what is recorded of the one that is in use."""

from __future__ import annotations

from typing import Literal

from chainsaw.model.base import Recorded

LOCAL = "local"
DAY = 86400.0
HSTS = (300, 60 * 86400, 180 * 86400)


class HostIssuer(Recorded):
    """Who issues a host's certificate; with files, where the admin has it, or nothing where it was imported.

    With acme, `directories` are those that may be asked.
    """

    issuer: str
    chain: str = ""
    key: str = ""
    directories: tuple[str, ...] = ()


class Certificate(Recorded):
    """A certificate in use: for which names, by which issuer, its serial number in hexadecimal, its validity.

    Times are in seconds since 1970. `source` is the ACME directory that issued it, or a digest of the admin's files.
    `renewals` are those that an authority has granted so far.
    """

    format: Literal[2] = 2
    host: str
    issuer: str
    names: tuple[str, ...]
    serial: str
    not_before: float
    not_after: float
    source: str = ""
    renewals: int = 0

    @property
    def hsts(self) -> int:
        """For how many seconds browsers are told to use https alone (RFC 6797), unless the admin says otherwise.

        Nobody could visit the site without a certificate then, so it grows with each renewal that worked.
        """
        return HSTS[min(self.renewals, len(HSTS) - 1)] if self.issuer == "acme" else 0

    @property
    def lifetime(self) -> float:
        """For how many seconds it is valid."""
        return self.not_after - self.not_before

    def is_fresh(self, now: float) -> bool:
        """Return whether more than a third of its lifetime is left."""
        return self.not_before <= now + DAY and self.not_after - now > self.lifetime / 3
