"""backup: a copy of instances, each with everything that it takes to bring it back."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from chainsaw.errors import ChainsawError, Diagnostic, Exit, invalid
from chainsaw.host import usage
from chainsaw.host.account import Account
from chainsaw.host.store import backups
from chainsaw.model.backup import BackupRecord, Before, Failure, Index, Made
from chainsaw.model.quantity import bytes_for_people
from chainsaw.model.schedule import check_destination, check_recipient
from chainsaw.work.backup.bundle import Target, write_bundle
from chainsaw.work.backup.content import ALL, content_of
from chainsaw.work.backup.expire import expire
from chainsaw.work.backup.settings import applied_schedule
from chainsaw.work.backup.site import SiteWanted, back_up_site_too, is_due, is_repository
from chainsaw.work.backup.stored import planned_of
from chainsaw.work.config.names import applied_instance
from chainsaw.work.locks import holding
from chainsaw.work.result import Reporter, Result, Table

COMMAND = "chainsaw backup"
TIMEOUT = 600.0
"""Seconds that counting bytes may take."""
HOW = {
    "running": "its files were read while it worked",
    "quiesced": "its files were read while its writes were held",
    "stopped": "it was stopped for a part of that",
    "resting": "nothing of it ran",
}
UNSEEN = {"quiesced": "reading went on"}
"""What is said where nobody had to wait for the whole of it."""


@dataclass(frozen=True)
class Wanted:
    """The options of a backup: where to and for whom instead of what is declared, and whether less data is no error."""

    to: tuple[str, ...] = ()
    recipients: tuple[str, ...] = ()
    shrinks: bool = False
    wait: bool = True
    scheduled: bool = False
    before: Before = ""


def back_up(account: Account, names: Sequence[str], wanted: Wanted, report: Reporter) -> Result:
    """Back up instances, or all without names, and then the site, too, if it may be encrypted for somebody.

    One that fails keeps no other from its own. Raise ChainsawError for wrong options, and when there is none of a name.
    """
    check_options(wanted)
    current = account.current()
    for name in names:
        applied_instance(account.paths, current, name)
    made: list[Index] = []
    gone: list[str] = []
    problems: list[Diagnostic] = []
    code = Exit.OK
    for name in names or sorted(current.instances):
        try:
            with holding(account, (name,), f"{COMMAND} {name}", report, wait=wanted.wait):
                made.append(back_up_one(account, name, wanted, report))
                gone += expire(account, name) if wanted.scheduled else []
        except (ChainsawError, OSError) as error:
            found = error.diagnostics if isinstance(error, ChainsawError) else [Diagnostic("system", str(error))]
            problems += [replace(item, key=item.key or name) for item in found]
            code = error.exit if isinstance(error, ChainsawError) else Exit.FAILED
    data: dict[str, Any] = {"backups": [item.model_dump(mode="json") for item in made], "deleted": gone}
    lines: tuple[str, ...] = (
        *(line for item in made for line in _lines(item)),
        *(f"{item} is no longer kept" for item in gone),
    )
    if not made and not problems:
        lines = ("there is no instance to back up",)
    if made and (not names or (wanted.scheduled and is_due(account))):
        of_site = SiteWanted(wanted.to, wanted.recipients, wanted.wait, wanted.scheduled)
        too = back_up_site_too(account, of_site, report)
        data, lines, problems = data | too.data, (*lines, *too.lines), [*problems, *too.diagnostics]
    return Result(data, lines, tuple(problems), Exit.DEGRADED if problems and made else code)


def check_options(wanted: Wanted) -> None:
    """Raise ChainsawError for destinations and recipients that are none."""
    problems = []
    for check, values, key in (
        (check_destination, wanted.to, "--to"),
        (check_recipient, wanted.recipients, "--encrypt"),
    ):
        for value in values:
            try:
                check(value)
            except ValueError as error:
                problems.append(Diagnostic("backup-option", str(error), key=f"{key} {value}"))
    if problems:
        raise invalid(problems)


def back_up_one(account: Account, name: str, wanted: Wanted, report: Reporter) -> Index:
    """Back up an instance whose lock is held; raise ChainsawError, with nothing old touched, when that fails."""
    paths, schedule = account.paths, applied_schedule(account, name)
    to = wanted.to or schedule.places(paths.backups_of(name))
    if repositories := [place for place in to if is_repository(place)]:
        message = "backups do not go to repositories in this version"
        raise invalid(Diagnostic("backup-option", message, key=repositories[0], hint="a directory: --to /mnt/backups"))
    record = backups.read_backups(paths, name)
    target = Target(to, wanted.recipients or schedule.recipients, record.made.get(to[0]), wanted.shrinks, wanted.before)
    try:
        index = write_bundle(
            account, content_of(account, applied_instance(paths, account.current(), name)), target, report
        )
    except (ChainsawError, OSError) as error:
        why = error.diagnostics[0].message if isinstance(error, ChainsawError) else str(error)
        failed = {**record.failed, to[0]: Failure(to=to[0], at=int(time.time()), why=why)}
        _remember(account, name, record, failed=failed)
        raise
    # What a restore is about to replace may be what is wrong: it is no good backup to speak of.
    planned = {} if wanted.before == "restore" else {place: made_of(index, place) for place in to}
    made = {**record.made, **planned}
    _remember(account, name, record, made=made, failed={k: v for k, v in record.failed.items() if k not in to})
    return index


def _remember(account: Account, name: str, record: BackupRecord, **changes: Any) -> None:
    with account.steps.step(f"record the backup of {name}"):
        backups.write_backups(account.paths, name, record.model_copy(update=changes))


def made_of(index: Index, to: str) -> Made:
    """Return what is remembered of a backup in one place."""
    ending = index.ending
    return Made(
        id=index.backup.id,
        to=to,
        at=index.backup.at,
        bytes=index.bytes,
        data=ending.data,
        members=sum(tree.members for tree in ending.volumes.values()) + len(ending.dumps),
        version=index.backup.recipe.version,
        files=ending.files,
        downtime=ending.downtime,
    )


def recall(account: Account, name: str) -> None:
    """Remember the backups of an instance that are in its places, where nothing is remembered of them."""
    record, made = backups.read_backups(account.paths, name), dict[str, Made]()
    for stored in reversed(planned_of(account, name)):
        place = stored.path.rpartition("/")[0]
        if not stored.problem and place not in record.made:
            made[place] = made_of(stored.index, place)
    if made:
        _remember(account, name, record, made={**record.made, **made})


def _lines(index: Index) -> list[str]:
    ending = index.ending
    wait = f"{ending.downtime:.1f} s" if ending.downtime else UNSEEN.get(ending.files, "nobody was kept waiting")
    size = f"{bytes_for_people(index.bytes)}, from {bytes_for_people(ending.data)} of data"
    shown = [f"{index.backup.instance} is backed up as {index.backup.id}: {size}", f"  {HOW[ending.files]}; {wait}"]
    if not index.recipients:
        shown.append("  it is not encrypted, and it holds passwords: only you can read it here")
    return shown


def sizes(account: Account, names: Sequence[str]) -> Result:
    """Return how much backups of instances would hold, and make none."""
    current = account.current()
    rows: list[dict[str, Any]] = []
    for name in names or sorted(current.instances):
        content = content_of(account, applied_instance(account.paths, current, name))
        places = {volume.path: path for path, volume in content.volumes.items() if content.excludes(volume.name) != ALL}
        found = usage.disk_usage(list(places), account.podman.enter(), TIMEOUT)
        last = backups.read_backups(account.paths, name).made
        rows += [{"instance": name, "what": places[path], "bytes": size} for path, size in found.items()]
        rows += [{"instance": name, "what": f"dumps/{item.component}", "bytes": None} for item in content.dumped]
        rows += [{"instance": name, "what": f"the last one in {to}", "bytes": item.bytes} for to, item in last.items()]
    shown = [(row["instance"], row["what"], _size(row["bytes"])) for row in rows]
    return Result({"sizes": rows}, table=Table(("name", "what", "size"), tuple(shown), numbers=(2,)))


def _size(value: int | None) -> str:
    return "not known before" if value is None else bytes_for_people(value)
