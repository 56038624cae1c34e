"""sweep: what nobody uses is deleted, and it holds no data."""

from __future__ import annotations

from chainsaw.host import files
from chainsaw.host.account import Account
from chainsaw.host.lock import locked
from chainsaw.work.inspect.inventory import unused_resources
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
    unused = unused_resources(account, account.current())
    for item in unused:
        if item.place:
            with account.steps.step(f"delete {item.place}"):
                files.remove_whatever(item.place)
    images = [item.name for item in unused if item.kind == "image"]
    with account.steps.step("delete images"):
        account.podman.remove_images(images)
    return [f"{item.kind} {item.name}" if item.kind == "certificate" else item.place or item.name for item in unused]
