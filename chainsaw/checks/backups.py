"""Checks of backups: each against its schedule, its rehearsals, and which instances have neither."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from chainsaw.checks.check import Check, State, some
from chainsaw.plan.backups import DAY, Kept, Standing

OLD = 30 * DAY
"""Seconds after which a backup that somebody made by hand is none any more."""


def backups(kept: Mapping[str, Kept], now: float) -> Iterator[Check]:
    """Check the backups of each instance, and its rehearsals if there are any; `now` is in seconds since 1970.

    None of it is an error: the site works. One check names all that have no schedule and no fresh backup.
    """
    bare = [name for name, item in kept.items() if _is_bare(item, now)]
    yield from (_check("backup", name, item.backup) for name, item in kept.items() if name not in bare)
    if bare:
        found = f"no schedule, and none younger than 30 d: {some(bare)}"
        yield Check("backups", "warn", found, "backup: {every: daily} in site.yaml; then chainsaw apply")
    yield from (_check("drill", name, item.drill) for name, item in kept.items() if item.drill.state != "none")


def _is_bare(item: Kept, now: float) -> bool:
    standing = item.backup
    if item.is_scheduled or standing.state == "unknown":
        return False
    return standing.at is None or now - standing.at > OLD


def _check(topic: str, name: str, standing: Standing) -> Check:
    state: State = "unknown" if standing.state == "unknown" else "warn" if standing.is_wrong else "ok"
    return Check(topic, state, standing.found, "" if state == "ok" else standing.hint, name)
