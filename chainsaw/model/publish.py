"""How the admin writes where something is published: routes, what holds for one, and routes without an instance."""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from chainsaw.model.base import Model
from chainsaw.model.either import word_or
from chainsaw.model.names import (
    SPAN_UNITS,
    HeaderName,
    check_header_value,
    check_host,
    check_path,
    check_span,
    check_text,
    span_in_seconds,
)

NEVER = "never"
OF_THE_FRONT = frozenset(
    {
        "connection",
        "content-encoding",
        "content-length",
        "content-range",
        "content-type",
        "date",
        "keep-alive",
        "location",
        "server",
        "set-cookie",
        "strict-transport-security",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "x-robots-tag",
    }
)
"""Response headers that belong to one answer, or that a key of their own sets; in lower case."""
OWN_KEYS = {"strict-transport-security": "hsts", "x-robots-tag": "robots"}


def check_route(value: str) -> str:
    """Return an https URL of a host and a path that ends with /; raise ValueError otherwise."""
    parts = urlsplit(value)
    if parts.scheme != "https":
        raise ValueError("a route starts with https://; port 80 only redirects to it")
    if parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError("a route is a host and a path, nothing more")
    if ":" in parts.netloc:
        raise ValueError("a route has no port; the ports of the front are set in site.yaml")
    check_host(parts.netloc)
    if re.fullmatch(r"[0-9.]+", parts.netloc):
        raise ValueError("a route has a host name: of a site at an address, browsers do not say which one they want")
    if not parts.path.endswith("/"):
        raise ValueError(f"a route ends with /: {value}/")
    check_path(parts.path)
    plain = f"https://{parts.netloc}{parts.path}"
    if value != plain:
        raise ValueError(f"a route is written plainly: {plain}")
    return value


def check_target(value: str) -> str:
    """Return the http or https URL of another place; raise ValueError otherwise."""
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError("a redirect leads to a URL: https://www.example.org/") from None
    if parts.scheme not in ("https", "http") or not host or "@" in parts.netloc:
        raise ValueError("a redirect leads to a URL: https://www.example.org/")
    check_host(host)
    if not parts.path.startswith("/"):
        raise ValueError(f"a redirect has a path, if only /: {parts.scheme}://{parts.netloc}/")
    if not value.isascii() or any(character.isspace() for character in value):
        raise ValueError("a URL is of ASCII letters without spaces; others are written as %C3%BC")
    return check_header_value(value)


def check_network(value: str) -> str:
    """Return a network or an address as it is usually written; raise ValueError otherwise."""
    try:
        return str(ip_network(value))
    except ValueError as error:
        raise ValueError(f"a network is written 192.0.2.0/24 or 2001:db8::/32: {error}") from None


def check_answer_time(value: str) -> str:
    """Return a time span of one day at most; raise ValueError otherwise."""
    if not 0 < span_in_seconds(check_span(value)) <= SPAN_UNITS["d"]:
        raise ValueError("a request may take a day at most, and a second at least")
    return value


def check_response_header(value: str) -> str:
    """Return the name of a response header that the admin may set; raise ValueError otherwise."""
    name = value.lower()
    if name in OWN_KEYS:
        raise ValueError(f"this header has a key of its own: {OWN_KEYS[name]}")
    if name in OF_THE_FRONT or name.startswith("x-accel-"):
        raise ValueError("this header belongs to a single answer, and is not set for all")
    return value


def check_answer_value(value: str) -> str:
    """Return the value of a response header that the admin sets; raise ValueError for what nginx reads itself."""
    if set(value) & set("\\$"):
        raise ValueError("a header field's value has no backslashes or dollar signs")
    return check_text(value)


RouteText = Annotated[str, AfterValidator(check_route)]
Hsts = Annotated[str, AfterValidator(word_or(NEVER, check_span))]
AnswerValue = Annotated[str, AfterValidator(check_answer_value)]
AnswerTime = Annotated[str, AfterValidator(check_answer_time)]


class Published(Model):
    """A route with what holds for it."""

    url: RouteText = Field(description="Where it is published: https://blog.example.org/.")
    timeout: AnswerTime | None = Field(
        None, description="How long a request may be worked on; what the recipe says when left out."
    )
    websocket_timeout: AnswerTime = Field("1d", description="How long a websocket may be silent before it is closed.")
    headers: dict[Annotated[HeaderName, AfterValidator(check_response_header)], AnswerValue] = Field(
        {}, description="Header fields of each answer, in place of those of the application."
    )
    allow: tuple[Annotated[str, AfterValidator(check_network)], ...] | None = Field(
        None, description="Networks from which it can be visited, beside this host: [192.0.2.0/24]. Others are refused."
    )
    robots: Literal["none"] | None = Field(
        None, description="none asks search engines and other robots to stay away; they may do so, or not."
    )
    hsts: Hsts | None = Field(
        None, description="How long browsers shall use https alone for its host names: 180d. never makes them forget."
    )

    @model_validator(mode="after")
    def _for_somebody(self) -> Published:
        if self.allow == ():
            raise ValueError("allow: [] would let nobody in; serving: stopped does that")
        return self


Item = Annotated[
    Annotated[RouteText, Tag("one")] | Annotated[Published, Tag("with")],
    Discriminator(lambda value: "with" if isinstance(value, dict | Published) else "one"),
]


def url_of(item: str | Published) -> str:
    """Return the URL of a route in either form."""
    return item if isinstance(item, str) else item.url


def check_routes(value: tuple[str | Published, ...]) -> tuple[str | Published, ...]:
    """Return one route or several that differ; raise ValueError otherwise."""
    if not value:
        raise ValueError("should have at least one route")
    urls = [url_of(item) for item in value]
    if twice := next((url for url in urls if urls.count(url) > 1), ""):
        raise ValueError(f"this route is there twice: {twice}")
    for item in value[1:]:
        if isinstance(item, Published) and item.model_fields_set != {"url"}:
            raise ValueError(f"{item.url} only leads to {urls[0]}: its other keys belong there")
    return value


def _form(value: object) -> str:
    if isinstance(value, list | tuple):
        return "several"
    return "with" if isinstance(value, dict | Published) else "one"


Routes = Annotated[
    Annotated[RouteText, Tag("one")]
    | Annotated[Published, Tag("with")]
    | Annotated[tuple[Item, ...], AfterValidator(check_routes), Tag("several")],
    Discriminator(_form),
]


class Elsewhere(Model):
    """What is at a route without an instance: exactly one of redirect and gone."""

    redirect: Annotated[str, AfterValidator(check_target)] | None = Field(
        None, description="A URL to which it leads; one that ends with / gets the rest of the address, too."
    )
    gone: Literal[True] | None = Field(None, description="true shows a page that says that the site is gone.")

    @model_validator(mode="after")
    def _exactly_one(self) -> Elsewhere:
        if (self.redirect is None) == (self.gone is None):
            raise ValueError("a route without an instance has either redirect or gone")
        return self


def seconds_of(hsts: str | None) -> int | None:
    """Return the seconds of an `hsts` directive, 0 for never; None when it is left out."""
    return None if hsts is None else 0 if hsts == NEVER else span_in_seconds(hsts)
