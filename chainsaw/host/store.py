"""Generations, the journal and the records on disk."""

from __future__ import annotations

import difflib
import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from chainsaw.errors import ChainsawError, Diagnostic
from chainsaw.host import files
from chainsaw.model.artifact import Artifact, Tree
from chainsaw.model.deployment import Manifest
from chainsaw.model.keys import Version
from chainsaw.model.paths import Paths
from chainsaw.plan.observed import EMPTY, Drift

FORMAT = 1
KEPT = 10
JOURNAL_LINES = 500
PRIVATE = ("quadlets", "units", "config", "intent")


def prepare(paths: Paths) -> None:
    """Make the two directories that hold everything, closed to all but the admin.

    What is mounted from below them stays reachable in containers: a bind mount needs no way through its parents.
    """
    for directory in (paths.root, f"{paths.state}/chainsaw"):
        files.make_directory(directory, 0o700)


def numbers(paths: Paths) -> list[int]:
    """Return the numbers of the generations on disk, in order."""
    return sorted(int(name) for name in files.list_directory(paths.generations) if name.isdigit())


def current_number(paths: Paths) -> int:
    """Return the number of the current generation, or 0."""
    target = files.link_target(paths.current)
    return int(target) if target and target.isdigit() else 0


def written_at(paths: Paths, number: int) -> float:
    """Return when a generation was written, in seconds since 1970."""
    return files.changed_at(f"{paths.generations}/{number}/manifest.json")


def read_manifest(paths: Paths, number: int) -> Manifest:
    """Return a generation's manifest, an empty one for 0; raise ChainsawError when it is not there or not readable."""
    if number == 0:
        return EMPTY
    file = f"{paths.generations}/{number}/manifest.json"
    text = files.read_text(file)
    if text is None:
        known = ", ".join(map(str, numbers(paths))) or "none"
        raise ChainsawError(Diagnostic("no-generation", f"there is no generation {number}; there are: {known}"))
    try:
        manifest = Manifest.model_validate_json(text)
    except ValidationError as error:
        raise ChainsawError(Diagnostic("bad-manifest", f"not a manifest of this version: {error}", file)) from error
    return manifest


def read_tree(paths: Paths, manifest: Manifest) -> dict[str, Artifact]:
    """Return the files of a generation as artifacts."""
    root = Path(paths.generations, str(manifest.number))
    tree = {}
    for path in manifest.files:
        place, owner = root / path, manifest.owners.get(path, "")
        if place.is_symlink():
            target = files.link_target(str(place)) or ""
            tree[path] = Artifact(path, target.encode(), owner, 0o777, link=True)
        elif place.exists():
            tree[path] = Artifact(path, place.read_bytes(), owner)
    return tree


def find_drift(paths: Paths, manifest: Manifest) -> list[Drift]:
    """Return the files of a generation that are not as they were written; the diff goes from written to found."""
    found = read_tree(paths, manifest)
    edited = [path for path, digest in manifest.files.items() if path not in found or found[path].digest != digest]
    return [Drift(path, _diff(paths, manifest, path, found.get(path))) for path in edited]


def _diff(paths: Paths, manifest: Manifest, path: str, found: Artifact | None) -> str:
    """Return a diff against the copy that was kept when the generation was written."""
    original = files.read_text(f"{paths.generations}/{manifest.number}/.written/{path}") or ""
    now = found.content.decode(errors="replace") if found else ""
    lines = difflib.unified_diff(
        original.splitlines(), now.splitlines(), f"{path} as written", f"{path} as found", lineterm=""
    )
    return "\n".join(lines)


def write_generation(paths: Paths, manifest: Manifest, tree: Tree) -> None:
    """Write a generation beside the current one; nothing uses it yet."""
    root = f"{paths.generations}/{manifest.number}"
    files.remove_tree(root)
    files.make_directory(paths.generations, 0o755)
    files.write_tree(root, tree, PRIVATE)
    kept = {path: item for path, item in tree.items() if not item.link}
    files.write_tree(f"{root}/.written", kept)
    files.make_directory(f"{root}/.written", 0o700)
    files.write_atomic(f"{root}/manifest.json", manifest.model_dump_json().encode(), 0o600)


def discard_generation(paths: Paths, number: int) -> None:
    """Remove a generation that never became current."""
    if number != current_number(paths):
        files.remove_tree(f"{paths.generations}/{number}")


