"""install: copies a recipe to this host, and builds or pulls its images."""

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
from chainsaw.work.locks import preparing, site
from chainsaw.work.recipes.catalog import Catalog, catalog_of
from chainsaw.work.recipes.images import Images
from chainsaw.work.recipes.installed import pinned_version, store_recipe
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
    older = sorted(one for one, item in applied.items() if item.origin == place.origin and item.digest != bundle.digest)
    users = [one for one in older if not pinned_version(account.paths, one)]
    version = f"{bundle.recipe.version}-{bundle.recipe.revision}"
    lines = [f"{bundle.recipe.name} {version} is installed", *(f"  {permission}" for permission in wanted)]
    lines.append(
        f"next: chainsaw apply, which updates {', '.join(users)}" if users else f"next: chainsaw new {name} NAME"
    )
    staying = [one for one in older if one not in users]
    lines += [f"{one} stays at its version; to follow: chainsaw config set {one} recipe {name}" for one in staying]
    return Result({"recipe": place.origin, "version": version, "permissions": wanted, "updates": users}, tuple(lines))


def _obtain_images(account: Account, catalog: Catalog, bundle: Bundle, report: Reporter) -> None:
    images = Images(account.paths, account.podman, catalog, shared_files(), report)
    with UserManager() as manager:
        manager.start_api()
    needs = list(image_needs(sample_job(bundle, shared_files(), paths=account.paths)))
    images.obtain(needs)
    for need in needs:
        images.check(need)
