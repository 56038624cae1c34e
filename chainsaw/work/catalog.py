"""Where recipes come from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property

from chainsaw.errors import ChainsawError, Diagnostic
from chainsaw.host import files
from chainsaw.load.recipe import Bundle, load_recipe
from chainsaw.work.shipped import shared_parts, shipped


class Catalog(Mapping[str, Bundle]):
    """The recipes of a directory by name; each is read when it is first asked for."""

    def __init__(self, directory: str | None = None) -> None:
        """Take a directory of recipes, or the shipped one."""
        self.directory = directory or shipped("recipes")
        self._bundles: dict[str, Bundle] = {}

    @cached_property
    def names(self) -> list[str]:
        """The names of the recipes, sorted."""
        return [
            name
            for name in files.list_directory(self.directory)
            if files.exists(f"{self.directory}/{name}/recipe.yaml")
        ]

    def bundle(self, name: str) -> Bundle:
        """Return a recipe with its files; raise ChainsawError when there is none, or it has problems."""
        if name not in self._bundles:
            if name not in self.names:
                hint = f"recipes: {', '.join(self.names)}"
                raise ChainsawError(Diagnostic("no-recipe", f"no recipe {name!r}", hint=hint))
            place = f"{self.directory}/{name}"
            found = files.read_directory(place)
            self._bundles[name] = load_recipe(f"recipes/{name}/recipe.yaml", name, found, shared_parts())
        return self._bundles[name]

    def __getitem__(self, name: str) -> Bundle:
        """Return a recipe with its files; raise KeyError when there is none of this name."""
        if name not in self.names:
            raise KeyError(name)
        return self.bundle(name)

    def __iter__(self) -> Iterator[str]:
        """Yield the names."""
        return iter(self.names)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.names)
