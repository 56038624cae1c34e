"""The state of the host, read once, as far as a plan needs it."""

from __future__ import annotations

import re
import time

from chainsaw.errors import ChainsawError
from chainsaw.host import files
from chainsaw.host.issued import settled_hosts
from chainsaw.host.podman import storage
from chainsaw.host.store import generations, operations, records
from chainsaw.host.systemd import UserManager
from chainsaw.host.worktree import Worktree
from chainsaw.model.deployment import Manifest
from chainsaw.model.paths import Paths
from chainsaw.plan.observed import TARGET, Observed

PATTERNS = ("app@*", "chainsaw-*", "chainsaw.target")


def files_of_instances(paths: Paths) -> list[str]:
    """Return the names of the files that declare instances, and of those that were meant to: *.yml, *.YAML, or bare."""
    names = [name for name in files.list_directory(paths.instance_files) if not name.startswith(".")]
    return [name for name in names if name.lower().endswith((".yaml", ".yml")) or _is_meant(paths, name)]


def _is_meant(paths: Paths, name: str) -> bool:
    """Return whether a file without an ending declares an instance."""
    place = f"{paths.instance_files}/{name}"
    if "." in name or files.is_directory(place):
        return False
    try:
        return re.search(r"^recipe *:", files.read_text(place) or "", re.MULTILINE) is not None
    except ChainsawError:
        return False


def files_like_site(paths: Paths) -> list[str]:
    """Return the names of files beside site.yaml that were meant to be it: site.yml, Site.yaml, site."""
    names = files.list_directory(paths.own_files)
    like = [name for name in names if name.lower() in ("site", "site.yaml", "site.yml") and name != "site.yaml"]
    return [name for name in like if not files.is_directory(f"{paths.own_files}/{name}")]


def observe(paths: Paths, wanted: Manifest, manager: UserManager) -> Observed:
    """Return the state of the host, as far as a plan for the wanted manifest needs it."""
    number, unfinished = generations.current_number(paths), operations.unfinished(paths)
    manifest = generations.read_manifest(paths, number)
    return Observed(
        manifest=manifest,
        paths=frozenset(path for path in _asked(paths, wanted) if files.exists(path)),
        units=manager.states(PATTERNS),
        applied=records.read_applied(paths),
        links=frozenset(own_links(paths)),
        quadlets_linked=files.link_target(paths.quadlet_link) == f"{paths.current}/quadlets",
        certificates=settled_hosts(paths, wanted, time.time()),
        images=records.read_images(paths),
        lost=storage.lost_from(paths, wanted),
        drift=tuple(generations.find_drift(paths, manifest)),
        unfinished=unfinished.switch,
        unproven=unfinished.instances,
        recorded=0 if number else Worktree(paths.own_files).last_mark(),
    )


def _asked(paths: Paths, wanted: Manifest) -> list[str]:
    deployments = [*wanted.own, *wanted.instances.values()]
    asked = [directory.path for deployment in deployments for directory in deployment.places]
    asked += [secret.path for deployment in deployments for secret in deployment.secrets]
    asked += [f"{paths.static}/{item.static.key}" for item in deployments if item.static]
    asked += [paths.installed(item.origin, item.digest) for item in deployments if item.origin]
    return asked


def own_links(paths: Paths) -> list[str]:
    """Return chainsaw's unit links: those that point into the current generation."""
    own = f"{paths.current}/units/"
    names = files.list_directory(paths.unit_links)
    for directory in [name for name in names if name.endswith(".d")]:
        names += [f"{directory}/{name}" for name in files.list_directory(f"{paths.unit_links}/{directory}")]
    found = [name for name in names if (files.link_target(f"{paths.unit_links}/{name}") or "") == own + name]
    starts = files.link_target(f"{paths.unit_links}/default.target.wants/{TARGET}") is not None
    return [name for name in found if name != TARGET or starts]


def foreign_files(paths: Paths, wanted: Manifest) -> list[str]:
    """Return files of others at the paths of chainsaw's links, and units that would override chainsaw's.

    A user's own unit of the same name wins over a generated one (systemd.unit(5), "Unit File Load Path"), and of two
    quadlets of one name Podman's generator takes the first.
    """
    own = {*own_links(paths), TARGET} if files.link_target(f"{paths.unit_links}/{TARGET}") else set(own_links(paths))
    names = [path.removeprefix("units/") for path in wanted.files if path.startswith("units/")]
    quadlets = [path.rsplit("/", 1)[-1] for path in wanted.files if path.startswith("quadlets/")]
    services = [f"{name.removesuffix('.container')}.service" for name in quadlets if name.endswith(".container")]
    places = [f"{paths.unit_links}/{name}" for name in names if name not in own]
    places += [f"{paths.config}/containers/systemd/{name}" for name in quadlets]
    for directory in (f"{paths.config}/systemd/user", "/etc/systemd/user"):
        places += [f"{directory}/{name}" for name in (*names, *services)]
    found = [place for place in places if files.exists(place)]
    if files.exists(paths.quadlet_link) and files.link_target(paths.quadlet_link) != f"{paths.current}/quadlets":
        found.append(paths.quadlet_link)
    return found
