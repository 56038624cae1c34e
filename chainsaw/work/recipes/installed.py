"""Installed recipes: a directory for each version, a link to the current one, and instances that stay at a version."""

from __future__ import annotations

from contextlib import suppress

from chainsaw.errors import ChainsawError
from chainsaw.host import files
from chainsaw.load.recipe import Bundle
from chainsaw.load.yaml import read_yaml
from chainsaw.model.artifact import Artifact, as_tree
from chainsaw.model.paths import Paths


def store_recipe(paths: Paths, bundle: Bundle) -> None:
    """Copy a recipe to the installed ones, and point its link to this version."""
    target = paths.installed(bundle.origin, bundle.digest)
    if not files.exists(target):
        partial = f"{target}.partial"
        files.remove_tree(partial)
        files.write_tree(partial, as_tree(Artifact(path, text) for path, text in bundle.own_files.items()))
        files.publish((partial, target))
    source, _, recipe = bundle.origin.partition("/")
    files.replace_link(paths.recipe_link(source, recipe), target.rsplit("/", 1)[-1])


def pinned_version(paths: Paths, name: str) -> str:
    """Return the version of its recipe that an instance's file names, declared or removed; nothing without one."""
    for place in (paths.instance_file(name), paths.removed_file(name)):
        with suppress(ChainsawError):
            declared = read_yaml(name, files.read_text(place) or "").value
            if isinstance(declared, dict) and "@" in str(declared.get("recipe")):
                return str(declared["recipe"]).rpartition("@")[2]
    return ""
