"""Where recipes come from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property

from chainsaw.errors import ChainsawError, Diagnostic
from chainsaw.host import files, store
from chainsaw.load.recipe import Bundle, files_digest, load_recipe
from chainsaw.model.paths import Paths
from chainsaw.work.shipped import shared_parts, shipped


class Catalog(Mapping[str, Bundle]):
    """The recipes that there are, by name; each is read when it is first asked for."""

    def __init__(self, directory: str | None = None, own: Mapping[str, str] | None = None) -> None:
        """Take a directory of recipes, or the shipped one; `own` are those of single recipes, which come first."""
        self.directory = directory or shipped("recipes")
        self.own = dict(own or {})
        self._bundles: dict[str, Bundle] = {}

    @cached_property
    def names(self) -> list[str]:
        """The names of the recipes, sorted."""
        found = (
            name
            for name in files.list_directory(self.directory)
            if files.exists(f"{self.directory}/{name}/recipe.yaml")
        )
        return sorted({*found, *self.own})

    def bundle(self, name: str) -> Bundle:
        """Return a recipe with its files; raise ChainsawError when there is none, or it has problems."""
        if name not in self._bundles:
            if name not in self.names:
                hint = f"recipes: {', '.join(self.names)}"
                raise ChainsawError(Diagnostic("no-recipe", f"no recipe {name!r}", hint=hint))
            self._bundles[name] = read_recipe(self.own.get(name, f"{self.directory}/{name}"), name)
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


def recipe_digest(bundle: Bundle) -> str:
    """Return the digest of all that a recipe's author writes: its own files, but for what its test found."""
    return files_digest({path: text for path, text in bundle.files.items() if _is_own(path)})


def _is_own(path: str) -> bool:
    return path != "tested.json" and not path.startswith("part/")


def catalog_of(paths: Paths, own: Mapping[str, str] | None = None) -> Catalog:
    """Return the recipes that an admin has: those shipped, those that a test is using, and `own` by directory."""
    return Catalog(own={**store.read_trials(paths), **(own or {})})


def read_recipe(directory: str, name: str) -> Bundle:
    """Return the recipe of a directory; raise ChainsawError with its problems."""
    return load_recipe(f"recipes/{name}/recipe.yaml", name, files.read_directory(directory), shared_parts())
