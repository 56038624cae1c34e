"""diff: compares the admin's files with those of a generation."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping

from chainsaw.errors import ChainsawError, Diagnostic, Exit
from chainsaw.host import files
from chainsaw.host.account import Account
from chainsaw.host.store import generations
from chainsaw.host.worktree import Worktree, is_installed
from chainsaw.model.artifact import INTENT_OF_SITE, intent_path
from chainsaw.model.deployment import Deployment
from chainsaw.model.paths import Paths
from chainsaw.work.config.names import declared_names, instance_names, no_instance
from chainsaw.work.recipes.installed import pinned_version
from chainsaw.work.result import Result

PREFIX = "intent/"


def intent_of(paths: Paths, number: int) -> dict[str, str]:
    """Return the texts of the admin's files of a generation, by path below the configuration directory.

    They are read from git when the generation is no longer on disk. Raise ChainsawError when neither has them.
    """
    if number in generations.numbers(paths):
        manifest = generations.read_manifest(paths, number)
        kept = [path for path in manifest.files if path.startswith(PREFIX)]
        texts = {path.removeprefix(PREFIX): files.read_text(f"{paths.generations}/{number}/{path}") for path in kept}
        return {path: text for path, text in texts.items() if text is not None}
    tree = Worktree(paths.own_files)
    commit = tree.marked(number) if is_installed() and tree.exists else None
    if commit is None:
        known = ", ".join(map(str, generations.numbers(paths))) or "none"
        message = f"there is no generation {number}; there are: {known}"
        raise ChainsawError(Diagnostic("no-generation", message, hint="chainsaw history"), Exit.MISSING)
    found = {path: tree.read(commit, path) for path in ("site.yaml", *tree.files(commit, "instances"))}
    return {path: text for path, text in found.items() if text is not None}


def declared_now(paths: Paths) -> dict[str, str]:
    """Return the texts of the admin's files now, by path below the configuration directory."""
    names = sorted(declared_names(paths))
    found = {f"instances/{name}.yaml": files.read_text(paths.instance_file(name)) for name in names}
    found["site.yaml"] = files.read_text(paths.site_file)
    return {path: text for path, text in found.items() if text is not None}


def diff(account: Account, name: str | None, number: int | None) -> Result:
    """Return how the files of an instance, or all, differ from those of a generation."""
    paths = account.paths
    current = generations.current_number(paths)
    wanted = current if number is None else number
    then = intent_of(paths, wanted) if wanted else {}
    now = declared_now(paths)
    chosen = {intent_path(name).removeprefix(PREFIX), INTENT_OF_SITE.removeprefix(PREFIX)} if name else set()
    if name and name not in instance_names(account) and intent_path(name).removeprefix(PREFIX) not in then:
        raise no_instance(paths, name, frozenset(instance_names(account)))
    lines = [
        line
        for path in sorted(then.keys() | now.keys())
        if not chosen or path in chosen
        for line in _file(path, then, now, wanted)
    ]
    if number is None:
        lines += list(_recipes(account, name))
    shown = lines or [f"nothing differs from generation {wanted}"]
    return Result({"instance": name, "generation": wanted, "differs": bool(lines), "diff": lines}, tuple(shown))


def _file(path: str, then: Mapping[str, str], now: Mapping[str, str], number: int) -> Iterator[str]:
    before, after = then.get(path, "").splitlines(), now.get(path, "").splitlines()
    yield from difflib.unified_diff(before, after, f"{path} (generation {number})", f"{path} (now)", lineterm="")


def _recipes(account: Account, name: str | None) -> Iterator[str]:
    """Yield a line for each instance whose recipe was installed in another version since it was applied."""
    for deployment in account.current().instances.values():
        if name in (None, deployment.name) and deployment.origin and _was_replaced(account, deployment):
            yield f"{deployment.name}: the recipe {deployment.origin} is installed in a version that is not applied"


def _was_replaced(account: Account, deployment: Deployment) -> bool:
    paths = account.paths
    if pinned_version(paths, deployment.name):
        return False
    source, _, recipe = deployment.origin.partition("/")
    target = files.link_target(paths.recipe_link(source, recipe))
    return target is not None and target.rpartition("@")[2] != deployment.digest[:16]
