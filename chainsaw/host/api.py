"""Podman's API, asked over its socket: the library for it takes longer to import than a request takes to answer."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator, Sequence
from typing import Any

from chainsaw.errors import ChainsawError, Diagnostic

VERSION = "/v5.0.0/libpod"
TIMEOUT = 30.0
HEADER = 8
"""Bytes before each piece of a stream; the last four are its length, big-endian (Docker's API, ContainerAttach)."""


class Api:
    """Podman's API behind a socket, an absolute path; one connection for each request."""

    def __init__(self, path: str) -> None:
        """Take the socket; nothing is connected yet."""
        self.path = path

    def get(self, path: str) -> Any:
        """Return what is at a path, None when nothing is; raise ChainsawError when nobody answers."""
        content = self._ask("GET", path)
        return None if content is None else _read(content)

    def run(self, container: str, argv: Sequence[str]) -> tuple[int, str]:
        """Return how a program in a running container ended, and what it printed; raise ChainsawError otherwise."""
        wanted = {"Cmd": list(argv), "AttachStdout": True, "AttachStderr": True}
        created = self._ask("POST", f"/containers/{container}/exec", wanted)
        if created is None:
            raise ChainsawError(_unanswered(f"there is no container {container}"))
        number = _read(created)["Id"]
        stream = self._ask("POST", f"/exec/{number}/start", {"Detach": False, "Tty": False}) or b""
        ended = self.get(f"/exec/{number}/json") or {}
        return int(ended.get("ExitCode", 1)), b"".join(_pieces(stream)).decode(errors="replace").strip()

    def _ask(self, method: str, path: str, body: Any = None) -> bytes | None:
        connection = http.client.HTTPConnection("podman", timeout=TIMEOUT)
        try:
            connection.sock = socket.socket(socket.AF_UNIX)
            connection.sock.settimeout(TIMEOUT)
            connection.sock.connect(self.path)
            fields = {"Content-Type": "application/json"} if body is not None else {}
            text = None if body is None else json.dumps(body).encode()
            connection.request(method, f"{VERSION}{path}", text, fields)
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise ChainsawError(_unanswered(str(error))) from error
        finally:
            connection.close()
        if answer.status == 404:
            return None
        if answer.status not in (200, 201):
            raise ChainsawError(_unanswered(f"{answer.status} {content.decode(errors='replace').strip()}"))
        return content


def _read(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError as error:
        raise ChainsawError(_unanswered(str(error))) from error


def _pieces(stream: bytes) -> Iterator[bytes]:
    """Yield the pieces of a stream in which output and errors are mixed."""
    place = 0
    while place + HEADER <= len(stream):
        length = int.from_bytes(stream[place + 4 : place + HEADER], "big")
        yield stream[place + HEADER : place + HEADER + length]
        place += HEADER + length


def _unanswered(reason: str) -> Diagnostic:
    hint = "systemctl --user restart podman.socket"
    return Diagnostic("podman-silent", f"Podman's API does not answer: {reason}", hint=hint)
