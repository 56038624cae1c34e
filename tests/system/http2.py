"""One request over HTTP/2, with fields that no browser would send."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ConnectionTerminated, DataReceived, Event, ResponseReceived, StreamEnded, StreamReset

from .machine import Machine
from .web import connect

RESET = 0
"""Stands for the status of a request that got no answer."""


@dataclass
class Stream:
    """What came of one request: its status, or RESET, and the body."""

    status: int = RESET
    body: bytes = b""
    ended: bool = field(default=False, repr=False)

    @classmethod
    def of(cls, machine: Machine, host: str, fields: Sequence[tuple[str, str]], *bodies: bytes) -> Stream:
        """Send the fields as they are, then each body in a frame of its own."""
        loose = H2Configuration(validate_outbound_headers=False, normalize_outbound_headers=False)
        connection, stream = H2Connection(loose), cls()
        with connect(machine.address, machine.authority, host, "h2") as wire:
            assert wire.selected_alpn_protocol() == "h2"
            wire.settimeout(5)
            connection.initiate_connection()
            connection.send_headers(1, list(fields), end_stream=not bodies)
            for number, body in enumerate(bodies):
                connection.send_data(1, body, end_stream=number == len(bodies) - 1)
            wire.sendall(connection.data_to_send())
            while not stream.ended:
                received = wire.recv(65536)
                if not received:
                    break
                for event in connection.receive_data(received):
                    stream._take(event)
        return stream

    def _take(self, event: Event) -> None:
        if isinstance(event, ResponseReceived):
            self.status = int(dict(event.headers)[b":status"])
        elif isinstance(event, DataReceived):
            self.body += event.data
        elif isinstance(event, StreamEnded | StreamReset | ConnectionTerminated):
            self.ended = True
