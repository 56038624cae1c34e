"""A recipe's directory, as text and bytes, to a checked bundle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256

from chainsaw.errors import Diagnostic, in_file_order, invalid
from chainsaw.load.check import check
from chainsaw.load.settings import value_problem
from chainsaw.load.source import KeyPath, Source
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
    for name in (recipe.timers.keys() & recipe.components.keys()) - {"app"}:
        message = f"a component is called {name} too, and their units would have one name"
        yield source.problem(("timers", name), message, code="name-taken", at_key=True)
    yield from _place_problems(bundle)
    yield from _file_problems(bundle)
    yield from _cycles(bundle)


def _place_problems(bundle: Bundle) -> Iterator[Diagnostic]:
    """Yield what would stand in one place twice, or where the front does not look for it."""
    recipe, source = bundle.recipe, bundle.source
    served = recipe.serve.files
    if served and served.volume in recipe.volumes and recipe.volumes[served.volume].public != "/":
        message = "the front serves the public path / of it"
        yield source.problem(("serve", "files", "volume"), message, code="not-public")
    public = [(("volumes", name, "public"), item.public) for name, item in recipe.volumes.items() if item.public]
    yield from _doubles(source, public, at_key=False)
    for name, component in recipe.components.items():
        place = ("components", name)
        mounts = [((*place, "volumes", volume), target) for volume, target in component.volumes.items()]
        mounts += [((*place, "files", file), target) for file, target in component.files.items()]
        mounts += [((*place, "tmpfs", target), target) for target in component.tmpfs]
        yield from _doubles(source, mounts, at_key=False)
        rendered = [((*place, "files", file), file.removesuffix(".j2")) for file in component.files]
        yield from _doubles(source, rendered, at_key=True)


def _doubles(source: Source, places: list[tuple[KeyPath, str]], at_key: bool) -> Iterator[Diagnostic]:
    seen: set[str] = set()
    for path, what in places:
        if what in seen:
            yield source.problem(path, f"{what} is used twice", code="used-twice", at_key=at_key)
        seen.add(what)


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
