"""rollback: returns an instance, or all, and the admin's files to an earlier generation."""

from __future__ import annotations

from dataclasses import dataclass, replace

from chainsaw.errors import ChainsawError, Diagnostic, Exit, invalid
from chainsaw.host import files
from chainsaw.host.account import Account
from chainsaw.host.store import generations
from chainsaw.host.worktree import Worktree, is_installed
from chainsaw.load.site import load_site
from chainsaw.model.artifact import INTENT_OF_SITE, intent_path
from chainsaw.model.deployment import Manifest
from chainsaw.model.paths import Paths
from chainsaw.work.apply.apply import apply
from chainsaw.work.config.inputs import Texts
from chainsaw.work.config.names import instance_names, no_instance
from chainsaw.work.history.diff import PREFIX, declared_now, intent_of
from chainsaw.work.history.history import ChangeRecord, commit_change
from chainsaw.work.lifecycle.pinned import Pinned, pin_directives, pin_recipe
from chainsaw.work.locks import holding, site
from chainsaw.work.recipes.catalog import catalog_of
from chainsaw.work.result import Reporter, Request, Result


def rollback(account: Account, name: str | None, number: int | None, request: Request, report: Reporter) -> Result:
    """Return an instance, or all, to a generation; by default the one before the last change.

    What is declared afterwards is what runs: an instance whose recipe or inherited directives have changed since gets
    them as they were into its own file. Raise ChainsawError when the generation does not exist, or when changes that
    were never applied would be lost.
    """
    if request.dry_run:
        return _planned(account, name, _wanted(account, name, number), request, report)
    command = f"chainsaw rollback {name or ''}".rstrip()
    while True:
        # A rollback of the site may change every instance of then and now; one may be new after the wait for the locks.
        names = {name} if name is not None else _all_names(account, number)
        with holding(account, names, command, report, wait=request.wait):
            if name is None and not _all_names(account, number) <= names:
                continue
            wanted = _wanted(account, name, number)
            result = _return_to(account, name, wanted.texts, request, report)
        break
    message = f"{name or 'the site'} is rolled back to generation {wanted.number}"
    lines = (message if wanted.number else f"{name} is restored", *wanted.notes, *result.lines)
    shown = lines if result.exit is Exit.OK else result.lines
    return Result({**result.data, "returned_to": wanted.number}, shown, result.diagnostics, result.exit)


@dataclass(frozen=True)
class Wanted:
    """The generation to return to, the texts of the files then, and what was pinned in them."""

    number: int
    texts: Texts
    notes: tuple[str, ...] = ()


def _planned(account: Account, name: str | None, wanted: Wanted, request: Request, report: Reporter) -> Result:
    """Return which files would change, and what an apply of them would do."""
    now = declared_now(account.paths)
    changed = tuple(sorted(path for path, text in wanted.texts.items() if now.get(path) != text))
    declared = {path: text for path, text in wanted.texts.items() if not path.startswith("removed/")}
    result = apply(account, replace(request, texts=declared), report)
    shown = tuple(f"would change {path}" for path in changed) or ("your files would not change",)
    data = {**result.data, "returned_to": wanted.number, "files": changed}
    return replace(result, data=data, lines=(*shown, *wanted.notes, *result.lines))


def _wanted(account: Account, name: str | None, number: int | None) -> Wanted:
    """Return what to return to."""
    paths = account.paths
    wanted = _former_number(account, name) if number is None else number
    texts = dict(_texts(paths, name, wanted))
    notes: list[str] = []
    for path in [path for path, text in texts.items() if path.startswith("instances/") and text is not None]:
        own = path.removeprefix("instances/").removesuffix(".yaml")
        text, said = _pinned(account, own, texts, wanted, with_site=name is None)
        texts[path] = text
        notes += said
    return Wanted(wanted, _with_removed(texts), tuple(notes))


def _pinned(account: Account, name: str, texts: Texts, number: int, with_site: bool) -> Pinned:
    """Return an instance's file, and what was pinned in it; its site's directives only when the site stays as it is."""
    paths, catalog = account.paths, catalog_of(account.paths)
    text, notes = texts[f"instances/{name}.yaml"] or "", tuple[str, ...]()
    if number in generations.numbers(paths):
        then = generations.read_manifest(paths, number).instances.get(name)
        if then is not None:
            runs = name in account.current().instances
            text, notes = pin_recipe(paths, catalog, name, text, then.origin, then.digest, runs)
    elif number:
        notes = (f"the recipe is the present one: of generation {number} only your files are known",)
    if number and not with_site:
        sites = (intent_of(paths, number).get("site.yaml"), files.read_text(paths.site_file))
        then_site, now_site = (load_site("site.yaml", site_text) for site_text in sites)
        text, more = pin_directives(catalog, name, text, then_site, now_site)
        notes += more
    return text, tuple(f"{name}: {note}" for note in notes)


