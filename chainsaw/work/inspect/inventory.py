"""inventory: everything of an instance with its size, and what no instance uses."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from chainsaw.compile.deployment import image_needs
from chainsaw.compile.images import shared_build
from chainsaw.compile.sample import sample_job
from chainsaw.errors import ChainsawError, Diagnostic
from chainsaw.host import files, journal, usage
from chainsaw.host.account import Account
from chainsaw.host.certificates import read_record
from chainsaw.host.podman import storage
from chainsaw.host.store import generations, records
from chainsaw.host.stored import stored_hosts
from chainsaw.model.deployment import Deployment, ImageNeed, Manifest
from chainsaw.model.paths import Paths
from chainsaw.model.quantity import bytes_for_people
from chainsaw.plan.in_use import InUse, in_use, unused_images
from chainsaw.plan.nested import innermost, outermost
from chainsaw.plan.resources import Resource, Subject, certificates_of, purged, resources_of
from chainsaw.plan.state import processes_of
from chainsaw.work.config.names import applied_instance, declared_names
from chainsaw.work.config.on_disk import left_of, names_on_disk, subject_of
from chainsaw.work.config.site_secrets import unused_site_secrets
from chainsaw.work.inspect.snapshot import start_api
from chainsaw.work.recipes.catalog import catalog_of
from chainsaw.work.recipes.installed import pinned_version
from chainsaw.work.recipes.shipped import shared_files
from chainsaw.work.result import Result, Table

NETWORK = "chainsaw-"
OWN_IMAGES = "localhost/chainsaw/"
DISK_TIMEOUT = 60.0
REMOVED_BY = {"remove": "remove", "purge": "remove --purge", "shared": "kept: shared", "stays": "kept"}
FEW = 4
"""So many items of a kind have a line each."""
HEADING = ("what", "name", "size", "removed by")


def inventory(account: Account, name: str) -> Result:
    """Return everything that belongs to an instance; raise ChainsawError when there is none of this name."""
    manifest = account.current()
    if not purged(left_of(account.paths, name)):
        applied_instance(account.paths, manifest, name)
    start_api()
    subject = subject_of(account.paths, name, manifest, others(account, manifest, name))
    found = innermost([item for item in resources_of(subject) if not item.place or files.exists(item.place)])
    sizes = _sizes(account, found, subject)
    rows: list[dict[str, Any]] = [
        {
            "kind": item.kind,
            "name": item.name,
            "path": item.place,
            "removed_by": item.removed_by,
            "size": sizes.get(_key(item)),
        }
        for item in found
    ]
    shown = tuple(_grouped(rows))
    totals = {kind: sum(row["size"] or 0 for row in rows if row["removed_by"] == kind) for kind in REMOVED_BY}
    caches = sum(row["size"] or 0 for row in rows if row["kind"] == "cache")
    line = f"remove --purge frees {bytes_for_people(totals['remove'] + totals['purge'])}"
    line += f", {bytes_for_people(caches)} of it caches" if caches else ""
    data = {"instance": name, "resources": rows, "totals": totals, "caches": caches}
    return Result(data, (line,), table=Table(HEADING, shown))


def _grouped(rows: Sequence[dict[str, Any]]) -> Iterator[tuple[str, str, str, str]]:
    """Yield a line for each item, its kind on the first; many of a kind that go together share one."""
    alike = itertools.groupby(
        sorted(rows, key=lambda row: (*_order(row), row["name"])), key=lambda row: (row["kind"], row["removed_by"])
    )
    for (kind, removed_by), group in alike:
        items = list(group)
        if len(items) > FEW:
            size = _size(sum(row["size"] or 0 for row in items))
            yield kind, f"{len(items)} of them", size, REMOVED_BY[removed_by]
            continue
        for number, row in enumerate(items):
            yield "" if number else kind, row["name"], _size(row["size"]), REMOVED_BY[removed_by]


def _order(row: dict[str, Any]) -> tuple[int, str]:
    """Return the place of an item: what holds data comes first, what is made again last."""
    return (list(REMOVED_BY).index(row["removed_by"]) if row["removed_by"] != "purge" else -1, row["kind"])


def _size(count: int | None) -> str:
    return "" if count is None else bytes_for_people(count)


def _key(item: Resource) -> str:
    return item.place or f"{item.kind} {item.name}"


def others(account: Account, manifest: Manifest, name: str) -> InUse:
    """Return what the rest of the site uses."""
    used, parents = _images_in_use(account, manifest, name)
    parents |= _parents(manifest.instances[name].images) if name in manifest.instances else {}
    found = in_use(versions_of_rest(account.paths, manifest, name), used, records.read_chosen(account.paths), parents)
    # A certificate is not kept for a rollback, because it can be issued again.
    now = [item for other, item in manifest.instances.items() if other != name]
    hosts = [*(host for item in now for host in item.hosts), *(item.route.host for item in manifest.elsewhere)]
    return replace(found, hosts=frozenset(hosts))


def versions_of_rest(paths: Paths, manifest: Manifest, name: str = "") -> list[Deployment]:
    """Return the deployments of all instances but one, in the current and in the earlier generations."""
    rest = manifest.instances.keys() - {name}
    every = (manifest, *generations.former_manifests(paths))
    return [item for past in every for other, item in past.instances.items() if other in rest]


def _images_in_use(account: Account, manifest: Manifest, name: str = "") -> tuple[set[str], dict[str, str]]:
    """Return the images that all instances but one use, and the base image of each."""
    needs = [need for item in versions_of_rest(account.paths, manifest, name) for need in item.images]
    needs += [need for item in manifest.own for need in item.images]
    catalog, shared = catalog_of(account.paths), shared_files()
    for origin in records.read_chosen(account.paths):
        try:
            needs += image_needs(sample_job(catalog.bundle(origin), shared, paths=account.paths))
        except ChainsawError:
            continue
    return {need.reference for need in needs}, _parents(needs)


def _parents(needs: Iterable[ImageNeed]) -> dict[str, str]:
    images = shared_files().images
    base = shared_build("base", images).reference
    found: dict[str, str] = {}
    for need in needs:
        if need.base in images:
            stands_on = shared_build(need.base, images).reference
            found[need.reference] = stands_on if need.recipe else base
            found.setdefault(stands_on, "" if stands_on == base else base)
    return {image: parent for image, parent in found.items() if image != parent}


def unused_images_of(account: Account, manifest: Manifest) -> list[str]:
    """Return chainsaw's images in the store that no applied instance and no installed recipe uses."""
    used, parents = _images_in_use(account, manifest)
    present = [name for name in storage.image_names(account.paths) if name.startswith(OWN_IMAGES)]
    return unused_images(present, used, parents)


