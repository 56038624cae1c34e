"""What is on disk under the name of an instance, applied or not."""

from __future__ import annotations

from chainsaw.host import files
from chainsaw.model.deployment import Manifest
from chainsaw.model.names import FRONT, LOGINS
from chainsaw.model.paths import Paths
from chainsaw.plan.in_use import InUse
from chainsaw.plan.observed import EMPTY
from chainsaw.plan.resources import NOTHING, Resource, Subject, directories_of_names, resources_of


def subject_of(paths: Paths, name: str, manifest: Manifest = EMPTY, others: InUse = NOTHING) -> Subject:
    """Return an instance with what is in its directories."""
    own = paths.instance(name)
    directories = (own, f"{own}/volumes", f"{own}/secrets", f"{paths.public}/{name}", paths.stamps)
    present = [f"{place}/{entry}" for place in directories for entry in files.list_directory(place)]
    return Subject(name, paths, frozenset(present), manifest, others)


def left_of(paths: Paths, name: str) -> list[Resource]:
    """Return what is on disk under a name, also for an instance that is no longer applied; not what outlives it."""
    found = [item for item in resources_of(subject_of(paths, name)) if item.place and item.removed_by != "stays"]
    return [item for item in found if files.exists(item.place)]


def data_places(paths: Paths, name: str) -> list[str]:
    """Return the directories in which an instance has data."""
    return [item.place for item in left_of(paths, name) if item.kind == "data"]


def owner_of(paths: Paths, place: str) -> str:
    """Return the instance in whose directories a path is; '' when it is in none."""
    for directory, _ in directories_of_names(paths):
        if place.startswith(f"{directory}/"):
            return place.removeprefix(f"{directory}/").partition("/")[0].removesuffix(files.PARTIAL)
    return ""


def names_on_disk(paths: Paths) -> set[str]:
    """Return the names of instances for which a purge would delete something on disk."""
    found = {
        entry.removesuffix(ending)
        for directory, ending in directories_of_names(paths)
        for entry in files.list_directory(directory)
        if entry.endswith(ending) and not entry.startswith(".")
    }
    return {name for name in found if name not in (FRONT, LOGINS) and not name.endswith(files.PARTIAL)}
