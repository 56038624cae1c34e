"""The one door to HTTP: requests to the front on this host, over TLS with the local authority."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

LIMIT = 2 * 1024 * 1024


@dataclass(frozen=True)
class Front:
    """Where the front is: its https port, and the file of the authority that its certificates are from."""

    port: int
    authority: str


@dataclass(frozen=True)
class Answer:
    """A response: its header fields in lower case, and the first two megabytes of its body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode(errors="replace")


@dataclass(frozen=True)
class Asked:
    """A request: to a host name, with a path, and what belongs to it."""

    host: str
    path: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


@lru_cache(maxsize=4)
def _trusting(authority: str) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=authority)


def request(front: Front, asked: Asked, timeout: float) -> Answer:
    """Return the answer to a request on a connection of its own; redirects are not followed.

    Raise OSError when nobody answers within `timeout` seconds, or what comes is not HTTP.
    """
    with (
        socket.create_connection(("127.0.0.1", front.port), timeout=timeout) as plain,
        _trusting(front.authority).wrap_socket(plain, server_hostname=asked.host) as secure,
    ):
        # The port is part of what an application calls itself (RFC 9110, 7.2); the connection itself is there already.
        connection = http.client.HTTPConnection(asked.host, 80 if front.port == 443 else front.port)
        connection.sock = secure
        headers = {"User-Agent": "chainsaw-probe", **asked.headers}
        try:
            connection.request(asked.method, asked.path, asked.body, headers)
            response = connection.getresponse()
            body = response.read(LIMIT)
        except http.client.HTTPException as error:
            raise OSError(f"not an answer of HTTP: {error!r}") from error
    return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, body)
