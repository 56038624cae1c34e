"""backup --site: one small encrypted file from which a whole host is rebuilt, with its instances' own backups."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from typing import IO

from pydantic import ValidationError

from chainsaw import __version__
from chainsaw.errors import ChainsawError, Diagnostic, invalid
from chainsaw.host import facts, files
from chainsaw.host.account import Account
from chainsaw.host.bundle import sealed
from chainsaw.host.bundle.writer import Writer
from chainsaw.host.store import backups
from chainsaw.model.backup import ENDINGS, INDEX, KeptCopy, SiteBackup, SiteIndex, SiteInstance
from chainsaw.model.quantity import bytes_for_people
from chainsaw.plan.retention import doomed
from chainsaw.plan.site_resources import SITE, site_files, site_trees
from chainsaw.work.backup.access import is_repository
from chainsaw.work.backup.age import item_of
from chainsaw.work.backup.bundle import Target, check_place, new_id, prepare
from chainsaw.work.backup.find import find_all
from chainsaw.work.backup.settings import NONE
from chainsaw.work.backup.site_saved import save_site
from chainsaw.work.backup.write import NOBODY, PATIENCE
from chainsaw.work.config.applied import applied_site, declared_site
from chainsaw.work.locks import site, tls
from chainsaw.work.result import Reporter, Result

COMMAND = "chainsaw backup --site"
SECOND = 10**9
DUE = 12 * 3600.0
"""Seconds after which the backup of an instance brings one of the site with it."""


@dataclass(frozen=True)
class SiteWanted:
    """The options: where to and for whom instead of what is declared, and whether old ones are deleted afterwards."""

    to: tuple[str, ...] = ()
    recipients: tuple[str, ...] = ()
    wait: bool = True
    scheduled: bool = False


def back_up_site(account: Account, wanted: SiteWanted, report: Reporter) -> Result:
    """Write the backup of the site; raise ChainsawError, with nothing old touched, when that fails."""
    index, places = _write_all(account, wanted, report)
    return Result({"site": index.model_dump(mode="json"), "places": list(places)}, _lines(index, places))


def back_up_site_too(account: Account, wanted: SiteWanted, report: Reporter) -> Result:
    """Write the backup of the site after those of instances, if there is somebody for whom it may be encrypted.

    What goes wrong is told, and no more.
    """
    if not wanted.recipients and not _recipients(account):
        return Result({})
    try:
        return back_up_site(account, wanted, report)
    except ChainsawError as error:
        return Result({}, (), tuple(replace(item, key=item.key or SITE) for item in error.diagnostics))
    except OSError as error:
        return Result({}, (), (Diagnostic("system", str(error), key=SITE),))


def is_due(account: Account) -> bool:
    """Return whether the last backup of the site is not of the last hours."""
    name, (first, *_) = backups.site_id(account.paths), _places(account)
    made = [index.at for file in files.list_directory(first) if (index := _own(first, file, name))]
    return max(made, default=0) < time.time() - DUE


def with_sites(account: Account, listed: Result) -> Result:
    """Return a list of backups with a line for the newest one of the site in each place."""
    if not files.exists(account.paths.site_id):
        return listed
    name, found = backups.site_id(account.paths), []
    for place in dict.fromkeys((*_places(account), account.paths.site_backups)):
        every = [index for file in files.list_directory(place) if (index := _own(place, file, name))]
        if every:
            found.append((place, max(every, key=lambda index: index.at)))
    lines = [
        f"the site: {index.file}, {bytes_for_people(index.bytes)}, in {place}, made {_moment(index.at)}"
        for place, index in found
    ]
    data = {"site": [{"place": place, **index.model_dump(mode="json")} for place, index in found]}
    return replace(listed, data=listed.data | data, lines=(*listed.lines, *lines))


def _moment(at: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))


def _places(account: Account, wanted: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the directories for backups of the site: where those of all instances go, or else one of this host's."""
    declared = wanted or (applied_site(account.paths).backup or NONE).to
    return tuple(place for place in declared if not is_repository(place)) or (account.paths.site_backups,)


