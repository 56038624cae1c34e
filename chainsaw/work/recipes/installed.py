"""Installed recipes: a directory for each version, and a link to the current one."""

from __future__ import annotations

from chainsaw.host import files
from chainsaw.load.recipe import Bundle
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
