"""Records on disk: blocks, digests of started units, installed recipes, images, and the last compilation."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from chainsaw.errors import ChainsawError, Diagnostic
from chainsaw.host import files
from chainsaw.host.podman import storage
from chainsaw.model.keys import Version
from chainsaw.model.paths import Paths

FORMAT = 1


def prepare(paths: Paths) -> None:
    """Make the two directories that hold everything, accessible to the admin alone.

    Containers can still use what is mounted from below them: a bind mount needs no access to the parent directories.
    """
    for directory in (paths.root, f"{paths.state}/chainsaw"):
        files.make_directory(directory, 0o700)


def read_blocks(paths: Paths) -> dict[str, int]:
    """Return the recorded block of each instance whose data is on this host; raise ChainsawError for a bad record."""
    found = {}
    for name in files.list_directory(f"{paths.root}/instances"):
        if name.endswith(files.PARTIAL):
            continue
        text = files.read_text(paths.record(name))
        if text is not None:
            found[name] = _read_json(paths.record(name), text, "block", int)
    return found


def write_block(paths: Paths, name: str, start: int) -> None:
    """Record an instance's block."""
    files.make_directory(paths.instance(name), 0o711)
    content = json.dumps({"format": FORMAT, "name": name, "block": start}) + "\n"
    files.write_atomic(paths.record(name), content.encode(), 0o644)


def read_applied(paths: Paths) -> dict[str, str]:
    """Return the digests from which units were last started."""
    return _read_state(_applied_file(paths), "units")


def write_applied(paths: Paths, units: Mapping[str, str]) -> None:
    """Record the digests from which units were started."""
    content = json.dumps({"format": FORMAT, "units": dict(sorted(units.items()))}, indent=1) + "\n"
    files.write_atomic(_applied_file(paths), content.encode())


def read_images(paths: Paths) -> dict[str, tuple[str, ...]]:
    """Return the VOLUME paths of the images that chainsaw has inspected and that are still in the store."""
    known, names = _read_state(_images_file(paths), "images"), storage.image_names(paths)
    return {name: tuple(volumes) for name, volumes in known.items() if storage.stored_name(name) in names}


def read_chosen(paths: Paths) -> tuple[str, ...]:
    """Return the recipes, by source and name, that were installed with `chainsaw install`."""
    text = files.read_text(paths.chosen_file)
    return () if text is None else tuple(_read_json(paths.chosen_file, text, "recipes", list))


def write_chosen(paths: Paths, recipes: Iterable[str]) -> None:
    """Record which recipes were installed with `chainsaw install`."""
    content = json.dumps({"format": FORMAT, "recipes": sorted(set(recipes))}) + "\n"
    files.write_atomic(paths.chosen_file, content.encode())


def write_images(paths: Paths, images: Mapping[str, tuple[str, ...]]) -> None:
    """Record the VOLUME paths of images."""
    content = json.dumps({"format": FORMAT, "images": dict(sorted(images.items()))}, indent=1) + "\n"
    files.write_atomic(_images_file(paths), content.encode())


def _images_file(paths: Paths) -> str:
    return f"{paths.state}/chainsaw/images.json"


def _read_state(file: str, key: str) -> dict[str, Any]:
    text = files.read_text(file)
    return {} if text is None else dict(_read_json(file, text, key, dict))


def _applied_file(paths: Paths) -> str:
    return f"{paths.state}/chainsaw/applied.json"


def _read_json(file: str, text: str, key: str, kind: type) -> Any:
    try:
        content = json.loads(text)
        if content["format"] != FORMAT:
            raise ValueError(f"format {content['format']} is not {FORMAT}")
        if not isinstance(content[key], kind):
            raise ValueError(f"{key} is {content[key]!r}")
        return content[key]
    except (ValueError, KeyError, TypeError) as error:
        message = f"not a record of this version: {error}"
        raise ChainsawError(Diagnostic("bad-record", message, file, hint="restore it from a backup")) from error


@dataclass(frozen=True)
class Compiled:
    """The inputs of the current generation: their digests, and those of the installed recipes."""

    generation: int
    inputs: str
    blocks: Mapping[str, int]
    recipes: str
    watched: Mapping[str, str]
    podman: Version
    ports: tuple[int, int]


def read_compiled(paths: Paths) -> Compiled | None:
    """Return the record of the last compilation; None when there is none, or it is of another version."""
    try:
        content = json.loads(files.read_text(_compiled_file(paths)) or "{}")
        (http, https), (major, minor) = content["ports"], content["podman"]
        names = ("generation", "inputs", "blocks", "recipes", "watched")
        known = Compiled(**{name: content[name] for name in names}, podman=(major, minor), ports=(http, https))
    except (ValueError, KeyError, TypeError):
        return None
    return known if content["format"] == FORMAT else None


def write_compiled(paths: Paths, known: Compiled) -> None:
    """Record the inputs of the current generation."""
    content = json.dumps({"format": FORMAT, **asdict(known)}) + "\n"
    if files.read_text(_compiled_file(paths)) != content:
        files.write_atomic(_compiled_file(paths), content.encode())


def _compiled_file(paths: Paths) -> str:
    return f"{paths.state}/chainsaw/compiled.json"


def read_trials(paths: Paths) -> dict[str, str]:
    """Return the directory of each recipe that is being tested."""
    found = {}
    for name in (name for name in files.list_directory(paths.trials) if name.endswith(".json")):
        file = f"{paths.trials}/{name}"
        found[name.removesuffix(".json")] = _read_json(file, files.read_text(file) or "", "directory", str)
    return found
