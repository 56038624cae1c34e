"""The backup of the site in a repository: the same encrypted file as elsewhere, so that a host's own disk may die."""

from __future__ import annotations

import time

from chainsaw.errors import ChainsawError, Diagnostic, Exit
from chainsaw.host import files
from chainsaw.host.account import Account
from chainsaw.host.bundle.sealed import pieces_of
from chainsaw.host.restic.answers import Snapshot
from chainsaw.host.restic.saved import fetch
from chainsaw.model.backup import ENDINGS
from chainsaw.model.schedule import Keep
from chainsaw.plan.retention import doomed
from chainsaw.plan.site_resources import SITE
from chainsaw.work.backup.access import open_or_make, repository_of
from chainsaw.work.backup.age import item_of
from chainsaw.work.backup.saved import PART, WHOLE, tag, value_of

SECOND = 10**9


def save_site(account: Account, place: str, path: str, id: str, keep: Keep | None) -> None:  # noqa: A002  # it is called so in the backup
    """Save the file of a backup of the site in a repository; remove those that `keep`, if given, no longer keeps."""
    repository, tags = repository_of(account, place), [tag(PART, SITE)]
    former = open_or_make(account, repository, tags)
    with account.steps.step(f"save {id} in {place}"):
        made = repository.save_stream(SITE, pieces_of(path), [*tags, tag(WHOLE, id)])
    if keep is None:
        return
    now = time.time()
    items = [item_of(one.id, one.time // SECOND, True, now) for one in former]
    items.append(item_of(made.id, int(now), True, now))
    old = [item.id for item in doomed(items, keep) if item.id != made.id]
    if old:
        with account.steps.step(f"remove old backups of the site from {place}"):
            repository.forget(old)


def fetch_site(account: Account, word: str) -> str:
    """Return the file of the newest backup of a site in a repository, or of PLACE#NAME, which is copied from there."""
    place, _, name = word.rpartition("#") if "#" in word else (word, "", "")
    repository = repository_of(account, place)
    found = [item for item in repository.snapshots([tag(PART, SITE)], everywhere=True) if _is_meant(item, name)]
    if not found:
        message = f"there is no backup of a site{f' {name}' if name else ''}"
        raise ChainsawError(Diagnostic("no-backup", message, place), Exit.MISSING)
    directory = account.paths.site_backups
    path = f"{directory}/{value_of(found[-1], WHOLE)}{ENDINGS[True]}"
    files.make_directory(directory, 0o700)
    with account.steps.step(f"copy the backup of the site to {path}"):
        fetch(repository, found[-1].id, SITE, path)
    return path


def _is_meant(snapshot: Snapshot, name: str) -> bool:
    return name in ("", SITE, value_of(snapshot, WHOLE))
