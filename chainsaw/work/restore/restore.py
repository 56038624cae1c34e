"""restore: brings an instance back from a backup, over what is there, beside it, or on an empty host."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace

from chainsaw.errors import ChainsawError, Diagnostic, invalid
from chainsaw.host import files
from chainsaw.host.account import Account
from chainsaw.host.bundle.sealed import check
from chainsaw.host.store import records
from chainsaw.model.backup import Ending
from chainsaw.model.consistent import Hook
from chainsaw.model.names import check_instance
from chainsaw.model.schedule import ENVIRONMENT, PASSWORD
from chainsaw.work.backup.find import source_of
from chainsaw.work.backup.make import Wanted, back_up_one, recall
from chainsaw.work.backup.write import PATIENCE
from chainsaw.work.config.applied import declared_site
from chainsaw.work.config.names import declared_names, instance_names
from chainsaw.work.config.new import check_text
from chainsaw.work.config.on_disk import data_places
from chainsaw.work.lifecycle.pinned import pin_directives, pin_recipe
from chainsaw.work.lifecycle.rename import published_at
from chainsaw.work.locks import holding
from chainsaw.work.recipes.catalog import catalog_of
from chainsaw.work.recipes.installed import store_version
from chainsaw.work.restore.read import Kept, read
from chainsaw.work.restore.recover import COMMAND, apply_one, end, go_back, stopped_text, undo, write_file
from chainsaw.work.restore.stage import Stage
from chainsaw.work.restore.unfinished import advance, mark
from chainsaw.work.result import Reporter, Request, Result

HOOK = 1800.0
"""Seconds that an application may take for what it does after a restore."""
Phase = Callable[[str], AbstractContextManager[object]]
"""What surrounds a part of the work, which is named."""


@dataclass(frozen=True)
class Choice:
    """The options of a restore: under which name and route, with which key, and whether what is there is kept first.

    `text` is the instance's file as it goes with the site's present one, instead of those that the backup has.
    """

    name: str = ""
    route: str = ""
    identity: str = ""
    backs_up: bool = True
    wait: bool = True
    text: str = ""


def restore(account: Account, word: str, choice: Choice, report: Reporter) -> Result:
    """Bring an instance back; raise ChainsawError when that fails, with the instance as it was before."""
    kept = read(source_of(account, word, choice.identity))
    if choice.text:
        kept = replace(kept, text=choice.text, site=declared_site(account.paths))
    name = _name(choice.name or kept.backup.instance)
    with holding(account, (name,), f"{COMMAND} {word}", report, wait=choice.wait):
        undo(account, name, report)
        text, notes = _text(account, kept, name, choice.route)
        if name in declared_names(account.paths):
            _check_same(account, kept, name, choice)
            notes = (*notes, *_over(account, kept, name, text, choice, report))
        elif name in instance_names(account) or data_places(account.paths, name):
            message = f"there is data of {name} already, which was removed, or has no file"
            hint = f"chainsaw rollback {name}, or chainsaw remove {name} --purge, and then restore it"
            raise invalid(Diagnostic("removed", message, hint=hint))
        else:
            _beside(account, kept, name, text, report)
        run_hook(account, kept, name)
        recall(account, name)
    found = account.current().instances[name]
    data = {"instance": name, "backup": kept.backup.id, "url": found.url}
    state = "live" if found.serving == "normal" else found.serving
    line = f"{name} is as it was in {kept.backup.id}, {state} at {found.url}"
    return Result(data, (line, *(f"  {note}" for note in notes)))


def _check_same(account: Account, kept: Kept, name: str, choice: Choice) -> None:
    """Raise ChainsawError when a backup of another application would replace an instance, or one under another name."""
    present = account.current().instances.get(name)
    other = present is not None and present.recipe != kept.backup.recipe.name
    if other or (choice.name and name != kept.backup.instance):
        message = f"there is an instance {name} already, and this is a backup of {kept.backup.instance}"
        hint = f"another name: --as NAME; or chainsaw remove {name} --purge, and then restore it"
        raise invalid(Diagnostic("name-taken", message, key=name, hint=hint))


def _name(name: str) -> str:
    try:
        return check_instance(name)
    except ValueError as error:
        raise invalid(Diagnostic("instance-name", str(error), key=name)) from None


def _text(account: Account, kept: Kept, name: str, route: str) -> tuple[str, tuple[str, ...]]:
    """Return the file of the restored instance, and what in it differs from the backup's; store its recipe.

    Raise ChainsawError for what apply would refuse.
    """
    paths = account.paths
    if name != kept.backup.instance and not route:
        route = f"https://{name}.localhost/"
    text = published_at(kept.text, route) if route else kept.text
    with account.steps.step(f"store the recipe {kept.backup.recipe.name}"):
        records.prepare(paths)
        store_version(paths, kept.bundle)
    text, notes = pin_recipe(paths, catalog_of(paths), name, text, kept.bundle.origin, kept.bundle.digest)
    text, more = pin_directives(catalog_of(paths), name, text, kept.site, declared_site(paths))
    _keep_secrets(account, kept)
    catalog = catalog_of(paths)
    check_text(account, catalog, kept.bundle, name, text)
    return text, (*notes, *more)


def _keep_secrets(account: Account, kept: Kept) -> None:
    """Write the site's secrets that the instance uses, and that this site has not, of a backup that is whole."""
    paths = account.paths
    named = {key: own for key, own in kept.backup.shared.items() if key in kept.secrets and not is_of_backups(own)}
    missing = {key: own for key, own in named.items() if not files.exists(paths.site_secret(own))}
    if missing:
        check(kept.source, PATIENCE)
        for key, own in missing.items():
            place = paths.site_secret(own)
            with account.steps.step(f"write {own}"):
                files.make_directory(place.rpartition("/")[0], 0o700)
                files.write_atomic(place, kept.secrets[key], 0o600)


