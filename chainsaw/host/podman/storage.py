"""What Podman has in its store, read from the store's own files, so that Podman need not be started.

Sources: containers-storage.conf(5); containers.conf(5), network_config_dir; the files of containers-storage 1.57.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Iterator
from string import Template
from typing import Any

from chainsaw.errors import ChainsawError
from chainsaw.host import files
from chainsaw.model.deployment import Manifest
from chainsaw.model.paths import Paths


def graph_root(paths: Paths) -> str:
    """Return the directory of the admin's store."""
    chosen = _table(f"{paths.config}/containers/storage.conf", "storage").get("graphroot")
    for file in ("/etc/containers/storage.conf", "/usr/share/containers/storage.conf"):
        chosen = chosen or _table(file, "storage").get("rootless_storage_path")
    place = str(chosen or f"{paths.data}/containers/storage")
    return Template(place).safe_substitute(HOME=paths.home, UID=os.getuid(), USER=os.path.basename(paths.home))


def driver(paths: Paths) -> str:
    """Return how images are stored: as the admin has chosen, with the name of a program where one does it."""
    chosen = _table(f"{paths.config}/containers/storage.conf", "storage")
    program = ((chosen.get("options") or {}).get("overlay") or {}).get("mount_program", "")
    return str(program).rpartition("/")[2] or str(chosen.get("driver", "unknown"))


def image_names(paths: Paths) -> frozenset[str]:
    """Return the names of the images in the store; none where there is no list that can be read."""
    root = graph_root(paths)
    lists = [f"{root}/{name}/images.json" for name in files.list_directory(root) if name.endswith("-images")]
    return frozenset(name for file in lists for name in _names_in(file))


def _names_in(file: str) -> Iterator[str]:
    try:
        yield from [name for image in json.loads(files.read_text(file) or "[]") for name in image.get("names") or ()]
    except (ValueError, AttributeError, ChainsawError):
        return


def network_names(paths: Paths) -> frozenset[str] | None:
    """Return the names of the networks that Podman knows; None where it keeps them elsewhere."""
    for file in (f"{paths.config}/containers/containers.conf", "/etc/containers/containers.conf"):
        if "network_config_dir" in _table(file, "network"):
            return None
    listed = files.list_directory(f"{graph_root(paths)}/networks")
    return frozenset(name.removesuffix(".json") for name in listed if name.endswith(".json"))


def _table(file: str, name: str) -> dict[str, Any]:
    try:
        found = tomllib.loads(files.read_text(file) or "").get(name, {})
    except (tomllib.TOMLDecodeError, ChainsawError, OSError):
        return {}
    return found if isinstance(found, dict) else {}


def lost_from(paths: Paths, manifest: Manifest) -> frozenset[str]:
    """Return the images and networks that the instances and the front need and that are not in the store."""
    deployments = [*manifest.own, *manifest.instances.values()]
    images = {need.reference for item in deployments if item.services for need in item.images}
    stored = image_names(paths)
    networks = {item.network.unit for item in deployments if item.network}
    known = network_names(paths)
    gone = networks - {f"{name}-network.service" for name in known} if known is not None else set()
    return frozenset({name for name in images if stored_name(name) not in stored} | gone)


BUILDS = "/var/tmp/chainsaw-build-"  # noqa: S108  # mkdtemp(3) makes each for one user alone
"""How the directories of builds begin: on the disk, and outside of home. One that is killed leaves its own."""
DOCKER = re.compile(r"^(?:index\.)?docker\.io/(?=([^/]+/)?)")
"""The group is there when the name has a directory of its own."""


def stored_name(reference: str) -> str:
    """Return the name under which the store lists an image: by its digest alone, or by its tag.

    Docker's registry has two names, and images of its own below library/.
    """
    name, _, digest = reference.partition("@")
    name = DOCKER.sub(lambda match: "docker.io/" if match[1] else "docker.io/library/", name)
    repository, slash, last = name.rpartition("/")
    last, _, tag = last.partition(":")
    return f"{repository}{slash}{last}@{digest}" if digest else f"{repository}{slash}{last}:{tag or 'latest'}"
