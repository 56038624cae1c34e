"""Every bit that belongs to an instance, and what becomes of it: what inventory shows, remove and purge take away."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from chainsaw.model.block import Block
from chainsaw.model.deployment import Deployment, Manifest
from chainsaw.model.paths import Paths
from chainsaw.plan.state import processes_of

Fate = Literal["remove", "purge", "shared", "stays"]
"""remove: gone with `remove`. purge: with `remove --purge`. shared: others use it. stays: the host's, or history."""

QUADLETS = {"container": "", "network": "-network"}
"""What Podman's generator puts behind the name of a file's unit (podman-systemd.unit(5))."""


@dataclass(frozen=True)
class Holding:
    """One thing: what kind it is, its name, where it is on the disk if it has a place of its own, and its fate."""

    kind: str
    name: str
    fate: Fate
    place: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Others:
    """What the rest of the site uses: hosts, keys of static files, recipes by origin and digest, images.

    `parents` are, by reference, on which image each stands that is built here.
    """

    hosts: frozenset[str]
    static: frozenset[str]
    recipes: frozenset[tuple[str, str]]
    images: frozenset[str]
    parents: Mapping[str, str]


def others_of(
    rest: Sequence[Deployment], images: Iterable[str], chosen: Iterable[str], parents: Mapping[str, str] | None = None
) -> Others:
    """Return what the other instances use; `images` are references, `chosen` recipes that were installed by hand."""
    stands_on = parents or {}
    return Others(
        hosts=frozenset(item.host for item in rest),
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


def holdings(manifest: Manifest, name: str, paths: Paths, others: Others) -> list[Holding]:
    """Return all that an applied instance has, what goes first before what goes last."""
    deployment = manifest.instances[name]
    found = [*_declared(name, paths), *_running(deployment, paths), *_generated(manifest, name, paths)]
    found += [*_data(deployment, paths), *_host(manifest, deployment, paths, others)]
    found += [*_used(deployment, paths, others), *_lasting(deployment)]
    order = ("remove", "purge", "shared", "stays")
    return sorted(found, key=lambda item: order.index(item.fate))


def _declared(name: str, paths: Paths) -> Iterator[Holding]:
    yield Holding("file", f"{name}.yaml", "remove", paths.instance_file(name), "kept as removed/ until a purge")
    yield Holding("note", f"{name}.md", "purge", paths.notes_file(name))


def _running(deployment: Deployment, paths: Paths) -> Iterator[Holding]:
    for service in processes_of(deployment):
        yield Holding("container", service.container, "remove")
    if deployment.network:
        yield Holding("network", f"chainsaw-{deployment.name}", "remove")
    if deployment.socket:
        yield Holding("socket", f"{deployment.name}.sock", "remove", paths.socket(deployment.name))


def _generated(manifest: Manifest, name: str, paths: Paths) -> Iterator[Holding]:
    owned = sorted(path for path, owner in manifest.owners.items() if owner == name)
    for path in owned:
        directory, _, file = path.partition("/")
        stem, _, kind = file.rpartition(".")
        if directory == "quadlets":
            yield Holding("unit", f"{stem}{QUADLETS[kind]}.service", "remove")
        if directory == "units":
            yield Holding("unit", file, "remove")
            yield Holding("link", file, "remove", f"{paths.unit_links}/{file}")
    for path in owned:
        yield Holding("generated", path, "remove", f"{paths.generations}/{manifest.number}/{path}")


def _data(deployment: Deployment, paths: Paths) -> Iterator[Holding]:
    name = deployment.name
    own = (f"{paths.instance(name)}/volumes/", f"{paths.public}/{name}/")
    for directory in deployment.directories:
        if directory.path.startswith(own):
            yield Holding("volume", directory.path.rpartition("/")[2], "purge", directory.path)
    for secret in deployment.secrets:
        yield Holding("secret", secret.key, "purge", secret.path)
    if deployment.services:
        yield Holding("directory", "run", "purge", f"{paths.instance(name)}/run")
    if deployment.block is not None:
        block = Block(deployment.block)
        yield Holding("block", f"{block.start}-{block.end - 1}", "purge", paths.record(name))


def _host(manifest: Manifest, deployment: Deployment, paths: Paths, others: Others) -> Iterator[Holding]:
    host, used = deployment.host, deployment.host in others.hosts
    server = f"nginx/hosts/{host}.conf"
    if server in manifest.files:
        place = f"{paths.generations}/{manifest.number}/{server}"
        yield Holding("generated", server, "shared" if used else "remove", place)
    fate: Fate = "shared" if used else "purge"
    yield Holding("certificate", host, fate, f"{paths.certificates}/{host}")
    yield Holding("certificate", f"{host}.json", fate, f"{paths.front}/issued/{host}.json")


def _used(deployment: Deployment, paths: Paths, others: Others) -> Iterator[Holding]:
    if deployment.static:
        key = deployment.static.key
        yield Holding("static", key, "shared" if key in others.static else "purge", f"{paths.static}/{key}")
    images = [item for need in deployment.images for item in _with_parents(need.reference, others.parents)]
    for reference in dict.fromkeys(images):
        yield Holding("image", reference, "shared" if reference in others.images else "purge")
    if deployment.origin:
        yield from _recipe(deployment.origin, deployment, paths, others)


def _recipe(origin: str, deployment: Deployment, paths: Paths, others: Others) -> Iterator[Holding]:
    """Yield the recipe in the version that runs, and the link to the version that its name means."""
    used = {(origin, deployment.digest), (origin, "")} & others.recipes
    place = paths.installed(origin, deployment.digest)
    yield Holding("recipe", f"{origin} {deployment.version}", "shared" if used else "purge", place)
    meant = origin in {other for other, _ in others.recipes}
    yield Holding("recipe", origin, "shared" if meant else "purge", paths.recipe_link(*origin.split("/")))


def _lasting(deployment: Deployment) -> Iterator[Holding]:
    name = deployment.name
    if deployment.block is not None:
        place = f"/etc/userdb/chainsaw-{name}.user"
        yield Holding("host user", f"chainsaw-{name}", "stays", place, "until the next sudo chainsaw setup")
    yield Holding("history", "commits and former generations", "stays")
    yield Holding("journal", "what it said", "stays")


def unused_images(present: Iterable[str], used: Iterable[str], parents: Mapping[str, str]) -> list[str]:
    """Return the images that nothing uses and nothing that is used stands on; `parents` are by reference."""
    kept = {image for reference in used for image in _with_parents(reference, parents)}
    return sorted(set(present) - kept)