def _sizes(account: Account, listed: Sequence[Resource], subject: Subject) -> dict[str, int]:
    """Return the bytes of resources, by their path or kind and name; for an image, what it adds to its base image."""
    sizes = usage.disk_usage([item.place for item in listed if item.place], account.podman.enter(), DISK_TIMEOUT)
    images = [item.name for item in listed if item.kind == "image"]
    known = account.podman.image_sizes(image for image in images if image in storage.image_names(account.paths))
    sizes |= {
        f"image {name}": size - known.get(subject.others.parents.get(name, ""), 0) for name, size in known.items()
    }
    processes = processes_of(subject.deployment) if subject.deployment else ()
    match = journal.either(journal.matches(item.unit, item.container) for item in processes)
    if match:
        sizes["journal log"] = journal.size_of(match)
    return sizes


def orphans(account: Account) -> Result:
    """Return what chainsaw made on this host and no instance uses."""
    manifest = account.current()
    found = list(_orphans(account, manifest))
    unseen: list[Diagnostic] = []
    try:
        start_api()
        found += _strays(account, manifest)
    except ChainsawError as error:
        unseen = [replace(item, severity="warning") for item in error.diagnostics]
    sizes = usage.disk_usage([item.place for item in found if item.place], account.podman.enter(), DISK_TIMEOUT)
    rows = [{"kind": item.kind, "name": item.name, "path": item.place, "size": sizes.get(item.place)} for item in found]
    shown = tuple((item.kind, item.name, _size(sizes.get(item.place)), item.reason) for item in found)
    lines = () if rows or unseen else ("nothing is unused",)
    table = Table(("what", "name", "size", "fix"), shown)
    return Result({"orphans": rows}, lines, tuple(unseen), table=table)


def _orphans(account: Account, manifest: Manifest) -> Iterator[Resource]:
    paths = account.paths
    for name in sorted(names_on_disk(paths) - manifest.instances.keys() - declared_names(paths)):
        left = left_of(paths, name)
        roots = outermost(item.place for item in left)
        yield from (replace(item, reason=f"chainsaw remove {name} --purge") for item in left if item.place in roots)
    # Only the admin has them, perhaps: they are never deleted by themselves.
    for key in unused_site_secrets(account, names_on_disk(paths)):
        yield Resource("site secret", key, "purge", paths.site_secret(key), f"rm {paths.site_secret(key)}")
    yield from (replace(item, reason="chainsaw remove --orphans") for item in unused_resources(account, manifest))


