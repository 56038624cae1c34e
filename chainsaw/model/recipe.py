"""A recipe: a packaged application, as data."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from chainsaw.model.base import Model
from chainsaw.model.names import (
    AbsolutePath,
    Capability,
    Ending,
    ImageReference,
    RelativePath,
    Size,
    Span,
    Text,
    UrlPath,
    Word,
)

Directive = Literal["admin", "mail", "timezone", "language", "upload_limit"]
Identifier = Annotated[int, Field(ge=0, le=65535)]
WebAddress = Annotated[str, Field(pattern=r"^https://[^\s]+$")]


class Maintainer(Model):
    """Who is responsible for a recipe."""

    name: Text = Field(description="The person or team.")
    contact: Text = Field(description="Where to reach them: an e-mail address or a URL.")


class Setting(Model):
    """One setting of the application, under the upstream's own name."""

    type: Literal["string", "integer", "boolean", "choice", "email", "size"] = Field(description="What a value is.")
    default: str | int | bool | None = Field(
        None, description="The value when none is set; without one it is required."
    )
    help: Text = Field(description="One sentence for the person who sets it.")
    documentation: WebAddress = Field(description="The upstream page that documents it.")
    options: tuple[Text, ...] = Field((), description="The values of a choice.")
    minimum: int | None = Field(None, description="The least value of an integer.")
    maximum: int | None = Field(None, description="The greatest value of an integer.")

    @model_validator(mode="after")
    def _choice_has_options(self) -> Setting:
        if (self.type == "choice") != bool(self.options):
            raise ValueError("a choice, and only a choice, lists its options")
        return self


class Secret(Model):
    """A value that chainsaw generates once for each instance and never prints unasked."""

    help: Text = Field(description="What it is for.")
    length: Annotated[int, Field(ge=16, le=128)] = Field(24, description="Its length in characters.")


class Image(Model):
    """Where a component's image comes from: built from a directory of the recipe, or pulled."""

    build: RelativePath | None = Field(None, description="Directory of the recipe that holds a Containerfile.")
    base: Word = Field("base", description="The shared image that the Containerfile's ARG BASE receives.")
    reference: ImageReference | None = Field(None, description="An upstream image, fully qualified.")

    @model_validator(mode="after")
    def _one_origin(self) -> Image:
        if (self.build is None) == (self.reference is None):
            raise ValueError("an image has either build or reference")
        return self


class Volume(Model):
    """Data of an instance: a plain directory that survives everything but a purge."""

    public: UrlPath | None = Field(None, description="Where the front serves it, below the route.")
    seed: RelativePath | None = Field(None, description="Directory of the recipe copied into a new, empty volume.")


class Waiver(Model):
    """One capability beyond none, and why."""

    name: Capability = Field(description="The capability, without CAP_.")
    reason: Text = Field(description="Why the component needs it.")


class Egress(Model):
    """Whether a component may reach the internet; `optional` leaves it to the admin."""

    need: Literal["internet", "optional"] = Field(description="Whether it is always, or only if the admin allows it.")
    reason: Text = Field(description="What it is used for.")


class Stop(Model):
    """How a component ends."""

    signal: Literal["SIGTERM", "SIGINT", "SIGQUIT", "SIGWINCH"] = Field("SIGTERM", description="The signal.")
    timeout: Span = Field("10s", description="How long it may take before it is killed.")


class Health(Model):
    """The command that tells whether a component works, and how often it is asked."""

    command: tuple[Text, ...] = Field(min_length=1, description="Arguments; the first is the program.")
    every: Span = Field("5m", description="Interval between two checks.")
    timeout: Span = Field("10s", description="How long one check may take.")


class Component(Model):
    """One container of an instance."""

    image: Word = Field(description="A name from images.")
    after: tuple[Word, ...] = Field((), description="Components that are up before this one starts.")
    user: Identifier = Field(1000, description="Numeric user inside the container.")
    group: Identifier | None = Field(None, description="Numeric group; the same number as user when left out.")
    entrypoint: Text | None = Field(None, description="Replaces the image's entry point.")
    command: tuple[Text, ...] = Field((), description="Arguments; replaces the image's command.")
    environment: dict[str, Text] = Field({}, description="Variables; values are templates. Never a secret.")
    volumes: dict[Word, AbsolutePath] = Field({}, description="Volume to the path where it is mounted.")
    files: dict[RelativePath, AbsolutePath] = Field({}, description="File of the recipe (.j2 is rendered) to its path.")
    secrets: tuple[Word, ...] = Field((), description="Secrets, each mounted at /run/secrets/<name>.")
    tmpfs: dict[AbsolutePath, Size] = Field({}, description="Further writable paths in memory.")
    health: Health = Field(description="How its health is asked.")
    ready: Literal["notify", "healthy"] = Field("healthy", description="notify: it speaks sd_notify itself.")
    start_timeout: Span = Field("2m", description="How long until it must be ready.")
    stop: Stop = Field(Stop(), description="How it ends.")
    memory: Size = Field(description="Its memory limit.")
    tasks: Annotated[int, Field(ge=8, le=4096)] = Field(256, description="How many processes and threads it may have.")
    capabilities: tuple[Waiver, ...] = Field((), description="Capabilities beyond none.")
    egress: Egress | None = Field(None, description="Whether it reaches the internet; not at all when left out.")


