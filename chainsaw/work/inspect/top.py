"""top: memory, processor and disk of each instance now, and what sleeping instances save."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from typing import Any

from chainsaw.checks.observed import DiskUse
from chainsaw.host import readings, usage
from chainsaw.host.account import Account
from chainsaw.host.systemd import UserManager
from chainsaw.model.deployment import Deployment
from chainsaw.model.names import FRONT, LOGINS
from chainsaw.model.quantity import bytes_for_people
from chainsaw.plan.state import instance_state
from chainsaw.work.inspect.snapshot import Snapshot, processes_in, take_snapshot
from chainsaw.work.recipes.catalog import catalog_of
from chainsaw.work.recipes.search import tested_of
from chainsaw.work.result import Result, Table

OWN = (FRONT, LOGINS)
"""What is the site's own, and has no data of its own."""
INTERVAL = 1.0
"""Seconds over which the use of processors is measured."""
HEADING = ("name", "state", "memory", "processor", "disk", "caches", "processes", "saved")


def top(account: Account) -> Result:
    """Return what each instance and the front use now; processor use is measured for one second."""
    seen = take_snapshot(account)
    everyone = {**seen.manifest.instances, **{item.name: item for item in seen.manifest.own}}
    with UserManager() as manager:
        processes = {name: processes_in(manager, item, seen.units) for name, item in everyone.items()}
    before = {name: usage.processor_seconds(numbers) for name, numbers in processes.items()}
    time.sleep(INTERVAL)
    used = {
        name: max(0.0, usage.processor_seconds(numbers) - before[name]) / INTERVAL
        for name, numbers in processes.items()
    }
    rows = [_row(account, seen, item, processes[name], used[name]) for name, item in sorted(everyone.items())]
    rows.sort(key=lambda row: -row["memory"])
    total = {key: sum(row[key] or 0 for row in rows) for key in ("memory", "processor", "disk", "caches", "saved")}
    shared = _shared(account, {number for numbers in processes.values() for number in numbers})
    lines = (
        f"in total {bytes_for_people(total['memory'])} of memory, {total['processor']:.0%} of a processor,"
        f" {bytes_for_people(total['disk'])} of data and {bytes_for_people(total['caches'])} of caches;"
        f" saved by sleeping: {bytes_for_people(total['saved'])}",
        f"shared by all: {bytes_for_people(shared['memory'])} of memory in {shared['processes']} processes"
        f" ({', '.join(shared['names'])})",
        _host(),
    )
    table = Table(HEADING, tuple(_shown(row) for row in rows))
    data = {"instances": rows, "total": total, "shared": shared, "host": usage.host_memory()}
    return Result(data, lines, table=table)


def _shared(account: Account, own: Collection[int]) -> dict[str, Any]:
    """Return what the rest of the user manager's processes use: systemd, the network of Podman, and their like."""
    rest = {number: name for number, name in readings.manager_processes(account.uid).items() if number not in own}
    return {"memory": usage.memory_of(rest), "processes": len(rest), "names": sorted(set(rest.values()))}


def _row(account: Account, seen: Snapshot, item: Deployment, processes: list[int], used: float) -> dict[str, Any]:
    state, use = instance_state(item, seen.units), seen.disk.get(item.name, DiskUse())
    return {
        "name": item.name,
        "state": state,
        "memory": usage.memory_of(processes) if item.name in OWN else seen.memory.get(item.name, 0),
        "processor": round(used, 3),
        "disk": use.data,
        "caches": use.caches,
        "processes": len(processes),
        "saved": _awake_memory(account, item) if state == "asleep" and item.name not in OWN else 0,
    }


def _awake_memory(account: Account, item: Deployment) -> int | None:
    """Return the bytes that a sleeping instance would use when awake, from its recipe's test; None if unknown."""
    catalog = catalog_of(account.paths)
    tested = tested_of(catalog.bundle(item.origin)) if item.origin in catalog else None
    measured: Mapping[str, Any] = tested.measured if tested else {}
    return int(measured["memory_idle_mb"] * 1_000_000) if "memory_idle_mb" in measured else None


def _host() -> str:
    memory = usage.host_memory()
    swapped = memory["swap_total"] - memory["swap_free"]
    free = f"{bytes_for_people(memory['available'])} of {bytes_for_people(memory['total'])} are free on this host"
    return free + (f", {bytes_for_people(swapped)} are swapped out" if swapped else "")


def _shown(row: dict[str, Any]) -> tuple[str, ...]:
    return (
        row["name"],
        row["state"],
        bytes_for_people(row["memory"]) if row["memory"] else "",
        f"{row['processor']:.1%}" if row["processes"] else "",
        bytes_for_people(row["disk"]) if row["name"] not in OWN else "",
        bytes_for_people(row["caches"]) if row["name"] not in OWN and row["caches"] != 0 else "",
        str(row["processes"]) if row["processes"] else "",
        bytes_for_people(row["saved"]) if row["saved"] != 0 else "",
    )
