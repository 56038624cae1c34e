"""An order that is not finished yet: what is kept of it, so that the next run goes on with it."""

from __future__ import annotations

from typing import Literal, Protocol

from pydantic import Field, ValidationError

from chainsaw.host import files
from chainsaw.host.acme.chain import fingerprint
from chainsaw.model.base import Recorded
from chainsaw.model.renewal import OpenOrder


class Pending(Recorded):
    """An order's URL, the private key (PEM) that its certificate will be for, and what was ordered where and when."""

    format: Literal[1] = 1
    url: str
    directory: str
    names: tuple[str, ...]
    profile: str = ""
    since: float
    key: str = Field(repr=False)

    def for_ledger(self) -> OpenOrder:
        """Return what the ledger has of it: no secret."""
        key = fingerprint(self.key.encode())
        return OpenOrder(url=self.url, directory=self.directory, key=key, names=self.names, since=self.since)


class Keeper(Protocol):
    """Where the unfinished order of one certificate is kept."""

    def read(self) -> Pending | None:
        """Return it, or None when there is none or it is of no use."""

    def keep(self, pending: Pending) -> None:
        """Keep it, safe from a crash, before anything else is asked of the authority."""

    def clear(self) -> None:
        """Forget it."""


class FileKeeper:
    """A file for the admin alone, as it has the key."""

    def __init__(self, path: str) -> None:
        """Take the path of the file."""
        self.path = path

    def read(self) -> Pending | None:
        """Return the order, or None when there is none or the file cannot be understood."""
        text = files.read_text(self.path)
        try:
            return None if text is None else Pending.model_validate_json(text)
        except ValidationError:
            return None

    def keep(self, pending: Pending) -> None:
        """Write the file in one rename."""
        files.write_atomic(self.path, pending.model_dump_json().encode() + b"\n", 0o600)

    def clear(self) -> None:
        """Remove the file; the certificate and its key are to be in their place before."""
        files.remove(self.path)
