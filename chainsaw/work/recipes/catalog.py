"""The catalog of recipes: those under test, those installed, and those that sources offer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from chainsaw.errors import ChainsawError, Diagnostic, invalid
from chainsaw.host import files
from chainsaw.host.store import records
from chainsaw.load.check import nearest
from chainsaw.load.recipe import Bundle, load_recipe
from chainsaw.model.paths import Paths
from chainsaw.model.sources import SHIPPED, TRIED
from chainsaw.work.recipes.shipped import shared_parts, shipped
from chainsaw.work.recipes.sources import offers

Files = Mapping[str, bytes]


@dataclass(frozen=True, eq=False)
class Place:
    """A recipe's place: its source and name, how to read its files, and the digest of an installed version."""

    source: str
    recipe: str
    read: Callable[[], Files]
    installed: str = ""

    @property
    def origin(self) -> str:
        """The name of this recipe with its source, which is unique."""
        return f"{self.source}/{self.recipe}"


class Catalog(Mapping[str, Bundle]):
    """Recipes by name: wiki, or club/wiki where two sources have one. Each is read on first use."""

    def __init__(
        self, directory: str | None = None, own: Mapping[str, str] | None = None, paths: Paths | None = None
    ) -> None:
        """Use the shipped recipes or those of a directory, `own` directories that come first, and an admin's paths."""
        self.directory = directory or shipped("recipes")
        self.own = dict(own or {})
        self.paths = paths
        self._bundles: dict[str, Bundle] = {}

    @cached_property
    def offered(self) -> list[Place]:
        """The recipes that sources offer, those shipped with chainsaw first."""
        found = list(_below(self.directory, SHIPPED))
        for offer in offers(self.paths) if self.paths else ():
            found += [Place(offer.name, recipe, _reading(offer.read, recipe)) for recipe in offer.recipes()]
        return found

    @cached_property
    def installed(self) -> list[Place]:
        """The installed recipes, each in the version that its link points to."""
        found = []
        for source in files.list_directory(self.paths.recipes) if self.paths else ():
            for link in files.list_directory(f"{self.paths.recipes}/{source}" if self.paths else ""):
                target = files.link_target(f"{self.paths.recipes}/{source}/{link}" if self.paths else "")
                if target is not None and self.paths:
                    read = _reading(files.read_directory, f"{self.paths.recipes}/{source}/{target}")
                    found.append(Place(source, link, read, target.rpartition("@")[2]))
        return found

    def _kept(self, version: str) -> list[Place]:
        """Return the recipes that are on this host in one version, whatever their links point to."""
        found = []
        for source in files.list_directory(self.paths.recipes) if self.paths else ():
            below = f"{self.paths.recipes}/{source}" if self.paths else ""
            for directory in files.list_directory(below):
                recipe, at, digest = directory.partition("@")
                if at and digest == version:
                    found.append(Place(source, recipe, _reading(files.read_directory, f"{below}/{directory}"), digest))
        return found

    @cached_property
    def tried(self) -> list[Place]:
        """The recipes under test."""
        return [Place(TRIED, name, _reading(files.read_directory, place)) for name, place in sorted(self.own.items())]

    @property
    def names(self) -> list[str]:
        """The unambiguous names of all recipes, sorted."""
        return sorted(self)

    def place(self, name: str) -> Place | None:
        """Return the recipe of a name, None when there is none; raise ChainsawError when the name is ambiguous.

        A name with a version (wiki@0123456789abcdef) is that of a recipe that is installed in it.
        """
        if "@" in name:
            return _one(name.partition("@")[0], self._kept(name.partition("@")[2]))
        return _one(name, self.tried) or _one(name, self.installed) or _one(name, self.offered)

    def choice(self, name: str) -> Place | None:
        """Return the recipe of a name for a first installation, where no source is preferred."""
        origins = {place.origin: place for place in (*self.offered, *self.installed, *self.tried)}
        return _one(name, list(origins.values()))

    def offer(self, name: str) -> Place | None:
        """Return the recipe of a name that sources offer; raise ChainsawError when the name is ambiguous."""
        return _one(name, self.offered)

    def bundle(self, name: str) -> Bundle:
        """Return a recipe with its files; raise ChainsawError when there is none, or it has problems."""
        place = self.place(name)
        if place is None:
            hint = f"recipes: {', '.join(self.names)}"
            raise ChainsawError(Diagnostic("no-recipe", f"no recipe {name!r}{nearest(name, self.names)}", hint=hint))
        return self.read(place)

    def version(self, origin: str, digest: str) -> Bundle:
        """Return a recipe in one version: under test, installed or offered; raise ChainsawError when it is nowhere."""
        places = [place for place in self.tried if place.origin == origin]
        directory = self.paths.installed(origin, digest) if self.paths else ""
        if files.exists(directory):
            source, _, recipe = origin.partition("/")
            places.append(Place(source, recipe, _reading(files.read_directory, directory), digest[:16]))
        places += [place for place in self.offered if place.origin == origin]
        for place in places:
            if (bundle := self.read(place)).digest == digest:
                return bundle
        message = f"{origin} is no longer available in the version {digest[:16]}"
        raise ChainsawError(Diagnostic("version-missing", message, hint=f"chainsaw install {origin}"))

    def read(self, place: Place) -> Bundle:
        """Return the recipe at a place; raise ChainsawError when it has problems, or was changed on this host."""
        key = f"{place.origin}@{place.installed}"
        if key not in self._bundles:
            bundle = _load(place)
            if place.installed and bundle.digest[:16] != place.installed:
                message = f"the recipe {place.origin} was changed since it was installed"
                hint = f"chainsaw install {place.origin} copies it from its source again"
                raise invalid(Diagnostic("recipe-changed", message, hint=hint))
            self._bundles[key] = bundle
        return self._bundles[key]

    def __getitem__(self, name: str) -> Bundle:
        """Return a recipe with its files; raise KeyError when there is none of this name."""
        place = self.place(name)
        if place is None:
            raise KeyError(name)
        return self.read(place)

    def __contains__(self, name: object) -> bool:
        """Return whether a name is that of a recipe."""
        return isinstance(name, str) and self.place(name) is not None

    def __iter__(self) -> Iterator[str]:
        """Yield the name of each recipe, without its source where it is unique."""
        sources: dict[str, set[str]] = {}
        for place in (*self.tried, *self.installed, *self.offered):
            sources.setdefault(place.recipe, set()).add(place.source)
        for recipe, known in sources.items():
            plain = len(known - {TRIED}) < 2 or TRIED in known
            yield from [recipe] if plain else sorted(f"{source}/{recipe}" for source in known)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(list(iter(self)))


