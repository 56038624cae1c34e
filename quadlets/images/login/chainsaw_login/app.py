"""The service as a WSGI application."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

from .attempts import Attempts
from .check import Check
from .forms import Forms
from .passwords import Passwords
from .seal import Seal
from .sessions import Sessions
from .store import Store
from .users import UsersFile
from .web import Answer, BadRequestError, Request

PLAIN = (("Content-Type", "text/plain; charset=utf-8"), ("Cache-Control", "no-store"))


class Login:
    """The service."""

    def __init__(
        self,
        users: Path,
        state: Path,
        key: str,
        clock: Callable[[], float] = time.time,
        passwords: Passwords | None = None,
        language: str = "en",
    ) -> None:
        """Put the parts together."""
        self.clock = clock
        self.store = Store(state)
        self.used = time.monotonic()
        self._users = UsersFile(users)
        sessions = Sessions(self.store, Seal(key, "session"))
        sessions.forget(clock())
        attempts = Attempts(self.store, passwords or Passwords(), key)
        self._check = Check(attempts, sessions, clock)
        self._forms = Forms(attempts, sessions, key, clock, language)

    def __call__(self, environ: Mapping[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer a request."""
        self.used = time.monotonic()
        try:
            answer = self._answer(Request(environ))
        except BadRequestError:
            answer = _plain(400)
        body = b"" if environ["REQUEST_METHOD"] == "HEAD" else answer.body.encode()
        length = [] if answer.status == HTTPStatus.NO_CONTENT else [("Content-Length", str(len(body)))]
        status = f"{answer.status} {HTTPStatus(answer.status).phrase}"
        start_response(status, [*answer.headers, *length])
        return [body]

    def _answer(self, request: Request) -> Answer:
        # The front sends only what came over TLS; anything else is a mistake that would show passwords to others.
        if request.header("X-Forwarded-Proto") != "https":
            return _plain(400)
        if request.path == "/check":
            return self._check.answer(request, self._users.read()) if request.method == "GET" else _plain(405)
        form = {"/.chainsaw/login": self._forms.login, "/.chainsaw/logout": self._forms.logout}.get(request.path)
        if form is None:
            return _plain(404)
        return form(request, self._users.read()) if request.method in ("GET", "HEAD", "POST") else _plain(405)


def _plain(status: int) -> Answer:
    return Answer(status, PLAIN, HTTPStatus(status).phrase + "\n")
