"""The server: it takes the socket of systemd, and ends when nobody comes."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

from waitress.server import create_server

from .app import Login
from .web import BODY_BYTES

USERS = Path("srv/users/users.json")
STATE = Path("srv/login/state.json")
KEY = Path("run/secrets/session_key")
FIRST_DESCRIPTOR = 3
THREADS = 16
HEADER_BYTES = 64 * 1024
CONNECTIONS = 256
TICK_SECONDS = 0.5
KEEP_SECONDS = 1.0
DRAIN_SECONDS = 3.0


def main(root: Path = Path("/")) -> int:
    """Serve until told to end, or until nobody has come for a while."""
    logging.basicConfig(format="login: %(message)s", level=logging.INFO)
    logging.getLogger("waitress").setLevel(logging.ERROR)
    if os.environ.get("LISTEN_FDS") != "1":
        sys.stderr.write("login: there is no socket of systemd (LISTEN_FDS is not 1)\n")
        return 2
    try:
        key, language = (root / KEY).read_text(encoding="ascii").strip(), os.environ.get("LOGIN_LANGUAGE", "en")
        app = Login(root / USERS, root / STATE, key, language=language)
        idle = int(os.environ.get("LOGIN_IDLE_SECONDS", "300"))
    except (OSError, ValueError) as error:
        sys.stderr.write(f"login: {error}\n")
        return 2
    ending = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ending.set())
    serve(app, socket.socket(fileno=FIRST_DESCRIPTOR), idle, ending)
    return 0


def serve(app: Login, listening: socket.socket, idle: int, ending: threading.Event) -> None:
    """Serve on a socket; a visitor who comes while this ends waits in its queue for the next one."""
    channels: dict[int, Any] = {}
    server: Any = create_server(
        app,
        map=channels,
        sockets=[listening],
        threads=THREADS,
        max_request_header_size=HEADER_BYTES,
        max_request_body_size=BODY_BYTES,
        connection_limit=CONNECTIONS,
        channel_timeout=30,
        clear_untrusted_proxy_headers=False,
        ident=None,
    )
    threading.Thread(target=_keep, args=(app,), daemon=True).start()
    while not ending.is_set() and (not idle or server.active_channels or time.monotonic() - app.used < idle):
        server.asyncore.loop(timeout=TICK_SECONDS, map=channels, count=1)
    server.del_channel()
    _drain(server, channels)
    server.task_dispatcher.shutdown()
    app.store.flush()


def _keep(app: Login) -> None:
    """Write what is due, beside the loop that a slow disk would hold up."""
    while True:
        time.sleep(KEEP_SECONDS)
        app.store.flush(app.clock())


def _drain(server: Any, channels: dict[int, Any]) -> None:
    """Let what is under way come to its end, for a moment; what was accepted just now is read first."""
    until, busy = time.monotonic() + DRAIN_SECONDS, True
    while busy and time.monotonic() < until:
        server.asyncore.loop(timeout=0.1, map=channels, count=1)
        busy = any(channel.requests or channel.total_outbufs_len for channel in server.active_channels.values())


if __name__ == "__main__":
    sys.exit(main())
