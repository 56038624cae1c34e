"""install: a recipe is copied to this host at its version, and its images are built or pulled; and that taken back."""

from __future__ import annotations

from collections.abc import Callable

from chainsaw.compile.deployment import image_needs
from chainsaw.compile.sample import sample_job
from chainsaw.errors import ChainsawError, Diagnostic, Exit
from chainsaw.host import facts
from chainsaw.host.lock import locked
from chainsaw.host.podman import Podman
from chainsaw.host.step import Steps
from chainsaw.host.store import generations, records
from chainsaw.host.systemd import UserManager
from chainsaw.load.check import nearest
from chainsaw.load.recipe import Bundle
from chainsaw.work.lifecycle.prune import prune_unused
from chainsaw.work.recipes.catalog import Catalog, catalog_of
from chainsaw.work.recipes.images import Images
from chainsaw.work.recipes.installed import store_recipe
from chainsaw.work.recipes.search import permission_lines
from chainsaw.work.recipes.shipped import shared_files
from chainsaw.work.result import Reporter, Result


def install(name: str, agree: Callable[[list[str]], bool], report: Reporter) -> Result:
    """Install a recipe in its source's version; `agree` is asked with what it wants beyond the defaults."""
    user = facts.account()
    catalog = catalog_of(user.paths)
    place = catalog.offer(name)
    if place is None:
        message = f"no source has a recipe {name!r}{nearest(name, catalog.names)}"
        raise ChainsawError(Diagnostic("no-recipe", message, hint="chainsaw search lists all"), Exit.MISSING)
    bundle = catalog.read(place)
    wanted = permission_lines(bundle.recipe)
    if wanted and not agree(wanted):
        raise ChainsawError(Diagnostic("declined", f"{place.origin} was not installed"))
    with locked(user.paths.lock, f"chainsaw install {name}", wait=True, waiting=report.note):
        records.prepare(user.paths)
        _obtain_images(user, catalog, bundle, report)
        store_recipe(user.paths, bundle)
        records.write_chosen(user.paths, [*records.read_chosen(user.paths), place.origin])
    applied = generations.read_manifest(user.paths, generations.current_number(user.paths)).instances
    users = sorted(one for one, item in applied.items() if item.origin == place.origin and item.digest != bundle.digest)
    version = f"{bundle.recipe.version}-{bundle.recipe.revision}"
    lines = [f"{bundle.recipe.name} {version} is installed", *(f"  {wish}" for wish in wanted)]
    lines.append(
        f"next: chainsaw apply, which updates {', '.join(users)}" if users else f"next: chainsaw new {name} NAME"
    )
    return Result({"recipe": place.origin, "version": version, "permissions": wanted, "updates": users}, tuple(lines))


def installed() -> list[str]:
    """Return the origins of the recipes that were installed for their own sake."""
    return list(records.read_chosen(facts.account().paths))


def uninstall(name: str, report: Reporter) -> Result:
    """Take an installation back: what no instance uses of the recipe and its images goes, at once or with the last one.

    Raise ChainsawError for a recipe that nobody installed for its own sake.
    """
    user = facts.account()
    chosen = records.read_chosen(user.paths)
    meant = [origin for origin in chosen if name in (origin, origin.rpartition("/")[2])]
    if len(meant) != 1:
        near = nearest(name, [*chosen, *(origin.rpartition("/")[2] for origin in chosen)])
        message = f"{name} is from {' and '.join(meant)}" if meant else f"{name} was not installed{near}"
        hint = f"chainsaw uninstall {meant[0]}" if meant else f"installed: {', '.join(chosen) or 'none'}"
        raise ChainsawError(Diagnostic("not-installed", message, hint=hint), Exit.MISSING)
    with locked(user.paths.lock, f"chainsaw uninstall {name}", wait=True, waiting=report.note):
        report.doing(f"deleting what only {name} used")
        records.write_chosen(user.paths, [origin for origin in chosen if origin not in meant])
        pruned = prune_unused(user, Steps())
    applied = generations.read_manifest(user.paths, generations.current_number(user.paths)).instances
    users = sorted(one for one, item in applied.items() if item.origin in meant)
    lines = [f"{meant[0]} is no longer installed for its own sake", *(f"  deleted {item}" for item in pruned)]
    lines += [f"  {', '.join(users)} still use{'' if users[1:] else 's'} it"] if users else []
    return Result({"recipe": meant[0], "deleted": pruned, "used_by": users}, tuple(lines))


def _obtain_images(user: facts.Account, catalog: Catalog, bundle: Bundle, report: Reporter) -> None:
    ranges = facts.ranges_of(user.name, user.uid)
    podman = Podman(user.runtime, ranges.uids, ranges.gids)
    images = Images(user.paths, podman, catalog, shared_files(), report)
    with UserManager() as manager:
        manager.start([("podman.socket", False)], 10)
    needs = list(image_needs(sample_job(bundle, shared_files(), paths=user.paths)))
    images.obtain(needs)
    for need in needs:
        images.check(need)
