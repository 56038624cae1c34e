"""What the admin writes: the site and its instances."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Discriminator, Field, Tag, ValidationInfo, field_validator, model_validator

from chainsaw.model.access import Auth, Authentication
from chainsaw.model.base import Model
from chainsaw.model.limits import MemoryLimit, SiteMemoryLimit, UploadLimit
from chainsaw.model.names import Email, Language, Login, Rest, Size, Timezone, Word, check_host
from chainsaw.model.notify import ADMIN, Notify
from chainsaw.model.publish import Elsewhere, Published, Routes, RouteText, url_of
from chainsaw.model.schedule import Schedule
from chainsaw.model.secret import SecretName
from chainsaw.model.serve import CacheOrNone
from chainsaw.model.sources import RecipeName
from chainsaw.model.tls import Tls

Port = Annotated[int, Field(ge=1, le=65535)]


Memory = Annotated[
    Annotated[MemoryLimit, Tag("size")] | Annotated[dict[Word, MemoryLimit], Tag("parts")],
    Discriminator(lambda value: "parts" if isinstance(value, dict) else "size"),
]


class Admin(Model):
    """The person who administers the site."""

    email: Email = Field(description="Where applications send mail for the admin.")


class Ports(Model):
    """The ports on which the front listens."""

    http: Port = Field(80, description="Answers with a redirect to https only.")
    https: Port = Field(443, description="Everything else.")

    @model_validator(mode="after")
    def _two(self) -> Ports:
        if self.http == self.https:
            raise ValueError("http and https need a port each")
        return self

    @property
    def suffix(self) -> str:
        """What a URL needs after its host."""
        return "" if self.https == 443 else f":{self.https}"


class Mail(Model):
    """The server to which applications send mail."""

    host: Annotated[str, AfterValidator(check_host)] = Field(description="The mail server.")
    port: Port = Field(587, description="Its port.")
    tls: Literal["starttls", "tls", "none"] = Field("starttls", description="none only for a server on this host.")
    user: Login | None = Field(None, description="The user name at the server; no login when left out.")
    password: SecretName | None = Field(None, description="The password, as the name of a secret.")
    sender: Email | None = Field(None, description="The address that mail comes from; the admin's when left out.")

    @model_validator(mode="after")
    def _whole_and_closed(self) -> Mail:
        if (self.user is None) != (self.password is None):
            raise ValueError("user and password belong together: set both or neither")
        if self.tls == "none" and self.host not in ("localhost", "127.0.0.1"):
            raise ValueError("tls: none is only for localhost: on a network, others could read the mail")
        return self


class Common(Model):
    """Common directives: set once for the site, or for one instance."""

    admin: Admin | None = Field(None, description="The person who administers the site.")
    timezone: Timezone | None = Field(None, description="Such as Europe/Vienna.")
    language: Language | None = Field(None, description="Such as de or de_AT, also for the pages of the front.")
    upload_limit: UploadLimit | None = Field(None, description="The largest file that can be uploaded.")
    mail: Mail | None = Field(None, description="The server to which applications send mail.")


class Site(Common):
    """site.yaml: shared by all instances; every key is optional."""

    sleep: Rest | None = Field(
        None, description="Time without a request after which the processes of an instance are stopped."
    )

    memory: SiteMemoryLimit | None = Field(
        None, description="Memory limit of all instances together; 85 % of the host's memory when left out."
    )
    disk: Size | None = Field(
        None, description="Disk that is expected of each instance at most; what the recipe says when left out."
    )
    tls: Tls = Field(Tls(), description="Who issues certificates.")
    ports: Ports = Field(Ports(), description="The ports of the front.")
    privacy: Literal["full", "truncate"] = Field(
        "full",
        description="truncate shortens the addresses of visitors to their networks, 24 bits of IPv4 and 48 of IPv6, "
        "before they are written to a log. Applications are told these alone, as they write addresses, too.",
    )
    routes: dict[RouteText, Elsewhere] = Field(
        {}, description="Routes without an instance: each leads elsewhere, or says that its site is gone."
    )
    backup: Schedule | None = Field(None, description="When and where backups are made, unless an instance says so.")
    notify: Notify | None = Field(
        None, description="Where you are told of what needs attention, and when that is over."
    )

    @field_validator("notify")
    @classmethod
    def _has_a_server(cls, value: Notify | None, info: ValidationInfo) -> Notify | None:
        """Check what mail needs; a key with problems of its own is not in the data."""
        known, wanted = info.data, value.addressees if value else ()
        if wanted and known.get("mail", wanted) is None:
            raise ValueError("mail needs a server: mail: {host: smtp.example.org}")
        if known.get("admin", wanted) is None:
            if ADMIN in wanted:
                raise ValueError("mail for the admin needs the address: admin: {email: you@example.org}")
            if wanted and (server := known.get("mail")) and not server.sender:
                raise ValueError("mail needs a sender: admin: {email: you@example.org}, or sender: in mail:")
        return value


class Instance(Common):
    """instances/<name>.yaml: one deployment of a recipe."""

    recipe: RecipeName = Field(
        description="The recipe's name, with its source if two have it: club/wiki; wiki@VERSION stays at one version."
    )
    route: Routes = Field(
        description="Where it is published: https://blog.example.org/. Of a list, the others lead to the first. "
        "A mapping with url has further keys."
    )
    auth: Authentication | None = Field(
        None, description="login asks visitors to log in as users of this site. A mapping says who may, and where."
    )
    cache: CacheOrNone | None = Field(
        None, description="How long the front keeps pages that are the same for all: 10s, or none; as the recipe says."
    )
    settings: dict[str, str | int | bool | None] = Field({}, description="The application's own settings.")
    sleep: Rest | None = Field(
        None, description="Time without a request after which its processes are stopped: 15m, or never."
    )
    memory: Memory | None = Field(None, description="Memory limit of app, or of each component.")
    disk: Size | None = Field(
        None,
        description="Disk that is expected of it at most, with one file for each 16 kB; more is a warning, no limit.",
    )
    backup: Schedule | None = Field(None, description="When and where its backups are made; else as site.yaml says.")
    serving: Literal["normal", "maintenance", "stopped"] = Field(
        "normal", description="maintenance shows visitors a maintenance page; stopped also stops its processes."
    )
    egress: Literal["none", "internet"] | None = Field(
        None, description="internet allows it where the recipe has egress: optional."
    )
    host_ports: tuple[Port, ...] | None = Field(
        None, description="Ports of this host, such as [993], that it may reach at host.containers.internal."
    )

    @property
    def routes(self) -> tuple[str, ...]:
        """The URLs of all of its routes, the canonical one first."""
        return tuple(map(url_of, self.route)) if isinstance(self.route, tuple) else (url_of(self.route),)

    @property
    def published(self) -> Published:
        """The canonical route, with what holds for it."""
        first = self.route[0] if isinstance(self.route, tuple) else self.route
        return Published(url=first) if isinstance(first, str) else first

    @property
    def access(self) -> Auth | None:
        """What it takes to visit it; None where everybody may."""
        return Auth() if isinstance(self.auth, str) else self.auth

    @property
    def host(self) -> str:
        """The host name of the canonical route."""
        return urlsplit(self.routes[0]).netloc

    @property
    def path(self) -> str:
        """The path of the canonical route, / or /wiki/."""
        return urlsplit(self.routes[0]).path

    def url(self, ports: Ports) -> str:
        """Return its URL: its route, with the front's port if that is not 443."""
        return f"{self.origin(ports)}{self.path}"

    def origin(self, ports: Ports) -> str:
        """Return what its URL begins with, without a slash at the end (RFC 6454)."""
        return f"https://{self.host}{ports.suffix}"


OF_THE_FRONT = ("language", "upload_limit")
"""Common directives on which something of the front depends, whatever the recipe honours."""

DEFAULTS = {"timezone": "UTC", "language": "en", "upload_limit": "64M"}


def schedule_of(site: Site, instance: Instance) -> Schedule:
    """Return when and where backups of an instance are made: its own schedule as a whole, or the site's."""
    return instance.backup or site.backup or Schedule()


def effective(site: Site, instance: Instance) -> dict[str, str]:
    """Return the common directives in effect for an instance: its own, the site's, or the default, in that order."""
    values: dict[str, str] = {}
    for key, default in DEFAULTS.items():
        values[key] = getattr(instance, key) or getattr(site, key) or default
    admin = instance.admin or site.admin
    values["email"] = admin.email if admin else f"admin@{instance.host}"
    return values
