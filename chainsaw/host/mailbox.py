"""A mail server of this process, which keeps what it is given: mail of a test goes nowhere else."""

from __future__ import annotations

import socketserver
import threading
from types import TracebackType
from typing import Any

HOST = "127.0.0.1"
LONGEST = 1000
"""Bytes of a line at most (RFC 5321, 4.5.3.1.6)."""
MOST = 16 * 1024 * 1024
ANSWERS = {
    b"EHLO": b"250 chainsaw",
    b"HELO": b"250 chainsaw",
    b"MAIL": b"250 noted",
    b"RCPT": b"250 noted",
    b"RSET": b"250 forgotten",
    b"NOOP": b"250 done",
    b"DATA": b"354 go on",
    b"QUIT": b"221 goodbye",
}
"""The answer to each command that a client must be able to rely on (RFC 5321, 4.5.1)."""


class Mailbox:
    """A mail server on a port of the loopback while its context lasts; `letters` are what it was given."""

    def __init__(self) -> None:
        """Prepare; it listens when the context is entered."""
        self.letters: list[str] = []
        self._server: Any = None

    def __enter__(self) -> Mailbox:
        """Listen; raise OSError where that is impossible."""
        self._server = _Server((HOST, 0), _Session)
        self._server.letters = self.letters
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()

    @property
    def port(self) -> int:
        """The port on which it listens."""
        return int(self._server.server_address[1])


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    letters: list[str]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Leave it to the client: it was cut off."""


class _Session(socketserver.StreamRequestHandler):
    timeout = 60
    server: _Server

    def handle(self) -> None:
        self._say(b"220 chainsaw")
        while line := self.rfile.readline(LONGEST):
            verb = line[:4].upper()
            self._say(ANSWERS.get(verb, b"502 not known here"))
            if verb == b"QUIT":
                return
            if verb == b"DATA":
                self._take()

    def _take(self) -> None:
        """Take a letter up to the line with nothing but a dot, and keep what there is room for."""
        kept = bytearray()
        while (line := self.rfile.readline()) not in (b".\r\n", b".\n"):
            if not line:
                return
            kept += line.removeprefix(b".") if len(kept) < MOST else b""
        self.server.letters.append(kept.decode(errors="replace"))
        self._say(b"250 kept")

    def _say(self, answer: bytes) -> None:
        self.wfile.write(answer + b"\r\n")