def _below(directory: str, source: str) -> Iterator[Place]:
    for name in files.list_directory(directory):
        if files.exists(f"{directory}/{name}/recipe.yaml"):
            yield Place(source, name, _reading(files.read_directory, f"{directory}/{name}"))


def _reading(read: Callable[[str], Files], argument: str) -> Callable[[], Files]:
    return lambda: read(argument)


def _one(name: str, places: list[Place]) -> Place | None:
    found = [place for place in places if name in (place.recipe, place.origin)]
    if len(found) > 1:
        names = " or ".join(place.origin for place in found)
        raise invalid(Diagnostic("ambiguous-recipe", f"{name!r} is in more than one source", hint=f"write {names}"))
    return found[0] if found else None


def _load(place: Place) -> Bundle:
    file = f"recipes/{place.recipe}/recipe.yaml"
    if place.source not in (SHIPPED, TRIED):
        file = f"{place.source}/{file}"
    return load_recipe(file, place.recipe, place.read(), shared_parts(), place.origin)


def catalog_of(paths: Paths, own: Mapping[str, str] | None = None) -> Catalog:
    """Return the recipes of an admin; those under test, and `own` by directory, come first."""
    return Catalog(own={**records.read_trials(paths), **(own or {})}, paths=paths)


def read_recipe(directory: str, name: str) -> Bundle:
    """Return the recipe of a directory; raise ChainsawError with its problems."""
    return _load(Place(TRIED, name, _reading(files.read_directory, directory)))
