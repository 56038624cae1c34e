"""The users of the site, as they are on disk: the login service reads the same file."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from chainsaw.model.access import GroupName, UserName
from chainsaw.model.base import Recorded

MOST = 1000
"""Users that the login service takes at most."""


class User(Recorded):
    """One user: hashes of passwords, never a password.

    `changed` is when the password or the second factor was set, in seconds since 1970: that ends all sessions. `totp`
    is the secret of the second factor in Base32 (RFC 6238), and `client` the hash of a password for programs alone.
    """

    password: str
    groups: tuple[GroupName, ...] = ()
    totp: str | None = None
    changed: int
    client: str | None = None


class Users(Recorded):
    """All users by name, and a SHA-256 of the word with which chainsaw itself passes a login."""

    format: Literal[1] = 1
    probe: str = ""
    users: Annotated[dict[UserName, User], Field(max_length=MOST)] = Field({})

    @property
    def groups(self) -> dict[str, tuple[str, ...]]:
        """The groups of each user."""
        return {name: user.groups for name, user in self.users.items()}

    def having(self, name: str, user: User | None) -> Users:
        """Return these users with another one, or with None without one."""
        rest = {other: item for other, item in self.users.items() if other != name}
        users = rest if user is None else {**rest, name: user}
        return self.model_copy(update={"users": dict(sorted(users.items()))})
