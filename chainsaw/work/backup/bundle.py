"""A backup as one file: written into a directory, with its index beside it, and copied to others."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass

from chainsaw.errors import ChainsawError, Diagnostic, Exit, host_lacks, invalid
from chainsaw.host import files, mounts
from chainsaw.host.account import Account
from chainsaw.host.bundle import sealed
from chainsaw.host.store import backups
from chainsaw.model.backup import ENDINGS, INDEX, Before, Index, Made
from chainsaw.model.quantity import bytes_for_people
from chainsaw.plan.shrink import shrunken
from chainsaw.work.backup.content import Content
from chainsaw.work.backup.write import PATIENCE, write
from chainsaw.work.result import Reporter

SPARE = 64 * 2**20
"""Bytes that stay free beside a backup."""
PROGRAMS = {"zstd": "zstd", "age": "age"}


@dataclass(frozen=True)
class Target:
    """Where a bundle goes, for whom it is encrypted, and what the last one was like, unless less data is no error."""

    places: tuple[str, ...]
    recipients: tuple[str, ...]
    former: Made | None
    shrinks: bool = False
    before: Before = ""


def new_id(name: str, at: int) -> str:
    """Return the name of a backup of an instance: by its time, and no other site's."""
    return f"{name}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(at))}-{files.random_text(4).lower()}"


def write_bundle(account: Account, content: Content, target: Target, report: Reporter) -> Index:
    """Write a bundle and its index; raise ChainsawError, with nothing left of it, when that fails."""
    name, site, steps = content.deployment.name, backups.site_id(account.paths), account.steps
    at = int(time.time())
    backup = content.facts(new_id(name, at), site, at, target.before)
    file = f"{backup.id}{ENDINGS[bool(target.recipients)]}"
    partial = f".{backup.id}.{site}{files.PARTIAL}"
    first = target.places[0]
    for place in target.places:
        with steps.step(f"make {place}"):
            prepare(place, site, name)
        check_place(place, target)
    with (
        steps.timed(f"write {first}/{file}"),
        sealed.sealing(f"{first}/{file}", target.recipients, f"{first}/{partial}", PATIENCE) as stream,
    ):
        ending = write(account, content, backup, stream, report)
        less = list(shrunken(target.former, ending)) if target.former and not target.shrinks else []
        if less:
            raise _too_little(name, less)
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
    for place in target.places:
        if place != first:
            report.doing(f"copying it to {place}")
            with steps.step(f"copy it to {place}"):
                sealed.copy(f"{first}/{file}", f"{place}/{file}", f"{place}/{partial}", found)
        with steps.step(f"write the index in {place}"):
            files.write_atomic(f"{place}/{backup.id}{INDEX}", (index.model_dump_json(indent=1) + "\n").encode(), 0o600)
    return index


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
    expected = (target.former.bytes if target.former else 0) + SPARE
    free = files.free_bytes(place)
    if free < expected:
        message = f"{bytes_for_people(free)} are free, and {bytes_for_people(expected)} are expected to be needed"
        hint = "delete what is not needed there, or name another place: --to DIRECTORY"
        raise host_lacks(Diagnostic("no-space", message, place, hint=hint))


def _too_little(name: str, less: Sequence[str]) -> ChainsawError:
    message = f"there is less than half of what the last backup of {name} holds: {', '.join(less)}"
    hint = f"if that is right: chainsaw backup {name} --accept-shrink"
    return ChainsawError(Diagnostic("shrunken", message, hint=hint), Exit.FAILED)
