"""What instances have on the disk: bytes of data and of caches, and how many files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from chainsaw.checks.observed import DiskUse
from chainsaw.host import files, usage
from chainsaw.host.account import Account
from chainsaw.model.deployment import Deployment
from chainsaw.model.paths import Paths
from chainsaw.plan.resources import RUN


def disk_uses(account: Account, names: Iterable[str], patience: float) -> dict[str, DiskUse]:
    """Return what each of some instances has on the disk; what was not counted within so many seconds is None."""
    groups = {name: _places(account.paths, name) for name in names}
    if not groups:
        return {}
    counted = usage.count(list(groups.values()), account.podman.enter(), patience)
    return {name: _use(places, counted) for name, places in groups.items()}


def disk_use(account: Account, deployment: Deployment, patience: float) -> tuple[DiskUse, dict[str, int]]:
    """Return what one instance has on the disk, and the bytes of each of its volumes by path, where they are known."""
    run, *rest = _places(account.paths, deployment.name)
    places = [run, *(item.path for item in deployment.volumes), *rest]
    counted = usage.count([places], account.podman.enter(), patience)
    return _use(places, counted), {path: size for path, size in counted.bytes.items() if path in places[1:-2]}


def _places(paths: Paths, name: str) -> list[str]:
    """Return the directory of an instance's caches, and then those of its data, which do not count it again."""
    return [f"{paths.instance(name)}/{RUN}", paths.instance(name), f"{paths.public}/{name}"]


def _use(places: list[str], counted: usage.Counted) -> DiskUse:
    caches, *data = places
    return DiskUse(_total(data, counted.bytes), _total([caches], counted.bytes), _total(places, counted.inodes))


def _total(places: list[str], counted: Mapping[str, int]) -> int | None:
    """Return the sum for places; what does not exist has nothing, and was not counted too late."""
    return usage.total(places, counted) if any(map(files.exists, places)) else 0
