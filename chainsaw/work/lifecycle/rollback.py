"""rollback: returns an instance, or all, and the admin's files to an earlier generation."""

from __future__ import annotations

from collections.abc import Mapping

from chainsaw.compile.instance import CompiledInstance
from chainsaw.errors import ChainsawError, Diagnostic, Exit, invalid
from chainsaw.host import files
from chainsaw.host.account import Account
from chainsaw.host.store import generations
from chainsaw.host.worktree import Worktree, is_installed
from chainsaw.model.artifact import intent_path
from chainsaw.model.paths import Paths
from chainsaw.work.apply.apply import applied, apply, bring_to
from chainsaw.work.apply.session import Session, former_instances
from chainsaw.work.config.names import instance_names, no_instance
from chainsaw.work.history.diff import PREFIX, declared_now, intent_of
from chainsaw.work.history.history import ChangeRecord, commit_change
from chainsaw.work.locks import holding, site
from chainsaw.work.result import Reporter, Request, Result

Texts = Mapping[str, str | None]


def rollback(account: Account, name: str | None, number: int | None, request: Request, report: Reporter) -> Result:
    """Return an instance, or all, to a generation; by default the one before the last change.

    Raise ChainsawError when it does not exist, or when changes that were never applied would be lost.
    """
    if request.dry_run:
        wanted, texts = _wanted(account, name, number)
        changed = tuple(sorted(path for path, text in texts.items() if declared_now(account.paths).get(path) != text))
        shown = tuple(f"would change {path}" for path in changed) or ("your files would not change",)
        return Result({"generation": wanted, "files": changed}, shown)
    command = f"chainsaw rollback {name or ''}".rstrip()
    while True:
        # A rollback of the site may change every instance of then and now; one may be new after the wait for the locks.
        names = {name} if name is not None else _all_names(account, number)
        with holding(account, names, command, report, wait=request.wait):
            if name is None and not _all_names(account, number) <= names:
                continue
            wanted, texts = _wanted(account, name, number)
            result = _return_to(account, name, wanted, texts, request, report)
        break
    message = f"{name or 'the site'} is rolled back to generation {wanted}" if wanted else f"{name} is restored"
    lines = (message, *result.lines) if result.exit is Exit.OK else result.lines
    return Result({**result.data, "returned_to": wanted}, lines, result.diagnostics, result.exit)


def _wanted(account: Account, name: str | None, number: int | None) -> tuple[int, Texts]:
    """Return the generation to return to, and the texts of the files in it."""
    wanted = _former_number(account, name) if number is None else number
    return wanted, _with_removed(_texts(account.paths, name, wanted))


def _all_names(account: Account, number: int | None) -> set[str]:
    """Return the names of the instances that are declared or applied, or were in the generation to return to."""
    _, texts = _wanted(account, None, number)
    declared = [path.removeprefix("instances/") for path in texts if path.startswith("instances/")]
    return {*(file.removesuffix(".yaml") for file in declared), *account.current().instances}


def _return_to(
    account: Account, name: str | None, wanted: int, texts: Texts, request: Request, report: Reporter
) -> Result:
    """Write the files and apply them; when that fails, restore the files."""
    paths = account.paths
    command = f"chainsaw rollback {name or ''}".rstrip()
    with site(account, command, report, wait=request.wait), account.steps.step("commit what was never applied"):
        _keep_unapplied(account, texts, request.force)
    before: Texts = {path: files.read_text(f"{paths.own_files}/{path}") for path in texts}
    _write(account, texts)
    try:
        return _carry_out(account, name, wanted, request, report)
    except BaseException:
        _write(account, before)
        raise


def _carry_out(account: Account, name: str | None, wanted: int, request: Request, report: Reporter) -> Result:
    """Use the compiled instances of a generation that is still on disk; otherwise compile the files again."""
    paths = account.paths
    if wanted not in generations.numbers(paths):
        return apply(account, request, report)

    def chosen(session: Session) -> Result:
        now, then = former_instances(paths), former_instances(paths, wanted)
        instances: dict[str, CompiledInstance] = (
            dict(then) if name is None else {other: item for other, item in now.items() if other != name}
        )
        if name is not None and name in then:
            instances[name] = then[name]
        return bring_to(session, instances, now)

    return applied(account, request, report, chosen)


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


def _former_number(account: Account, name: str | None) -> int:
    """Return the newest generation that differs from the current one, in one instance or in any."""
    paths, now = account.paths, account.current()
    if name is not None and name not in instance_names(account) and not files.exists(paths.removed_file(name)):
        raise no_instance(paths, name, frozenset(instance_names(account)))
    for then in reversed([item for item in generations.former_manifests(paths) if item.number < now.number]):
        if name is None or (name in then.instances and then.instances[name] != now.instances.get(name)):
            return then.number
    if name is not None and files.exists(paths.removed_file(name)):
        return 0
    message = f"there is no earlier generation {f'of {name} ' if name else ''}to return to"
    raise ChainsawError(Diagnostic("no-generation", message, hint="chainsaw history"), Exit.MISSING)
