"""A recipe: a packaged application, as data."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from chainsaw.model.base import Model
from chainsaw.model.component import Component
from chainsaw.model.consistent import Consistent
from chainsaw.model.names import (
    ImageReference,
    Period,
    RelativePath,
    SettingName,
    Size,
    Text,
    UrlPath,
    Word,
    span_in_seconds,
)
from chainsaw.model.serve import Marker, Probe, Serve

Directive = Literal["admin", "mail", "timezone", "language", "upload_limit"]
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
    example: str | int | bool | None = Field(
        None, description="A value for a setting without a default: a test sets it, and it is shown to whoever must."
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

    @model_validator(mode="after")
    def _default_or_example(self) -> Setting:
        if self.default is not None and self.example is not None:
            raise ValueError("a setting with a default needs no example")
        return self

    @model_validator(mode="after")
    def _some_value_fits(self) -> Setting:
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError("no value fits: its minimum is above its maximum")
        return self


class Rotation(Model):
    """How an application gets a new value of a secret: by a command, or without one by a restart."""

    component: Word | None = Field(None, description="Where the command runs.")
    command: tuple[Text, ...] = Field(
        (), description="Reads the new value from standard input, and uses it from then on."
    )

    @model_validator(mode="after")
    def _both_or_neither(self) -> Rotation:
        if (self.component is None) != (not self.command):
            raise ValueError("a component and a command, or neither")
        return self


class Secret(Model):
    """A value that chainsaw generates once for each instance and prints only on request."""

    help: Text = Field(description="What it is for.")
    length: Annotated[int, Field(ge=16, le=128)] = Field(24, description="Its length in characters.")
    rotate: Rotation | None = Field(None, description="How it is changed; {} where a restart is enough.")


class Image(Model):
    """Where a component's image comes from: built from a directory of the recipe, shared by all, or pulled."""

    build: RelativePath | None = Field(None, description="Directory of the recipe that holds a Containerfile.")
    base: Word = Field("base", description="The shared image that the Containerfile's ARG BASE receives.")
    shared: Word | None = Field(None, description="One of the images that all recipes share, as it is.")
    reference: ImageReference | None = Field(None, description="An upstream image, fully qualified.")

    @model_validator(mode="after")
    def _one_origin(self) -> Image:
        if sum(item is not None for item in (self.build, self.shared, self.reference)) != 1:
            raise ValueError("an image has exactly one of build, shared and reference")
        return self


class Volume(Model):
    """Data of an instance: a plain directory that survives everything but a purge."""

    public: UrlPath | None = Field(None, description="Where the front serves it, below the route.")
    seed: RelativePath | None = Field(None, description="Directory of the recipe copied into a new, empty volume.")
    admin: bool = Field(False, description="Whether it belongs to the admin; components can only read it.")


class Timer(Model):
    """Scheduled work inside a running component."""

    component: Word = Field(description="Where it runs.")
    command: tuple[Text, ...] = Field(min_length=1, description="Arguments; the first is the program.")
    every: Period = Field(description="How often, by the clock: a part of an hour or of a day, a day or a week.")
    due: tuple[Text, ...] = Field(
        (),
        description="Prints when there is work next, in seconds since 1970, or nothing; asked before it sleeps, which "
        "it then does until that time.",
    )
    help: Text = Field(description="What it does.")


