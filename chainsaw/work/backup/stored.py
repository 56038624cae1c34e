"""backups: which there are, in every place where this site keeps some."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from chainsaw.errors import ChainsawError, Diagnostic, Exit, invalid
from chainsaw.host import files
from chainsaw.host.account import Account
from chainsaw.host.bundle.sealed import size_of
from chainsaw.host.store import backups
from chainsaw.load.check import nearest
from chainsaw.model.backup import ENDINGS, INDEX, Index
from chainsaw.model.quantity import bytes_for_people
from chainsaw.model.schedule import REPOSITORY
from chainsaw.work.backup.settings import applied_schedule
from chainsaw.work.result import Result, Table


@dataclass(frozen=True)
class Stored:
    """A backup that is in a place: its index, the path of its file, and whether that is there as it is listed."""

    index: Index
    path: str
    problem: str = ""

    @property
    def id(self) -> str:
        """Its name."""
        return self.index.backup.id


@dataclass(frozen=True)
class Found:
    """The backups in all places, newest first, and what in these places cannot be read."""

    stored: tuple[Stored, ...]
    problems: tuple[Diagnostic, ...]


def places_of(account: Account) -> list[str]:
    """Return the directories in which this site has backups: those by default, and those that are declared."""
    paths = account.paths
    found = [f"{paths.backups}/{name}" for name in files.list_directory(paths.backups)]
    for name in account.current().instances:
        found += applied_schedule(account, name).to
        found += backups.read_backups(paths, name).made
    return [place for place in dict.fromkeys(found) if not place.startswith(REPOSITORY)]


def find_all(account: Account, name: str | None = None) -> Found:
    """Return the backups of an instance, or all, in every place; what else is in a place is passed over."""
    stored: list[Stored] = []
    problems: list[Diagnostic] = []
    for place in places_of(account):
        if not files.is_directory(place):
            problems.append(Diagnostic("no-place", "there is no such directory now", place, severity="warning"))
            continue
        for item in stored_in(place):
            if isinstance(item, Diagnostic):
                problems.append(item)
            elif name in (None, item.index.backup.instance):
                stored.append(item)
    stored.sort(key=lambda item: (item.index.backup.at, item.path), reverse=True)
    return Found(tuple(stored), tuple(problems))


def stored_in(place: str) -> Iterator[Stored | Diagnostic]:
    """Yield the backups in a directory, and what in it cannot be read."""
    names = set(files.list_directory(place))
    for name in sorted(names):
        if not name.endswith(INDEX) or name.startswith("."):
            continue
        path = f"{place}/{name}"
        index = read_index(path)
        if isinstance(index, Diagnostic):
            yield index
        elif index:
            yield Stored(index, f"{place}/{index.file}", _problem(f"{place}/{index.file}", index))


def read_index(path: str) -> Index | Diagnostic | None:
    """Return an index, None for a file that is none of ours, or what is wrong with one."""
    try:
        text = files.read_text(path) or ""
        if '"backup"' not in text:
            return None
        index = Index.model_validate_json(text)
    except (ChainsawError, ValidationError) as error:
        why = str(error).splitlines()[0]
        hint = "the backup beside it does not need it: chainsaw show FILE"
        return Diagnostic("index", f"this index cannot be read: {why}", path, hint=hint, severity="warning")
    id_of_it = index.backup.id
    if path.rpartition("/")[2] != f"{id_of_it}{INDEX}" or index.file not in [f"{id_of_it}{end}" for end in ENDINGS]:
        return Diagnostic("index", f"it is not the index of a bundle: {index.file!r}", path, severity="warning")
    return index


def _problem(path: str, index: Index) -> str:
    size = size_of(path)
    if size is None:
        return "the file is missing"
    return "" if size == index.bytes else f"the file has {size} bytes, and not {index.bytes}"


def own_of(account: Account, name: str) -> list[Stored]:
    """Return the backups of an instance that this site has made, the newest first: others may use the same places."""
    site = backups.site_id(account.paths)
    return [item for item in find_all(account, name).stored if item.index.backup.site == site]


def planned_of(account: Account, name: str) -> list[Stored]:
    """Return the good ones among them, without those that a restore has made of what it was about to replace."""
    return [item for item in own_of(account, name) if not item.problem and item.index.backup.before != "restore"]


def find(account: Account, word: str) -> Stored:
    """Return the backup that a word means: the newest good one of an instance, one by its name, or one by its file.

    That of an instance is one of this site's, and none that a restore has made of what it replaced: such a one is meant
    only by its own name. Raise ChainsawError when there is none.
    """
    if _is_file(word):
        path = path_of(account, word)
        index = index_beside(path)
        if index is None:
            raise ChainsawError(Diagnostic("index", "the index beside it is missing", path))
        return Stored(index, path, _problem(path, index))
    every = find_all(account).stored
    good = [item for item in every if not item.problem]
    if meant := [*(item for item in good if item.id == word), *planned_of(account, word)]:
        return meant[0]
    for item in every:
        if word == item.id:
            raise ChainsawError(Diagnostic("backup", item.problem, item.path))
    known = {name for item in good for name in (item.id, item.index.backup.instance)}
    message = f"no backup {word!r}{nearest(word, known)}"
    raise ChainsawError(
        Diagnostic("no-backup", message, hint="chainsaw backups lists them; or name a file"), Exit.MISSING
    )


def path_of(account: Account, word: str) -> str:
    """Return the file of the backup that a word means, see find; a file needs no index beside it."""
    if not _is_file(word):
        return find(account, word).path
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


def index_beside(path: str) -> Index | None:
    """Return the index that lies beside a file, if there is one that can be read."""
    stem = next((path.removesuffix(ending) for ending in reversed(ENDINGS) if path.endswith(ending)), path)
    index = read_index(f"{stem}{INDEX}")
    return index if isinstance(index, Index) else None


def list_backups(account: Account, name: str | None) -> Result:
    """Return the backups of an instance, or all."""
    found = find_all(account, name)
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
        "encrypted": bool(item.index.recipients),
        "path": item.path,
        "files": item.index.ending.files,
        "downtime": item.index.ending.downtime,
        "verified": verified,
        "problem": item.problem,
    }
