"""install: a recipe is copied to this host at its version, and its images are built or pulled."""

from __future__ import annotations

from collections.abc import Callable

from chainsaw.compile.deployment import image_needs
from chainsaw.compile.sample import sample_job
from chainsaw.errors import ChainsawError, Diagnostic, Exit
from chainsaw.host import facts, store
from chainsaw.host.lock import locked
from chainsaw.host.podman import Podman
from chainsaw.host.systemd import UserManager
from chainsaw.load.check import nearest
from chainsaw.load.recipe import Bundle
from chainsaw.work.catalog import Catalog, catalog_of
from chainsaw.work.directory import wishes
from chainsaw.work.images import Images
from chainsaw.work.result import Reporter, Result
from chainsaw.work.shelf import put_recipe
from chainsaw.work.shipped import shared_files


def install(name: str, agree: Callable[[list[str]], bool], report: Reporter) -> Result:
    """Install a recipe in its source's version; `agree` is asked with what it wants beyond the defaults."""
    user = facts.account()
    catalog = catalog_of(user.paths)
    place = catalog.offer(name)
    if place is None:
        message = f"no source has a recipe {name!r}{nearest(name, catalog.names)}"
        raise ChainsawError(Diagnostic("no-recipe", message, hint="chainsaw search lists all"), Exit.MISSING)
    bundle = catalog.read(place)
    wanted = wishes(bundle.recipe)
    if wanted and not agree(wanted):
        raise ChainsawError(Diagnostic("declined", f"{place.origin} was not installed"))
    with locked(user.paths.lock, f"chainsaw install {name}", wait=True, waiting=report.note):
        store.prepare(user.paths)
        _obtain_images(user, catalog, bundle, report)
        put_recipe(user.paths, bundle)
        store.write_chosen(user.paths, [*store.read_chosen(user.paths), place.origin])
    applied = store.read_manifest(user.paths, store.current_number(user.paths)).instances
    users = sorted(one for one, item in applied.items() if item.origin == place.origin and item.digest != bundle.digest)
    version = f"{bundle.recipe.version}-{bundle.recipe.revision}"
    lines = [f"{bundle.recipe.name} {version} is installed", *(f"  {wish}" for wish in wanted)]
    lines.append(
        f"next: chainsaw apply, which updates {', '.join(users)}" if users else f"next: chainsaw new {name} NAME"
    )
    return Result({"recipe": place.origin, "version": version, "asks": wanted, "updates": users}, tuple(lines))


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
