"""Sessions: a signed cookie says all of them but that they were ended and when they were last used."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from .seal import Seal
from .store import LATER, Store
from .users import User, Users

COOKIE = "__Host-chainsaw"
KEPT_SECONDS = 30 * 24 * 3600
DAY_SECONDS = 24 * 3600
IDLE_SECONDS = 4 * 3600
MINUTE = 60
SEEN = 4096
ENDED_PER_USER = 32


@dataclass(frozen=True)
class Session:
    """What a session's cookie says."""

    key: str
    user: str
    changed: int
    issued: int
    kept: bool
    totp: bool
    host: str

    @property
    def until(self) -> int:
        """When it ends by itself."""
        return self.issued + (KEPT_SECONDS if self.kept else DAY_SECONDS)


class Sessions:
    """The sessions of the site."""

    def __init__(self, store: Store, seal: Seal) -> None:
        """Sign with this seal, and keep in this store what no cookie can say."""
        self._store = store
        self._seal = seal
        self._ended = store.section("ended")
        self._seen = store.section("seen")

    def begin(self, user: User, host: str, kept: bool, now: float) -> str:
        """Return the cookie of a new session of somebody who has proved who they are."""
        key = secrets.token_urlsafe(16)
        return self._seal.seal(key, user.name, user.changed, int(now), kept, user.totp is not None, host)

    def find(self, cookie: str, host: str, users: Users, now: float) -> tuple[Session, User] | None:
        """Return the session of a cookie and its user, or None if it is not valid (any more)."""
        values = self._seal.unseal(cookie, 7)
        if values is None:
            return None
        session = Session(*values)
        user = users.users.get(session.user)
        if user is None or user.changed != session.changed or (user.totp and not session.totp):
            return None
        if session.host != host or not session.issued - MINUTE <= now < session.until:
            return None
        with self._store.lock:
            if self._is_ended(session) or self._is_idle(session, now):
                return None
            self._note(session, now)
        return session, user

    def end(self, session: Session, now: float) -> None:
        """End a session, for whoever has its cookie."""
        with self._store.lock:
            ended = self._ended.setdefault(session.user, {"before": 0, "keys": {}})
            keys: dict[str, Any] = {key: value for key, value in ended["keys"].items() if value[1] > now}
            keys[session.key] = [session.issued, session.until]
            while len(keys) > ENDED_PER_USER:
                # There is no room to remember it: it and all that are older are ended together.
                oldest = min(keys, key=lambda key: keys[key][0])
                ended["before"] = max(ended["before"], keys.pop(oldest)[0])
            ended["keys"] = keys
            self._seen.pop(session.key, None)
        self._store.write()

    def forget(self, now: float) -> None:
        """Forget what is no longer of use: sessions that would not be valid any more."""
        with self._store.lock:
            for name, ended in list(self._ended.items()):
                past = all(value[1] <= now for value in ended["keys"].values())
                if past and ended["before"] + KEPT_SECONDS <= now:
                    del self._ended[name]
            for key in [key for key, at in self._seen.items() if at + DAY_SECONDS <= now]:
                del self._seen[key]

    def _is_ended(self, session: Session) -> bool:
        ended = self._ended.get(session.user)
        return ended is not None and (session.key in ended["keys"] or session.issued <= ended["before"])

    def _is_idle(self, session: Session, now: float) -> bool:
        return not session.kept and now - self._seen.get(session.key, session.issued) > IDLE_SECONDS

    def _note(self, session: Session, now: float) -> None:
        if session.kept or now - self._seen.get(session.key, session.issued) < MINUTE:
            return
        self._seen[session.key] = int(now)
        if len(self._seen) > SEEN:
            for key in sorted(self._seen, key=lambda key: float(self._seen[key]))[: SEEN // 8]:
                del self._seen[key]
        self._store.touched(now, LATER)
