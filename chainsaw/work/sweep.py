"""sweep: what nobody uses is deleted, and it holds no data."""

from __future__ import annotations

from chainsaw.host import facts, files, store
from chainsaw.host.lock import locked
from chainsaw.host.observe import issued_record
from chainsaw.host.step import Steps
from chainsaw.model.paths import Paths
from chainsaw.work.inventory import surplus_images, surplus_recipes, surplus_static
from chainsaw.work.result import Reporter, Result
from chainsaw.work.secrets import podman_of


def sweep(report: Reporter) -> Result:
    """Delete what belongs to no instance and holds no data: certificates, recipes, images and leftovers."""
    user = facts.account()
    with locked(user.paths.lock, "chainsaw remove --orphans", wait=True, waiting=report.note):
        report.doing("deleting what nobody uses")
        swept = sweep_away(user, Steps())
    lines = tuple(f"deleted {item}" for item in swept) or ("nothing is here that nobody uses",)
    return Result({"deleted": swept}, lines)


def sweep_away(user: facts.Account, steps: Steps) -> list[str]:
    """Delete what no instance uses; return what that was."""
    paths = user.paths
    manifest = store.read_manifest(paths, store.current_number(paths))
    used = {item.host for item in manifest.instances.values()}
    hosts = set(files.list_directory(paths.certificates)) - used
    with steps.step("sweep certificates"):
        drop_certificates(paths, hosts)
    places = [*surplus_static(paths, manifest), *surplus_recipes(user, manifest), *files.partial_files(paths.root)]
    for place in places:
        with steps.step(f"sweep {place}"):
            files.remove_whatever(place)
    images = surplus_images(user, manifest)
    with steps.step("sweep images"):
        podman_of(user).remove_images(images)
    return [*sorted(f"certificate {host}" for host in hosts), *places, *images]


def drop_certificates(paths: Paths, hosts: set[str]) -> None:
    """Delete the certificates of hosts, but for those that an instance has."""
    manifest = store.read_manifest(paths, store.current_number(paths))
    for host in sorted(hosts - {item.host for item in manifest.instances.values()}):
        files.remove_tree(f"{paths.certificates}/{host}")
        files.remove(issued_record(paths, host))
