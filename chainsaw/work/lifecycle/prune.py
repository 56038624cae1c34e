"""sweep: what nobody uses is deleted, and it holds no data."""

from __future__ import annotations

from chainsaw.host import files
from chainsaw.host.account import Account
from chainsaw.host.lock import locked
from chainsaw.host.observe import issued_record
from chainsaw.work.inspect.inventory import unused_images_of, unused_recipes, unused_static
from chainsaw.work.result import Reporter, Result


def prune(account: Account, report: Reporter) -> Result:
    """Delete what belongs to no instance and holds no data: certificates, recipes, images and leftovers."""
    with locked(account.paths.lock, "chainsaw remove --orphans", wait=True, waiting=report.note):
        report.doing("deleting what nobody uses")
        pruned = prune_unused(account)
    lines = tuple(f"deleted {item}" for item in pruned) or ("nothing is here that nobody uses",)
    return Result({"deleted": pruned}, lines)


def prune_unused(account: Account) -> list[str]:
    """Delete what no instance uses; return what that was."""
    paths, manifest = account.paths, account.current()
    hosts = set(files.list_directory(paths.certificates)) - manifest.hosts
    with account.steps.step("sweep certificates"):
        drop_certificates(account, hosts)
    places = [*unused_static(paths, manifest), *unused_recipes(account, manifest), *files.partial_files(paths.root)]
    for place in places:
        with account.steps.step(f"sweep {place}"):
            files.remove_whatever(place)
    images = unused_images_of(account, manifest)
    with account.steps.step("sweep images"):
        account.podman.remove_images(images)
    return [*sorted(f"certificate {host}" for host in hosts), *places, *images]


def drop_certificates(account: Account, hosts: set[str]) -> None:
    """Delete the certificates of hosts, but for those that an instance has."""
    paths, manifest = account.paths, account.current()
    for host in sorted(hosts - manifest.hosts):
        files.remove_tree(f"{paths.certificates}/{host}")
        files.remove(issued_record(paths, host))
