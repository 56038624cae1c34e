"""How the front reaches an application, what proves that it works, and what proves that its data is kept."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from chainsaw.model.access import Access, Answers, UrlPath, check_parameter
from chainsaw.model.base import Model
from chainsaw.model.component import Command
from chainsaw.model.either import word_or
from chainsaw.model.names import (
    SPAN_UNITS,
    AbsolutePath,
    Ending,
    HeaderName,
    HeaderValue,
    RelativePath,
    Span,
    Text,
    Word,
    check_header,
    check_span,
    span_in_seconds,
)

LONGEST_CACHE = 3600
_COOKIE = re.compile(r"[A-Za-z0-9_.-]+\*?")
_QUERY = re.compile(r"[A-Za-z0-9_-]+")


def check_cookie(value: str) -> str:
    """Return the name of a cookie, with a star at the end for any rest; raise ValueError otherwise."""
    if not _COOKIE.fullmatch(value):
        raise ValueError(
            "a cookie's name is letters, digits and . _ -, and perhaps a star at its end: comment_author_*"
        )
    return value


def check_query(value: str) -> str:
    """Return the name of a part of a query; raise ValueError otherwise."""
    if not _QUERY.fullmatch(value):
        raise ValueError("a name in a query is letters, digits and _ -: rest_route")
    return value


def check_cache_time(value: str) -> str:
    """Return a time span of an hour at most; raise ValueError otherwise."""
    if span_in_seconds(check_span(value)) > LONGEST_CACHE:
        raise ValueError("an answer may be kept for an hour at most")
    return value


NO_CACHE = "none"
CookieName = Annotated[str, AfterValidator(check_cookie)]
QueryName = Annotated[str, AfterValidator(check_query)]
CacheTime = Annotated[str, AfterValidator(check_cache_time)]
CacheOrNone = Annotated[str, AfterValidator(word_or(NO_CACHE, check_cache_time))]
Status = Annotated[int, Field(ge=200, le=499)]


class FastCgi(Model):
    """The primary speaks FastCGI on an inherited socket; the front serves the static files itself."""

    root: AbsolutePath = Field(description="Document root inside the primary's image.")
    index: RelativePath = Field("index.php", description="The script that answers requests for which there is no file.")
    scripts: tuple[Ending, ...] = Field((".php",), description="Extensions of scripts, which are never served as text.")
    deny: tuple[AbsolutePath, ...] = Field((), description="Paths below the root that the front never serves itself.")
    buffering: bool = Field(True, description="Whether the front reads a whole request before it passes it on.")


class Http(Model):
    """The primary speaks HTTP: on a socket that it inherits, or on a TCP port of its own loopback."""

    port: Annotated[int, Field(ge=1, le=65535)] | None = Field(
        None, description="The TCP port; without one it uses the socket that systemd passes to it (LISTEN_FDS)."
    )
    websockets: bool = Field(
        False, description="Whether upgrades are passed on; false: the websockets that a page opens are not needed."
    )
    headers: dict[HeaderName, HeaderValue] = Field(
        {}, description="Header fields that the front adds to each request; values are templates."
    )


class Cache(Model):
    """Which answers the front may keep for a moment, and show to others: those that nobody is named in.

    Answers that set a cookie, or that say themselves that they are not for all, are never kept.
    """

    time: CacheTime = Field("10s", description="How long an answer is kept, unless the admin says otherwise.")
    cookies: tuple[CookieName, ...] = Field(
        min_length=1,
        description="Cookies of whoever is known to the application; a star at the end stands for any rest.",
    )
    paths: tuple[UrlPath, ...] = Field((), description="Paths below the route whose answers are for one person.")
    parts: tuple[UrlPath, ...] = Field((), description="Parts of a path that say the same wherever they stand.")
    queries: tuple[QueryName, ...] = Field((), description="Names in the query of an address that say the same.")
    headers: tuple[HeaderName, ...] = Field(
        (), description="Request headers that change the answer, beside Authorization and those that Vary names."
    )


class Files(Model):
    """Files without a process: the front serves a public volume."""

    volume: Word = Field(description="The volume whose public path is /.")
    index: RelativePath = Field(
        "index.html", description="The file shown for a directory; 404.html is shown for what is missing."
    )
    fallback: RelativePath | None = Field(
        None,
        description="The file shown for what is missing, as if it were there: the page of an application in a browser.",
    )


class Serve(Model):
    """How the front reaches an application: exactly one of fastcgi, http and files."""

    fastcgi: FastCgi | None = Field(None, description="A FastCGI application.")
    http: Http | None = Field(None, description="An HTTP application.")
    files: Files | None = Field(None, description="Files alone.")
    drop_headers: tuple[HeaderName, ...] = Field(
        (), description="Request headers that never arrive from a visitor, beside the usual ones."
    )
    cache: Cache | None = Field(None, description="Which answers the front may keep; none when left out.")
    auth: Access = Field(Access(), description="How a login at the front goes with it.")
    answers: Answers | None = Field(None, description="For an identity provider: how it answers who somebody is.")
    timeout: Span = Field("5m", description="How long a request may be worked on before the front gives up.")

    @field_validator("timeout")
    @classmethod
    def _at_most_a_day(cls, value: str) -> str:
        if span_in_seconds(value) > SPAN_UNITS["d"]:
            raise ValueError("a request may take a day at most")
        return value

    @model_validator(mode="after")
    def _exactly_one(self) -> Serve:
        if sum(item is not None for item in (self.fastcgi, self.http, self.files)) != 1:
            raise ValueError("serve has exactly one of fastcgi, http and files")
        return self

    @model_validator(mode="after")
    def _identity_fits(self) -> Serve:
        identity = self.auth.identity
        if identity and self.files:
            raise ValueError("files alone take no identity")
        if identity:
            for name in (identity.user, identity.groups):
                if name is not None:
                    check_parameter(name) if self.fastcgi else check_header(name)
        if self.cache and self.files:
            raise ValueError("files alone need no cache")
        if self.answers and not self.http:
            raise ValueError("answers is for an application that speaks HTTP")
        return self


class Probe(Model):
    """The request that proves, through the front, that an instance works."""

    path: Text = Field("/", description="Path below the route.")
    status: Status = Field(200, description="The status expected.")
    contains: Text | None = Field(None, description="Text that the body must hold; a template.")


class Request(Model):
    """A request through the front; path, headers and body are templates."""

    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "PROPFIND", "MKCALENDAR", "MKCOL"] = Field(
        "GET", description="The method."
    )
    path: Text = Field(description="Path below the route, with its query.")
    headers: dict[str, Text] = Field({}, description="Header fields.")
    body: str | None = Field(None, description="The body.")
    user: Text | None = Field(None, description="User name of HTTP authentication.")
    secret: Word | None = Field(None, description="The secret that is this user's password.")
    status: Status = Field(200, description="The status expected.")
    contains: Text | None = Field(None, description="Text that the answer must hold; a template.")
    keep: dict[Word, Text] = Field({}, description="Values of a JSON answer for later steps: name to a.b.0.c.")


class Run(Model):
    """A command inside a running component; arguments are templates."""

    component: Word = Field(description="Where it runs.")
    command: Command = Field(min_length=1, description="Arguments; the first is the program.")
    contains: Text | None = Field(None, description="Text that its output must hold; a template.")


class Put(Model):
    """A file in a volume, as its owner would put it there; content is a template."""

    volume: Word = Field(description="The volume.")
    path: RelativePath = Field(description="Where in the volume.")
    content: Text = Field(description="What it holds.")


class Step(Model):
    """One step of a marker: exactly one of the three."""

    request: Request | None = Field(None, description="A request through the front.")
    run: Run | None = Field(None, description="A command inside a component.")
    put: Put | None = Field(None, description="A file in a volume.")

    @model_validator(mode="after")
    def _exactly_one(self) -> Step:
        if sum(item is not None for item in (self.request, self.run, self.put)) != 1:
            raise ValueError("a step has exactly one of request, run and put")
        return self


class Marker(Model):
    """A piece of the user's data, such as a post: how it is written, and how it is read again.

    Templates can use `marker`, a word that is new each time, values that earlier steps kept, and in requests
    `secret.<name>`.
    """

    write: tuple[Step, ...] = Field(min_length=1, description="How it is written, once.")
    read: tuple[Step, ...] = Field(min_length=1, description="How it is read; at least one step has contains.")
