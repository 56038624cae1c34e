"""sweep: what nobody uses is deleted, and it holds no data."""

from __future__ import annotations

from chainsaw.host import facts, files
from chainsaw.host.lock import locked
from chainsaw.host.observe import issued_record
from chainsaw.host.step import Steps
from chainsaw.host.store import generations
from chainsaw.model.paths import Paths
from chainsaw.work.data.secrets import podman_of
from chainsaw.work.inspect.inventory import unused_images_of, unused_recipes, unused_static
from chainsaw.work.result import Reporter, Result


def prune(report: Reporter) -> Result:
    """Delete what belongs to no instance and holds no data: certificates, recipes, images and leftovers."""
    user = facts.account()
    with locked(user.paths.lock, "chainsaw remove --orphans", wait=True, waiting=report.note):
        report.doing("deleting what nobody uses")
        pruned = prune_unused(user, Steps())
    lines = tuple(f"deleted {item}" for item in pruned) or ("nothing is here that nobody uses",)
    return Result({"deleted": pruned}, lines)


def prune_unused(user: facts.Account, steps: Steps) -> list[str]:
    """Delete what no instance uses; return what that was."""
    paths = user.paths
    manifest = generations.read_manifest(paths, generations.current_number(paths))
    hosts = set(files.list_directory(paths.certificates)) - manifest.hosts
    with steps.step("sweep certificates"):
        drop_certificates(paths, hosts)
    places = [*unused_static(paths, manifest), *unused_recipes(user, manifest), *files.partial_files(paths.root)]
    for place in places:
        with steps.step(f"sweep {place}"):
            files.remove_whatever(place)
    images = unused_images_of(user, manifest)
    with steps.step("sweep images"):
        podman_of(user).remove_images(images)
    return [*sorted(f"certificate {host}" for host in hosts), *places, *images]


def drop_certificates(paths: Paths, hosts: set[str]) -> None:
    """Delete the certificates of hosts, but for those that an instance has."""
    manifest = generations.read_manifest(paths, generations.current_number(paths))
    for host in sorted(hosts - manifest.hosts):
        files.remove_tree(f"{paths.certificates}/{host}")
        files.remove(issued_record(paths, host))
