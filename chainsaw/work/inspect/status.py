"""status: one instance in detail, and the next command if something is wrong."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from chainsaw.checks import amounts
from chainsaw.checks.certificates import certificate
from chainsaw.checks.check import Check
from chainsaw.checks.observed import DiskUse
from chainsaw.errors import ChainsawError, Exit
from chainsaw.host import certificates, journal, readings, usage
from chainsaw.host.account import Account
from chainsaw.host.stored import stored_chain
from chainsaw.host.systemd import UserManager
from chainsaw.model.certificate import HostIssuer
from chainsaw.model.deployment import Deployment, Service
from chainsaw.model.quantity import bytes_for_people, span_for_people
from chainsaw.plan.backups import WRONG
from chainsaw.plan.state import instance_state, logs_of, processes_of, restarted, state_since
from chainsaw.work.config.names import applied_instance
from chainsaw.work.history.notes import notes_of
from chainsaw.work.inspect.backups import kept_backups
from chainsaw.work.inspect.disk import disk_use
from chainsaw.work.inspect.list import disk_keys, graded, missing_directories
from chainsaw.work.inspect.snapshot import DISK_TIMEOUT, DOWN, Snapshot, snapshot_of, start_api, units_around
from chainsaw.work.result import Result

WARNING = 4
"""The priority of a warning (syslog(3)); what containers write to standard error has 3."""
PROBLEM = r"\b(warn|err(or)?\b|fail|fatal|panic|crit|alert|emerg|abort|denied|refus|exception|traceback|cannot|unable)"
SYSTEMD = ("app@", "Failed to start ", "Dependency failed ")
"""How lines of systemd about a failed unit begin."""
DAY = 86400.0
FRONT_TIMEOUT = 2.0
"""Seconds to wait for the front's certificate; it answers in milliseconds where nothing is wrong."""


def status(account: Account, name: str) -> Result:
    """Return all that is known of an instance; raise ChainsawError when there is none of this name."""
    manifest = account.current()
    deployment = applied_instance(account.paths, manifest, name)
    # Slow reads start first and run in parallel with the rest.
    with ThreadPoolExecutor(max_workers=6) as pool, UserManager() as manager:
        units = units_around(manager, name)
        active = [item for item in processes_of(deployment) if units.get(item.unit, DOWN).active == "active"]
        if any(item.health for item in active):
            start_api()
        checks = {item.unit: pool.submit(_check, account, item) for item in active}
        problems = pool.submit(_problem_lines, deployment)
        shown = [pool.submit(_certificate, account, host, manifest.issuer(host)) for host in deployment.hosts]
        counting = pool.submit(disk_use, account, deployment, DISK_TIMEOUT)
        seen = snapshot_of(account, manager, manifest, name, units)
        asked = {unit: check.result() for unit, check in checks.items()}
        parts = [
            _component(seen, service, *asked.get(service.unit, (None, ""))) for service in processes_of(deployment)
        ]
        certificates = [item.result() for item in shown]
        data = _data(account, seen, deployment, parts)
        # The first is that of the address where it is; at the others browsers are led there.
        data |= {"certificate": certificates[0][0], "certificates": [keys for keys, _ in certificates]}
        data |= _disk(deployment, *counting.result())
        # When an instance has failed, every line of its log may show the reason.
        data["log"] = _problem_lines(deployment, "") if _has_problems(data) else problems.result()
    data["next"] = next(_next_steps(data), None)
    code = Exit.OK if data["state"] in ("running", "asleep") and data["health"] != "unhealthy" else Exit.DEGRADED
    wrong = [check for _, check in certificates if check.state in ("warn", "fail")]
    code = Exit.DEGRADED if data["missing"] or data["lost"] or any(item.state == "fail" for item in wrong) else code
    return Result(data, tuple(_lines(data)), tuple(graded(name, check) for check in wrong), code)


