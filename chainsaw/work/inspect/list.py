"""list: every instance and its state."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from chainsaw.checks import amounts
from chainsaw.checks.check import Check
from chainsaw.checks.observed import DiskUse
from chainsaw.errors import ChainsawError, Diagnostic, Exit
from chainsaw.host import files
from chainsaw.host.account import Account
from chainsaw.model.deployment import Deployment
from chainsaw.model.quantity import bytes_for_people, span_for_people
from chainsaw.plan.backups import Kept
from chainsaw.plan.state import instance_health, instance_state, restarted, state_since
from chainsaw.work.config.names import removed_names
from chainsaw.work.inspect.backups import kept_backups
from chainsaw.work.inspect.snapshot import DISK_TIMEOUT, Snapshot, take_snapshot
from chainsaw.work.result import Result, Table

HEADING = ("name", "recipe", "state", "since", "memory", "disk", "caches", "block", "backup", "url")


DISK_KEYS = ("disk", "caches", "files", "disk_expected", "files_expected")


def list_instances(account: Account) -> Result:
    """Return all instances, declared or applied, sorted by name."""
    return report_on(account, take_snapshot(account))


def report_on(account: Account, seen: Snapshot) -> Result:
    """Return the instances of a snapshot, as rows and warnings."""
    applied = seen.manifest.instances
    kept = kept_backups(account.paths, applied, seen.units)
    rows = []
    for name in sorted(seen.pending.declared | applied.keys()):
        row = _applied(seen, applied[name], kept[name]) if name in applied else _declared(account, name)
        rows.append({"name": name, **row})
    lines = [f"{row['name']}: {warning}" for row in rows for warning in row["warnings"]]
    if late := amounts.uncounted(seen.disk):
        lines.append(
            f"not counted within {DISK_TIMEOUT:g} s: the disk of {', '.join(late)}; chainsaw doctor takes longer"
        )
    lines += [] if rows else ["no instance is declared: chainsaw new RECIPE NAME"]
    lines += [
        f"{name} was removed; its data is kept: chainsaw rollback {name}" for name in removed_names(account.paths)
    ]
    table = Table(HEADING, tuple(_shown(row) for row in rows))
    certificates = [graded(name, check) for name in applied for check in seen.certificates.get(name, ())]
    code = Exit.DEGRADED if any(map(_is_down, rows)) else Exit.OK
    return Result({"instances": rows}, tuple(lines), (*_as_warnings(seen.pending.problems), *certificates), code, table)


def graded(name: str, check: Check) -> Diagnostic:
    """Return what is wrong with a certificate of an instance: an error where it is lost, or soon will be."""
    severity = "error" if check.state == "fail" else "warning"
    return Diagnostic("certificate", f"{name}: {check.name}: {check.found}", hint=check.hint, severity=severity)


def _is_down(row: dict[str, Any]) -> bool:
    """Return whether an instance should work, and does not, or does so not for long."""
    return row["state"] in ("failing", "failed") or row["health"] == "unhealthy" or row["certificate"] == "fail"


def _as_warnings(problems: tuple[Diagnostic, ...]) -> tuple[Diagnostic, ...]:
    return tuple(replace(item, severity="warning") for item in problems)


def _applied(seen: Snapshot, deployment: Deployment, kept: Kept) -> dict[str, Any]:
    name = deployment.name
    state = instance_state(deployment, seen.units)
    return {
        "recipe": deployment.recipe,
        "version": deployment.version,
        "url": deployment.url,
        "state": state if name in seen.pending.declared else "no longer declared",
        "health": instance_health(deployment, seen.healths) if state in ("running", "starting") else None,
        "since": state_since(deployment, seen.units) or None,
        "memory": seen.memory.get(name, 0),
        **disk_keys(seen.disk.get(name, DiskUse()), deployment),
        "block": deployment.block,
        "certificate": _worst(seen.certificates.get(name, ())),
        **kept.as_dict(),
        "warnings": [*_warnings(seen, deployment), *_warnings_of_backups(kept)],
    }


def _worst(checks: Sequence[Check]) -> str:
    """Return the state of the worst certificate of an instance, as recorded; only what is not ok is given."""
    states = {check.state for check in checks}
    return "fail" if "fail" in states else "warn" if states else "ok"


def _warnings(seen: Snapshot, deployment: Deployment) -> Iterator[str]:
    name = deployment.name
    if name not in seen.pending.declared:
        yield "applied, but no longer declared; the next apply stops it"
    if name in seen.pending.changed:
        yield f"its file or its recipe has changed since it was applied: chainsaw diff {name}"
    if edited := seen.edited(name):
        yield f"edited by hand: {', '.join(edited)}"
    for unit, restarts in restarted(deployment, seen.units).items():
        yield f"{unit} restarted {restarts} times: chainsaw logs {name}"
    for lost in seen.lost_by(deployment):
        yield f"Podman does not have {lost} any more: chainsaw apply {name}"
    for place in missing_directories(deployment):
        yield f"{place} is missing"
    use = seen.disk.get(name, DiskUse())
    if more := amounts.excess(use, deployment.disk):
        yield f"it has {more}: {amounts.remedy(name, use)}"


def _warnings_of_backups(kept: Kept) -> Iterator[str]:
    for what, item in (("backup", kept.backup), ("drill", kept.drill)):
        if item.is_wrong or item.state == "unknown":
            yield f"its {what}: {item.found}" + (f": {item.hint}" if item.hint else "")


def disk_keys(use: DiskUse, deployment: Deployment) -> dict[str, int | None]:
    """Return what an instance has on the disk, and what is expected of it at most, as JSON data."""
    values = (use.data, use.caches, use.files, deployment.disk, amounts.files_expected(deployment.disk))
    return dict(zip(DISK_KEYS, values, strict=True))


def missing_directories(deployment: Deployment) -> list[str]:
    """Return the directories of an instance that are missing."""
    return [item.path for item in deployment.places if not files.exists(item.path)]


def _declared(account: Account, name: str) -> dict[str, Any]:
    """Return the row of an instance that is not applied, from its file if that can be read."""
    from chainsaw.load.site import load_instance

    row: dict[str, Any] = {"recipe": None, "url": None}
    file = f"{account.paths.instance_files}/{name}.yaml"
    try:
        instance = load_instance(f"instances/{name}.yaml", files.read_text(file) or "").instance
        row = {"recipe": instance.recipe, "url": instance.routes[0]}
        warning = f"declared, but not applied: chainsaw apply {name}"
    except ChainsawError as error:
        warning = error.diagnostics[0].headline()
    nothing = dict.fromkeys(
        ("version", "health", "since", "block", "certificate", "last_backup", "backup", "drill", *DISK_KEYS)
    )
    return {**row, **nothing, "state": "not applied", "memory": 0, "warnings": [warning]}


def _shown(row: dict[str, Any]) -> tuple[str, ...]:
    health = f", {row['health']}" if row["health"] and row["health"] != row["state"] else ""
    since = span_for_people(time.time() - row["since"]) if row["since"] else ""
    applied = row["version"] is not None
    return (
        row["name"],
        f"{row['recipe'] or '?'} {row['version'] or ''}".rstrip(),
        f"{row['state']}{health}",
        since,
        bytes_for_people(row["memory"]) if row["memory"] else "",
        bytes_for_people(row["disk"]) if applied else "",
        bytes_for_people(row["caches"]) if applied and row["caches"] != 0 else "",
        str(row["block"] or ""),
        row["backup"]["short"] if applied else "",
        row["url"] or "?",
    )
