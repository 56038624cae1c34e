"""A recipe's directory, as text and bytes, to a checked bundle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256

from chainsaw.errors import Diagnostic, in_file_order, invalid
from chainsaw.load.check import check
from chainsaw.load.settings import value_problem
from chainsaw.load.source import Source
from chainsaw.load.yaml import read_yaml
from chainsaw.model.recipe import Recipe


@dataclass(frozen=True)
class Bundle:
    """A recipe with the files of its directory, by path relative to it."""

    recipe: Recipe
    source: Source
    files: Mapping[str, bytes]

    def below(self, directory: str) -> dict[str, bytes]:
        """Return the files below a directory, by path relative to that directory."""
        prefix = directory.rstrip("/") + "/"
        return {path[len(prefix) :]: content for path, content in self.files.items() if path.startswith(prefix)}


def files_digest(files: Mapping[str, bytes]) -> str:
    """Return the SHA-256 of a set of files: names, lengths and contents, in the order of names."""
    summary = sha256()
    for path, content in sorted(files.items()):
        summary.update(f"{path}\0{len(content)}\0".encode())
        summary.update(content)
    return summary.hexdigest()


def load_recipe(file: str, directory: str, files: Mapping[str, bytes]) -> Bundle:
    """Return the bundle of a recipe; `directory` is its directory's name. Raise ChainsawError with its problems."""
    try:
        text = files["recipe.yaml"].decode("utf-8")
    except KeyError:
        raise invalid(Diagnostic("no-recipe-file", "a recipe has a recipe.yaml", file)) from None
    except UnicodeDecodeError:
        raise invalid(Diagnostic("yaml-character", "not UTF-8", file)) from None
    source = read_yaml(file, text)
    bundle = Bundle(check(Recipe, source), source, files)
    problems = list(_problems(bundle, directory))
    if problems:
        raise invalid(in_file_order(problems))
    return bundle


def _problems(bundle: Bundle, directory: str) -> Iterator[Diagnostic]:
    recipe, source = bundle.recipe, bundle.source
    if recipe.name != directory:
        yield source.problem(("name",), f"the directory is called {directory!r}", code="recipe-name")
    for path, message in recipe.missing_names():
        yield source.problem(path, message, code="undeclared")
    for name, setting in recipe.settings.items():
        if setting.default is not None and (problem := value_problem(setting, setting.default)):
            yield source.problem(("settings", name, "default"), problem, code="setting-default")
    yield from _file_problems(bundle)
    yield from _cycles(bundle)


def _file_problems(bundle: Bundle) -> Iterator[Diagnostic]:
    recipe, source = bundle.recipe, bundle.source
    for name, image in recipe.images.items():
        if image.build and f"{image.build}/Containerfile" not in bundle.files:
            message = f"no file {image.build}/Containerfile in the recipe"
            yield source.problem(("images", name, "build"), message, code="no-file")
    for name, component in recipe.components.items():
        for file in component.files:
            if file not in bundle.files:
                message = f"no file {file} in the recipe"
                yield source.problem(("components", name, "files", file), message, code="no-file", at_key=True)
    for name, volume in recipe.volumes.items():
        if volume.seed and not bundle.below(volume.seed):
            message = f"no directory {volume.seed} in the recipe"
            yield source.problem(("volumes", name, "seed"), message, code="no-file")


def _cycles(bundle: Bundle) -> Iterator[Diagnostic]:
    components = bundle.recipe.components
    for start in components:
        reached: set[str] = set()
        frontier = [start]
        while frontier:
            component = components.get(frontier.pop())
            fresh = set(component.after) - reached if component else set()
            reached |= fresh
            frontier += fresh
        if start in reached:
            yield bundle.source.problem(("components", start, "after"), f"{start} waits for itself", code="cycle")
            return
