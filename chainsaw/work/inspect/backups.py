"""How the backups of instances do, from what is recorded of them, and from systemd."""

from __future__ import annotations

import time
from collections.abc import Mapping

from chainsaw.host import files
from chainsaw.host.observe import own_links
from chainsaw.host.store.backups import known_backups
from chainsaw.model.deployment import Deployment
from chainsaw.model.paths import Paths
from chainsaw.plan.backups import Around, Kept, kept_of
from chainsaw.plan.observed import UnitDetails


def kept_backups(
    paths: Paths, instances: Mapping[str, Deployment], units: Mapping[str, UnitDetails] | None
) -> dict[str, Kept]:
    """Return how the backups of some applied instances do; `units` is None where systemd does not answer."""
    timers = [timer.unit for item in instances.values() for timer in item.scheduled.timers]
    stamps = {unit: files.changed_at(f"{paths.stamps}/stamp-{unit}") for unit in timers}
    around = Around(
        now=time.time(),
        units=units,
        links=frozenset(own_links(paths)) if timers else frozenset(),
        began={unit: at for unit, at in stamps.items() if at},
    )
    return {
        name: kept_of(name, item.scheduled, known_backups(paths, name), around)
        for name, item in sorted(instances.items())
    }
