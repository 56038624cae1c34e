"""uninstall --all: deletes all that chainsaw made for a user, but the user's own files, once there is no instance."""

from __future__ import annotations

from chainsaw.checks.check import some
from chainsaw.errors import ChainsawError, Diagnostic
from chainsaw.host import files
from chainsaw.host.account import Account
from chainsaw.host.observe import own_links
from chainsaw.host.podman import storage
from chainsaw.host.store import records
from chainsaw.host.systemd import STOP_TIMEOUT, UserManager
from chainsaw.model.paths import Paths
from chainsaw.model.quantity import counted
from chainsaw.plan.observed import TARGET
from chainsaw.work.config.names import declared_names
from chainsaw.work.config.on_disk import names_on_disk
from chainsaw.work.inspect.inventory import OWN_IMAGES
from chainsaw.work.locks import preparing, site
from chainsaw.work.result import Reporter, Result, Table

SLICE = "chainsaw.slice"
"""What holds the front and all instances; it stays until it is stopped."""
HELD = ("chainsaw-logs.socket", "chainsaw-podman.service")
"""What stays active by itself."""
COMMAND = "chainsaw uninstall --all"


def instances_left(account: Account) -> list[str]:
    """Return the instances that are declared, applied, or have data."""
    paths = account.paths
    return sorted(declared_names(paths) | account.current().instances.keys() | names_on_disk(paths))


def leaving(account: Account) -> Result:
    """Return what would be deleted; raise ChainsawError while there are instances."""
    _refuse(account)
    paths = account.paths
    rows = [("link", place) for place in _links(paths)]
    rows += [("directory", place) for place in _directories(paths)]
    rows += [("image", name) for name in _images(paths)]
    return Result({}, table=Table(("what", "name"), tuple(rows)))


def leave(account: Account, report: Reporter) -> Result:
    """Stop the front, and delete the generations, the authority, the site's secrets, recipes and images.

    Raise ChainsawError while there are instances, or backups of some. What is already missing is skipped.
    """
    _refuse(account)
    paths = account.paths
    images, deleted = _images(paths), [*_links(paths), *_directories(paths)]
    # Taking a lock makes a directory for it.
    if deleted or images:
        with preparing(account, COMMAND, report), site(account, COMMAND, report):
            _refuse(account)
            _leave(account, report)
    lines = [f"deleted {place}" for place in deleted]
    lines += [f"deleted {counted(len(images), 'image')} that chainsaw built"] if images else []
    lines = lines or [f"nothing of chainsaw is left for {account.name}"]
    lines += [f"kept: your files, in {paths.own_files}"] if files.exists(paths.own_files) else []
    lines.append(f"next: sudo chainsaw setup --undo --user {account.name}; sudo apt remove chainsaw")
    return Result({"deleted": deleted, "images": images, "kept": paths.own_files}, tuple(lines))


def _leave(account: Account, report: Reporter) -> None:
    paths, steps = account.paths, account.steps
    report.doing("stopping the front")
    _stop(account, _links(paths))
    report.doing("deleting images")
    with steps.step("delete images"):
        account.podman.remove_images(_images(paths))
    report.doing("deleting the rest")
    files.remove(f"{paths.stamps}/stamp-chainsaw-certificates.timer")
    with steps.step(f"delete {paths.root}"):
        account.podman.remove_trees([paths.root])
    # The last, and all at once: a second attempt reads there what to stop.
    with steps.step(f"delete {paths.state}/chainsaw"):
        files.remove_tree(f"{paths.state}/chainsaw")
        files.remove_tree(f"{paths.state}/chainsaw{files.PARTIAL}")


def _refuse(account: Account) -> None:
    names = instances_left(account)
    if names:
        are = "are" if names[1:] else "is"
        message = f"{', '.join(names)} {are} still there; only a purge deletes an instance with its data"
        hint = "; ".join(f"chainsaw remove {name} --purge" for name in names)
        raise ChainsawError(Diagnostic("instances-left", message, hint=hint))
    # They are there for when all else is gone, so only their owner deletes them.
    if kept := files.list_directory(account.paths.backups):
        message = f"there are backups, of {some(kept)}, which would be deleted with all else"
        hint = f"mv {account.paths.backups} ~/, or rm -r {account.paths.backups}"
        raise ChainsawError(Diagnostic("backups-left", message, hint=hint))


def _directories(paths: Paths) -> list[str]:
    state = f"{paths.state}/chainsaw"
    return [place for place in (paths.root, state, f"{state}{files.PARTIAL}") if files.exists(place)]


def _images(paths: Paths) -> list[str]:
    return sorted(name for name in storage.image_names(paths) if name.startswith(OWN_IMAGES))


def _links(paths: Paths) -> list[str]:
    """Return the links by which systemd and Podman's generator find what is current."""
    found = [f"{paths.unit_links}/{name}" for name in own_links(paths)]
    ways = {
        f"{paths.unit_links}/{TARGET}": f"{paths.current}/units/{TARGET}",
        f"{paths.unit_links}/default.target.wants/{TARGET}": f"../{TARGET}",
        paths.quadlet_link: f"{paths.current}/quadlets",
    }
    return list(dict.fromkeys([*found, *(link for link, target in ways.items() if files.link_target(link) == target)]))


def _stop(account: Account, links: list[str]) -> None:
    """Stop all units that chainsaw has started, and take them away from systemd."""
    paths, steps = account.paths, account.steps
    started = sorted(records.read_applied(paths))
    if not links and not started:
        return
    with UserManager() as manager:
        units = [TARGET, *started, *HELD, SLICE]
        with steps.step(f"stop {' '.join(units)}"):
            manager.stop(units, STOP_TIMEOUT)
        for link in links:
            with steps.step(f"delete {link}"):
                files.remove(link)
        with steps.step("reload systemd"):
            manager.reload()
