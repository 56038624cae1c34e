"""The forms to log in and out."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from urllib.parse import urlsplit

from .attempts import Attempts, Origin, WaitError, WrongError, log
from .pages import Pages
from .passwords import BusyError
from .seal import Seal
from .sessions import COOKIE, KEPT_SECONDS, Sessions
from .target import local, target_in
from .users import User, Users
from .web import Answer, Request, set_cookie

FORM_COOKIE = "__Host-chainsaw-form"
FORM_SECONDS = 12 * 3600
TICKET_SECONDS = 300
NONCE = re.compile(r"[A-Za-z0-9_-]{22}")
NOT_KEPT = ("Cache-Control", "no-store")


class Forms:
    """Answers what is below /.chainsaw/."""

    def __init__(
        self, attempts: Attempts, sessions: Sessions, key: str, clock: Callable[[], float], language: str
    ) -> None:
        """Take what knows of sessions and passwords, the key for what forms carry, and the language of the site."""
        self._language = language
        self._attempts = attempts
        self._sessions = sessions
        self._forms = Seal(key, "form")
        self._tickets = Seal(key, "ticket")
        self._clock = clock

    def login(self, request: Request, users: Users) -> Answer:
        """Answer a request for the form, or the form."""
        if request.method != "POST":
            return self._blank(request, users, target_in(request.query))
        form = request.form()
        to = local(form.get("to", ""))
        if not self._is_own(request, form):
            return self._blank(request, users, to, stale=True)
        if "ticket" in form:
            return self._with_code(request, users, form, to)
        return self._with_password(request, users, form, to)

    def logout(self, request: Request, users: Users) -> Answer:
        """Answer a request for the button, or the button."""
        if request.method != "POST" or not self._is_own(request, request.form()):
            return self._blank(request, users, "/", stale=request.method == "POST")
        now = self._clock()
        found = self._sessions.find(request.cookie(COOKIE), request.host, users, now)
        if found:
            self._sessions.end(found[0], now)
            log("logout", _origin(request), found[1].name)
        return _redirect("/.chainsaw/login", set_cookie(COOKIE, "", 0))

    def _blank(self, request: Request, users: Users, to: str, *, stale: bool = False) -> Answer:
        """Return a form that is bound to the visitor's browser, or a button for who is logged in."""
        nonce = request.cookie(FORM_COOKIE)
        if not NONCE.fullmatch(nonce):
            nonce = secrets.token_urlsafe(16)
        pages = self._pages(request, users, nonce, to)
        cookie, status = (set_cookie(FORM_COOKIE, nonce),), 403 if stale else 200
        found = self._sessions.find(request.cookie(COOKIE), request.host, users, self._clock())
        if found:
            return pages.inside(status, found[1].name, cookie)
        return pages.login(status, pages.texts["stale"] if stale else "", headers=cookie)

    def _is_own(self, request: Request, form: dict[str, str]) -> bool:
        """Return whether a form is one that this browser got here, so that nobody else fills it in for the visitor."""
        if request.header("Sec-Fetch-Site") not in ("", "same-origin", "none"):
            return False
        origin = request.header("Origin")
        if origin and not _is_at(origin, request.host):
            return False
        values = self._forms.unseal(form.get("token", ""), 2)
        nonce = request.cookie(FORM_COOKIE)
        now = self._clock()
        return values is not None and nonce == values[0] and 0 <= now - values[1] < FORM_SECONDS

    def _with_password(self, request: Request, users: Users, form: dict[str, str], to: str) -> Answer:
        now, origin = self._clock(), _origin(request)
        name = form.get("user", "").strip().lower()
        pages = self._pages(request, users, request.cookie(FORM_COOKIE), to)
        try:
            user = self._attempts.password(origin, users, name, form.get("password", ""), now)
        except WrongError:
            return pages.login(403, pages.texts["wrong"], name[:64])
        except WaitError as wait:
            return pages.login(429, *_later(pages, wait.seconds, name))
        except BusyError:
            return pages.login(503, pages.texts["busy"], name[:64], (("Retry-After", "1"),))
        kept = form.get("keep") == "1"
        if user.totp is None:
            return self._begin(request, users, user, kept=kept, to=to)
        return pages.code(200, self._tickets.seal(request.cookie(FORM_COOKIE), user.name, user.changed, kept, int(now)))

    def _with_code(self, request: Request, users: Users, form: dict[str, str], to: str) -> Answer:
        now, ticket, nonce = self._clock(), form["ticket"], request.cookie(FORM_COOKIE)
        values = self._tickets.unseal(ticket, 5)
        user = users.users.get(values[1]) if values else None
        fresh = values is not None and values[0] == nonce and 0 <= now - values[4] < TICKET_SECONDS
        if not (values and user and fresh and user.totp and user.changed == values[2]):
            return self._blank(request, users, to, stale=True)
        pages = self._pages(request, users, nonce, to)
        try:
            self._attempts.code(_origin(request), user, re.sub(r"\s", "", form.get("code", "")[:32]), now)
        except WrongError:
            return pages.code(403, ticket, pages.texts["code_wrong"])
        except WaitError as wait:
            notice, _, headers = _later(pages, wait.seconds, "")
            return pages.code(429, ticket, notice, headers)
        except BusyError:
            return pages.code(503, ticket, pages.texts["busy"], (("Retry-After", "1"),))
        return self._begin(request, users, user, kept=bool(values[3]), to=to)

    def _begin(self, request: Request, users: Users, user: User, *, kept: bool, to: str) -> Answer:
        """Begin a session; one that the browser had ends."""
        now = self._clock()
        found = self._sessions.find(request.cookie(COOKIE), request.host, users, now)
        if found:
            self._sessions.end(found[0], now)
        cookie = self._sessions.begin(user, request.host, kept, now)
        log("login", _origin(request), user.name)
        session = set_cookie(COOKIE, cookie, KEPT_SECONDS if kept else None)
        return _redirect(to, session, set_cookie(FORM_COOKIE, "", 0))

    def _pages(self, request: Request, users: Users, nonce: str, to: str) -> Pages:
        return Pages(self._language, request.host, self._forms.seal(nonce, int(self._clock())), to)


def _origin(request: Request) -> Origin:
    return Origin(request.header("X-Real-IP"), request.header("X-Chainsaw-Client"), request.instance)


def _is_at(origin: str, host: str) -> bool:
    """Return whether an Origin is this host over TLS; the front may pass Host without a port."""
    try:
        parts = urlsplit(origin.lower())
        name = parts.hostname or ""
    except ValueError:
        return False
    return parts.scheme == "https" and host in (name, f"[{name}]")


def _later(pages: Pages, seconds: int, name: str) -> tuple[str, str, tuple[tuple[str, str], ...]]:
    return pages.texts["wait"].format(seconds=seconds), name[:64], (("Retry-After", str(seconds)),)


def _redirect(to: str, *cookies: tuple[str, str]) -> Answer:
    return Answer(303, (("Location", to), NOT_KEPT, ("Referrer-Policy", "same-origin"), *cookies))
