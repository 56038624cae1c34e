"""The users of the site, as chainsaw writes them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .passwords import affordable

LOG = logging.getLogger("login")
NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")
GROUP = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
PROBE = re.compile(r"([0-9a-f]{64})?")
MOST = 1000
MOST_GROUPS = 64
BYTES = 2 * 1024 * 1024
SECRET_BYTES = range(10, 129)


@dataclass(frozen=True)
class User:
    """One user."""

    name: str
    password: str
    groups: tuple[str, ...]
    totp: str | None
    changed: int
    client: str | None

    def may(self, allowed: str) -> bool:
        """Return whether a list of users and groups has this one."""
        entries = {entry.strip() for entry in allowed.split(",")}
        return bool(entries & {"*", self.name, *(f"@{group}" for group in self.groups)})


@dataclass(frozen=True)
class Users:
    """All users, and what chainsaw itself shows to see whether an application works: a SHA-256 of it."""

    users: Mapping[str, User] = field(default_factory=dict)
    probe: str = ""

    def is_probe(self, word: str) -> bool:
        """Return whether this is what only chainsaw knows."""
        found = hashlib.sha256(word.encode("utf-8", "surrogatepass")).hexdigest()
        return bool(self.probe) and hmac.compare_digest(found, self.probe)


class UsersFile:
    """The file with the users, read again when it is another."""

    def __init__(self, path: Path) -> None:
        """Name the file."""
        self._path = path
        self._lock = threading.Lock()
        self._seen: object = ()
        self._good = Users()

    def read(self) -> Users:
        """Return the users; those of the last good file while the present one is wrong."""
        with self._lock:
            try:
                found = self._path.stat()
                stamp: object = (found.st_mtime_ns, found.st_size, found.st_ino)
            except OSError as error:
                stamp = error.errno
            if stamp != self._seen:
                self._seen = stamp
                try:
                    self._good = _read(self._path)
                except (OSError, ValueError) as error:
                    # What the file holds is not for the log.
                    reason = error.strerror if isinstance(error, OSError) else str(error)
                    LOG.error("users.json is not used, the one before is: %s", reason)
            return self._good


def _read(path: Path) -> Users:
    with path.open("rb") as file:
        content = file.read(BYTES + 1)
    if len(content) > BYTES:
        raise ValueError("it is too large")
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError("it is no JSON") from error
    if not isinstance(found, dict) or found.get("format") != 1:
        raise ValueError("its format is not 1")
    users, probe = found.get("users"), found.get("probe", "")
    if not isinstance(users, dict) or len(users) > MOST:
        raise ValueError(f"users: at most {MOST}, by name")
    if not (isinstance(probe, str) and PROBE.fullmatch(probe)):
        raise ValueError("probe: a SHA-256 in hexadecimal digits")
    return Users({name: _user(name, value) for name, value in users.items()}, probe)


def _user(name: str, value: Any) -> User:
    if not NAME.fullmatch(name):
        raise ValueError(f"{name[:64]!a} is no name of a user")
    if not isinstance(value, dict):
        raise ValueError(f"{name}: what is known of a user")
    groups, totp, changed = value.get("groups"), value.get("totp"), value.get("changed")
    client = value.get("client")
    if not (isinstance(groups, list) and len(groups) <= MOST_GROUPS and all(_is_group(group) for group in groups)):
        raise ValueError(f"{name}: groups")
    if not isinstance(changed, int) or isinstance(changed, bool):
        raise ValueError(f"{name}: changed")
    if totp is not None and not _is_secret(totp):
        raise ValueError(f"{name}: totp")
    for field_name, stored in (("password", value.get("password")), ("client", client)):
        required = field_name == "password" or stored is not None
        if required and not (isinstance(stored, str) and affordable(stored)):
            raise ValueError(f"{name}: {field_name} is no hash that login-hash makes")
    return User(name, value["password"], tuple(groups), totp, changed, client)


def _is_group(value: Any) -> bool:
    return isinstance(value, str) and GROUP.fullmatch(value) is not None


def _is_secret(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    try:
        return len(base64.b32decode(value + "=" * (-len(value) % 8), casefold=True)) in SECRET_BYTES
    except ValueError:
        return False