def _repositories(account: Account, wanted: Sequence[str]) -> tuple[str, ...]:
    """Return the repositories for backups of the site."""
    declared = wanted or (applied_site(account.paths).backup or NONE).to
    return tuple(place for place in dict.fromkeys(declared) if is_repository(place))


def _lines(index: SiteIndex, places: Sequence[str]) -> tuple[str, ...]:
    """Return what is said of a backup of the site that was made."""
    size = bytes_for_people(index.bytes)
    return (
        f"the site is backed up as {index.file}: {size}, in {' and '.join(places)}",
        "  with it, the recovery sheet and the instances' own backups, an empty host becomes this one",
    )


def _recipients(account: Account) -> tuple[str, ...]:
    """Return for whom backups of the site are encrypted: as it is applied, or else as it is declared."""
    found = (applied_site(account.paths).backup or NONE).recipients
    if not found:
        with suppress(ChainsawError):
            found = (declared_site(account.paths).backup or NONE).recipients
    return found


def _write_all(account: Account, wanted: SiteWanted, report: Reporter) -> tuple[SiteIndex, tuple[str, ...]]:
    """Write the backup of the site in each place; return its index, and the places."""
    paths = account.paths
    if files.exists(paths.rebuilding):
        message = "this host is being rebuilt, and a backup of the site would know nothing of what is still missing"
        hint = f"repeat chainsaw restore --site; or, to do without what is missing: rm -r {paths.rebuilding}"
        raise invalid(Diagnostic("rebuilding", message, paths.rebuilding, hint=hint))
    recipients = wanted.recipients or _recipients(account)
    if not recipients:
        message = "it holds every password and key of this host, so it is only written encrypted"
        raise invalid(Diagnostic("not-encrypted", message, hint="chainsaw backup key"))
    places, repositories = tuple(dict.fromkeys(_places(account, wanted.to))), _repositories(account, wanted.to)
    keep = (applied_site(paths).backup or NONE).keep if wanted.scheduled else None
    with site(account, COMMAND, report, wait=wanted.wait), tls(account, COMMAND, report):
        index = _write(account, Target(places, recipients, {}), report)
        for place in repositories:
            report.doing(f"saving it in {place}")
            save_site(account, place, f"{places[0]}/{index.file}", index.id, keep)
    if wanted.scheduled:
        for place in places:
            _delete_old(account, place, index)
    return index, (*places, *repositories)


def _write(account: Account, target: Target, report: Reporter) -> SiteIndex:
    paths, steps, at = account.paths, account.steps, int(time.time())
    backup = _facts(account, new_id(SITE, at), backups.site_id(paths), at)
    file = f"{backup.id}{ENDINGS[True]}"
    first, partial = target.places[0], f".{backup.id}.{backup.site}{files.PARTIAL}"
    for place in target.places:
        with steps.step(f"make {place}"):
            prepare(place, backup.site, SITE)
        check_place(place, target)
    report.doing("backing up the site")
    with (
        steps.step(f"write {first}/{file}"),
        sealed.sealing(f"{first}/{file}", target.recipients, f"{first}/{partial}", PATIENCE) as stream,
    ):
        _write_members(account, backup, stream)
    found = sealed.digest_of(f"{first}/{file}")
    index = SiteIndex(
        id=backup.id,
        site=backup.site,
        at=at,
        node=backup.node,
        instances=tuple(backup.instances),
        file=file,
        bytes=found.bytes,
        sha256=found.sha256,
        recipients=target.recipients,
    )
    content = (index.model_dump_json(indent=1) + "\n").encode()
    for place in target.places:
        if place != first:
            with steps.step(f"copy it to {place}"):
                sealed.copy(f"{first}/{file}", f"{place}/{file}", f"{place}/{partial}", found)
        with steps.step(f"write the index in {place}"):
            files.write_atomic(f"{place}/{backup.id}{INDEX}", content, 0o600)
    return index


