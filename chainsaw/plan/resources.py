"""All that belongs to an instance, in one list: the inventory prints it, and purge, rename and clone act on it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from chainsaw.model.backup import INSTANCE, NOTES, RECIPE, SECRETS, VOLUMES
from chainsaw.model.block import Block
from chainsaw.model.deployment import Deployment, Manifest
from chainsaw.model.paths import Paths
from chainsaw.plan.in_use import InUse, with_parents
from chainsaw.plan.observed import EMPTY
from chainsaw.plan.state import processes_of

RemovedBy = Literal["remove", "purge", "shared", "stays"]
"""remove: deleted by `remove`. purge: by `remove --purge`. shared: others use it. stays: the host's, or history."""
Renamed = Literal["moves", "inside", "again", "stays"]
"""moves: to the path for the new name. inside: with its directory. again: created again. stays: not changed."""

QUADLETS = {"container": "", "network": "-network"}
"""The suffix that Podman's generator adds to the name of a unit, by type of quadlet (podman-systemd.unit(5))."""
RUN = "run"
"""The directory of an instance with what its components make again: sockets, sessions, compiled code. It is no data."""
RESTORING = "restore.json"
"""The file in an instance's directory that says that a restore into it has not ended; without, a rest looks whole."""
STAMPS = ("stamp-app@", "stamp-chainsaw-backup@", "stamp-chainsaw-drill@")
PRUNED = ("image", "static", "recipe")
"""Kinds that instances share: a prune deletes them when no instance uses them any more."""


@dataclass(frozen=True)
class Resource:
    """One resource of an instance: its kind, its name, its path if it has its own, and which command removes it.

    `elsewhere` returns its path for another instance name; a clone copies it there if `cloned`. A purge deletes those
    with `last` at the end: while they exist, the ids of the instance are not given to another one. A backup holds it
    under the path `kept_as`, if there is one.
    """

    kind: str
    name: str
    removed_by: RemovedBy
    place: str = ""
    reason: str = ""
    elsewhere: Callable[[str], str] | None = None
    renamed: Renamed = "again"
    cloned: bool = False
    last: bool = False
    kept_as: str = ""


NOTHING = InUse()


@dataclass(frozen=True)
class Subject:
    """An instance: its deployment in the manifest, if it is applied, and its files on the disk.

    `present` are the absolute paths of the files in its directories; `others` is what the rest of the site uses.
    """

    name: str
    paths: Paths
    present: frozenset[str] = frozenset()
    manifest: Manifest = EMPTY
    others: InUse = NOTHING

    @property
    def deployment(self) -> Deployment | None:
        """Its deployment, if it is applied."""
        return self.manifest.instances.get(self.name)

    def inside(self, directory: str) -> list[str]:
        """Return the names of the files on the disk in a directory of the instance."""
        return sorted(path.rpartition("/")[2] for path in self.present if path.rpartition("/")[0] == directory)


def resources_of(subject: Subject) -> list[Resource]:
    """Return all resources of an instance, in the order of removal, whether they exist on the disk or not."""
    found = [resource for source in SOURCES for resource in source(subject)]
    order = ("remove", "purge", "shared", "stays")
    return sorted(found, key=lambda item: order.index(item.removed_by))


def purged(found: Iterable[Resource]) -> list[Resource]:
    """Return what a purge of the instance deletes itself, in order."""
    own = [item for item in found if item.removed_by == "purge" and item.place and item.kind not in PRUNED]
    return sorted(own, key=lambda item: item.last)


def moves(found: Iterable[Resource], new: str) -> list[tuple[str, str]]:
    """Return what a rename moves, and where to; the file that declares the instance is the last."""
    return [(item.place, item.elsewhere(new)) for item in found if item.renamed == "moves" and item.elsewhere]


def copies(found: Iterable[Resource], new: str) -> list[tuple[Resource, str]]:
    """Return what a clone copies, and where to."""
    return [(item, item.elsewhere(new)) for item in found if item.cloned and item.elsewhere]


def directories_of_names(paths: Paths) -> list[tuple[str, str]]:
    """Return the directories with an entry named after each instance, each with the suffix of that name."""
    every = resources_of(Subject("*", paths))
    places = [item.place.partition("*") for item in every if item.renamed == "moves"]
    return list(dict.fromkeys((before.rstrip("/"), after) for before, _, after in places))


