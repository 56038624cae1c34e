"""backups: which there are, in every place where this site keeps some."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from chainsaw.errors import ChainsawError, Diagnostic, Exit, invalid
from chainsaw.host import files
from chainsaw.host.account import Account
from chainsaw.host.bundle.sealed import File, Source, size_of
from chainsaw.host.store import backups
from chainsaw.load.check import nearest
from chainsaw.model.backup import ENDINGS
from chainsaw.model.quantity import bytes_for_people
from chainsaw.work.backup.access import is_repository
from chainsaw.work.backup.saved import saved_in
from chainsaw.work.backup.settings import applied_schedule
from chainsaw.work.backup.stored import Stored, index_beside, on_disk, stored_in
from chainsaw.work.result import Result, Table


@dataclass(frozen=True)
class Found:
    """The backups in all places, newest first, and what in these places cannot be read."""

    stored: tuple[Stored, ...]
    problems: tuple[Diagnostic, ...]


def places_of(account: Account) -> list[str]:
    """Return the places in which this site has backups: those by default, and those that are declared."""
    paths = account.paths
    found = [f"{paths.backups}/{name}" for name in files.list_directory(paths.backups)]
    for name in account.current().instances:
        found += applied_schedule(account, name).to
    for name in backups.recorded_names(paths):
        found += backups.read_backups(paths, name).made
    return list(dict.fromkeys(found))


def find_all(account: Account, name: str | None = None, places: Sequence[str] = ()) -> Found:
    """Return the backups of an instance, or all, in every place; what else is in a place is passed over."""
    stored: list[Stored] = []
    problems: list[Diagnostic] = []
    for place in places or places_of(account):
        for item in in_place(account, place):
            if isinstance(item, Diagnostic):
                problems.append(item)
            elif name in (None, item.index.backup.instance):
                stored.append(_known_bad(account, item))
    stored.sort(key=lambda item: (item.index.backup.at, item.path), reverse=True)
    return Found(tuple(stored), tuple(problems))


def _known_bad(account: Account, item: Stored) -> Stored:
    """Return a backup with what was wrong with it when it was last read as a whole."""
    bad = backups.read_backups(account.paths, item.index.backup.instance).bad.get(item.path, "")
    return replace(item, problem=item.problem or bad)


def in_place(account: Account, place: str) -> Iterator[Stored | Diagnostic]:
    """Yield the backups in a directory or a repository, and what of it cannot be read."""
    if is_repository(place):
        yield from saved_in(account, place)
    elif files.is_directory(place):
        yield from stored_in(place)
    else:
        yield Diagnostic("no-place", "there is no such directory now", place, severity="warning")


def own_of(account: Account, name: str) -> list[Stored]:
    """Return the backups of an instance that this site has made, the newest first: others may use the same places."""
    site = backups.site_id(account.paths)
    return [item for item in find_all(account, name).stored if item.index.backup.site == site]


def planned_of(account: Account, name: str) -> list[Stored]:
    """Return the good ones among them, without those that a restore has made of what it was about to replace."""
    return [item for item in own_of(account, name) if not item.problem and item.index.backup.before != "restore"]


def find(account: Account, word: str) -> Stored:
    """Return the backup that a word means: the newest good one of an instance, one by its name, or one by its path.

    That of an instance is one of this site's, and none that a restore has made of what it replaced: such a one is meant
    only by its own name. A path is that of a file, or PLACE#NAME for what a name means in a repository. Raise
    ChainsawError when there is none.
    """
    if is_repository(word):
        return _in_repository(account, word)
    if _is_file(word):
        path = _file_of(word)
        index = index_beside(path)
        if index is None:
            raise ChainsawError(Diagnostic("index", "the index beside it is missing", path))
        return _known_bad(account, on_disk(path, index))
    every = find_all(account).stored
    good = [item for item in every if not item.problem]
    if meant := [*(item for item in good if item.id == word), *planned_of(account, word)]:
        return meant[0]
    for item in every:
        if word == item.id:
            raise ChainsawError(Diagnostic("backup", item.problem, item.path))
    for item in every:
        if item.problem and word == item.index.backup.instance:
            message = f"there is no good backup of {word}: {item.problem}"
            hint = f"chainsaw backup {word} makes one; chainsaw backup verify {item.path} reads this one again"
            raise ChainsawError(Diagnostic("no-backup", message, item.path, hint=hint), Exit.MISSING)
    raise _none(word, good, "chainsaw backups lists them; or name a file")


def _in_repository(account: Account, word: str) -> Stored:
    """Return what PLACE#NAME means, also on a host that knows nothing of that repository."""
    place, _, name = word.rpartition("#")
    if not place:
        message = "a repository holds many backups, and this names none of them"
        hint = f"chainsaw backups --from {word}, and then {word}#NAME"
        raise invalid(Diagnostic("backup", message, word, hint=hint))
    found: list[Stored] = []
    for item in saved_in(account, place):
        if not isinstance(item, Diagnostic):
            found.append(item)
        elif item.code == "no-place":
            raise ChainsawError(replace(item, severity="error"))
    found.sort(key=lambda item: item.index.backup.at, reverse=True)
    for item in found:
        backup = item.index.backup
        if name == item.id or (name == backup.instance and backup.before != "restore"):
            return item
    raise _none(name, found, f"chainsaw backups --from {place}")


