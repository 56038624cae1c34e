"""Installed recipes: a directory for each version, a link to the current one, and instances that stay at a version."""

from __future__ import annotations

from contextlib import suppress

from chainsaw.errors import ChainsawError
from chainsaw.host import files
from chainsaw.load.recipe import Bundle, instance_bundle
from chainsaw.load.site import load_instance
from chainsaw.load.yaml import read_yaml
from chainsaw.model.artifact import Artifact, as_tree, intent_path
from chainsaw.model.deployment import Deployment
from chainsaw.model.paths import Paths
from chainsaw.work.recipes.catalog import catalog_of


def store_recipe(paths: Paths, bundle: Bundle) -> None:
    """Copy a recipe to the installed ones, and point its link to this version."""
    target = store_version(paths, bundle)
    source, _, recipe = bundle.origin.partition("/")
    files.replace_link(paths.recipe_link(source, recipe), target.rsplit("/", 1)[-1])


def store_version(paths: Paths, bundle: Bundle) -> str:
    """Copy a recipe to the installed ones, for who names this version; return its directory."""
    target = paths.installed(bundle.origin, bundle.digest)
    if not files.exists(target):
        partial = f"{target}.partial"
        files.remove_tree(partial)
        files.write_tree(partial, as_tree(Artifact(path, text) for path, text in bundle.own_files.items()))
        files.publish((partial, target))
    return target


def pinned_version(paths: Paths, name: str) -> str:
    """Return the version of its recipe that an instance's file names, declared or removed; nothing without one."""
    for place in (paths.instance_file(name), paths.removed_file(name)):
        with suppress(ChainsawError):
            declared = read_yaml(name, files.read_text(place) or "").value
            if isinstance(declared, dict) and "@" in str(declared.get("recipe")):
                return str(declared["recipe"]).rpartition("@")[2]
    return ""


def applied_bundle(paths: Paths, deployment: Deployment) -> Bundle:
    """Return the recipe of an applied instance, in the applied version and variant."""
    catalog = catalog_of(paths)
    bundle = (
        catalog.version(deployment.origin, deployment.digest)
        if deployment.origin
        else catalog.bundle(deployment.recipe)
    )
    place = intent_path(deployment.name)
    applied = files.read_text(f"{paths.current}/{place}") if bundle.recipe.variants else None
    return bundle if applied is None else instance_bundle(bundle, load_instance(place, applied).instance)
