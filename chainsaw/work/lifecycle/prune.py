"""prune: deletes unused items that hold no data."""

from __future__ import annotations

from contextlib import ExitStack

from chainsaw.host import files
from chainsaw.host.account import Account
from chainsaw.work.config.on_disk import owner_of
from chainsaw.work.inspect.inventory import unused_resources
from chainsaw.work.locks import Locks, preparing, site
from chainsaw.work.result import Reporter, Result


def prune(account: Account, report: Reporter) -> Result:
    """Delete unused items that hold no data: certificates, recipes, images and leftovers."""
    command = "chainsaw remove --orphans"
    with preparing(account, command, report), site(account, command, report):
        report.doing("deleting what is unused")
        pruned = prune_unused(account, command, report)
    lines = tuple(f"deleted {item}" for item in pruned) or ("nothing is unused",)
    return Result({"deleted": pruned}, lines)


def remove_empty_sources(account: Account) -> None:
    """Remove the directory of each source of which no recipe is installed any more, with the site's lock held."""
    recipes = account.paths.recipes
    for place in [f"{recipes}/{source}" for source in files.list_directory(recipes)]:
        if files.is_directory(place) and not files.list_directory(place):
            with account.steps.step(f"delete {place}"):
                files.remove_whatever(place)


def prune_unused(account: Account, command: str, report: Reporter) -> list[str]:
    """Delete what no instance uses, with the site's lock and the lock for preparing held; return what was deleted.

    Unfinished files are kept while another command holds the lock of their instance.
    """
    with ExitStack() as stack:
        every = unused_resources(account, account.current())
        owners = {owner for item in every if item.kind == "leftover" and (owner := owner_of(account.paths, item.place))}
        busy = Locks(account, command, report, stack).take_free(owners)
        unused = [item for item in every if owner_of(account.paths, item.place) not in busy]
        for item in unused:
            if item.place:
                with account.steps.step(f"delete {item.place}"):
                    files.remove_whatever(item.place)
        images = [item.name for item in unused if item.kind == "image"]
        with account.steps.step("delete images"):
            account.podman.remove_images(images)
    remove_empty_sources(account)
    return [f"{item.kind} {item.name}" if item.kind == "certificate" else item.place or item.name for item in unused]
