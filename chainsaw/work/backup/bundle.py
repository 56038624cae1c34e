"""A backup as one file: written into a directory, with its index beside it, and copied to others."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass

from chainsaw.errors import ChainsawError, Diagnostic, Exit, host_lacks, invalid
from chainsaw.host import disk, files, mounts
from chainsaw.host.account import Account
from chainsaw.host.bundle import sealed
from chainsaw.host.store import backups
from chainsaw.model.backup import ENDINGS, INDEX, Before, Ending, Index, Made
from chainsaw.model.quantity import bytes_for_people
from chainsaw.plan.shrink import shrunken
from chainsaw.work.backup.content import Content
from chainsaw.work.backup.write import PATIENCE, write
from chainsaw.work.result import Reporter

Failures = dict[str, ChainsawError | OSError]
"""Why a backup is not in a place, by place."""


@dataclass(frozen=True)
class Target:
    """Where backups go, for whom files are encrypted, and the last one in each place, unless less data is no error."""

    places: tuple[str, ...]
    recipients: tuple[str, ...]
    made: Mapping[str, Made]
    shrinks: bool = False
    before: Before = ""

    @property
    def former(self) -> Made | None:
        """The last one in the first place."""
        return self.made.get(self.places[0])


def new_id(name: str, at: int) -> str:
    """Return the name of a backup of an instance: by its time, and no other site's."""
    return f"{name}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(at))}-{files.random_text(4).lower()}"


def write_bundle(account: Account, content: Content, target: Target, report: Reporter) -> tuple[Index, Failures]:
    """Write a bundle and its index; return it, and why it is not in a further place.

    Raise ChainsawError, with nothing left of it, when the first place fails.
    """
    name, site, steps = content.deployment.name, backups.site_id(account.paths), account.steps
    at = int(time.time())
    backup = content.facts(new_id(name, at), site, at, target.before)
    file = f"{backup.id}{ENDINGS[bool(target.recipients)]}"
    partial = f".{backup.id}.{site}{files.PARTIAL}"
    first, *others = target.places
    _make_ready(account, first, target, name)
    with (
        steps.timed(f"write {first}/{file}"),
        sealed.sealing(f"{first}/{file}", target.recipients, f"{first}/{partial}", PATIENCE) as stream,
    ):
        ending = write(account, content, backup, stream, report)
        check_shrunken(name, target, ending)
    report.doing(f"reading {first}/{file} again")
    found = sealed.digest_of(f"{first}/{file}")
    index = Index(
        backup=backup,
        ending=ending,
        file=file,
        bytes=found.bytes,
        sha256=found.sha256,
        recipients=target.recipients,
    )
    _write_index(account, first, index)
    failures: Failures = {}
    for place in others:
        try:
            _make_ready(account, place, target, name)
            report.doing(f"copying it to {place}")
            with steps.step(f"copy it to {place}"):
                sealed.copy(f"{first}/{file}", f"{place}/{file}", f"{place}/{partial}", found)
            _write_index(account, place, index)
        except (ChainsawError, OSError) as error:
            failures[place] = error
    return index, failures


def _make_ready(account: Account, place: str, target: Target, name: str) -> None:
    """Make a directory ready; raise ChainsawError for one that lacks what was there, or that is too full."""
    former = target.made.get(place)
    if (
        former
        and (target.before or not target.shrinks)
        and not any(item.endswith(INDEX) for item in files.list_directory(place))
    ):
        message = f"no backup is there, not even {former.id}, which was"
        hint = f"see whether its disk is mounted; if it is a new one: chainsaw backup {name} --accept-shrink"
        raise ChainsawError(Diagnostic("not-mounted", message, place, hint=hint))
    with account.steps.step(f"make {place}"):
        prepare(place, backups.site_id(account.paths), name)
    check_place(place, target)


def _write_index(account: Account, place: str, index: Index) -> None:
    with account.steps.step(f"write the index in {place}"):
        content = (index.model_dump_json(indent=1) + "\n").encode()
        files.write_atomic(f"{place}/{index.backup.id}{INDEX}", content, 0o600)


def check_shrunken(name: str, target: Target, ending: Ending) -> None:
    """Raise ChainsawError for a backup that holds much less than the last one, unless that is right."""
    less = list(shrunken(target.former, ending)) if target.former and not target.shrinks else []
    if less:
        message = f"there is less than half of what the last backup of {name} holds: {', '.join(less)}"
        hint = f"if that is right: chainsaw backup {name} --accept-shrink"
        raise ChainsawError(Diagnostic("shrunken", message, hint=hint), Exit.FAILED)


def prepare(place: str, site: str, name_of_it: str) -> None:
    """Make a directory for backups, and remove what an interrupted one of the same has left there.

    Other backups of this site may be written there at the same time.
    """
    left = re.compile(rf"\.{re.escape(name_of_it)}-\d{{8}}T\d{{6}}Z-[a-z0-9]{{4}}\.{site}{re.escape(files.PARTIAL)}")
    if not files.exists(place):
        files.make_directory(place, 0o700)
    for name in files.list_directory(place):
        if left.fullmatch(name):
            files.remove(f"{place}/{name}")


def check_place(place: str, target: Target) -> None:
    """Raise ChainsawError for a directory that is too full, or off this host without encryption."""
    kind = mounts.kind_at(place)
    if mounts.is_remote(kind) and not target.recipients:
        message = f"it is on another host ({kind}), where others may read it, and the backup is not encrypted"
        hint = "chainsaw backup key makes a key; from then on all backups of this site are encrypted"
        raise invalid(Diagnostic("not-encrypted", message, place, hint=hint))
    expected = (target.former.bytes if target.former else 0) + disk.spare_bytes(place)
    free = disk.free_bytes(place)
    if free < expected:
        message = f"{bytes_for_people(free)} are free, and {bytes_for_people(expected)} are expected to be needed"
        hint = "delete what is not needed there, or name another place: --to DIRECTORY"
        raise host_lacks(Diagnostic("no-space", message, place, hint=hint))
