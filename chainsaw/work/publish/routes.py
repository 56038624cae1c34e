"""routes: what is published where, with which certificate, and in which state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from chainsaw.host import certificates
from chainsaw.host.account import Account
from chainsaw.host.systemd import UserManager
from chainsaw.model.access import Wall
from chainsaw.model.deployment import Deployment, Manifest
from chainsaw.model.route import Route
from chainsaw.plan.state import instance_state
from chainsaw.work.certificates.recorded import moment_for_people, recorded_check
from chainsaw.work.inspect.snapshot import units_around
from chainsaw.work.result import Result, Table

HEADING = ("host", "path", "instance", "login", "certificate", "expires", "state")


def list_routes(account: Account) -> Result:
    """Return every route of the current generation, by host name and path."""
    manifest = account.current()
    with UserManager() as manager:
        states = {name: instance_state(item, units_around(manager, name)) for name, item in manifest.instances.items()}
    rows = sorted(_rows(account, manifest, states), key=lambda row: (row["host"], row["path"]))
    lines = () if rows else ("nothing is published: chainsaw new RECIPE NAME --route https://…/; chainsaw apply",)
    return Result({"routes": rows}, lines, table=Table(HEADING, tuple(map(_cells, rows))) if rows else None)


def _rows(account: Account, manifest: Manifest, states: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    for name, deployment in manifest.instances.items():
        for number, route in enumerate(deployment.routes):
            leads_to = deployment.url if number else ""
            yield _row(account, manifest, route, name, leads_to, _state(deployment, states[name], leads_to))
    for item in manifest.elsewhere:
        state = f"leads to {item.redirect}" if item.redirect else "gone"
        yield _row(account, manifest, item.route, "", item.redirect, state)


def _state(deployment: Deployment, state: str, leads_to: str) -> str:
    if leads_to:
        return f"leads to {leads_to}"
    return state if deployment.serving == "normal" or state == deployment.serving else f"{state}, {deployment.serving}"


def _row(account: Account, manifest: Manifest, route: Route, name: str, leads_to: str, state: str) -> dict[str, Any]:
    record = certificates.read_record(account.paths.issued(route.host))
    check = recorded_check(account.paths, manifest, route.host)
    return {
        "host": route.host,
        "path": route.path,
        "instance": name or None,
        "login": _login(manifest.instances[name].wall) if name and not leads_to else None,
        "leads_to": leads_to or None,
        "certificate": {"issuer": manifest.issuer(route.host).issuer, "state": check.state, "found": check.found},
        "expires": record.not_after if record else None,
        "state": state,
    }


def _login(wall: Wall | None) -> dict[str, Any] | None:
    """Return who may visit: users and groups, `*` for all users, or the instance that knows, and which part it is."""
    if wall is None:
        return None
    users = list(dict.fromkeys(word.removeprefix("@") for word in wall.allow))
    return {"users": users, "forward": wall.forward or None, "part": wall.part or None}


def _login_in_words(login: dict[str, Any]) -> str:
    who = login["forward"] or ("all users" if "*" in login["users"] else ", ".join(login["users"]))
    return {"admin": f"{who}, for admin", "public": f"{who}, but for public"}.get(login["part"] or "", who)


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    shown = row["certificate"]
    issuer = shown["issuer"] if shown["state"] == "ok" else f"{shown['issuer']}, {shown['state']}"
    expires = moment_for_people(row["expires"])[:10] or "-"
    return (
        row["host"],
        row["path"],
        row["instance"] or "-",
        _login_in_words(row["login"]) if row["login"] else "-",
        issuer,
        expires,
        row["state"],
    )