def _data(account: Account, seen: Snapshot, deployment: Deployment, parts: list[dict[str, Any]]) -> dict[str, Any]:
    name = deployment.name
    found = {part["health"] for part in parts} - {None}
    again = restarted(deployment, seen.units)
    state = instance_state(deployment, seen.units)
    kept = kept_backups(account.paths, {name: deployment}, seen.units)[name]
    return {
        "instance": name,
        "recipe": deployment.recipe,
        "version": deployment.version,
        "generation": seen.manifest.number,
        "url": deployment.url,
        "also_at": list(deployment.also_at),
        "state": state if name in seen.pending.declared else "no longer declared",
        "since": state_since(deployment, seen.units) or None,
        "health": "unhealthy" if "unhealthy" in found else "healthy" if found else None,
        "memory": sum(part["memory"] for part in parts),
        "block": deployment.block,
        "components": parts,
        "socket": _unit(seen, deployment.socket),
        "timers": [_unit(seen, timer) for timer in deployment.timers],
        "edited": seen.edited(name),
        "changed": name in seen.pending.changed,
        "problems": [item.as_dict() for item in seen.pending.problems],
        "restarted": again,
        "missing": missing_directories(deployment),
        "lost": seen.lost_by(deployment),
        **kept.as_dict(),
        "notes": notes_of(account, name),
    }


def _disk(deployment: Deployment, use: DiskUse, sizes: Mapping[str, int]) -> dict[str, Any]:
    more = amounts.excess(use, deployment.disk)
    volumes = [{"name": item.name, "path": item.path, "size": sizes.get(item.path)} for item in deployment.volumes]
    over = f"it has {more}: {amounts.remedy(deployment.name, use)}" if more else None
    return {**disk_keys(use, deployment), "over": over, "volumes": volumes}


def _unit(seen: Snapshot, service: Service | None) -> dict[str, str] | None:
    known = seen.units.get(service.unit, DOWN) if service else None
    return {"unit": service.unit, "state": known.active} if service and known else None


def _certificate(account: Account, host: str, issuer: HostIssuer) -> tuple[dict[str, Any], Check]:
    """Return what the front shows for a host: until when it is valid, None when it shows none, and what that means."""
    check, until = _shown(account, host, issuer)
    return {"host": host, "until": until, "state": check.state, "found": check.found}, check


def _shown(account: Account, host: str, issuer: HostIssuer) -> tuple[Check, float | None]:
    # HTTP takes 20 ms to import, and nothing else here needs it.
    from chainsaw.host import web

    ports = readings.front_ports(account.paths)
    authority = f"{account.paths.authority}/ca.pem"
    own = stored_chain(account.paths, host) if issuer.issuer == "files" else b""
    shown = web.shown_certificate(web.Front(ports[1], authority), host, FRONT_TIMEOUT, own) if ports else None
    recorded = certificates.read_record(account.paths.issued(host))
    if shown is None or not (shown.until or shown.refused):
        reason = shown.problem if shown else "there is no front"
        found = f"unknown, the front does not show it: {reason}"
        return Check("certificate", "unknown", found, subject=host), None
    return certificate(host, issuer, recorded, shown, time.time()), shown.until or None


def _component(seen: Snapshot, service: Service, health: str | None, output: str) -> dict[str, Any]:
    details = seen.units.get(service.unit, DOWN)
    processes = seen.processes.get(service.unit, frozenset())
    return {
        "name": service.container.rpartition(".")[2],
        "unit": service.unit,
        "container": service.container,
        "state": details.active,
        "sub": details.sub,
        "result": details.result,
        "since": details.since or None,
        "restarts": details.restarts,
        "health": health,
        "check": output,
        "processes": len(processes),
        "memory": usage.memory_of(processes),
    }


def _check(account: Account, service: Service) -> tuple[str | None, str]:
    """Return the health of a running component and the output of its check: Podman's last one, or one run now."""
    if not service.health:
        return None, ""
    try:
        podman = account.podman
        if service.polled and (known := podman.last_check(service.container)):
            return known
        well, printed = podman.check(service.container, service.health)
    except ChainsawError as error:
        return None, f"the check could not run: {error.diagnostics[0].message}"
    return "healthy" if well else "unhealthy", printed


def _problem_lines(deployment: Deployment, pattern: str = PROBLEM) -> list[dict[str, Any]]:
    """Return the last five lines of the last day that look like errors or warnings.

    Many programs write everything to standard error, so the priority alone means little.
    """
    match = journal.either(journal.matches(*item) for item in logs_of(deployment).values())
    if not match:
        return []
    options = [f"--since=@{time.time() - DAY:.0f}", f"--priority={WARNING}", *match]
    options += [f"--grep={pattern}", "--case-sensitive=no"] if pattern else []
    # What systemd says of a failure is the same each time; what the application and Podman say is the reason.
    found = journal.newest(options, 5, lambda entry: bool(entry.text.strip()) and not entry.text.startswith(SYSTEMD))
    return [{"at": item.at, "from": item.container or item.unit, "text": item.text} for item in found]


