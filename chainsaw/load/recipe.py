"""From the files of a recipe's directory to a checked bundle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import sha256
from typing import Any

from chainsaw.errors import Diagnostic, in_file_order, invalid
from chainsaw.load.check import check, nearest
from chainsaw.load.overlay import on_parts, overlay
from chainsaw.load.settings import Value, effective_settings, value_problem
from chainsaw.load.source import KeyPath, Source
from chainsaw.load.yaml import read_yaml
from chainsaw.model.names import check_file_path
from chainsaw.model.recipe import Part, Recipe
from chainsaw.model.site import Instance

Parts = Mapping[str, Mapping[str, bytes]]
"""The building blocks by name: the files of each, part.yaml among them."""


@dataclass(frozen=True, eq=False)
class Bundle:
    """A recipe with the files of its directory, by path relative to it.

    `source` is recipe.yaml with the chosen variants; `recipe` is merged with its building blocks, too. `parts` are the
    contents of those by name; their files are below part/. `origin` is the recipe's source and name: club/wiki.
    """

    recipe: Recipe
    source: Source
    files: Mapping[str, bytes]
    parts: Mapping[str, Any]
    origin: str = ""

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of its own files, except for tested.json."""
        return files_digest({path: text for path, text in self.own_files.items() if path != "tested.json"})

    @property
    def own_files(self) -> dict[str, bytes]:
        """The files of its directory."""
        return {path: text for path, text in self.files.items() if not path.startswith("part/")}

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


def load_recipe(file: str, directory: str, files: Mapping[str, bytes], parts: Parts, origin: str = "") -> Bundle:
    """Return the bundle of a recipe; `directory` is its directory's name. Raise ChainsawError with its problems."""
    if strange := list(_strange_paths(file.removesuffix("recipe.yaml"), files)):
        raise invalid(strange)
    try:
        text = files["recipe.yaml"].decode("utf-8")
    except KeyError:
        raise invalid(Diagnostic("no-recipe-file", "a recipe has a recipe.yaml", file)) from None
    except UnicodeDecodeError:
        raise invalid(Diagnostic("yaml-character", "not UTF-8", file)) from None
    brought = {name: load_part(name, found).recipe for name, found in parts.items()}
    below = {f"part/{name}/{path}": content for name, found in parts.items() for path, content in found.items()}
    bundle = _bundle(read_yaml(file, text), {**files, **below}, brought, origin)
    problems = list(_problems(bundle, directory))
    if problems:
        raise invalid(in_file_order(problems))
    return bundle


def _strange_paths(directory: str, files: Mapping[str, bytes]) -> Iterator[Diagnostic]:
    """Yield paths that could leave the recipe's directory where they are written, and other names of no plain file."""
    for path in files:
        try:
            check_file_path(path)
        except ValueError as error:
            yield Diagnostic("recipe-path", f"not a name for a file of a recipe: {error}", repr(f"{directory}{path}"))


def load_part(name: str, files: Mapping[str, bytes]) -> Part:
    """Return a building block from its files; raise ChainsawError with its problems."""
    return check(Part, read_yaml(f"parts/{name}/part.yaml", files["part.yaml"].decode()))


def _bundle(source: Source, files: Mapping[str, bytes], parts: Mapping[str, Any], origin: str) -> Bundle:
    stacked = on_parts(source, parts) if isinstance(source.value, dict) else source
    return Bundle(check(Recipe, stacked), source, files, parts, origin)


def chosen_options(recipe: Recipe, settings: Mapping[str, Value]) -> tuple[tuple[str, str], ...]:
    """Return (setting, option) of each choice, among effective settings, that changes the recipe."""
    return tuple((name, str(settings[name])) for name, options in recipe.variants.items() if settings[name] in options)


def instance_bundle(bundle: Bundle, instance: Instance) -> Bundle:
    """Return a recipe's bundle for an instance with valid settings; raise ChainsawError when variants break it."""
    return with_options(bundle, chosen_options(bundle.recipe, effective_settings(bundle.recipe, instance)))


