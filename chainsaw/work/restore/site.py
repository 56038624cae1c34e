"""restore --site: an empty host becomes what another one was, from one file and the backups of its instances."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

from chainsaw.compile.blocks import allocate
from chainsaw.errors import ChainsawError, Diagnostic, Exit, host_lacks, invalid
from chainsaw.host import facts, files
from chainsaw.host.account import Account
from chainsaw.host.lock import locked
from chainsaw.host.store import backups, records
from chainsaw.host.systemd import UserManager
from chainsaw.model.backup import BackupRecord, SiteBackup
from chainsaw.model.names import FRONT, LOGINS
from chainsaw.work.apply.apply import apply
from chainsaw.work.backup.access import is_repository
from chainsaw.work.backup.find import source_of
from chainsaw.work.backup.make import made_of
from chainsaw.work.backup.saved import saved_in
from chainsaw.work.backup.site_saved import fetch_site
from chainsaw.work.backup.stored import Stored
from chainsaw.work.config.names import declared_names, instance_names, removed_names
from chainsaw.work.restore.rebuild import Rebuild, Step, read_site_backup
from chainsaw.work.restore.restore import Choice, restore
from chainsaw.work.restore.search import Search, Sought, search, whole
from chainsaw.work.restore.unfinished import marked
from chainsaw.work.result import Reporter, Request, Result, Table

COMMAND = "chainsaw restore --site"


@dataclass(frozen=True)
class SiteChoice:
    """The options: the file with the key, further places of backups, and whether to show only what would be done."""

    identity: str = ""
    places: tuple[str, ...] = ()
    dry_run: bool = False
    wait: bool = True


@dataclass
class _Outcome:
    """What became of the instances: from which backup each is back, and what went wrong."""

    back: dict[str, str] = field(default_factory=dict)
    problems: dict[str, list[Diagnostic]] = field(default_factory=dict)
    warnings: list[Diagnostic] = field(default_factory=list)


def restore_site(account: Account, file: str, choice: SiteChoice, report: Reporter) -> Result:
    """Rebuild a host; one instance that fails keeps no other from coming back. It can be repeated, and goes on then.

    Raise ChainsawError, with nothing changed, for a host that has instances of its own, or that is not prepared.
    """
    if is_repository(file):
        path = fetch_site(account, file)
    else:
        path = source_of(account, file if "/" in file else f"./{file}", choice.identity).path
    backup = read_site_backup(path, choice.identity)
    rebuild = Rebuild(account, path, choice.identity, backup)
    if choice.dry_run:
        rebuild.step()
        found = search(backup, path, choice.places)
        return _planned(account, backup, found)
    with locked(f"{account.paths.locks}/host", COMMAND, wait=choice.wait, waiting=report.note):
        step = rebuild.step()
        _check_empty(account, step, path)
        if step is None:
            report.doing("unpacking the backup of the site, and comparing it with what it lists")
            rebuild.unpack()
        _check_host(account, rebuild)
        rebuild.put_in_place(step or "unpacked")
        found = search(backup, path, choice.places, partial(saved_in, account))
        outcome = _restore_all(account, rebuild, found, choice, report)
        return _ended(account, rebuild, outcome, found, report)


def _check_empty(account: Account, step: Step | None, path: str) -> None:
    names = instance_names(account)
    if step is None and names:
        message = f"this host has instances already: {', '.join(names)}; a site is restored on an empty host"
        hint = "chainsaw restore FILE brings back one instance; on another host, or as another user: restore --site"
        raise invalid(Diagnostic("not-empty", message, path, hint=hint))


def _check_host(account: Account, rebuild: Rebuild) -> None:
    """Raise ChainsawError for a host that is not prepared for that site: nothing is in place yet."""
    ports = rebuild.site().ports
    with UserManager() as manager:
        podman = facts.podman_version(account.paths)
        ways = (ports.http, ports.https)
        problems = facts.missing_from_host(account.name, account.paths, ways, podman, manager.version)
    if problems:
        raise host_lacks(problems)
    names, recorded = [FRONT, LOGINS, *rebuild.backup.instances], records.read_blocks(account.paths)
    allocate(names, recorded, account.ranges.uids, account.ranges.gids, account.name)


def _restore_all(account: Account, rebuild: Rebuild, found: Search, choice: SiteChoice, report: Reporter) -> _Outcome:
    """Restore one instance after the other; what another one refers to comes before it, in a further round."""
    outcome, left = _Outcome(warnings=list(found.problems)), list(rebuild.backup.instances)
    while left:
        again = []
        for name in left:
            report.note(f"{name}: {len(outcome.back) + 1} of {len(rebuild.backup.instances)}")
            if _one(account, rebuild, found, name, choice, outcome, report):
                again.append(name)
        if len(again) == len(left):
            break
        left = again
    return outcome


def _one(
    account: Account,
    rebuild: Rebuild,
    found: Search,
    name: str,
    choice: SiteChoice,
    outcome: _Outcome,
    report: Reporter,
) -> bool:
    """Restore an instance, unless it is back already; return whether it may be that it only waits for another one."""
    outcome.problems.pop(name, None)
    if _is_back(account, name):
        outcome.back[name] = ""
        return False
    sought = found.sought[name]
    for item in whole(sought):
        if isinstance(item, Diagnostic):
            outcome.warnings.append(item)
            continue
        try:
            _bring_back(account, rebuild, name, item, choice, report)
        except (ChainsawError, OSError) as error:
            outcome.problems[name] = _problems(name, error)
            rebuild.put_back()
            return isinstance(error, ChainsawError) and error.exit is Exit.INVALID
        outcome.back[name] = item.id
        return False
    outcome.problems[name] = [sought.missing(found.places)]
    return False


def _bring_back(
    account: Account, rebuild: Rebuild, name: str, item: Stored, choice: SiteChoice, report: Reporter
) -> None:
    text = rebuild.text_of(name)
    result = restore(account, item.path, Choice(name, "", choice.identity, False, choice.wait, text), report)
    place = item.place
    with account.steps.step(f"record the backup of {name}"):
        backups.write_backups(account.paths, name, BackupRecord(made={place: made_of(item.index, place)}))
    report.note(f"{name} is back, from {item.id}")
    for line in result.lines[1:]:
        report.note(line)


def _problems(name: str, error: ChainsawError | OSError) -> list[Diagnostic]:
    if isinstance(error, ChainsawError):
        return error.diagnostics
    return [Diagnostic("system", str(error), key=name)]


def _is_back(account: Account, name: str) -> bool:
    """Return whether an earlier command has restored an instance as a whole."""
    paths = account.paths
    return name in account.current().instances and name in declared_names(paths) and name not in marked(paths)


def _ended(account: Account, rebuild: Rebuild, outcome: _Outcome, found: Search, report: Reporter) -> Result:
    """Return what is back, and what a human still has to do; with all instances back, forget what was unpacked."""
    manifest, backup = account.current(), rebuild.backup
    lines = [f"{name} is live at {manifest.instances[name].url}" for name in outcome.back]
    warnings = list(outcome.warnings)
    if not outcome.problems:
        result = apply(account, Request(tuple(outcome.back), command="restore --site"), report)
        warnings += result.diagnostics
        kept = rebuild.end()
        lines.append(f"this host is what {backup.node} was at {_time(backup.at)}")
        lines += [f"  what was in {account.paths.own_files} here before is in {place}" for place in kept]
        lines += [f"  left to do: {text}" for text in _left(account, backup)]
    problems = [item for items in outcome.problems.values() for item in items]
    if problems:
        lines.append(f"{len(outcome.problems)} of {len(backup.instances)} are missing; {COMMAND} goes on with them")
    data = {
        "site": backup.id,
        "instances": {
            name: {"backup": made, "url": manifest.instances[name].url} for name, made in outcome.back.items()
        },
        "missing": sorted(outcome.problems),
        "places": list(found.places),
    }
    code = Exit.DEGRADED if problems else Exit.OK
    return Result(data, tuple(lines), (*problems, *warnings), code)


def _left(account: Account, backup: SiteBackup) -> Iterator[str]:
    """Yield what nobody but a human can do."""
    local = (".localhost", ".local", ".test", ".internal")
    hosts = sorted(host for host in account.current().hosts if not host.endswith(local))
    if hosts:
        yield f"let the names lead to this host (DNS, or the router): {', '.join(hosts)}"
    if files.read_text(account.paths.sources_file):
        yield "fetch the sources of recipes: chainsaw source update"
    declared = sorted(declared_names(account.paths) - backup.instances.keys())
    if declared:
        yield f"declared there and not applied, as here: {', '.join(declared)}"
    if removed := removed_names(account.paths):
        forget = f"chainsaw remove {removed[0]} --purge"
        yield f"removed there, and their data is not here: {', '.join(removed)}; to forget one: {forget}"
    yield "see that all is well: chainsaw doctor"


def _planned(account: Account, backup: SiteBackup, found: Search) -> Result:
    """Return which backups are found, and what is missing."""
    rows, problems = [], list(found.problems)
    for name, sought in found.sought.items():
        state = "is back already" if _is_back(account, name) else ""
        item = _first(sought)
        if item is None and not state:
            problems.append(sought.missing(found.places))
        shown = (item.id, _time(item.index.backup.at), item.path) if item else ("", "", "missing")
        rows.append((name, backup.instances[name].url, shown[0], shown[1], state or shown[2]))
    lines = (f"the site of {backup.node}, of {_time(backup.at)}, with {len(rows)} instances; nothing was changed",)
    data = {"site": backup.model_dump(mode="json"), "found": {row[0]: row[4] for row in rows}}
    table = Table(("name", "address", "backup", "made", "in"), tuple(rows))
    missing = any(item.severity == "error" for item in problems)
    return Result(data, lines, tuple(problems), Exit.DEGRADED if missing else Exit.OK, table)


def _first(sought: Sought) -> Stored | None:
    return next((item for item in whole(sought) if isinstance(item, Stored)), None)


def _time(at: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))
