"""Where recipes and shared templates come from: what is shipped with chainsaw."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path

from chainsaw.compile.context import Shared
from chainsaw.errors import ChainsawError, Diagnostic
from chainsaw.host import files
from chainsaw.load.recipe import Bundle, load_recipe
from chainsaw.model.recipe import Recipe

PACKAGE = Path(__file__).resolve().parent.parent


def shipped(name: str) -> str:
    """Return the shipped directory of this name: inside the package when installed, beside it in a checkout."""
    for base in (PACKAGE, PACKAGE.parent):
        if (base / name).is_dir():
            return str(base / name)
    raise ChainsawError(Diagnostic("incomplete", f"this installation lacks its {name}", hint="install chainsaw again"))


class Catalog(Mapping[str, Recipe]):
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
            self._bundles[name] = load_recipe(f"recipes/{name}/recipe.yaml", name, files.read_directory(place))
        return self._bundles[name]

    def __getitem__(self, name: str) -> Recipe:
        """Return a recipe; raise KeyError when there is none of this name."""
        if name not in self.names:
            raise KeyError(name)
        return self.bundle(name).recipe

    def __iter__(self) -> Iterator[str]:
        """Yield the names."""
        return iter(self.names)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.names)


def shared_files() -> Shared:
    """Return the shared templates and the contexts of the shared images."""
    found = files.read_directory(shipped("quadlets"))
    templates = {path: content.decode() for path, content in found.items() if not path.startswith("images/")}
    images: dict[str, dict[str, bytes]] = {}
    for path, content in found.items():
        if path.startswith("images/"):
            _, name, inner = path.split("/", 2)
            images.setdefault(name, {})[inner] = content
    return Shared(templates, images)
