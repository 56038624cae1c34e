"""Checks of an instance's isolation: files of others, writable roots, capabilities, ports, and exposed secrets."""

from __future__ import annotations

import json
import re
from typing import Any

from chainsaw.host import files, journal
from chainsaw.host.store import generations
from chainsaw.model.block import SIZE
from chainsaw.work.trial.scene import Scene

LISTEN = "0A"
LOOPBACK = ("0100007F", "00000000000000000000000001000000", "0000000000000000FFFF00000100007F")
CAPABILITIES = "CapBnd"


def reachable(scene: Scene, one: str, other: str) -> list[str]:
    """Return how one instance can access another: files that its root could read, directories that it mounts."""
    paths = scene.account.paths
    mounts = "".join(files.read_text(f"/proc/{number}/mountinfo") or "" for number in _inside(scene, one))
    found = [
        f"{one} mounts {place}"
        for place in (f"{paths.instance(other)}/", f"{paths.public}/{other}/")
        if f"{place.removeprefix(paths.home)}" in mounts
    ]
    block = scene.deployment(one).block
    # What the front serves may be read: it is public.
    volumes = [item for item in scene.deployment(other).volumes if item.ids is not None and item.public is None]
    closed = [*(item.path for item in volumes), *(item.path for item in scene.deployment(other).secrets)]
    if block is None or not closed:
        return found
    seen = [f"/seen{path.removeprefix(paths.root)}" for path in closed]
    argv = ["find", *seen, "-maxdepth", "0", "(", "-readable", "-o", "-writable", ")"]
    mounts_all = [f"{paths.root}:/seen:ro"]
    looked = scene.podman.run_once(scene.front_image, argv, mounts=mounts_all, block=block, options=["--user=0"])
    return found + [f"{one} reads {path}" for path in looked.text.splitlines() if path]


def _inside(scene: Scene, name: str) -> list[int]:
    """Return the processes of an instance that are inside its containers."""
    block = scene.deployment(name).block
    if block is None:
        return []
    found = []
    for number in scene.processes(name):
        owner = re.search(r"^Uid:\s+(\d+)", files.read_text(f"/proc/{number}/status") or "", re.MULTILINE)
        if owner and block <= int(owner[1]) < block + SIZE:
            found.append(number)
    return found


def not_confined(scene: Scene) -> list[str]:
    """Return the containers of the first instance whose root is writable, or that may gain privileges."""
    found = []
    for container in _containers(scene):
        if not container["HostConfig"]["ReadonlyRootfs"]:
            found.append(f"the root of {container['Name']} is writable")
        if "no-new-privileges" not in " ".join(container["HostConfig"].get("SecurityOpt") or ()):
            found.append(f"{container['Name']} may gain privileges")
    return found


def _containers(scene: Scene) -> list[dict[str, Any]]:
    return scene.podman.running(f"{scene.first}.")


def capabilities_beyond(scene: Scene) -> list[str]:
    """Return the processes that could have a capability that no waiver names (proc(5), CapBnd)."""
    waived = {w.name for item in scene.bundle.recipe.components.values() for w in item.capabilities}
    found = []
    for number in _inside(scene, scene.first):
        status = files.read_text(f"/proc/{number}/status") or ""
        bounding = re.search(rf"^{CAPABILITIES}:\s+([0-9a-f]+)", status, re.MULTILINE)
        if bounding and int(bounding[1], 16).bit_count() > len(waived):
            found.append(f"process {number} could have {int(bounding[1], 16).bit_count()} capabilities")
    return found


def listeners(scene: Scene) -> list[str]:
    """Return the TCP ports of the first instance that listen on more than its own loopback."""
    found = []
    for number in _inside(scene, scene.first):
        devices = (files.read_text(f"/proc/{number}/net/dev") or "").splitlines()[2:]
        if all(line.split(":")[0].strip() == "lo" for line in devices):
            continue
        shown = "".join(files.read_text(f"/proc/{number}/net/{kind}") or "" for kind in ("tcp", "tcp6"))
        for fields in (line.split() for line in shown.splitlines()):
            if len(fields) > 3 and fields[3] == LISTEN:
                address, port = fields[1].rsplit(":", 1)
                if address not in LOOPBACK:
                    found.append(f"port {int(port, 16)} listens beyond the loopback")
    return sorted(set(found))


def leaks(scene: Scene) -> list[str]:
    """Return where a secret of the first instance is exposed."""
    deployment = scene.deployment(scene.first)
    values = {item.key: scene.secret(scene.first, item.key) for item in deployment.secrets}
    paths = scene.account.paths
    manifest = scene.account.current()
    open_places = {
        "the arguments of a process": "\0".join(
            files.read_text(f"/proc/{name}/cmdline") or "" for name in files.list_directory("/proc") if name.isdigit()
        ),
        "the journal": journal.text_since_boot(),
        "podman inspect": json.dumps(_containers(scene)),
        "a generated file": "\0".join(
            item.content.decode(errors="replace") for item in generations.read_tree(paths, manifest).values()
        ),
    }
    return [
        f"the secret {key} is visible in {where}"
        for key, value in values.items()
        for where, text in open_places.items()
        if value in text
    ]