class FastCgi(Model):
    """The primary speaks FastCGI on an inherited socket; the front serves the static files itself."""

    root: AbsolutePath = Field(description="Document root inside the primary's image.")
    index: RelativePath = Field("index.php", description="The script that answers what is no file.")
    scripts: tuple[Ending, ...] = Field((".php",), description="Endings of scripts: never served as text.")
    buffering: bool = Field(True, description="Whether the front reads a whole request before it passes it on.")


class Http(Model):
    """The primary speaks HTTP: on an inherited unix socket, or on a TCP port of its own loopback."""

    port: Annotated[int, Field(ge=1, le=65535)] | None = Field(None, description="TCP port; unix socket if left out.")
    websockets: bool = Field(False, description="Whether upgrades are passed on.")


class Files(Model):
    """There is no process: the front serves a public volume."""

    volume: Word = Field(description="The volume whose public path is /.")
    index: RelativePath = Field("index.html", description="What a directory shows.")


class Serve(Model):
    """What the front is given: exactly one of the three."""

    fastcgi: FastCgi | None = Field(None, description="A FastCGI application.")
    http: Http | None = Field(None, description="An HTTP application.")
    files: Files | None = Field(None, description="Files alone.")

    @model_validator(mode="after")
    def _exactly_one(self) -> Serve:
        if sum(item is not None for item in (self.fastcgi, self.http, self.files)) != 1:
            raise ValueError("serve has exactly one of fastcgi, http and files")
        return self


class Probe(Model):
    """The request that proves, through the front, that an instance works."""

    path: Text = Field("/", description="Path below the route.")
    status: Annotated[int, Field(ge=200, le=499)] = Field(200, description="The status expected.")
    contains: Text | None = Field(None, description="Text that the body must hold; a template.")


class Timer(Model):
    """Scheduled work inside a running component."""

    component: Word = Field(description="Where it runs.")
    command: tuple[Text, ...] = Field(min_length=1, description="Arguments; the first is the program.")
    every: Span = Field(description="How often.")
    help: Text = Field(description="What it does.")


class Login(Model):
    """How the admin gets in for the first time."""

    path: Text = Field(description="Page below the route.")
    user: Text = Field(description="User name.")
    secret: Word = Field(description="The secret that is the password.")


class Recipe(Model):
    """A packaged application: recipe.yaml."""

    format: Literal[1] = Field(description="Version of this file format.")
    name: Word = Field(description="The same as its directory.")
    title: Text = Field(description="The upstream's spelling.")
    summary: Text = Field(description="One line for search results.")
    version: Text = Field(description="Upstream version.")
    revision: Annotated[int, Field(ge=1)] = Field(description="Counts changes of the recipe at one upstream version.")
    license: Text = Field(description="SPDX expression of the application.")
    home: WebAddress = Field(description="The upstream's page.")
    documentation: WebAddress = Field(description="The upstream's documentation.")
    source: WebAddress = Field(description="Where the source is.")
    maintainers: tuple[Maintainer, ...] = Field(min_length=1, description="Who is responsible for this recipe.")
    honours: dict[Directive, Text] = Field({}, description="Common directives, each with what it is mapped to.")
    settings: dict[Word, Setting] = Field({}, description="The application's own settings.")
    secrets: dict[Word, Secret] = Field({}, description="Generated values.")
    images: dict[Word, Image] = Field({}, description="Images of the components.")
    components: dict[Word, Component] = Field({}, description="Containers; app is the primary.")
    volumes: dict[Word, Volume] = Field({}, description="Data.")
    serve: Serve = Field(description="What the front is given.")
    subpath: bool = Field(False, description="Whether it works below a path of a host.")
    probe: Probe = Field(Probe(), description="What proves that it works.")
    timers: dict[Word, Timer] = Field({}, description="Scheduled work.")
    login: Login | None = Field(None, description="The first login.")
    notes: Text = Field("", description="What to know after the installation; a template.")

    @property
    def primary(self) -> Component | None:
        """The component called app, if there is any process at all."""
        return self.components.get("app")

    def missing_names(self) -> list[tuple[tuple[Any, ...], str]]:
        """Return (key path, message) for every name used that the recipe does not declare."""
        return _missing_names(self)


def _missing_names(recipe: Recipe) -> list[tuple[tuple[Any, ...], str]]:
    found: list[tuple[tuple[Any, ...], str]] = []

    def require(name: str, table: dict[str, Any], kind: str, *where: Any) -> None:
        if name not in table:
            known = f"; declared: {', '.join(sorted(table))}" if table else ""
            found.append((where, f"no {kind} {name!r} is declared{known}"))

    for name, component in recipe.components.items():
        place = ("components", name)
        require(component.image, recipe.images, "image", *place, "image")
        for index, other in enumerate(component.after):
            require(other, recipe.components, "component", *place, "after", index)
        for volume in component.volumes:
            require(volume, recipe.volumes, "volume", *place, "volumes", volume)
        for index, secret in enumerate(component.secrets):
            require(secret, recipe.secrets, "secret", *place, "secrets", index)
    for name, timer in recipe.timers.items():
        require(timer.component, recipe.components, "component", "timers", name, "component")
    if recipe.login:
        require(recipe.login.secret, recipe.secrets, "secret", "login", "secret")
    if recipe.serve.files:
        require(recipe.serve.files.volume, recipe.volumes, "volume", "serve", "files", "volume")
    elif "app" not in recipe.components:
        found.append((("components",), "the component that the front reaches is called app"))
    return found