@lru_cache(maxsize=1024)
def with_options(bundle: Bundle, options: tuple[tuple[str, str], ...]) -> Bundle:
    """Return a bundle with variants chosen; raise ChainsawError with the problems that they cause."""
    if not options:
        return bundle
    source = bundle.source
    for setting, option in options:
        source = overlay(source, bundle.source, ("variants", setting, option))
    chosen = _bundle(source, bundle.files, bundle.parts, bundle.origin)
    problems = [*_problems(chosen, bundle.recipe.name), *_moved_volumes(bundle, chosen, options)]
    if problems:
        raise invalid(in_file_order(problems))
    return chosen


def _moved_volumes(bundle: Bundle, chosen: Bundle, options: tuple[tuple[str, str], ...]) -> Iterator[Diagnostic]:
    """Yield each volume whose directory would change with these options: public ones are in another place."""
    for name in bundle.recipe.volumes.keys() & chosen.recipe.volumes.keys():
        if (bundle.recipe.volumes[name].public is None) != (chosen.recipe.volumes[name].public is None):
            setting, option = options[-1]
            hint = f"{name}: null, and another volume for it"
            message = f"public volumes are in another directory: the data in {name} would be left behind"
            yield bundle.source.problem(
                ("variants", setting, option, "volumes", name), message, code="moved-volume", hint=hint
            )


def _problems(bundle: Bundle, directory: str) -> Iterator[Diagnostic]:
    recipe, source = bundle.recipe, bundle.source
    if recipe.name != directory:
        yield source.problem(("name",), f"the directory is called {directory!r}", code="recipe-name")
    for path, message in recipe.missing_names():
        hint = "an empty value removes a key; what has only defaults is written {}" if _is_empty(source, path) else ""
        yield source.problem(path, message, code="undeclared", hint=hint)
    for name, setting in recipe.settings.items():
        for key, value in (("default", setting.default), ("example", setting.example)):
            if value is not None and (problem := value_problem(setting, value)):
                yield source.problem(("settings", name, key), problem, code="setting-default")
    yield from _unit_problems(bundle)
    yield from _variant_problems(bundle)
    yield from _place_problems(bundle)
    yield from _file_problems(bundle)
    yield from _cycles(bundle)


def _is_empty(source: Source, path: KeyPath) -> bool:
    """Return whether a volume that a component mounts is declared, but without a value."""
    volumes = source.value.get("volumes")
    return "volumes" in path and isinstance(volumes, dict) and path[-1] in volumes and volumes[path[-1]] is None


def _unit_problems(bundle: Bundle) -> Iterator[Diagnostic]:
    """Yield units with the same name, and an app that would never be ready."""
    recipe, source = bundle.recipe, bundle.source
    for name in (recipe.timers.keys() & recipe.components.keys()) - {"app"}:
        message = f"a component is called {name} too, and their units would have one name"
        yield source.problem(("timers", name), message, code="name-taken", at_key=True)
    for kind in ("components", "timers"):
        for name, what in (("gate", "the gate in front of the app"), ("mail", "the socket for its mail")):
            if name in getattr(recipe, kind):
                yield source.problem((kind, name), f"this name is reserved for {what}", code="name-taken", at_key=True)
    served = recipe.serve.http
    for name, component in recipe.components.items():
        if component.ready == "answers" and not (name == "app" and served and served.port):
            message = "only app has a port that answers, and only with serve.http.port"
            yield source.problem(("components", name, "ready"), message, code="no-port")


def _variant_problems(bundle: Bundle) -> Iterator[Diagnostic]:
    recipe, source = bundle.recipe, bundle.source
    for name, options in recipe.variants.items():
        setting = recipe.settings.get(name)
        if setting is None or setting.type != "choice":
            message = f"no choice of this name among the settings{nearest(name, recipe.settings)}"
            yield source.problem(("variants", name), message, code="variant", at_key=True)
            continue
        for option in options:
            if option not in setting.options:
                message = f"not an option of {name}{nearest(option, setting.options)}"
                yield source.problem(("variants", name, option), message, code="variant", at_key=True)


def _place_problems(bundle: Bundle) -> Iterator[Diagnostic]:
    """Yield paths that are used twice, and a volume of files that is not at the public path /."""
    recipe, source = bundle.recipe, bundle.source
    served = recipe.serve.files
    if served and served.volume in recipe.volumes and recipe.volumes[served.volume].public != "/":
        message = "this volume needs public: /, which is what the front serves"
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