def _strays(account: Account, manifest: Manifest) -> Iterator[Resource]:
    """Yield containers, networks and sockets of no applied instance."""
    paths, podman = account.paths, account.podman
    names = {*manifest.instances, *(item.name for item in manifest.own)}
    for container, instance in sorted(podman.labelled().items()):
        if instance not in names:
            yield Resource("container", container, "purge", "", f"podman rm --force {container}")
    for network in podman.networks():
        if network.startswith(NETWORK) and network.removeprefix(NETWORK) not in names:
            yield Resource("network", network, "purge", "", f"podman network rm {network}")
    for file in files.list_directory(paths.sockets):
        if file.rpartition(".")[0].removeprefix(".") not in names:
            yield Resource("socket", file, "purge", f"{paths.sockets}/{file}", f"rm {paths.sockets}/{file}")


def _is_imported(paths: Paths, host: str) -> bool:
    record = read_record(paths.issued(host))
    return record is not None and record.issuer == "files"


def unused_resources(account: Account, manifest: Manifest) -> list[Resource]:
    """Return unused items that hold no data: certificates, recipes, images and leftovers."""
    paths = account.paths
    # One that was imported for a name that is not published yet cannot be issued again.
    hosts = [host for host in stored_hosts(paths) if host not in manifest.hosts and not _is_imported(paths, host)]
    certificates = [item for host in hosts for item in certificates_of(host, paths) if files.exists(item.place)]
    static = [("static", place.rpartition("/")[2], place) for place in unused_static(paths, manifest)]
    below = f"{paths.recipes}/"
    recipes = [("recipe", place.removeprefix(below), place) for place in unused_recipes(account, manifest)]
    images = [("image", reference, "") for reference in unused_images_of(account, manifest)]
    leftovers = [("leftover", place.rpartition("/")[2], place) for place in files.partial_files(paths.root)]
    rest: list[tuple[str, str, str]] = [*static, *recipes, *images, *leftovers]
    return [*certificates, *(Resource(kind, name, "purge", place) for kind, name, place in rest)]


def unused_static(paths: Paths, manifest: Manifest) -> list[str]:
    """Return the directories of static files that no instance uses in any generation on disk."""
    used = {item.static.key for item in versions_of_rest(paths, manifest) if item.static}
    names = [name for name in files.list_directory(paths.static) if not name.endswith(".partial")]
    return [f"{paths.static}/{name}" for name in names if name not in used]


def unused_recipes(account: Account, manifest: Manifest) -> list[str]:
    """Return the directories and links of recipes that no instance uses, and that were not installed by name."""
    paths = account.paths
    chosen = records.read_chosen(paths)
    # What was removed can be rolled back, in the version that it had, as long as its file is kept.
    names = {name for name in names_on_disk(paths) if files.exists(paths.removed_file(name))} | declared_names(paths)
    past = [item for former in generations.former_manifests(paths) for item in former.instances.values()]
    back = [item for item in past if item.name in names]
    used = {(item.origin, item.digest[:16]) for item in (*versions_of_rest(paths, manifest), *back)}
    pinned = {version for name in names if (version := pinned_version(paths, name))}
    wanted = set(chosen) | {origin for origin, _ in used} | _declared_origins(account)
    found = []
    for source in files.list_directory(paths.recipes):
        for entry in files.list_directory(f"{paths.recipes}/{source}"):
            recipe, _, digest = entry.partition("@")
            origin = f"{source}/{recipe}"
            current = (files.link_target(paths.recipe_link(source, recipe)) or "").rpartition("@")[2]
            kept = origin in wanted and (not digest or digest in (current, *pinned) or (origin, digest) in used)
            found += [] if kept else [f"{paths.recipes}/{source}/{entry}"]
    return found


def _declared_origins(account: Account) -> set[str]:
    """Return the origins of the recipes that instances declare, applied or not."""
    from chainsaw.load.yaml import read_yaml

    catalog = catalog_of(account.paths)
    found: set[str] = set()
    for name in declared_names(account.paths):
        try:
            value: Any = read_yaml(name, files.read_text(account.paths.instance_file(name)) or "").value
            place = catalog.place(str(value.get("recipe")))
        except (ChainsawError, AttributeError):
            continue
        found |= {place.origin} if place else set()
    return found
