"""Who may visit an instance: logins at the front, and how a recipe takes them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from chainsaw.model.base import Model, Recorded
from chainsaw.model.names import HeaderName, check_instance, check_path

ANYBODY = "*"
"""What stands for all users in what the login service is asked."""
_USER = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")
_GROUP = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_COOKIE = re.compile(r"[A-Za-z0-9_.-]{1,80}")
_PARAMETER = re.compile(r"[A-Z][A-Z0-9_]{0,60}")


def check_user(value: str) -> str:
    """Return the name of a user of the site; raise ValueError otherwise."""
    if not _USER.fullmatch(value):
        raise ValueError(
            "a user's name has up to 64 lower-case letters, digits and . _ @ -, as in kim or kim@example.org"
        )
    return value


def check_group(value: str) -> str:
    """Return the name of a group of users; raise ValueError otherwise."""
    if not _GROUP.fullmatch(value):
        raise ValueError("a group's name has up to 64 lower-case letters, digits and . _ -, as in board")
    return value


def check_parameter(value: str) -> str:
    """Return the name of a FastCGI parameter that is no header of a visitor; raise ValueError otherwise."""
    if not _PARAMETER.fullmatch(value) or value.startswith("HTTP_"):
        raise ValueError("a parameter is written REMOTE_USER; one that starts with HTTP_ would be a visitor's header")
    return value


def check_cookie(value: str) -> str:
    """Return the name of a cookie of an application; raise ValueError otherwise."""
    if not _COOKIE.fullmatch(value):
        raise ValueError("a cookie's name has up to 80 letters, digits and _ . -")
    return value


UserName = Annotated[str, AfterValidator(check_user)]
GroupName = Annotated[str, AfterValidator(check_group)]
CookieName = Annotated[str, AfterValidator(check_cookie)]
UrlPath = Annotated[str, AfterValidator(check_path)]


class Auth(Model):
    """What it takes to visit an instance: a login at the front, or the word of another instance."""

    login: tuple[UserName, ...] | None = Field(
        None, description="The users and groups that may log in, as in [board, kim]; all users when left out."
    )
    only: Literal["admin"] | None = Field(
        None, description="admin asks for a login only at the paths by which the recipe says it is administered."
    )
    open: Literal["public"] | None = Field(
        None, description="public leaves those paths open that the recipe says are for everybody."
    )
    forward: Annotated[str, AfterValidator(check_instance)] | None = Field(
        None, description="Another instance that knows who is logged in, such as an identity provider."
    )

    @model_validator(mode="after")
    def _one_way(self) -> Auth:
        if self.only and self.open:
            raise ValueError("only and open exclude each other")
        if self.forward and self.login is not None:
            raise ValueError("with forward, the other instance says who may: leave login out")
        if self.login == ():
            raise ValueError("login: [] would let nobody in; serving: stopped does that")
        return self


Authentication = Annotated[
    Annotated[Literal["login"], Tag("one")] | Annotated[Auth, Tag("with")],
    Discriminator(lambda value: "with" if isinstance(value, dict | Auth) else "one"),
]
"""`login` alone stands for all users, everywhere."""


class Identity(Model):
    """How an application that speaks HTTP or FastCGI is told who is logged in."""

    user: str = Field(description="The request header, or the FastCGI parameter, with the name of the user.")
    groups: str | None = Field(None, description="The one with the user's groups, separated by commas.")
    cookies: tuple[CookieName, ...] = Field(
        (), description="Cookies in which it keeps who somebody is: the form of the login takes them away."
    )


class Access(Model):
    """What the front has to know of an application to ask for a login before it; paths are below the route."""

    identity: Identity | None = Field(
        None, description="How the application takes who is logged in; without it, it asks for itself as well."
    )
    admin: tuple[UrlPath, ...] = Field((), description="Paths by which it is administered, for only: admin.")
    public: tuple[UrlPath, ...] = Field(
        (), description="Paths for everybody, for open: public: feeds, and APIs that ask for keys of their own."
    )
    clients: tuple[UrlPath, ...] = Field(
        (), description="Paths of programs that cannot fill in a form, such as WebDAV: HTTP Basic is asked for there."
    )


class Answers(Model):
    """How an identity provider answers the front's question who somebody is (ngx_http_auth_request_module)."""

    check: UrlPath = Field(
        description="The path, below the route, that answers 2xx if somebody is logged in, and 401 if not, with the "
        "Location of its form. It gets X-Original-URL and X-Original-Method."
    )
    user: HeaderName = Field("Remote-User", description="The header of its answer with the name of the user.")
    groups: HeaderName = Field("Remote-Groups", description="The one with the groups, separated by commas.")


class Wall(Recorded):
    """The login before an applied instance; `allow` are users and @groups, `forward` is an instance instead of them.

    `part` is what is protected, `admin`, or what is open, `public`; nothing stands for all of it. `cookies` are
    those of the application that the form deletes. At the path `asks_at` of the host, a stranger is asked to log in.
    """

    allow: tuple[str, ...] = ()
    forward: str = ""
    part: str = ""
    cookies: tuple[str, ...] = ()
    asks_at: str = ""


def allowed(auth: Auth) -> tuple[str, ...]:
    """Return whom the login service is asked for: each name is a user's or a group's."""
    if auth.forward:
        return ()
    if auth.login is None:
        return (ANYBODY,)
    return tuple(word for name in auth.login for word in ((name, f"@{name}") if _GROUP.fullmatch(name) else (name,)))


def lets_in(allow: Sequence[str], users: Mapping[str, Sequence[str]]) -> bool:
    """Return whether any of the users may come in; each has the names of groups."""
    groups = {f"@{group}" for item in users.values() for group in item}
    return bool(users) and (ANYBODY in allow or bool({*users, *groups} & set(allow)))
