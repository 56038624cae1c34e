"""install and uninstall: copy a recipe to this host and build or pull its images; or delete both."""

from __future__ import annotations

from collections.abc import Callable

from chainsaw.compile.deployment import image_needs
from chainsaw.compile.sample import sample_job
from chainsaw.errors import ChainsawError, Diagnostic, Exit
from chainsaw.host.account import Account
from chainsaw.host.store import records
from chainsaw.host.systemd import UserManager
from chainsaw.load.check import nearest
from chainsaw.load.recipe import Bundle
from chainsaw.work.lifecycle.prune import prune_unused
from chainsaw.work.locks import preparing, site
from chainsaw.work.recipes.catalog import Catalog, catalog_of
from chainsaw.work.recipes.images import Images
from chainsaw.work.recipes.installed import store_recipe
from chainsaw.work.recipes.search import permission_lines
from chainsaw.work.recipes.shipped import shared_files
from chainsaw.work.result import Reporter, Result


def install(account: Account, name: str, agree: Callable[[list[str]], bool], report: Reporter) -> Result:
    """Install a recipe in its source's version; `agree` is called with the permissions that it needs."""
    catalog = catalog_of(account.paths)
    place = catalog.offer(name)
    if place is None:
        message = f"no source has a recipe {name!r}{nearest(name, catalog.names)}"
        raise ChainsawError(Diagnostic("no-recipe", message, hint="chainsaw search lists all"), Exit.MISSING)
    bundle = catalog.read(place)
    wanted = permission_lines(bundle.recipe)
    if wanted and not agree(wanted):
        raise ChainsawError(Diagnostic("declined", f"{place.origin} was not installed"))
    command, steps = f"chainsaw install {name}", account.steps
    with preparing(account, command, report):
        with steps.step("make the state directory"):
            records.prepare(account.paths)
        with steps.step("obtain images"):
            _obtain_images(account, catalog, bundle, report)
        with site(account, command, report):
            with steps.step(f"install {place.origin}"):
                store_recipe(account.paths, bundle)
            with steps.step(f"record that {place.origin} is installed"):
                records.write_chosen(account.paths, [*records.read_chosen(account.paths), place.origin])
    applied = account.current().instances
    users = sorted(one for one, item in applied.items() if item.origin == place.origin and item.digest != bundle.digest)
    version = f"{bundle.recipe.version}-{bundle.recipe.revision}"
    lines = [f"{bundle.recipe.name} {version} is installed", *(f"  {permission}" for permission in wanted)]
    lines.append(
        f"next: chainsaw apply, which updates {', '.join(users)}" if users else f"next: chainsaw new {name} NAME"
    )
    return Result({"recipe": place.origin, "version": version, "permissions": wanted, "updates": users}, tuple(lines))


def installed(account: Account) -> list[str]:
    """Return the origins of the recipes that were installed by name."""
    return list(records.read_chosen(account.paths))


def uninstall(account: Account, name: str, report: Reporter) -> Result:
    """Uninstall a recipe: it and its images are deleted now, or with the last instance that uses them.

    Raise ChainsawError for a recipe that was not installed by name.
    """
    chosen = records.read_chosen(account.paths)
    meant = [origin for origin in chosen if name in (origin, origin.rpartition("/")[2])]
    if len(meant) != 1:
        near = nearest(name, [*chosen, *(origin.rpartition("/")[2] for origin in chosen)])
        message = f"{name} is from {' and '.join(meant)}" if meant else f"{name} was not installed{near}"
        hint = f"chainsaw uninstall {meant[0]}" if meant else f"installed: {', '.join(chosen) or 'none'}"
        raise ChainsawError(Diagnostic("not-installed", message, hint=hint), Exit.MISSING)
    command = f"chainsaw uninstall {name}"
    with preparing(account, command, report), site(account, command, report):
        report.doing(f"deleting what only {name} used")
        with account.steps.step(f"record that {meant[0]} is not installed"):
            records.write_chosen(account.paths, [origin for origin in chosen if origin not in meant])
        pruned = prune_unused(account, command, report)
    applied = account.current().instances
    users = sorted(one for one, item in applied.items() if item.origin in meant)
    lines = [f"{meant[0]} is no longer installed by name", *(f"  deleted {item}" for item in pruned)]
    lines += [f"  {', '.join(users)} still use{'' if users[1:] else 's'} it"] if users else []
    return Result({"recipe": meant[0], "deleted": pruned, "used_by": users}, tuple(lines))


def _obtain_images(account: Account, catalog: Catalog, bundle: Bundle, report: Reporter) -> None:
    images = Images(account.paths, account.podman, catalog, shared_files(), report)
    with UserManager() as manager:
        manager.start([("podman.socket", False)], 10)
    needs = list(image_needs(sample_job(bundle, shared_files(), paths=account.paths)))
    images.obtain(needs)
    for need in needs:
        images.check(need)