def _write_members(account: Account, backup: SiteBackup, stream: IO[bytes]) -> None:
    """Write all that is listed as the site's; what a host does not have is left out."""
    paths, podman = account.paths, account.podman
    with ExitStack() as lists:
        known = backup.model_dump(mode="json", exclude={"format"})
        writer = Writer(stream, backup.at * SECOND, lists, f"{paths.state}/chainsaw", known)
        writer.directory(SITE)
        for file in site_files(paths):
            if (text := files.read_text(file.path)) is not None:
                writer.file(file.kept_as, text.encode())
        for tree in site_trees(paths):
            if files.exists(tree.path):
                source = files.real_path(tree.path)
                writer.tree(source, tree.kept_as, NOBODY, podman.enter(), excludes=tree.excludes, patience=PATIENCE)
        writer.end({"id": backup.id, "finished": int(time.time())})


def _facts(account: Account, id: str, name: str, at: int) -> SiteBackup:  # noqa: A002  # it is called so in the backup
    manifest = account.current()
    copies: dict[str, list[KeptCopy]] = {}
    for item in _newest(account):
        copies.setdefault(item[0], []).append(item[1])
    return SiteBackup(
        id=id,
        site=name,
        at=at,
        chainsaw=__version__,
        node=facts.node(),
        user=account.name,
        generation=manifest.number,
        instances={
            instance: SiteInstance(
                recipe=found.recipe, url=found.url, block=found.block, backups=tuple(copies.get(instance, ()))
            )
            for instance, found in sorted(manifest.instances.items())
        },
    )


def _newest(account: Account) -> Iterator[tuple[str, KeptCopy]]:
    """Yield the newest good backup of each instance in each place, the newest first."""
    seen, own = set[tuple[str, str]](), backups.site_id(account.paths)
    for item in find_all(account).stored:
        if item.index.backup.site != own:
            continue
        place, instance = item.place, item.index.backup.instance
        if not item.problem and (instance, place) not in seen:
            seen.add((instance, place))
            yield instance, KeptCopy(id=item.id, to=place, at=item.index.backup.at, sha256=item.index.sha256)
    for instance in account.current().instances:
        for to, made in backups.read_backups(account.paths, instance).made.items():
            if is_repository(to) and (instance, to) not in seen:
                yield instance, KeptCopy(id=made.id, to=to, at=made.at)


def site_index(path: str) -> SiteIndex | None:
    """Return the index of a backup of a site; None for a file that is none, or that cannot be read."""
    try:
        return SiteIndex.model_validate_json(files.read_text(path) or "")
    except (ChainsawError, ValidationError):
        return None


def _delete_old(account: Account, place: str, newest: SiteIndex) -> None:
    """Delete the backups of this site in a place that are no longer to be kept; the file goes before its index."""
    known = {index.id: index for name in files.list_directory(place) if (index := _own(place, name, newest.site))}
    now = time.time()
    items = [
        item_of(index.id, index.at, sealed.size_of(f"{place}/{index.file}") == index.bytes, now)
        for index in known.values()
    ]
    for item in doomed(items, (applied_site(account.paths).backup or NONE).keep):
        if item.id != newest.id:
            with account.steps.step(f"delete {item.id} in {place}"):
                files.remove(f"{place}/{known[item.id].file}")
                files.remove(f"{place}/{item.id}{INDEX}")


def _own(place: str, name: str, site_name: str) -> SiteIndex | None:
    if not name.startswith(f"{SITE}-") or not name.endswith(INDEX):
        return None
    index = site_index(f"{place}/{name}")
    is_own = index is not None and index.site == site_name and index.file == f"{index.id}{ENDINGS[True]}"
    return index if is_own else None