def is_of_backups(secret: str) -> bool:
    """Return whether a secret of the site is for backups themselves, and no backup's to give."""
    return secret in (PASSWORD, ENVIRONMENT)


def _fill(account: Account, kept: Kept, name: str, stage: Stage, ending: Ending, report: Reporter) -> None:
    """Put the data of a backup into an instance that is stopped."""
    stage.check(kept, ending)
    stage.swap(kept)
    stage.load(kept, report)
    if kept.notes is not None and not files.exists(account.paths.notes_file(name)):
        with account.steps.step("write the notes"):
            files.write_atomic(account.paths.notes_file(name), kept.notes, 0o600)


def _beside(account: Account, kept: Kept, name: str, text: str, report: Reporter) -> None:
    """Make an instance that is not there; nothing of it is left when that fails."""
    try:
        stage, _ = bring_up(account, kept, name, text, report, lasts=True)
    except BaseException:
        go_back(account, name, report)
        raise
    end(account, name, stage)


def bring_up(
    account: Account,
    kept: Kept,
    name: str,
    text: str,
    report: Reporter,
    phase: Phase = nullcontext,
    request: Request | None = None,
    *,
    lasts: bool = False,
) -> tuple[Stage, Ending]:
    """Make an instance that is not there, fill it, and start it.

    Until it is unmarked, the next command deletes it; or if it `lasts`, goes on as soon as all data is in its place.
    """
    mark(account, name, kept.backup.id, None)
    with phase("make"):
        write_file(account, name, stopped_text(text))
        apply_one(account, name, report, request)
    stage = Stage(account, account.current().instances[name])
    with phase("unpack"):
        ending = stage.unpack(kept, report)
    with phase("load"):
        _fill(account, kept, name, stage, ending, report)
    with phase("start"):
        if lasts:
            advance(account, name, text)
        write_file(account, name, text)
        apply_one(account, name, report, request)
    return stage, ending


def _over(account: Account, kept: Kept, name: str, text: str, choice: Choice, report: Reporter) -> tuple[str, ...]:
    """Replace an instance, which is as before when that fails; return what is said of what was there.

    It is stopped only when the whole backup is checked.
    """
    former = files.read_text(account.paths.instance_file(name)) or ""
    if name not in account.current().instances:
        raise ChainsawError(
            Diagnostic("not-applied", f"{name} is declared, but not applied", hint=f"chainsaw apply {name}")
        )
    stage, said = Stage(account, account.current().instances[name]), tuple[str, ...]()
    try:
        ending = stage.unpack(kept, report)
        if choice.backs_up:
            report.doing(f"backing up {name} as it is now")
            before = back_up_one(account, name, Wanted(shrinks=True, before="restore"), report).index.backup.id
            said = (f"what was there before: chainsaw restore {before}",)
    except BaseException:
        stage.clear()
        raise
    mark(account, name, kept.backup.id, former)
    try:
        write_file(account, name, stopped_text(text))
        apply_one(account, name, report)
        stage = Stage(account, account.current().instances[name])
        _fill(account, kept, name, stage, ending, report)
        advance(account, name, text)
        write_file(account, name, text)
        apply_one(account, name, report)
    except BaseException:
        go_back(account, name, report)
        raise
    end(account, name, stage)
    return said


def reconfigure(account: Account, kept: Kept, name: str, route: str, report: Reporter) -> tuple[str, ...]:
    """Give an instance the file that it had, and return what is said of it; it keeps its present one if that fails."""
    former = files.read_text(account.paths.instance_file(name)) or ""
    text, notes = _text(account, kept, name, route)
    write_file(account, name, text)
    try:
        apply_one(account, name, report)
    except (ChainsawError, OSError):
        write_file(account, name, former)
        raise
    return notes


def run_hook(account: Account, kept: Kept, name: str) -> None:
    """Let the application do what its recipe wants after a restore, if it runs; raise ChainsawError if that fails."""
    hook: Hook | None = kept.bundle.recipe.backup.restored if kept.bundle.recipe.backup else None
    if hook is None or account.current().instances[name].serving == "stopped":
        return
    container = f"{name}.{hook.component}"
    with account.steps.step(f"run {hook.command[0]} in {container}"):
        outcome = account.podman.exec(container, hook.command, patience=HOOK)
    if outcome.code:
        message = f"it is restored, but {hook.command[0]} in {container} ended with {outcome.code}: {outcome.complaint}"
        raise ChainsawError(Diagnostic("restored-hook", message, hint=f"chainsaw logs {name} {hook.component}"))
