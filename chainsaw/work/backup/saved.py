"""The backups in a repository of restic, each a set of snapshots: listed, and deleted."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

from pydantic import ValidationError

from chainsaw.errors import ChainsawError, Diagnostic
from chainsaw.host import files
from chainsaw.host.account import Account
from chainsaw.host.restic.answers import Snapshot
from chainsaw.host.restic.saved import SET, SavedSet
from chainsaw.model.backup import SetIndex
from chainsaw.work.backup.access import repository_of, unreachable
from chainsaw.work.backup.stored import Stored
from chainsaw.work.backup.write import state_of

INSTANCE, PART, WHOLE = "instance", "part", "set"
"""Keys of tags: whose a snapshot is, what of a backup it is, and of which backup."""


def tag(key: str, value: str) -> str:
    """Return a tag."""
    return f"{key}={value}"


def value_of(snapshot: Snapshot, key: str) -> str:
    """Return what a snapshot's tag says; nothing if it has none."""
    return next((item.partition("=")[2] for item in snapshot.tags if item.startswith(f"{key}=")), "")


def forget_sets(account: Account, place: str, ids: Sequence[str]) -> None:
    """Delete backups of this site in a repository, and then what none needs; raise ChainsawError if one stays.

    The snapshot that makes a set complete goes first: what an interrupted one leaves is no backup.
    """
    repository = repository_of(account, place)
    own = [item for item in repository.snapshots() if value_of(item, WHOLE) in ids]
    repository.forget([item.id for item in own if value_of(item, PART) == SET])
    repository.forget([item.id for item in own])
    repository.prune()


def saved_in(account: Account, place: str) -> Iterator[Stored | Diagnostic]:
    """Yield the backups in a repository, of whatever site, and what of it cannot be read."""
    repository = repository_of(account, place)
    try:
        found = repository.snapshots([tag(PART, SET)], everywhere=True)
    except ChainsawError as error:
        yield unreachable(place, error)
        return
    known = account.paths.sets(hashlib.sha256(place.encode()).hexdigest()[:16])
    for name in set(files.list_directory(known)) - {item.id for item in found}:
        files.remove(f"{known}/{name}")
    for item in found:
        source = SavedSet(repository, item.id, f"{place}#{value_of(item, WHOLE)}", state_of(account))
        try:
            yield Stored(_index(account, f"{known}/{item.id}", source).index, source.path, source=source)
        except ChainsawError as error:
            yield replace(error.diagnostics[0], file=source.path, severity="warning")


def _index(account: Account, known: str, source: SavedSet) -> SetIndex:
    """Return the index of a set, which never changes, from here if it was read before."""
    text = files.read_text(known)
    with suppress(ValidationError):
        if text is not None:
            return SetIndex.model_validate_json(text)
    index = source.index()
    with account.steps.step(f"remember the index of {source.path}"):
        files.make_directory(known.rpartition("/")[0], 0o700)
        files.write_atomic(known, index.model_dump_json().encode(), 0o600)
    return index
