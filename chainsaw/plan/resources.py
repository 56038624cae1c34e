"""Every bit that belongs to an instance, and what becomes of it: what inventory shows, remove and purge take away."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from chainsaw.model.block import Block
from chainsaw.model.deployment import Deployment, Manifest
from chainsaw.model.paths import Paths
from chainsaw.plan.state import processes_of

RemovedBy = Literal["remove", "purge", "shared", "stays"]
"""remove: gone with `remove`. purge: with `remove --purge`. shared: others use it. stays: the host's, or history."""

QUADLETS = {"container": "", "network": "-network"}
"""What Podman's generator puts behind the name of a file's unit (podman-systemd.unit(5))."""


@dataclass(frozen=True)
class Resource:
    """One thing: what kind it is, its name, where it is on the disk if it has a place of its own, and its fate."""

    kind: str
    name: str
    removed_by: RemovedBy
    place: str = ""
    reason: str = ""


@dataclass(frozen=True)
class InUse:
    """What the rest of the site uses: hosts, keys of static files, recipes by origin and digest, images.

    `parents` are, by reference, on which image each stands that is built here.
    """

    hosts: frozenset[str]
    static: frozenset[str]
    recipes: frozenset[tuple[str, str]]
    images: frozenset[str]
    parents: Mapping[str, str]


def in_use(
    rest: Sequence[Deployment], images: Iterable[str], chosen: Iterable[str], parents: Mapping[str, str] | None = None
) -> InUse:
    """Return what the other instances use; `images` are references, `chosen` recipes that were installed by hand."""
    stands_on = parents or {}
    return InUse(
        hosts=frozenset(host for item in rest for host in item.hosts),
        static=frozenset(item.static.key for item in rest if item.static),
        recipes=frozenset((item.origin, item.digest) for item in rest) | frozenset((origin, "") for origin in chosen),
        images=frozenset(item for image in images for item in _with_parents(image, stands_on)),
        parents=stands_on,
    )


def _with_parents(image: str, parents: Mapping[str, str]) -> list[str]:
    """Return an image and those on which it stands, itself first."""
    found: list[str] = []
    while image and image not in found:
        found.append(image)
        image = parents.get(image, "")
    return found


def resources_of(manifest: Manifest, name: str, paths: Paths, others: InUse) -> list[Resource]:
    """Return all that an applied instance has, what goes first before what goes last."""
    deployment = manifest.instances[name]
    found = [*_declared(name, paths), *_running(deployment, paths), *_generated(manifest, name, paths)]
    found += [*_data(deployment, paths), *_host(manifest, deployment, paths, others)]
    found += [*_used(deployment, paths, others), *_lasting(deployment)]
    order = ("remove", "purge", "shared", "stays")
    return sorted(found, key=lambda item: order.index(item.removed_by))


def _declared(name: str, paths: Paths) -> Iterator[Resource]:
    yield Resource("file", f"{name}.yaml", "remove", paths.instance_file(name), "kept as removed/ until a purge")
    yield Resource("note", f"{name}.md", "purge", paths.notes_file(name))


def _running(deployment: Deployment, paths: Paths) -> Iterator[Resource]:
    for service in processes_of(deployment):
        yield Resource("container", service.container, "remove")
    if deployment.network:
        yield Resource("network", f"chainsaw-{deployment.name}", "remove")
    if deployment.socket:
        yield Resource("socket", f"{deployment.name}.sock", "remove", paths.socket(deployment.name))


def _generated(manifest: Manifest, name: str, paths: Paths) -> Iterator[Resource]:
    owned = sorted(path for path, owner in manifest.owners.items() if owner == name)
    for path in owned:
        directory, _, file = path.partition("/")
        stem, _, kind = file.rpartition(".")
        if directory == "quadlets":
            yield Resource("unit", f"{stem}{QUADLETS[kind]}.service", "remove")
        if directory == "units":
            yield Resource("unit", file, "remove")
            yield Resource("link", file, "remove", f"{paths.unit_links}/{file}")
    for path in owned:
        yield Resource("generated", path, "remove", f"{paths.generations}/{manifest.number}/{path}")


def _data(deployment: Deployment, paths: Paths) -> Iterator[Resource]:
    name = deployment.name
    for volume in deployment.volumes:
        yield Resource("volume", volume.name, "purge", volume.path)
    for secret in deployment.secrets:
        yield Resource("secret", secret.key, "purge", secret.path)
    if deployment.services:
        yield Resource("directory", "run", "purge", f"{paths.instance(name)}/run")
    if deployment.block is not None:
        block = Block(deployment.block)
        yield Resource("block", f"{block.start}-{block.end - 1}", "purge", paths.record(name))


def _host(manifest: Manifest, deployment: Deployment, paths: Paths, others: InUse) -> Iterator[Resource]:
    for host in deployment.hosts:
        used, server = host in others.hosts, f"nginx/hosts/{host}.conf"
        if server in manifest.files:
            place = f"{paths.generations}/{manifest.number}/{server}"
            yield Resource("generated", server, "shared" if used else "remove", place)
        removed_by: RemovedBy = "shared" if used else "purge"
        yield Resource("certificate", host, removed_by, f"{paths.certificates}/{host}")
        yield Resource("certificate", f"{host}.json", removed_by, f"{paths.front}/issued/{host}.json")


def _used(deployment: Deployment, paths: Paths, others: InUse) -> Iterator[Resource]:
    if deployment.static:
        key = deployment.static.key
        yield Resource("static", key, "shared" if key in others.static else "purge", f"{paths.static}/{key}")
    images = [item for need in deployment.images for item in _with_parents(need.reference, others.parents)]
    for reference in dict.fromkeys(images):
        yield Resource("image", reference, "shared" if reference in others.images else "purge")
    if deployment.origin:
        yield from _recipe(deployment.origin, deployment, paths, others)


def _recipe(origin: str, deployment: Deployment, paths: Paths, others: InUse) -> Iterator[Resource]:
    """Yield the recipe in the version that runs, and the link to the version that its name means."""
    used = {(origin, deployment.digest), (origin, "")} & others.recipes
    place = paths.installed(origin, deployment.digest)
    yield Resource("recipe", f"{origin} {deployment.version}", "shared" if used else "purge", place)
    meant = origin in {other for other, _ in others.recipes}
    yield Resource("recipe", origin, "shared" if meant else "purge", paths.recipe_link(*origin.split("/")))


def _lasting(deployment: Deployment) -> Iterator[Resource]:
    name = deployment.name
    if deployment.block is not None:
        place = f"/etc/userdb/chainsaw-{name}.user"
        yield Resource("host user", f"chainsaw-{name}", "stays", place, "until the next sudo chainsaw setup")
    yield Resource("history", "commits and former generations", "stays")
    yield Resource("journal", "what it said", "stays")


def unused_images(present: Iterable[str], used: Iterable[str], parents: Mapping[str, str]) -> list[str]:
    """Return the images that nothing uses and nothing that is used stands on; `parents` are by reference."""
    kept = {image for reference in used for image in _with_parents(reference, parents)}
    return sorted(set(present) - kept)
