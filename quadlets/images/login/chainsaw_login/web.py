"""What a request says and what an answer is, as far as this program needs it."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

BODY_BYTES = 16 * 1024
CREDENTIAL_CHARACTERS = 4096
FIELDS = 16
HOST = re.compile(r"([a-z0-9._-]{1,255}|\[[0-9a-f:.]{2,45}\])(:[0-9]{1,5})?")


class BadRequestError(Exception):
    """What a browser behind the front does not send."""


@dataclass(frozen=True)
class Answer:
    """A status, headers and a page."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""


class Request:
    """One request, as WSGI describes it."""

    def __init__(self, environ: Mapping[str, Any]) -> None:
        """Keep what WSGI says."""
        self._environ = environ
        self.method: str = environ["REQUEST_METHOD"]
        self.path: str = environ.get("PATH_INFO", "")
        self.query: str = environ.get("QUERY_STRING", "")
        self.instance = self.header("X-Chainsaw-Instance")

    def header(self, name: str) -> str:
        """Return what a header says, or nothing."""
        value: str = self._environ.get("HTTP_" + name.upper().replace("-", "_"), "")
        return value

    @property
    def host(self) -> str:
        """The name that the visitor asked for, without a port."""
        match = HOST.fullmatch(self.header("Host").lower())
        if not match:
            raise BadRequestError
        return match[1]

    def cookie(self, name: str) -> str:
        """Return the value of the first cookie of this name, or nothing."""
        return cookie_in(self.header("Cookie"), name)

    def form(self) -> dict[str, str]:
        """Return the fields of a form that was sent."""
        if (
            self._environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
            != "application/x-www-form-urlencoded"
        ):
            raise BadRequestError
        try:
            size = int(self._environ.get("CONTENT_LENGTH") or 0)
            if not 0 <= size <= BODY_BYTES:
                raise BadRequestError
            sent = self._environ["wsgi.input"].read(size).decode("ascii")
            return dict(parse_qsl(sent, keep_blank_values=True, errors="strict", max_num_fields=FIELDS))
        except ValueError as error:
            raise BadRequestError from error

    def credentials(self) -> tuple[str, str] | None:
        """Return user and password of HTTP Basic, None without them; what cannot be read is nobody's."""
        scheme, _, value = self.header("Authorization").partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            if len(value) > CREDENTIAL_CHARACTERS:
                return ("", "")
            user, _, password = base64.b64decode(value.strip(), validate=True).decode().partition(":")
        except ValueError:
            return ("", "")
        return (user, password)


def cookie_in(header: str, name: str) -> str:
    """Return the value of the first cookie of this name in the header; an application's own may be of any form."""
    for pair in header.split(";"):
        key, separator, value = pair.partition("=")
        if separator and key.strip(" \t") == name:
            return value.strip(" \t")
    return ""


def set_cookie(name: str, value: str, seconds: int | None = None) -> tuple[str, str]:
    """Return the header that sets a cookie: for this host alone, over TLS alone, for no script."""
    lasting = "" if seconds is None else f"; Max-Age={seconds}"
    return ("Set-Cookie", f"{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax{lasting}")