def prune_generations(paths: Paths) -> None:
    """Remove all but the current and the last few generations."""
    keep = {current_number(paths), *numbers(paths)[-KEPT:]}
    for number in numbers(paths):
        if number not in keep:
            files.remove_tree(f"{paths.generations}/{number}")


def prune_static(paths: Paths) -> None:
    """Remove exported static files that no generation on disk refers to."""
    manifests = [read_manifest(paths, number) for number in numbers(paths)]
    used = {item.static.key for manifest in manifests for item in manifest.instances.values() if item.static}
    for name in files.list_directory(paths.static):
        if name not in used:
            files.remove_tree(f"{paths.static}/{name}")


def read_blocks(paths: Paths) -> dict[str, int]:
    """Return the recorded block of each instance whose data is on this host; raise ChainsawError for a bad record."""
    found = {}
    for name in files.list_directory(f"{paths.root}/instances"):
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
    """Remember the digests from which units were started."""
    content = json.dumps({"format": FORMAT, "units": dict(sorted(units.items()))}, indent=1) + "\n"
    files.write_atomic(_applied_file(paths), content.encode())


def read_images(paths: Paths) -> dict[str, tuple[str, ...]]:
    """Return the VOLUME paths of the images that chainsaw has looked into and that the store still has.

    Names are read from the store's own list (containers-storage: overlay-images/images.json), which spares the start of
    Podman's API; without that list nothing is known.
    """
    known, names = _read_state(_images_file(paths), "images"), image_names(paths)
    return {name: tuple(volumes) for name, volumes in known.items() if name in names}


def image_names(paths: Paths) -> frozenset[str]:
    """Return the names of the images that the store has; none when its list cannot be read."""
    listed = files.read_text(f"{paths.data}/containers/storage/overlay-images/images.json")
    try:
        return frozenset(name for image in json.loads(listed or "[]") for name in image.get("names") or ())
    except (ValueError, AttributeError):
        return frozenset()


def read_chosen(paths: Paths) -> tuple[str, ...]:
    """Return the recipes, by source and name, that somebody installed for their own sake."""
    text = files.read_text(paths.chosen_file)
    return () if text is None else tuple(_read_json(paths.chosen_file, text, "recipes", list))


def write_chosen(paths: Paths, recipes: Iterable[str]) -> None:
    """Remember which recipes were installed for their own sake."""
    content = json.dumps({"format": FORMAT, "recipes": sorted(set(recipes))}) + "\n"
    files.write_atomic(paths.chosen_file, content.encode())


def write_images(paths: Paths, images: Mapping[str, tuple[str, ...]]) -> None:
    """Remember the VOLUME paths of images."""
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
    """From what the current generation was compiled: digests of its inputs and of the installed recipes."""

    generation: int
    inputs: str
    blocks: Mapping[str, int]
    recipes: str
    watched: Mapping[str, str]
    podman: Version
    ports: tuple[int, int]


def read_compiled(paths: Paths) -> Compiled | None:
    """Return what is known of the last compilation; None when nothing is, or it was of another version."""
    try:
        content = json.loads(files.read_text(_compiled_file(paths)) or "{}")
        (http, https), (major, minor) = content["ports"], content["podman"]
        names = ("generation", "inputs", "blocks", "recipes", "watched")
        known = Compiled(**{name: content[name] for name in names}, podman=(major, minor), ports=(http, https))
    except (ValueError, KeyError, TypeError):
        return None
    return known if content["format"] == FORMAT else None


def write_compiled(paths: Paths, known: Compiled) -> None:
    """Remember from what the current generation was compiled."""
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


def write_journal(paths: Paths, event: str, **details: Any) -> None:
    """Append what happens, or is about to, to the journal."""
    line = {"format": FORMAT, "at": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "event": event, **details}
    files.append_line(paths.journal, json.dumps(line))


def is_unfinished(paths: Paths) -> bool:
    """Tell whether the last thing begun was not brought to its end."""
    lines = (files.read_text(paths.journal) or "").splitlines()
    for line in reversed(lines):
        try:
            event = json.loads(line)["event"]
        except (ValueError, KeyError, TypeError):
            continue
        return bool(event == "begin")
    return False


def trim_journal(paths: Paths) -> None:
    """Keep the journal's last lines."""
    lines = (files.read_text(paths.journal) or "").splitlines()
    if len(lines) > 2 * JOURNAL_LINES:
        files.write_atomic(paths.journal, ("\n".join(lines[-JOURNAL_LINES:]) + "\n").encode())
