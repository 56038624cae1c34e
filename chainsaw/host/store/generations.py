"""Generations on disk: written completely or not at all, read, and compared with what was written."""

from __future__ import annotations

import difflib
import json
from pathlib import Path

from chainsaw.errors import ChainsawError, Diagnostic
from chainsaw.host import files
from chainsaw.model.artifact import Artifact, Tree
from chainsaw.model.deployment import FORMAT, Manifest
from chainsaw.model.paths import Paths
from chainsaw.plan.observed import EMPTY, Drift

KEPT = 10


PRIVATE = ("quadlets", "units", "config", "intent")


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
    """Return a generation's manifest, an empty one for 0; raise ChainsawError when it is missing or not readable."""
    if number == 0:
        return EMPTY
    file = f"{paths.generations}/{number}/manifest.json"
    text = files.read_text(file)
    if text is None:
        known = ", ".join(map(str, numbers(paths))) or "none"
        raise ChainsawError(Diagnostic("no-generation", f"there is no generation {number}; there are: {known}"))
    current = number == current_number(paths)
    hint = f"rm {paths.current} && chainsaw apply" if current else f"rm -r {paths.generations}/{number}"
    try:
        if (found := json.loads(text)["format"]) != FORMAT:
            raise ValueError(f"its format is {found}, and this version of chainsaw reads {FORMAT}")
        return Manifest.model_validate_json(text)
    except (ValueError, KeyError, TypeError) as error:
        message = f"not a manifest of this version: {error}"
        raise ChainsawError(Diagnostic("bad-manifest", message, file, hint=hint)) from error


def former_manifests(paths: Paths) -> list[Manifest]:
    """Return the manifests of the generations on disk to which the site can be rolled back, in order.

    Those of another version of chainsaw are left out: it cannot use them.
    """
    found = []
    for number in numbers(paths):
        try:
            found.append(read_manifest(paths, number))
        except ChainsawError:
            continue
    return found


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
    """Return the files of a generation that were edited, each with a diff from the written to the found text."""
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
    """Write a generation beside the current one, completely or not at all; nothing uses it yet."""
    root = f"{paths.generations}/{manifest.number}"
    partial = f"{root}{files.PARTIAL}"
    for former in (root, partial):
        files.remove_tree(former)
    files.make_directory(paths.generations, 0o755)
    files.write_tree(partial, tree, PRIVATE)
    kept = {path: item for path, item in tree.items() if not item.link}
    files.write_tree(f"{partial}/.written", kept)
    files.make_directory(f"{partial}/.written", 0o700)
    record = Artifact("manifest.json", manifest.model_dump_json().encode(), mode=0o600)
    files.write_tree(partial, {record.path: record})
    files.publish((partial, root))


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
    known = [item for manifest in former_manifests(paths) for item in manifest.instances.values()]
    used = {item.static.key for item in known if item.static}
    for name in files.list_directory(paths.static):
        if name not in used:
            files.remove_tree(f"{paths.static}/{name}")