def _all_names(account: Account, number: int | None) -> set[str]:
    """Return the names of the instances that are declared or applied, or were in the generation to return to."""
    texts = _wanted(account, None, number).texts
    declared = [path.removeprefix("instances/") for path in texts if path.startswith("instances/")]
    return {*(file.removesuffix(".yaml") for file in declared), *account.current().instances}


def _return_to(account: Account, name: str | None, texts: Texts, request: Request, report: Reporter) -> Result:
    """Write the files and apply them; when that fails, restore the files."""
    paths = account.paths
    command = f"chainsaw rollback {name or ''}".rstrip()
    with site(account, command, report, wait=request.wait), account.steps.step("commit what was never applied"):
        _keep_unapplied(account, texts, request.force)
    before: Texts = {path: files.read_text(f"{paths.own_files}/{path}") for path in texts}
    _write(account, texts)
    try:
        return apply(account, request, report)
    except BaseException:
        _write(account, before)
        raise


def _texts(paths: Paths, name: str | None, number: int) -> Texts:
    """Return the texts of the files, None for a file to delete. Generation 0 means what was removed last."""
    if name is not None and number == 0:
        return {intent_path(name).removeprefix(PREFIX): files.read_text(paths.removed_file(name))}
    then = intent_of(paths, number)
    if name is None:
        return {**dict.fromkeys(declared_now(paths)), **then}
    path = intent_path(name).removeprefix(PREFIX)
    if path not in then:
        message = f"{name} did not exist in generation {number}"
        raise ChainsawError(Diagnostic("no-generation", message, hint=f"chainsaw history {name}"), Exit.MISSING)
    return {path: then[path]}


def _with_removed(texts: Texts) -> Texts:
    """Return the files, and the deletion of the removed/ file of each instance that is restored."""
    back = [path for path, text in texts.items() if path.startswith("instances/") and text is not None]
    return {**texts, **{f"removed/{path.removeprefix('instances/')}": None for path in back}}


def _write(account: Account, texts: Texts) -> None:
    for path, text in texts.items():
        place = f"{account.paths.own_files}/{path}"
        if files.read_text(place) == text:
            continue
        with account.steps.step(f"write {path}"):
            if text is None:
                files.remove(place)
            else:
                files.write_atomic(place, text.encode(), 0o600)


def _keep_unapplied(account: Account, texts: Texts, force: bool) -> None:
    """Commit changes that were never applied, before they are overwritten; without git, refuse to lose them."""
    paths = account.paths
    current = generations.current_number(paths)
    last = intent_of(paths, current) if current else {}
    lost = [
        path
        for path, text in declared_now(paths).items()
        if path in texts and text not in (last.get(path), texts[path])
    ]
    if not lost or force:
        return
    change = ChangeRecord("keep", (), ("changes that were not applied, before a rollback",), files=tuple(lost))
    commit_change(account, change)
    now, tree = declared_now(paths), Worktree(paths.own_files)
    if not (is_installed() and tree.exists and all(tree.read("HEAD", path) == now[path] for path in lost)):
        message = "has changes that were never applied, and would be lost"
        hint = "chainsaw diff shows them; chainsaw apply keeps them; --force discards them"
        raise invalid([Diagnostic("unapplied", message, f"{paths.own_files}/{path}", hint=hint) for path in lost])


def _differs(name: str, then: Manifest, now: Manifest) -> bool:
    """Return whether an instance was another one: by its file, its recipe, or what site.yaml means for it.

    That another version of chainsaw compiles the same to other files is nothing to go back to.
    """
    before, after, own = then.instances[name], now.instances.get(name), intent_path(name)
    if after is None or before.digest != after.digest or then.files.get(own) != now.files.get(own):
        return True
    same_site = then.files.get(INTENT_OF_SITE) == now.files.get(INTENT_OF_SITE)
    return not same_site and then.files_of(name) != now.files_of(name)


def _former_number(account: Account, name: str | None) -> int:
    """Return the newest generation that differs from the current one, in one instance or in any."""
    paths, now = account.paths, account.current()
    if name is not None and name not in instance_names(account) and not files.exists(paths.removed_file(name)):
        raise no_instance(paths, name, frozenset(instance_names(account)))
    for then in reversed([item for item in generations.former_manifests(paths) if item.number < now.number]):
        if name is None or (name in then.instances and _differs(name, then, now)):
            return then.number
    if name is not None and files.exists(paths.removed_file(name)):
        return 0
    message = f"there is no earlier generation {f'of {name} ' if name else ''}to return to"
    raise ChainsawError(Diagnostic("no-generation", message, hint="chainsaw history"), Exit.MISSING)
