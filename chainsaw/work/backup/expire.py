"""What is deleted of the backups of an instance: by name, one by one, and never the last good one."""

from __future__ import annotations

import time
from collections.abc import Sequence

from chainsaw.errors import ChainsawError, Diagnostic
from chainsaw.host import files
from chainsaw.host.account import Account
from chainsaw.host.store import backups
from chainsaw.model.backup import INDEX
from chainsaw.plan.retention import doomed
from chainsaw.work.backup.access import is_repository
from chainsaw.work.backup.age import item_of
from chainsaw.work.backup.find import find_all
from chainsaw.work.backup.saved import forget_sets
from chainsaw.work.backup.settings import applied_schedule
from chainsaw.work.backup.stored import Stored


def expire(account: Account, name: str) -> list[str]:
    """Delete the backups of an instance that its schedule no longer keeps, in each place; return their paths.

    Only this site's count, and only those of the present instance: what was kept of one that had the name before, and
    was purged, stays. Raise ChainsawError when one is still there afterwards.
    """
    schedule, site, now = applied_schedule(account, name), backups.site_id(account.paths), time.time()
    since, found = files.changed_at(account.paths.record(name)), find_all(account, name).stored
    gone: list[str] = []
    for place in schedule.places(account.paths.backups_of(name)):
        own = {
            item.id: item
            for item in found
            if item.place == place and item.index.backup.site == site and item.index.backup.at >= since
        }
        items = [item_of(item.id, item.index.backup.at, _is_good(item), now) for item in own.values()]
        gone += delete_all(account, [own[item.id] for item in doomed(items, schedule.keep)])
    left = {item.path for item in find_all(account, name).stored}.intersection(gone)
    if left:
        raise ChainsawError(Diagnostic("not-forgotten", "it should be deleted, and is still there", sorted(left)[0]))
    return gone


def _is_good(item: Stored) -> bool:
    """Return whether a backup takes the place of others: not one of what a restore was about to replace."""
    return not item.problem and item.index.backup.before != "restore"


def delete_all(account: Account, doomed: Sequence[Stored]) -> list[str]:
    """Delete backups, of this site's; return their paths. Raise ChainsawError for a repository that keeps one."""
    for item in doomed:
        if not is_repository(item.place):
            with account.steps.step(f"delete {item.path}"):
                # Without its index it is no backup of this site any more; the file alone can still be restored by hand.
                files.remove(f"{item.place}/{item.id}{INDEX}")
                files.remove(item.path)
    for place in dict.fromkeys(item.place for item in doomed if is_repository(item.place)):
        with account.steps.step(f"delete backups in {place}"):
            forget_sets(account, place, [item.id for item in doomed if item.place == place])
    return [item.path for item in doomed]
