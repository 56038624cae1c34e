"""What an instance takes and leaves: memory, images, and everything of the account that could outlive it."""

from __future__ import annotations

import re

from chainsaw.host import files, process, store
from chainsaw.work.trial.scene import Scene


def memory_of(scene: Scene, name: str) -> float:
    """Return the proportional set size of all processes of an instance, in MB (proc(5), smaps_rollup)."""
    paths = [f"/proc/{number}/smaps_rollup" for number in scene.processes(name)]
    shown = scene.podman.read_files(paths).decode(errors="replace")
    return round(sum(int(kilobytes) for kilobytes in re.findall(r"^Pss: +(\d+) kB", shown, re.MULTILINE)) / 1000, 1)


def image_size(scene: Scene) -> float:
    """Return what the images of an instance take in the store, layers shared with others included, in MB."""
    references = [need.reference for need in scene.deployment(scene.first).images]
    return round(sum(scene.podman.image_sizes(references).values()) / 1e6)


def footprint(scene: Scene) -> set[str]:
    """Return all of the account that an instance could leave behind: files, links, containers, networks, records."""
    paths = scene.user.paths
    places = (
        f"{paths.root}/instances",
        f"{paths.root}/secrets",
        paths.public,
        paths.sockets,
        paths.certificates,
        f"{paths.front}/issued",
        paths.instance_files,
        paths.unit_links,
    )
    found = {f"{place}/{name}" for place in places for name in files.list_directory(place)}
    manifest = store.read_manifest(paths, store.current_number(paths))
    found |= {f"generation: {path}" for path in manifest.files}
    found |= {f"started: {unit}" for unit in store.read_applied(paths)}
    found |= {f"block: {name}" for name in store.read_blocks(paths)}
    for kind, argv in (("container", ["ps", "--all"]), ("network", ["network", "ls"]), ("volume", ["volume", "ls"])):
        shown = process.run(["podman", *argv, "--format", "{{.Name}}" if kind != "container" else "{{.Names}}"])
        found |= {f"{kind}: {name}" for name in shown.text.splitlines()}
    return found
