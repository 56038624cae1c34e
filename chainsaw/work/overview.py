"""list: every instance and what it is doing now."""

from __future__ import annotations

from typing import Any

from chainsaw.host import facts, store
from chainsaw.host.observe import PATTERNS
from chainsaw.host.systemd import UserManager
from chainsaw.plan.state import instance_state
from chainsaw.work.catalog import catalog_of
from chainsaw.work.intent import read_intent
from chainsaw.work.result import Result, Table


def overview() -> Result:
    """Return all instances, declared or applied, sorted by name."""
    user = facts.account()
    declared = read_intent(user, catalog_of(user.paths)).instances
    applied = store.read_manifest(user.paths, store.current_number(user.paths)).instances
    with UserManager() as manager:
        units = manager.states(PATTERNS)
    rows: list[dict[str, Any]] = []
    for name in sorted(declared.keys() | applied.keys()):
        row: dict[str, Any] = {"name": name}
        if name in applied:
            deployment = applied[name]
            row |= {"recipe": deployment.recipe, "version": deployment.version}
            row |= {"url": deployment.url}
            row["state"] = instance_state(deployment, units) if name in declared else "no longer declared"
        else:
            instance = declared[name].instance
            row |= {"recipe": instance.recipe, "version": None, "url": instance.route, "state": "not applied"}
        rows.append(row)
    shown = [
        (row["name"], f"{row['recipe']} {row['version'] or ''}".rstrip(), row["state"], row["url"]) for row in rows
    ]
    lines = () if rows else ("no instance is declared: chainsaw new RECIPE NAME",)
    return Result({"instances": rows}, lines, table=Table(("name", "recipe", "state", "url"), tuple(shown)))
