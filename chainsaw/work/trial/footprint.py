"""What an instance uses and may leave behind: memory, images, and entries of the account."""

from __future__ import annotations

from chainsaw.compile.images import shared_build
from chainsaw.errors import ChainsawError, Diagnostic
from chainsaw.host import files, usage
from chainsaw.host.store import records
from chainsaw.host.systemd import UserManager
from chainsaw.work.recipes.shipped import shared_files
from chainsaw.work.trial.scene import Scene


def memory_of(scene: Scene, name: str) -> float:
    """Return the proportional set size of an instance's processes, in MB; raise ChainsawError when it is unknown."""
    processes = scene.processes(name)
    found = usage.memory_of(processes)
    if processes and not found:
        raise ChainsawError(Diagnostic("unreadable", f"the memory of {name}'s processes cannot be read", "/proc"))
    return round(found / 1e6, 1)


def image_sizes(scene: Scene) -> dict[str, float]:
    """Return the size of an instance's images, in MB: all layers, each once, and those that only it uses."""
    # Since the last reboot, nothing may have needed it.
    with UserManager() as manager:
        manager.start_api()
    shared = shared_files().images
    base = shared_build("base", shared).reference
    parents: dict[str, str] = {}
    own = []
    for need in scene.deployment(scene.first).images:
        stands_on = shared_build(need.base, shared).reference if need.recipe else base
        parents |= {need.reference: stands_on if need.base else "", stands_on: base if need.base else ""}
        own += [] if need.base and not need.recipe else [need.reference]
    parents |= {base: ""}
    known = {item for item in {*parents, *parents.values()} if item and (item != base or any(parents.values()))}
    sizes = scene.podman.image_sizes(sorted(known))
    layers = {item: sizes[item] - sizes.get(parents.get(item, ""), 0) for item in known}
    return {
        "image_mb": round(sum(layers.values()) / 1e6),
        "image_own_mb": round(sum(map(layers.__getitem__, own)) / 1e6),
    }


def footprint(scene: Scene) -> set[str]:
    """Return everything that an instance could leave behind: files, links, containers, networks, records."""
    paths = scene.account.paths
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
    manifest = scene.account.current()
    found |= {f"generation: {path}" for path in manifest.files}
    found |= {f"started: {unit}" for unit in records.read_applied(paths)}
    found |= {f"block: {name}" for name in records.read_blocks(paths)}
    podman = scene.podman
    kinds = {"container": podman.containers(), "network": podman.networks(), "volume": podman.volumes()}
    return found | {f"{kind}: {name}" for kind, names in kinds.items() for name in names}
