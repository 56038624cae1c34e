"""Requests to the machine from the host, as a browser makes them."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Answer:
    """A response; names of headers in lower case."""

    status: int
    headers: Mapping[str, str]
    cookies: tuple[str, ...]
    body: str


@lru_cache(maxsize=4)
def trusting(authority: str) -> ssl.SSLContext:
    """Return a context that trusts one authority and nobody else."""
    return ssl.create_default_context(cadata=authority)


def ask(
    address: str,
    authority: str,
    method: str,
    url: str,
    *,
    body: str | bytes = "",
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Send one request on a connection of its own; redirects are not followed. Raise OSError when nothing answers."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc)
    plain = socket.create_connection((address, 443 if parts.scheme == "https" else 80), timeout=20)
    with plain:
        secure = (
            trusting(authority).wrap_socket(plain, server_hostname=parts.hostname) if parts.scheme == "https" else plain
        )
        with secure:
            connection.sock = secure
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            try:
                connection.request(method, path, body or None, dict(headers or {}))
                response = connection.getresponse()
                content = response.read()
            except http.client.HTTPException as problem:
                raise ConnectionError(f"{url}: {problem!r}") from problem
    found = {name.lower(): value for name, value in response.getheaders()}
    cookies = tuple(value.split(";")[0] for name, value in response.getheaders() if name.lower() == "set-cookie")
    return Answer(response.status, found, cookies, content.decode(errors="replace"))


def connect(address: str, authority: str, host: str, *protocols: str) -> ssl.SSLSocket:
    """Open a connection for a name, with TLS; the protocols are those of ALPN, such as h2."""
    context = trusting(authority)
    if protocols:
        context = ssl.create_default_context(cadata=authority)
        context.set_alpn_protocols(list(protocols))
    return context.wrap_socket(socket.create_connection((address, 443), timeout=20), server_hostname=host)


def raw(address: str, port: int, sent: bytes) -> bytes:
    """Send bytes and return all that comes back until the other side closes."""
    with socket.create_connection((address, port), timeout=10) as connection:
        connection.sendall(sent)
        received = b""
        try:
            while chunk := connection.recv(65536):
                received += chunk
        except ConnectionResetError:
            pass
        return received


def handshake(address: str, name: str | None) -> str:
    """Return how a TLS handshake for a name, or for none, is refused; empty when it is not."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with (
            socket.create_connection((address, 443), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname=name),
        ):
            return ""
    except ssl.SSLError as problem:
        return problem.reason or str(problem)


def certificate(address: str, authority: str, name: str) -> str:
    """Return the certificate that is shown for a name, as PEM."""
    plain = socket.create_connection((address, 443), timeout=10)
    with plain, trusting(authority).wrap_socket(plain, server_hostname=name) as secure:
        return ssl.DER_cert_to_PEM_cert(secure.getpeercert(binary_form=True) or b"")
