"""rename and clone: give an instance another name, or make a second one with the same data."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from chainsaw.errors import ChainsawError, Diagnostic, Exit, invalid
from chainsaw.host import files
from chainsaw.host.account import Account
from chainsaw.host.podman.placement import Placement
from chainsaw.host.podman.program import copy_tree
from chainsaw.host.store import records
from chainsaw.load.edit import with_key, without_key
from chainsaw.load.yaml import read_yaml
from chainsaw.model.deployment import Deployment
from chainsaw.model.names import check_instance
from chainsaw.model.paths import Paths
from chainsaw.plan.resources import Resource, copies, moves, resources_of
from chainsaw.work.apply.apply import apply
from chainsaw.work.config.edit import target_of
from chainsaw.work.config.names import applied_instance, declared_names, instance_names, no_instance
from chainsaw.work.config.new import check_text
from chainsaw.work.config.on_disk import left_of, subject_of
from chainsaw.work.data.secrets import declared_secrets, rotate
from chainsaw.work.history.history import ChangeRecord, commit_change, paths_about
from chainsaw.work.interrupted import while_stopped
from chainsaw.work.lifecycle.remove import remove
from chainsaw.work.locks import holding, site
from chainsaw.work.recipes.catalog import catalog_of
from chainsaw.work.result import Reporter, Request, Result


def _check_new(paths: Paths, name: str) -> None:
    """Raise ChainsawError for a name that is invalid or taken."""
    try:
        check_instance(name)
    except ValueError as error:
        raise invalid(Diagnostic("instance-name", str(error), key=name)) from None
    for item in left_of(paths, name):
        raise _taken(name, item.place)


def _taken(name: str, place: str) -> ChainsawError:
    hint = f"choose another name than {name}, or see what is left of it: chainsaw inventory {name}"
    return ChainsawError(Diagnostic("exists", f"{name} exists already", place, hint=hint))


def rename(account: Account, name: str, new: str, request: Request, report: Reporter) -> Result:
    """Give an instance another name; its data, ids, secrets and route do not change.

    Each step can be repeated, so an interrupted rename continues where it stopped. Raise ChainsawError when the new
    name is taken, or the old one is unknown.
    """
    command = f"chainsaw rename {name} {new}"
    with holding(account, (name, new), command, report, wait=request.wait):
        result = _rename(account, name, new, request, report)
    lines = (f"{name} is renamed to {new}", *result.lines) if result.exit is Exit.OK else result.lines
    return Result({"instance": new, "former": name, **result.data}, lines, result.diagnostics, result.exit)


def _rename(account: Account, name: str, new: str, request: Request, report: Reporter) -> Result:
    """Stop an instance, move everything that belongs to it, and start it under its new name."""
    paths, steps = account.paths, account.steps
    marker, both = f"{paths.state}/chainsaw/renaming", f"{name} {new}\n"
    if files.read_text(marker) != both:
        if name not in declared_names(paths):
            raise no_instance(paths, name, declared_names(paths))
        _check_new(paths, new)
        with steps.step("record that a rename has started"):
            files.write_atomic(marker, both.encode())
    _moves(paths, name, new)
    if name in instance_names(account) or files.exists(paths.removed_file(name)):
        removed = remove(account, name, request, report)
        if removed.exit is not Exit.OK:
            raise ChainsawError(list(removed.diagnostics), removed.exit)
    report.doing(f"moving the files of {name}")
    with site(account, f"chainsaw rename {name} {new}", report, wait=request.wait):
        _move(account, name, new, request)
    result = apply(account, Request((new,), command="rename", why=request.why), report)
    with steps.step("record that the rename is done"):
        files.remove(marker)
    return result


def _move(account: Account, name: str, new: str, request: Request) -> None:
    paths, steps = account.paths, account.steps
    for old, place in _moves(paths, name, new):
        with steps.step(f"move {old}"):
            files.rename(old, place)
    if (block := records.read_blocks(paths).get(new)) is not None:
        with steps.step("write the record of its ids"):
            records.write_block(paths, new, block)
    outcomes = (f"{name}: called {new} now", f"{new}: called {name} before")
    moved = (*paths_about(name), *paths_about(new))
    with steps.step("commit the change"):
        commit_change(account, ChangeRecord("rename", (name, new), outcomes, request.why, files=moved))


def _moves(paths: Paths, name: str, new: str) -> list[tuple[str, str]]:
    """Return what still has an instance's old name, and the new path of each; the file that declares it comes last.

    Raise ChainsawError when a new path exists already.
    """
    left = moves(left_of(paths, name), new)
    for _, place in left:
        if files.exists(place):
            raise _taken(new, place)
    return left


def clone(account: Account, name: str, new: str, route: str, request: Request, report: Reporter) -> Result:
    """Make a second instance with the configuration and the data of another, and with its own secrets.

    The first is stopped while its data is copied. Raise ChainsawError, with nothing changed, for an invalid name or
    route; when something fails later, the new one stays stopped and can be purged.
    """
    command = f"chainsaw clone {name} {new}"
    with holding(account, (name, new), command, report, wait=request.wait):
        result = _clone(account, name, new, route, request, report)
    return Result({"instance": new, "source": name, **result.data}, result.lines, result.diagnostics, result.exit)


def published_at(text: str, route: str) -> str:
    """Return the file of an instance with another route, and with all that holds for the present one."""
    present = read_yaml("text", text).value.get("route")
    first = present[0] if isinstance(present, list) and present else present
    if not isinstance(first, dict):
        return with_key(without_key(text, ("route",)) if isinstance(present, list) else text, ("route",), route)
    moved = without_key(text, ("route",))
    return moved + f"route: {json.dumps({**first, 'url': route}, ensure_ascii=False)}\n"


def _clone(account: Account, name: str, new: str, route: str, request: Request, report: Reporter) -> Result:
    paths, steps = account.paths, account.steps
    source = applied_instance(paths, account.current(), name)
    _check_new(paths, new)
    declared = target_of(account, name)
    assert declared.bundle is not None
    text = published_at(without_key(declared.text, ("serving",)), route)
    check_text(account, catalog_of(paths), declared.bundle, new, text)
    prepared = _declare_stopped(account, new, with_key(text, ("serving",), "stopped"), request, report)
    if prepared.exit is not Exit.OK:
        return prepared
    manifest = account.current()
    target = manifest.instances[new]
    copied = copies(resources_of(subject_of(paths, name, manifest)), new)
    while_stopped(account, source, lambda: _copy(account, copied, (source.block, target.block), report), report)
    _take_secrets(account, source, target)
    with steps.step(f"write {paths.instance_file(new)}"):
        files.write_atomic(paths.instance_file(new), text.encode(), 0o600)
    result = apply(account, Request((new,), command="clone", why=request.why), report)
    if result.exit is not Exit.OK:
        return result
    _renew_secrets(account, target)
    return replace(result, lines=(f"{new} is a copy of {name}, live at {target.url}",))


def _declare_stopped(account: Account, new: str, text: str, request: Request, report: Reporter) -> Result:
    """Apply a new instance as stopped, so that it has everything it needs except processes."""
    file, steps = account.paths.instance_file(new), account.steps
    with steps.step(f"write {file}"):
        files.create_file(file, text.encode(), 0o600)
    try:
        prepared = apply(account, Request((new,), command="clone", why=request.why), report)
    except ChainsawError:
        with steps.step(f"delete {file}"):
            files.remove(file)
        raise
    if prepared.exit is not Exit.OK:
        with steps.step(f"delete {file}"):
            files.remove(file)
    return prepared


def _copy(
    account: Account,
    copied: Sequence[tuple[Resource, str]],
    blocks: tuple[int | None, int | None],
    report: Reporter,
) -> None:
    podman = account.podman
    for item, place in copied:
        if files.exists(item.place):
            report.doing(f"copying {item.name}")
            with account.steps.step(f"copy {item.name}"):
                copy_tree(podman, item.place, place, *blocks)


def _take_secrets(account: Account, source: Deployment, target: Deployment) -> None:
    """Copy the secrets that are also stored in the data, and that could not be changed there."""
    podman = account.podman
    known = declared_secrets(account.paths, source)
    places = {item.key: item for item in target.secrets}
    for secret in source.secrets:
        declared = known.get(secret.key)
        if secret.key in places and (declared is None or declared.rotate is None or declared.rotate.command):
            place = places[secret.key]
            with account.steps.step(f"copy {secret.key}"):
                podman.place([Placement(place.path, 0o400, place.ids, podman.read_file(secret.path))])


def _renew_secrets(account: Account, target: Deployment) -> None:
    """Change the secrets of the running copy that a command can change."""
    known = declared_secrets(account.paths, target)
    for secret in target.secrets:
        rotation = known[secret.key].rotate if secret.key in known else None
        if rotation is not None and rotation.command:
            rotate(account.podman, account.steps, target, secret, rotation)
