"""backup: a copy of instances, each with everything that it takes to bring it back."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from chainsaw.errors import ChainsawError, Diagnostic, Exit, invalid
from chainsaw.host import usage
from chainsaw.host.account import Account
from chainsaw.host.store import backups
from chainsaw.model.backup import BackupRecord, Before, Failure, Index, Made
from chainsaw.model.quantity import bytes_for_people
from chainsaw.model.schedule import check_destination, check_recipient
from chainsaw.work.backup.access import is_repository
from chainsaw.work.backup.bundle import Target, write_bundle
from chainsaw.work.backup.content import ALL, Content, content_of
from chainsaw.work.backup.expire import expire
from chainsaw.work.backup.find import planned_of
from chainsaw.work.backup.sets import write_set
from chainsaw.work.backup.settings import applied_schedule
from chainsaw.work.backup.site import SiteWanted, back_up_site_too, is_due
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
    made: dict[str, tuple[str, Index]] = {}
    gone: list[str] = []
    problems: list[Diagnostic] = []
    code = Exit.OK
    for name in names or sorted(current.instances):
        try:
            with holding(account, (name,), f"{COMMAND} {name}", report, wait=wanted.wait):
                done = back_up_one(account, name, wanted, report)
                made |= {index.backup.id: (place, index) for place, index in done.made.items()}
                problems += done.problems(name)
                gone += expire(account, name) if wanted.scheduled else []
        except (ChainsawError, OSError) as error:
            problems += _problems(error, name)
            code = error.exit if isinstance(error, ChainsawError) else Exit.FAILED
    data: dict[str, Any] = {"backups": [item.model_dump(mode="json") for _, item in made.values()], "deleted": gone}
    lines: tuple[str, ...] = (
        *(line for place, item in made.values() for line in _lines(item, place)),
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


@dataclass(frozen=True)
class Done:
    """What came of a backup: by place, what is there now, or why nothing is."""

    made: Mapping[str, Index]
    failures: Mapping[str, ChainsawError | OSError]

    @property
    def index(self) -> Index:
        """The first one that was made."""
        return next(iter(self.made.values()))

    def problems(self, name: str) -> list[Diagnostic]:
        """Return why it is not everywhere."""
        return [item for place, error in self.failures.items() for item in _problems(error, f"{name}, {place}")]


def _problems(error: ChainsawError | OSError, key: str) -> list[Diagnostic]:
    found = error.diagnostics if isinstance(error, ChainsawError) else [Diagnostic("system", str(error))]
    return [replace(item, key=item.key or key) for item in found]


def back_up_one(account: Account, name: str, wanted: Wanted, report: Reporter) -> Done:
    """Back up an instance whose lock is held; one place that fails keeps no other from its own.

    Raise ChainsawError, with nothing old touched, when all fail.
    """
    paths, schedule = account.paths, applied_schedule(account, name)
    to = wanted.to or schedule.places(paths.backups_of(name))
    if wanted.before == "restore":
        # It is kept for a while, and once is enough.
        to = to[:1]
    record, content = (
        backups.read_backups(paths, name),
        content_of(account, applied_instance(paths, account.current(), name)),
    )
    recipients = wanted.recipients or schedule.recipients
    done = _everywhere(account, content, Target(to, recipients, record.made, wanted.shrinks, wanted.before), report)
    # What a restore is about to replace may be what is wrong: it is no good backup to speak of.
    planned = {} if wanted.before == "restore" else {place: made_of(index, place) for place, index in done.made.items()}
    at = int(time.time())
    failed = {place: Failure(to=place, at=at, why=_why(error)) for place, error in done.failures.items()}
    still = {place: item for place, item in record.failed.items() if place not in done.made}
    _remember(account, name, record, made={**record.made, **planned}, failed={**still, **failed})
    if not done.made:
        first, *others = done.failures.values()
        if others or not isinstance(first, ChainsawError):
            raise ChainsawError(done.problems(name), first.exit if isinstance(first, ChainsawError) else Exit.FAILED)
        raise first
    return done


def _why(error: ChainsawError | OSError) -> str:
    return error.diagnostics[0].message if isinstance(error, ChainsawError) else str(error)


def _everywhere(account: Account, content: Content, target: Target, report: Reporter) -> Done:
    """Make one file for all directories, and one backup in each repository."""
    made: dict[str, Index] = {}
    failures: dict[str, ChainsawError | OSError] = {}
    directories = [place for place in target.places if not is_repository(place)]
    while directories:
        try:
            index, failed = write_bundle(account, content, replace(target, places=tuple(directories)), report)
        except (ChainsawError, OSError) as error:
            # It is written into the first one, and copied to the others.
            failures[directories.pop(0)] = error
        else:
            made |= {place: index for place in directories if place not in failed}
            failures |= failed
            break
    for place in target.places:
        if is_repository(place):
            try:
                made[place] = write_set(account, content, replace(target, places=(place,)), place, report)
            except (ChainsawError, OSError) as error:
                failures[place] = error
    return Done({place: made[place] for place in target.places if place in made}, failures)


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
        parts=ending.parts,
    )


def recall(account: Account, name: str) -> None:
    """Remember the backups of an instance that are in its places, where nothing is remembered of them."""
    record, made = backups.read_backups(account.paths, name), dict[str, Made]()
    for stored in reversed(planned_of(account, name)):
        if not stored.problem and stored.place not in record.made:
            made[stored.place] = made_of(stored.index, stored.place)
    if made:
        _remember(account, name, record, made={**record.made, **made})


def _lines(index: Index, place: str) -> list[str]:
    ending = index.ending
    wait = f"{ending.downtime:.1f} s" if ending.downtime else UNSEEN.get(ending.files, "nobody was kept waiting")
    size = f"{bytes_for_people(index.bytes)}, from {bytes_for_people(ending.data)} of data"
    shown = [f"{index.backup.instance} is backed up as {index.backup.id}: {size}", f"  {HOW[ending.files]}; {wait}"]
    if not index.file:
        shown.append(f"  in {place}; the rest of its data was there already")
    elif not index.recipients:
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
