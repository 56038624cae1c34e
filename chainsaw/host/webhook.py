"""A JSON document, posted to an https address whose certificate is verified; no redirect is followed."""

from __future__ import annotations

import http.client
import ssl
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

from chainsaw import __version__

PATIENCE = 20.0
"""Seconds for the connection, and for each part of the answer."""
EXCERPT = 300
"""How many bytes of an answer are read."""
THIS_HOST = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Hook:
    """An address, and what it wants as Authorization: Bearer; both are secrets."""

    url: str = field(repr=False)
    token: str = field(default="", repr=False)


def check_url(url: str) -> SplitResult:
    """Return the parts of an https URL, or of http to this host; raise ValueError, without the URL, otherwise."""
    try:
        parts = urlsplit(url)
        named, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError("is no URL") from None
    if not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError("has characters that a URL cannot have")
    if not named or "@" in parts.netloc or parts.fragment:
        raise ValueError("is no URL such as https://hooks.example.org/…, without a user and without #")
    if parts.scheme != "https" and not (parts.scheme == "http" and named in THIS_HOST):
        raise ValueError("does not start with https://: on a network, others could read it")
    return parts


def post(hook: Hook, document: bytes) -> str:
    """Return what was answered to a document that was taken; raise OSError or ValueError when it was not."""
    parts = check_url(hook.url)
    connection = _connection(parts)
    headers = {"Content-Type": "application/json", "User-Agent": f"chainsaw/{__version__}", "Connection": "close"}
    headers |= {"Authorization": f"Bearer {hook.token}"} if hook.token else {}
    try:
        connection.request("POST", f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}", document, headers)
        answer = connection.getresponse()
        words = " ".join(answer.read(EXCERPT).decode(errors="replace").split())
    except http.client.HTTPException as error:
        raise OSError(f"no answer of HTTP: {type(error).__name__}") from None
    finally:
        connection.close()
    said = f"{answer.status} {answer.reason}" + (f": {words}" if words else "")
    if 300 <= answer.status < 400:
        raise OSError(
            f"{answer.status} {answer.reason}: a redirect, which is not followed; the secret is to hold its target"
        )
    if not 200 <= answer.status < 300:
        raise OSError(said)
    return said


def _connection(parts: SplitResult) -> http.client.HTTPConnection:
    host = parts.hostname or ""
    if parts.scheme == "http":
        return http.client.HTTPConnection(host, parts.port or 80, timeout=PATIENCE)
    context = ssl.create_default_context()
    return http.client.HTTPSConnection(host, parts.port or 443, timeout=PATIENCE, context=context)