def _declared(subject: Subject) -> Iterator[Resource]:
    name, paths = subject.name, subject.paths
    place, reason = paths.instance_file(name), "kept as removed/ until a purge"
    yield Resource("file", f"{name}.yaml", "remove", place, reason, kept_as=INSTANCE)


def _running(subject: Subject) -> Iterator[Resource]:
    deployment = subject.deployment
    if deployment is None:
        return
    for service in processes_of(deployment):
        yield Resource("container", service.container, "remove")
    if deployment.network:
        yield Resource("network", f"chainsaw-{deployment.name}", "remove")
    if deployment.socket:
        yield Resource("socket", f"{deployment.name}.sock", "remove", subject.paths.socket(deployment.name))


def _generated(subject: Subject) -> Iterator[Resource]:
    manifest, paths = subject.manifest, subject.paths
    owned = sorted(path for path, owner in manifest.owners.items() if owner == subject.name)
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


def _volumes(subject: Subject) -> Iterator[Resource]:
    name, paths = subject.name, subject.paths

    def volume(key: str, public: bool, cloned: bool) -> Resource:
        place, kept_as = paths.volume(name, key, public), f"{VOLUMES}/{key}" if cloned else ""
        found = Resource("volume", key, "purge", place, "", lambda new: paths.volume(new, key, public), "inside")
        return replace(found, cloned=cloned, kept_as=kept_as)

    applied = {item.name: item.public is not None for item in subject.deployment.volumes} if subject.deployment else {}
    yield from (volume(key, public, cloned=True) for key, public in applied.items())
    for public, directory in ((False, f"{paths.instance(name)}/volumes"), (True, f"{paths.public}/{name}")):
        yield from (volume(key, public, cloned=False) for key in subject.inside(directory) if key not in applied)


def _secrets(subject: Subject) -> Iterator[Resource]:
    name, paths = subject.name, subject.paths
    keys = [item.key for item in subject.deployment.secrets] if subject.deployment else []
    for key in dict.fromkeys([*keys, *subject.inside(f"{paths.instance(name)}/secrets")]):
        kept_as = f"{SECRETS}/{key}" if key in keys else ""
        yield Resource("secret", key, "purge", paths.secret(name, key), renamed="inside", kept_as=kept_as)


def _record(subject: Subject) -> Iterator[Resource]:
    place = subject.paths.record(subject.name)
    start = subject.deployment.block if subject.deployment else None
    if start is not None or place in subject.present:
        ids = "ids" if start is None else f"{start}-{Block(start).end - 1}"
        yield Resource("block", ids, "purge", place, renamed="inside", last=True)


def _directories(subject: Subject) -> Iterator[Resource]:
    """Yield the content of the instance's directory, and the directories with its name."""
    name, paths = subject.name, subject.paths
    own = paths.instance(name)
    run = [RUN] if subject.deployment and subject.deployment.services else []
    for entry in dict.fromkeys([*run, *subject.inside(own)]):
        if f"{own}/{entry}" != paths.record(name):
            kind, last = "cache" if entry == RUN else "directory", entry == RESTORING
            yield Resource(kind, entry, "purge", f"{own}/{entry}", renamed="inside", last=last)
    yield Resource("data", name, "purge", own, "", paths.instance, "moves", last=True)
    public = f"{paths.public}/{name}"
    yield Resource("data", f"public/{name}", "purge", public, "", lambda new: f"{paths.public}/{new}", "moves")
    yield Resource("cache", f"{name}.up", "purge", paths.up_file(name), "", paths.up_file, "moves")


def _written(subject: Subject) -> Iterator[Resource]:
    """Yield the admin's notes on an instance, and its file if it was removed."""
    name, paths = subject.name, subject.paths
    kept = paths.removed_file(name)
    yield Resource("note", f"{name}.md", "purge", paths.notes_file(name), "", paths.notes_file, "moves", kept_as=NOTES)
    yield Resource("file", f"removed/{name}.yaml", "purge", kept, "", paths.instance_file, "moves")


def _backups(subject: Subject) -> Iterator[Resource]:
    """Yield what is remembered of an instance's backups, and those on this host, which outlive it."""
    name, paths = subject.name, subject.paths
    for shown, place in ((f"backups/{name}.json", paths.backup_record), (f"listings/{name}", paths.listings)):
        yield Resource("record", shown, "purge", place(name), "", place, "moves")
    reason = "kept also when the instance is deleted"
    yield Resource("backup", f"backups/{name}", "stays", paths.backups_of(name), reason, renamed="stays")


