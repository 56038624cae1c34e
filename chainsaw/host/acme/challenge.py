"""How a host shows that it has a name: a protocol, and HTTP-01 by files in a directory that the front serves."""

from __future__ import annotations

import re
import time
from typing import Protocol

from chainsaw.host import files
from chainsaw.host.acme.failure import AcmeError
from chainsaw.model.renewal import Kind

TOKEN = re.compile(r"[A-Za-z0-9_-]{16,200}")
"""A token is base64url of 128 bits or more (RFC 8555, 8.1); it becomes the name of a file."""
STALE_SECONDS = 3 * 3600.0
WELL_KNOWN = ".well-known/acme-challenge"


class Challenger(Protocol):
    """One type of challenge: `kind` is its name in RFC 8555, 8."""

    @property
    def kind(self) -> str:
        """The type, like http-01."""

    def present(self, identifier: str, token: str, key_authorization: str) -> None:
        """Make what the authority looks for visible; raise AcmeError when it cannot be."""

    def settle(self) -> None:
        """Wait until the world can see what was presented: once, for all names."""

    def remove(self, identifier: str, token: str, key_authorization: str) -> None:
        """Remove it; it may never have been there."""


class HttpChallenger:
    """HTTP-01: `.well-known/acme-challenge/TOKEN` below a directory."""

    kind = "http-01"

    def __init__(self, directory: str) -> None:
        """Take the directory whose content the front serves as http://NAME/."""
        self.place = f"{directory}/{WELL_KNOWN}"

    def present(self, identifier: str, token: str, key_authorization: str) -> None:
        """Write the file of a token, which anybody may read; raise AcmeError for a token that is no file name."""
        path = self._path(token)
        files.make_directory(self.place)
        self.clear_stale(time.time())
        files.write_atomic(path, key_authorization.encode("ascii"), 0o644)

    def settle(self) -> None:
        """Wait for nothing: a file is served once it is there."""

    def remove(self, identifier: str, token: str, key_authorization: str) -> None:
        """Remove the file of a token."""
        files.remove(self._path(token))

    def clear_stale(self, now: float) -> None:
        """Remove what a run that was killed left behind."""
        for name in files.list_directory(self.place):
            path = f"{self.place}/{name}"
            if abs(now - files.changed_at(path)) > STALE_SECONDS and not files.is_directory(path):
                files.remove(path)

    def _path(self, token: str) -> str:
        if not TOKEN.fullmatch(token):
            raise AcmeError(Kind.SERVER, f"the authority's token is not base64url: {token!r}")
        return f"{self.place}/{token}"
