"""sweep: what nobody uses is deleted, and it holds no data."""

from __future__ import annotations

from chainsaw.host import facts, files
from chainsaw.host.lock import locked
from chainsaw.host.step import Steps
from chainsaw.host.store import generations
from chainsaw.work.data.secrets import podman_of
from chainsaw.work.inspect.inventory import unused_resources
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
    unused = unused_resources(user, generations.read_manifest(paths, generations.current_number(paths)))
    for item in unused:
        if item.place:
            with steps.step(f"delete {item.place}"):
                files.remove_whatever(item.place)
    images = [item.name for item in unused if item.kind == "image"]
    with steps.step("delete images"):
        podman_of(user).remove_images(images)
    return [f"{item.kind} {item.name}" if item.kind == "certificate" else item.place or item.name for item in unused]
