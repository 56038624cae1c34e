"""The request that proves an instance: TLS with the local authority, to the front on this host."""

from __future__ import annotations

import html
import http.client
import socket
import ssl
import time

from chainsaw.model.deployment import ProbeRequest

LIMIT = 2 * 1024 * 1024


def probe(host: str, port: int, request: ProbeRequest, authority: str, patience: float) -> str:
    """Return nothing when the page answers as it should within `patience` seconds, or what it does instead."""
    context = ssl.create_default_context(cafile=authority)
    deadline = time.monotonic() + patience
    while True:
        problem = _ask(host, port, request, context, max(1.0, deadline - time.monotonic()))
        if not problem or time.monotonic() >= deadline:
            return problem
        time.sleep(0.1)


def _ask(host: str, port: int, request: ProbeRequest, context: ssl.SSLContext, timeout: float) -> str:
    try:
        with (
            socket.create_connection(("127.0.0.1", port), timeout=timeout) as plain,
            context.wrap_socket(plain, server_hostname=host) as secure,
        ):
            return _judge(host, secure, request)
    except (OSError, http.client.HTTPException) as error:
        return f"https://{host}{request.path} does not answer: {error}"


def _judge(host: str, secure: ssl.SSLSocket, request: ProbeRequest) -> str:
    connection = http.client.HTTPConnection(host)
    connection.sock = secure
    connection.request("GET", request.path, headers={"User-Agent": "chainsaw-probe"})
    response = connection.getresponse()
    body = response.read(LIMIT).decode(errors="replace")
    where = f"https://{host}{request.path}"
    if response.status != request.status:
        return f"{where} answers {response.status}, not {request.status}"
    wanted = request.contains
    if wanted and wanted not in body and wanted not in html.unescape(body):
        return f"{where} answers, but without {wanted!r}"
    return ""
