"""Clients: one that waits for a page, and one that counts what fails."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from .measure import BenchError

HTTPS = 443
PATIENCE = 60


def _context() -> ssl.SSLContext:
    # Both sides show certificates of an authority that was made for the occasion.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


CONTEXT = _context()


def get(host: str, path: str = "/", port: int = HTTPS, patience: float = PATIENCE) -> tuple[int, bytes]:
    """Get a page over a connection of its own; return its status and its body."""
    asked = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: bench\r\nConnection: close\r\n\r\n"
    with (
        socket.create_connection(("127.0.0.1", port), timeout=patience) as raw,
        CONTEXT.wrap_socket(raw, server_hostname=host) as connection,
    ):
        connection.sendall(asked.encode())
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        return answer.status, answer.read()


def first_page(host: str, needle: str, port: int = HTTPS, patience: float = 180) -> float:
    """Ask for the first page until it is there with its title; return when, by the clock of time.perf_counter."""
    until, answer = time.monotonic() + patience, "nothing"
    while time.monotonic() < until:
        try:
            status, body = get(host, port=port)
            if status == 200 and needle.encode() in body:
                return time.perf_counter()
            answer = f"{status} {body[:200]!r}"
        except (OSError, http.client.HTTPException) as problem:
            answer = repr(problem)
        time.sleep(0.05)
    raise BenchError(f"https://{host}:{port}/ is not there after {patience} s: {answer}")


@dataclass
class Hammer:
    """Some threads that request one page again and again, over a new connection each time."""

    host: str
    needle: str
    port: int = HTTPS
    threads: int = 2
    waits: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)

    def _request(self) -> None:
        while not self.stopped.is_set():
            began = time.perf_counter()
            try:
                status, body = get(self.host, port=self.port)
                problem = "" if status == 200 and self.needle.encode() in body else f"status {status}"
            except (OSError, http.client.HTTPException) as error:
                problem = repr(error)
            self.waits.append(time.perf_counter() - began)
            if problem:
                self.failures.append(problem)
                time.sleep(0.01)

    @contextmanager
    def at_work(self) -> Iterator[Hammer]:
        """Request while the body of the with statement runs."""
        crew = [threading.Thread(target=self._request) for _ in range(self.threads)]
        for thread in crew:
            thread.start()
        try:
            yield self
        finally:
            self.stopped.set()
            for thread in crew:
                thread.join()

    def __str__(self) -> str:
        """Return how many requests failed, of how many, and how long the slowest took."""
        return f"{len(self.failures)} of {len(self.waits):,} failed, slowest {max(self.waits):.2f} s"