def _stamps(subject: Subject) -> Iterator[Resource]:
    """Yield the files in which systemd keeps when a timer last ran (systemd.timer(5), Persistent=)."""
    directory = subject.paths.stamps

    def elsewhere(kind: str, rest: str) -> Callable[[str], str]:
        return lambda new: f"{directory}/{kind}{new}.{rest}"

    for file in subject.inside(directory):
        for kind in STAMPS:
            if file.startswith(before := f"{kind}{subject.name}."):
                to = elsewhere(kind, file.removeprefix(before))
                yield Resource("stamp", file, "purge", f"{directory}/{file}", "", to, "moves")


def _published(subject: Subject) -> Iterator[Resource]:
    manifest, deployment, paths = subject.manifest, subject.deployment, subject.paths
    for host in deployment.hosts if deployment else ():
        used, server = host in subject.others.hosts, f"nginx/hosts/{host}.conf"
        if server in manifest.files:
            place = f"{paths.generations}/{manifest.number}/{server}"
            yield Resource("generated", server, "shared" if used else "remove", place)
        yield from certificates_of(host, paths, "shared" if used else "purge")


def certificates_of(host: str, paths: Paths, removed_by: RemovedBy = "purge") -> Iterator[Resource]:
    """Yield the record of a host's certificate, then the certificate, and what was asked of authorities.

    In this order, because apply reads the record: one without a certificate would keep it from issuing a new one.
    """
    yield Resource("certificate", f"{host}.json", removed_by, paths.issued(host), renamed="stays")
    yield Resource("certificate", host, removed_by, f"{paths.certificates}/{host}", renamed="stays")
    yield Resource("certificate", f"{host}, ledger", removed_by, paths.ledger(host), renamed="stays")
    yield Resource("certificate", f"{host}, order", removed_by, paths.order(host), renamed="stays")


def _kept(subject: Subject) -> Iterator[Resource]:
    if subject.deployment and subject.deployment.kept:
        yield Resource("cache", "pages", "purge", subject.deployment.kept, renamed="stays")


def _used(subject: Subject) -> Iterator[Resource]:
    deployment, others, paths = subject.deployment, subject.others, subject.paths
    if deployment is None:
        return
    if deployment.static:
        key = deployment.static.key
        removed_by: RemovedBy = "shared" if key in others.static else "purge"
        yield Resource("static", key, removed_by, f"{paths.static}/{key}", renamed="stays")
    images = [item for need in deployment.images for item in with_parents(need.reference, others.parents)]
    for reference in dict.fromkeys(images):
        yield Resource("image", reference, "shared" if reference in others.images else "purge", renamed="stays")
    if deployment.origin:
        yield from _recipe(deployment.origin, deployment, paths, others)


def _recipe(origin: str, deployment: Deployment, paths: Paths, others: InUse) -> Iterator[Resource]:
    """Yield the recipe in the version that runs, and the link to the version that is used for new instances."""
    used = {(origin, deployment.digest), (origin, "")} & others.recipes
    place = paths.installed(origin, deployment.digest)
    version = f"{origin} {deployment.version}"
    yield Resource("recipe", version, "shared" if used else "purge", place, renamed="stays", kept_as=RECIPE)
    meant = origin in {other for other, _ in others.recipes}
    link = paths.recipe_link(*origin.split("/"))
    yield Resource("recipe", origin, "shared" if meant else "purge", link, renamed="stays")


def _lasting(subject: Subject) -> Iterator[Resource]:
    deployment = subject.deployment
    if deployment is None:
        return
    if deployment.block is not None:
        user = f"chainsaw-{deployment.name}"
        yield Resource("host user", user, "stays", f"/etc/userdb/{user}.user", "until the next sudo chainsaw setup")
    yield Resource("history", "commits and former generations", "stays", renamed="stays")
    yield Resource("journal", "log", "stays", renamed="stays")


Source = Callable[[Subject], Iterator[Resource]]
SOURCES: tuple[Source, ...] = (
    _declared,
    _running,
    _generated,
    _volumes,
    _secrets,
    _record,
    _stamps,
    _directories,
    _backups,
    _written,
    _published,
    _kept,
    _used,
    _lasting,
)
"""One function for each kind of resource; a new kind added here is part of inventory, purge, rename and clone."""