class Login(Model):
    """How the admin logs in for the first time."""

    path: Text = Field(description="Page below the route.")
    user: Text | None = Field(None, description="User name; left out if there is only a password.")
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
    contribute: WebAddress | None = Field(None, description="Where changes to this recipe are proposed.")
    runtime: Literal["php-fpm"] | None = Field(None, description="The building block that app is based on.")
    database: Literal["mariadb", "postgres"] | None = Field(None, description="The building block for component db.")
    cache: Literal["valkey"] | None = Field(None, description="The building block for component cache.")
    honours: dict[Directive, Text] = Field({}, description="Common directives, each with what it is mapped to.")
    settings: dict[SettingName, Setting] = Field({}, description="The application's own settings.")
    secrets: dict[Word, Secret] = Field({}, description="Generated values.")
    images: dict[Word, Image] = Field({}, description="Images of the components.")
    components: dict[Word, Component] = Field({}, description="Containers; app is the primary.")
    volumes: dict[Word, Volume] = Field({}, description="Data.")
    serve: Serve = Field(description="How the front reaches it.")
    backup: Consistent | None = Field(
        None, description="How a backup is consistent; without it, the instance is stopped for a part of each."
    )
    disk: Size = Field("2G", description="Disk that is expected of an instance at most; more gives a warning.")
    subpath: bool = Field(False, description="Whether it works below a path of a host.")
    probe: Probe = Field(Probe(), description="What proves that it works.")
    marker: Marker | None = Field(None, description="What proves that its data is kept.")
    timers: dict[Word, Timer] = Field({}, description="Scheduled work.")
    variants: dict[SettingName, dict[str, Any]] = Field(
        {}, description="For a choice among the settings, what each option changes in this file; null removes a key."
    )
    login: Login | None = Field(None, description="The first login.")
    notes: Text = Field("", description="What to know after the installation; a template.")

    @property
    def primary(self) -> Component | None:
        """The component called app, if there is any process at all."""
        return self.components.get("app")

    @property
    def dumped_volumes(self) -> dict[str, str]:
        """Each volume of which a backup copies no file, and the component that dumps what is in it."""
        return {volume: name for name, item in self.components.items() if item.dump for volume in item.volumes}

    def is_awaited(self, name: str) -> bool:
        """Return whether all that needs a component waits for its answers itself, so that they start side by side."""
        waiting = [other.waits for other in self.components.values() if name in other.after]
        asked_by_a_timer = any(timer.component == name for timer in self.timers.values())
        return not self.components[name].once and bool(waiting) and all(waiting) and not asked_by_a_timer

    def awaits_port(self, other: str) -> int | None:
        """Return the port whose answers say that a component is up; None for one whose unit says it."""
        served = self.serve.http
        return served.port if served and self.components[other].ready == "answers" else None

    def is_needed(self, name: str, by: str = "app") -> bool:
        """Return whether a component does not answer without another: itself, or one that it starts after."""
        after = self.components[by].after if by in self.components else ()
        return name == by or any(self.is_needed(name, other) for other in after)

    def start_timeout(self, name: str) -> int:
        """Return how many seconds a component may take to become ready, with the slowest that it waits for itself."""
        component = self.components[name]
        along = [
            other
            for other in component.after
            if (component.waits and self.is_awaited(other)) or (not component.waits and self.awaits_port(other))
        ]
        return span_in_seconds(component.start_timeout) + max(map(self.start_timeout, along), default=0)

    def missing_names(self) -> list[tuple[tuple[Any, ...], str]]:
        """Return (key path, message) for every name used that the recipe does not declare."""
        return _missing_names(self)


class Part(Model):
    """A building block that recipes share: part.yaml."""

    format: Literal[1] = Field(description="Version of this file format.")
    name: Word = Field(description="The same as its directory.")
    title: Text = Field(description="The upstream's spelling.")
    version: Text = Field(description="The upstream's major version, whose data another one cannot read.")
    documentation: WebAddress = Field(description="The upstream's documentation.")
    recipe: dict[str, Any] = Field(
        description="What it adds to a recipe, in the form of one; the recipe itself takes precedence."
    )


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
    for kind in ("write", "read") if recipe.marker else ():
        for index, step in enumerate(getattr(recipe.marker, kind)):
            where = ("marker", kind, index)
            if step.request and step.request.secret:
                require(step.request.secret, recipe.secrets, "secret", *where, "request", "secret")
            if step.run:
                require(step.run.component, recipe.components, "component", *where, "run", "component")
            if step.put:
                require(step.put.volume, recipe.volumes, "volume", *where, "put", "volume")
    for name, item in recipe.secrets.items():
        if item.rotate and item.rotate.component:
            require(item.rotate.component, recipe.components, "component", "secrets", name, "rotate", "component")
    for where, kind, name in recipe.backup.names if recipe.backup else ():
        require(name, recipe.volumes if kind == "volume" else recipe.components, kind, "backup", *where)
    if recipe.login:
        require(recipe.login.secret, recipe.secrets, "secret", "login", "secret")
    if recipe.serve.files:
        require(recipe.serve.files.volume, recipe.volumes, "volume", "serve", "files", "volume")
    elif "app" not in recipe.components:
        found.append((("components",), "the component that the front reaches is called app"))
    return found
