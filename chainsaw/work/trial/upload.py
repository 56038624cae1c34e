"""A file in a volume of an instance under test, as a visitor might have uploaded it: the same, byte for byte, later."""

from __future__ import annotations

import hashlib
import secrets
from fnmatch import fnmatchcase

from chainsaw.errors import ChainsawError
from chainsaw.host import files
from chainsaw.host.podman.placement import VolumeFile
from chainsaw.model.consistent import Consistent
from chainsaw.model.volume import Volume
from chainsaw.work.trial.problem import wrong
from chainsaw.work.trial.scene import Scene

NAME = "uploaded-by-a-test.bin"
SIZE = 300_000


def put_upload(scene: Scene, name: str) -> dict[str, str]:
    """Write random bytes into the first volume whose files a backup holds; return where, and their SHA-256.

    Nothing where an instance has no such volume.
    """
    volume = _volume(scene, name)
    if volume is None:
        return {}
    content = secrets.token_bytes(SIZE)
    if volume.ids is None:
        files.write_atomic(f"{volume.path}/{NAME}", content)
    else:
        block = scene.deployment(name).block
        assert block is not None
        scene.podman.put_file(scene.front_image, VolumeFile(volume.path, NAME, volume.ids, block), content)
    return {"volume": volume.name, "path": NAME, "sha256": hashlib.sha256(content).hexdigest()}


def _volume(scene: Scene, name: str) -> Volume | None:
    found = scene.deployment(name)
    dumped = [(service.component,) for service in found.services if service.dump]
    rules = scene.recipe(name).backup or Consistent(files="stopped", why="")
    for volume in found.volumes:
        left_out = (*rules.excludes.get(volume.name, ()), *rules.sqlite.get(volume.name, ()))
        if volume.components not in dumped and not any(fnmatchcase(NAME, pattern) for pattern in left_out):
            return volume
    return None


def demand_upload(scene: Scene, name: str, known: dict[str, str], when: str) -> None:
    """Raise ChainsawError unless a file is there as it was written."""
    if not known:
        return
    volume = next((item for item in scene.deployment(name).volumes if item.name == known["volume"]), None)
    try:
        content = scene.podman.read_file(f"{volume.path}/{known['path']}") if volume else b""
    except ChainsawError as error:
        raise wrong(f"{when} the file {known['path']} is not in {known['volume']}: {error}") from error
    if hashlib.sha256(content).hexdigest() != known["sha256"]:
        raise wrong(f"{when} the file {known['path']} in {known['volume']} has other bytes")
