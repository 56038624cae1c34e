"""remove: stops serving an instance; with --purge everything that belongs to it is deleted."""

from __future__ import annotations

from chainsaw.errors import ChainsawError, Diagnostic, invalid
from chainsaw.host import files, usage
from chainsaw.host.account import Account
from chainsaw.host.store import operations
from chainsaw.model.deployment import Manifest
from chainsaw.model.names import check_instance
from chainsaw.model.quantity import bytes_for_people
from chainsaw.plan.in_use import in_use
from chainsaw.plan.nested import outermost
from chainsaw.plan.resources import purged, resources_of
from chainsaw.work.apply.apply import applied, apply, bring_to, command_line
from chainsaw.work.apply.session import Session, former_instances
from chainsaw.work.config.names import declared_names, no_instance
from chainsaw.work.config.on_disk import data_places, left_of, names_on_disk, subject_of
from chainsaw.work.history.history import ChangeRecord, commit_change, paths_about
from chainsaw.work.inspect.inventory import DISK_TIMEOUT, inventory
from chainsaw.work.lifecycle.prune import prune_unused, remove_empty_sources
from chainsaw.work.locks import holding, preparing, site
from chainsaw.work.recipes.catalog import Catalog
from chainsaw.work.result import Reporter, Request, Result, Table


def remove(account: Account, name: str, request: Request, report: Reporter, catalog: Catalog | None = None) -> Result:
    """Stop an instance and its route; its data is kept, and its file is moved to removed/.

    Raise ChainsawError when there is none of this name. What was done already is skipped.
    """
    with holding(account, (name,), command_line(request), report, wait=request.wait):
        places = check_known(account, name)
        known = account.current().instances.get(name)
        result = _remove(account, name, request, report, catalog)
    data = {"instance": name, "data": places, **result.data}
    lines = [f"{name} is stopped and no longer served"]
    lines += [f"  its data: {place}" for place in places]
    lines += [f"to restore it: chainsaw rollback {name}; to delete it for good: chainsaw remove {name} --purge"]
    gone = [f"https://{route.host}{route.path}: {{gone: true}}" for route in known.routes] if known else []
    lines += [f"to say there that it is gone, in site.yaml: routes: {{{', '.join(gone)}}}"] if gone else []
    return Result(data, tuple(lines), result.diagnostics, result.exit)


def _remove(account: Account, name: str, request: Request, report: Reporter, catalog: Catalog | None) -> Result:
    """Move the instance's file to removed/ and apply; move it back when that fails."""
    paths, steps = account.paths, account.steps
    file, kept = paths.instance_file(name), paths.removed_file(name)
    declared = files.exists(file)
    if declared:
        with steps.step(f"move {file}"):
            files.make_directory(f"{paths.own_files}/removed", 0o700)
            files.rename(file, kept)
    try:
        if name in account.current().instances:
            return apply(account, request, report, catalog)
        if operations.unfinished(paths).switch:
            return applied(account, request, report, _finish, catalog)
    except ChainsawError:
        if declared:
            with steps.step(f"move {kept}"):
                files.rename(kept, file)
        raise
    return Result({})


def _finish(session: Session) -> Result:
    """Finish the current generation: units that it no longer has may still run after an interrupted attempt."""
    instances = former_instances(session.account.paths)
    return bring_to(session, dict(instances), instances)


def check_known(account: Account, name: str) -> list[str]:
    """Return the directories of an instance's data; raise ChainsawError for an unknown name.

    An invalid name is refused before it becomes part of a path.
    """
    try:
        check_instance(name)
    except ValueError as error:
        raise invalid(Diagnostic("instance-name", str(error), key=name)) from None
    paths, current = account.paths, account.current().instances
    if not left_of(paths, name) and name not in current:
        raise no_instance(paths, name, declared_names(paths) | current.keys() | names_on_disk(paths))
    return data_places(paths, name)


def purge(account: Account, name: str, request: Request, report: Reporter, catalog: Catalog | None = None) -> Result:
    """Delete an instance with its data, its secrets, its ids, and everything that nothing else uses.

    What is already missing is skipped, so that an interrupted purge can be repeated. Raise ChainsawError when it
    does not stop.
    """
    command = f"chainsaw remove {name} --purge"
    with holding(account, (name,), command, report, wait=request.wait):
        before = account.current()
        removed = remove(account, name, request, report, catalog)
        # What else does not work on this site is said, and keeps nobody from deleting this.
        if name in account.current().instances:
            raise ChainsawError(list(removed.diagnostics), removed.exit)
        pruned, problems = _purge(account, name, before, request, report)
    data = {"instance": name, "deleted": [*removed.data["data"], *pruned]}
    lines = (f"{name} is deleted for good", *(f"  deleted, as it is no longer used: {item}" for item in pruned))
    return Result(data, lines, (*removed.diagnostics, *problems), removed.exit)


def _purge(
    account: Account, name: str, before: Manifest, request: Request, report: Reporter
) -> tuple[list[str], list[Diagnostic]]:
    """Delete an instance and what is then unused; return what was unused, and problems of the commit."""
    command, steps = f"chainsaw remove {name} --purge", account.steps
    with preparing(account, command, report, wait=request.wait), site(account, command, report, wait=request.wait):
        report.doing(f"deleting the data of {name}")
        _delete(account, name, before)
        remove_empty_sources(account)
        pruned = prune_unused(account, command, report) if request.prunes else []
        change = ChangeRecord(
            "purge", (name,), (f"{name}: deleted for good",), request.why, files=tuple(paths_about(name))
        )
        with steps.step("commit the change"):
            problems = commit_change(account, change) if request.recorded else []
        # The record is deleted last: it reserves the ids, and a second attempt needs it.
        with steps.step("delete the record"):
            for place in outermost(item.place for item in purged(left_of(account.paths, name))):
                files.remove_whatever(place)
    return pruned, problems


def _delete(account: Account, name: str, before: Manifest) -> None:
    """Delete what belonged to an instance when it was last applied, except what is deleted last."""
    paths, rest = account.paths, account.current().instances.values()
    subject = subject_of(paths, name, before, in_use(list(rest), (), ()))
    own = [item.place for item in purged(resources_of(subject)) if not item.last and files.exists(item.place)]
    directories = [place for place in outermost(own) if files.is_directory(place)]
    with account.steps.step("delete data"):
        account.podman.remove_trees(directories)
    for place in outermost(own):
        if place not in directories:
            with account.steps.step(f"delete {place}"):
                files.remove(place)


def deleted_by(account: Account, name: str) -> Result:
    """Return what a purge would delete, with sizes; raise ChainsawError for an unknown name."""
    check_known(account, name)
    if name in account.current().instances:
        return inventory(account, name)
    left = left_of(account.paths, name)
    places = outermost(item.place for item in left)
    sizes = usage.disk_usage(
        [place for place in places if files.is_directory(place)], account.podman.enter(), DISK_TIMEOUT
    )
    shown = {item.place: item.kind for item in left if item.place in places}
    rows = [(kind, place, bytes_for_people(sizes[place]) if place in sizes else "") for place, kind in shown.items()]
    return Result({"instance": name}, table=Table(("what", "name", "size"), tuple(rows)))