def _next_steps(data: dict[str, Any]) -> Iterator[str]:
    """Yield the next commands, the most urgent first."""
    name = data["instance"]
    if data["state"] == "no longer declared":
        yield "chainsaw apply"
    if data["missing"] or data["lost"]:
        yield f"chainsaw apply {name}"
    if _has_problems(data):
        yield f"chainsaw logs {name}"
    if data["state"] == "stopped":
        yield f"chainsaw start {name}"
    if data["state"] == "maintenance":
        yield f"chainsaw maintenance {name} off"
    if data["edited"]:
        yield f"chainsaw plan {name}"
    if data["changed"]:
        yield f"chainsaw diff {name}"
    for item in (data["backup"], data["drill"]):
        if item["state"] in WRONG:
            yield item["hint"]


def _has_problems(data: dict[str, Any]) -> bool:
    return (
        data["state"] in ("failed", "failing", "starting") or data["health"] == "unhealthy" or bool(data["restarted"])
    )


def _lines(data: dict[str, Any]) -> Iterator[str]:
    now = time.time()
    health = f", {data['health']}" if data["health"] else ""
    since = f" since {span_for_people(now - data['since'])}" if data["since"] else ""
    yield f"{data['instance']}: {data['state']}{since}{health}"
    yield f"  {data['recipe']} {data['version']}, generation {data['generation']}, {data['url']}"
    for url in data["also_at"]:
        yield f"  {'also at':12} {url}, which leads there"
    for part in data["components"]:
        yield from _component_lines(part, now)
    if data["socket"]:
        yield f"  {'socket':12} {data['socket']['state']}"
    several = len(data["certificates"]) > 1
    for item in data["certificates"]:
        yield f"  {'certificate':12} {item['host'] + ': ' if several else ''}{item['found']}"
    for volume in data["volumes"]:
        yield f"  {'volume':12} {volume['name']}, {bytes_for_people(volume['size'])}, {volume['path']}"
    yield f"  {'disk':12} {_disk_line(data)}"
    for timer in data["timers"]:
        yield f"  {'timer':12} {timer['unit']}, {timer['state']}"
    yield f"  {'backup':12} {data['backup']['found']}"
    if data["drill"]["state"] != "none":
        yield f"  {'drill':12} {data['drill']['found']}"
    yield from _differences(data)
    for entry in data["log"]:
        stamp = time.strftime("%m-%d %H:%M", time.localtime(entry["at"]))
        yield f"  {'log':12} {stamp} {entry['from']}: {entry['text'][:200]}"
    yield from (f"  {'note':12} {line}" for line in data["notes"])
    if data["next"]:
        yield f"next: {data['next']}"


def _disk_line(data: dict[str, Any]) -> str:
    if data["over"]:
        return str(data["over"])
    caches = f", {bytes_for_people(data['caches'])} of caches" if data["caches"] != 0 else ""
    count = "?" if data["files"] is None else data["files"]
    expected = f"{bytes_for_people(data['disk_expected'])} and {data['files_expected']} are expected at most"
    return f"{bytes_for_people(data['disk'])} of data{caches}, {count} files; {expected}"


def _component_lines(part: dict[str, Any], now: float) -> Iterator[str]:
    since = f" since {span_for_people(now - part['since'])}" if part["since"] else ""
    health = f", {part['health']}" if part["health"] else ""
    memory = f", {bytes_for_people(part['memory'])} in {part['processes']} processes" if part["processes"] else ""
    count = part["restarts"]
    again = f", restarted {'once' if count == 1 else f'{count} times'}" if count else ""
    yield f"  {part['name']:12} {part['state']}{since}{health}{memory}{again}"
    if part["check"] and part["health"] != "healthy":
        yield f"  {'':12} its check printed: {part['check'].splitlines()[-1][:200]}"


def _differences(data: dict[str, Any]) -> Iterator[str]:
    for path in data["edited"]:
        yield f"  {'edited':12} {path} was edited by hand"
    if data["changed"]:
        yield f"  {'changed':12} its file or its recipe has changed since it was applied"
    for place in data["missing"]:
        yield f"  {'missing':12} {place}"
    for item in data["lost"]:
        yield f"  {'lost':12} Podman does not have {item} any more"
    for problem in data["problems"]:
        yield f"  {'refused':12} {problem['message']}"