def _none(word: str, good: Sequence[Stored], hint: str) -> ChainsawError:
    known = {name for item in good for name in (item.id, item.index.backup.instance)}
    return ChainsawError(Diagnostic("no-backup", f"no backup {word!r}{nearest(word, known)}", hint=hint), Exit.MISSING)


def source_of(account: Account, word: str, identity: str) -> Source:
    """Return how the backup is read that a word means, see find; a file needs no index beside it."""
    if is_repository(word) or not _is_file(word):
        return find(account, word).opened_with(identity)
    return File(_file_of(word), identity)


def _file_of(word: str) -> str:
    path = files.absolute_path(word)
    if not path.endswith(ENDINGS):
        message = f"a backup is a file that ends with {' or '.join(ENDINGS)}"
        raise invalid(Diagnostic("backup", message, path))
    if size_of(path) is None:
        raise ChainsawError(Diagnostic("no-backup", "there is no such file", path), Exit.MISSING)
    return path


def made_until(account: Account, name: str, text: str) -> str:
    """Return the name of the newest good backup of an instance that was made until a time of this host's clock.

    A day means its end. Raise ChainsawError for what is no time, and when there is none.
    """
    for form, until_then in (("%Y-%m-%d", 86399), ("%Y-%m-%d %H:%M", 59), ("%Y-%m-%d %H:%M:%S", 0)):
        try:
            last = time.mktime(time.strptime(text, form)) + until_then
        except ValueError:
            continue
        for item in planned_of(account, name):
            if item.index.backup.at <= last:
                return item.id
        message = f"there is no backup of {name} until {text}"
        raise ChainsawError(Diagnostic("no-backup", message, hint=f"chainsaw backups {name}"), Exit.MISSING)
    raise invalid(Diagnostic("time", "a time is 2026-12-01 or '2026-12-01 12:00'", key=f"--at {text}"))


def _is_file(word: str) -> bool:
    return "/" in word or word.endswith(ENDINGS)


def list_backups(account: Account, name: str | None, places: Sequence[str] = ()) -> Result:
    """Return the backups of an instance, or all; those in other places than this site's own, if such are given."""
    found = find_all(account, name, places)
    verified = {
        one: backups.read_backups(account.paths, one).verified
        for one in {item.index.backup.instance for item in found.stored}
    }
    rows = [_row(item, verified[item.index.backup.instance].get(item.id)) for item in found.stored]
    shown = tuple(
        (
            row["id"],
            row["instance"],
            time.strftime("%Y-%m-%d %H:%M", time.localtime(row["at"])),
            bytes_for_people(row["bytes"]),
            f"{row['recipe']} {row['version']}",
            "yes" if row["encrypted"] else "no",
            row["problem"]
            or (time.strftime("%Y-%m-%d", time.localtime(row["verified"])) if row["verified"] else "never"),
        )
        for row in rows
    )
    lines = (
        () if rows else (f"there is no backup of {name}" if name else "there is no backup yet: chainsaw backup --all",)
    )
    heading = ("backup", "name", "made", "size", "of", "encrypted", "verified")
    table = Table(heading, shown, numbers=(3,)) if rows else None
    return Result({"backups": rows}, lines, found.problems, table=table)


def _row(item: Stored, verified: int | None) -> dict[str, Any]:
    backup = item.index.backup
    return {
        "id": backup.id,
        "instance": backup.instance,
        "at": backup.at,
        "bytes": item.index.bytes,
        "recipe": backup.recipe.name,
        "version": backup.recipe.version,
        "encrypted": item.is_sealed or item.source is not None,
        "path": item.path,
        "files": item.index.ending.files,
        "downtime": item.index.ending.downtime,
        "verified": verified,
        "problem": item.problem,
    }
