"""What nginx asks before it passes a request on."""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections.abc import Callable

from .attempts import Attempts, Origin, WaitError, WrongError
from .passwords import BusyError
from .sessions import COOKIE, Sessions
from .users import User, Users
from .web import Answer, Request

KEPT_SECONDS = 60
VERIFIED = 256
VERIFIED_SECONDS = 300
NOT_KEPT = ("Cache-Control", "no-store")


class Verified:
    """Credentials of HTTP Basic that were right a moment ago: clients send them with each request."""

    def __init__(self) -> None:
        """Know none."""
        self._key = secrets.token_bytes(32)
        self._until: dict[bytes, float] = {}
        self._lock = threading.Lock()

    def word(self, user: User, password: str) -> bytes:
        """Return what stands for credentials; another hash in the file is another word."""
        parts = "\0".join((user.name, str(user.changed), user.password, str(user.client), str(user.totp), password))
        return hashlib.blake2b(parts.encode("utf-8", "surrogatepass"), key=self._key).digest()

    def has(self, word: bytes, now: float) -> bool:
        """Return whether they were right."""
        with self._lock:
            return now < self._until.get(word, 0) <= now + VERIFIED_SECONDS

    def add(self, word: bytes, now: float) -> None:
        """Note that they are."""
        with self._lock:
            self._until.pop(word, None)
            if len(self._until) >= VERIFIED:
                del self._until[next(iter(self._until))]
            self._until[word] = now + VERIFIED_SECONDS


class Check:
    """Answers GET /check."""

    def __init__(self, attempts: Attempts, sessions: Sessions, clock: Callable[[], float]) -> None:
        """Take what knows of sessions and passwords."""
        self._attempts = attempts
        self._sessions = sessions
        self._clock = clock
        self._verified = Verified()

    def answer(self, request: Request, users: Users) -> Answer:
        """Say who this is and whether they may."""
        if users.is_probe(request.header("X-Chainsaw-Probe")):
            return Answer(204, (NOT_KEPT,))
        basic = request.header("X-Chainsaw-Basic") == "1"
        credentials = request.credentials() if basic else None
        try:
            # A browser may have kept the password of who was here before.
            user = self._by_session(request, users)
            if user is None and credentials:
                user = self._by_password(request, users, *credentials)
        except WrongError:
            user = None
        except WaitError as wait:
            seconds = str(wait.seconds)
            return Answer(401, (NOT_KEPT, ("X-Chainsaw-Wait", seconds)))
        except BusyError:
            return Answer(503, (NOT_KEPT, ("Retry-After", "1")))
        if user is None:
            asked = (("WWW-Authenticate", f'Basic realm="{request.host}", charset="UTF-8"'),) if basic else ()
            return Answer(401, (NOT_KEPT, *asked))
        if not user.may(request.header("X-Chainsaw-Allow")):
            return Answer(401, (NOT_KEPT, ("X-Chainsaw-User", user.name)))
        return _yes(user, by_password=credentials is not None)

    def _by_session(self, request: Request, users: Users) -> User | None:
        found = self._sessions.find(request.cookie(COOKIE), request.host, users, self._clock())
        return found[1] if found else None

    def _by_password(self, request: Request, users: Users, name: str, password: str) -> User:
        name, now = name.strip().lower(), self._clock()
        user = users.users.get(name)
        word = self._verified.word(user, password) if user else b""
        if user and self._verified.has(word, now):
            return user
        origin = Origin(request.header("X-Real-IP"), request.header("X-Chainsaw-Client"), request.instance)
        user = self._attempts.client_password(origin, users, name, password, now)
        self._verified.add(word, now)
        return user


def _yes(user: User, *, by_password: bool) -> Answer:
    """Return that the user may, which the front keeps for a while."""
    headers = (
        ("X-Accel-Expires", str(KEPT_SECONDS)),
        ("Cache-Control", f"private, max-age={KEPT_SECONDS}"),
        ("X-Chainsaw-User", user.name),
        ("X-Chainsaw-Groups", ",".join(user.groups)),
    )
    return Answer(204, (*headers, ("X-Chainsaw-Basic", "used")) if by_password else headers)
