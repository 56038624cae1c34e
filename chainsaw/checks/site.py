"""Checks of the site: what is applied, what a crash left behind, and whether the units run."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from chainsaw.checks.check import Check, some
from chainsaw.checks.observed import Leftovers
from chainsaw.errors import Diagnostic
from chainsaw.model.deployment import Deployment, Manifest
from chainsaw.plan.diff import FRONT_SOCKET
from chainsaw.plan.observed import API_SOCKET, FRONT_SERVICE, UnitDetails
from chainsaw.plan.state import instance_state, restarted

FIX = "chainsaw doctor --fix"
LOGS = "chainsaw-logs.service"
UNKNOWN_UNITS = "systemd's user manager does not answer"
OF_BACKUPS = ("chainsaw-backup@", "chainsaw-drill@")

Units = Mapping[str, UnitDetails]


def generation(number: int, problem: Diagnostic | None, way_back: str, declared: Collection[str]) -> Check:
    """Check the current generation: `number` is 0 for none; `problem` is the error if it cannot be read.

    `way_back` is the command that makes an earlier generation current.
    """
    if problem is not None:
        return Check("generation", "fail", f"{number} cannot be read: {problem.headline()}", way_back or problem.hint)
    if number:
        return Check("generation", "ok", f"{number} is current")
    if declared:
        return Check("generation", "warn", f"nothing is applied yet; declared: {some(declared)}", "chainsaw apply")
    return Check("generation", "ok", "nothing is applied yet, and nothing declared")


def leftovers(left: Leftovers | None) -> Iterator[Check]:
    """Check what a crash left behind; None when it cannot be read."""
    if left is None:
        for topic in ("last apply", "leftovers"):
            yield Check(topic, "unknown", "the state of chainsaw cannot be read", "ls -l ~/.local/state/chainsaw")
        return
    if left.holder:
        found, hint = f"another chainsaw is running: {left.holder}", "chainsaw doctor, when it is done"
        yield Check("last apply", "unknown", found, hint)
        yield Check("leftovers", "unknown", "unfinished files may belong to the running command", hint)
        return
    if left.unfinished:
        yield Check("last apply", "fail", "was interrupted", f"chainsaw apply, or {FIX}")
    else:
        yield Check("last apply", "ok", "finished")
    removable = [*left.unfinished_files, *(f"generation {number}, never current" for number in left.newer)]
    if removable:
        yield Check("leftovers", "warn", some(removable), FIX)
    elif not left.others:
        yield Check("leftovers", "ok", "none")
    if left.others:
        hint = f"podman unshare rm -r {left.others[0]}, if you do not need it"
        yield Check("leftovers", "warn", f"never finished: {some(left.others)}", hint, "data")


def generated_files(edited: Collection[str] | None) -> Check:
    """Check whether generated files are as they were written; `edited` are those that are not."""
    if edited is None:
        return Check("generated files", "unknown", "they cannot be read", "chainsaw plan")
    if not edited:
        return Check("generated files", "ok", "as they were written")
    found = f"edited by hand: {some(edited)}; apply does not overwrite them"
    return Check("generated files", "warn", found, "chainsaw plan shows it, chainsaw apply --force discards it")


def podman_store(lost: Collection[str] | None) -> Check:
    """Check whether Podman has what the instances and the front run from; `lost` are images and units of networks."""
    topic = "Podman's store"
    if lost is None:
        return Check(topic, "unknown", "it cannot be read", "podman images; podman network ls")
    if not lost:
        return Check(topic, "ok", "has all images and networks that are needed")
    found = f"does not have {some(sorted(lost))} any more: what needs them cannot start"
    return Check(topic, "fail", found, "chainsaw apply, which builds or pulls them again")


def podman_api(is_reachable: bool, units: Units | None) -> Check:
    """Check whether the socket of Podman's API is where its unit made it."""
    state = "unknown" if units is None else units[API_SOCKET].active if API_SOCKET in units else "inactive"
    if state == "active" and not is_reachable:
        found = "its socket was removed while its unit is active, as podman system reset does"
        return Check("Podman's API", "fail", found, f"{FIX}, or systemctl --user restart {API_SOCKET}")
    return Check("Podman's API", "ok" if units is not None else "unknown", f"its socket is {state}")


def listening(manifest: Manifest, units: Units | None) -> Iterator[Check]:
    """Check the units behind all others: the front's socket, the limits of logs, sockets and timers of instances."""
    if manifest.front is None:
        return
    if units is None:
        yield from (Check(topic, "unknown", UNKNOWN_UNITS) for topic in ("front socket", "limits of logs"))
    else:
        yield _held("front socket", FRONT_SOCKET, units)
        yield _held("limits of logs", LOGS, units)
        if manifest.logins and manifest.logins.socket:
            yield _held("logins", manifest.logins.socket.unit, units)
    for kind in ("socket", "timer", "mail socket"):
        for name, deployment in manifest.instances.items():
            own = {"socket": (deployment.socket,), "timer": deployment.timers, "mail socket": (deployment.relay,)}
            for service in own[kind] if deployment.serving != "stopped" else ():
                if service and units is None:
                    yield Check(kind, "unknown", UNKNOWN_UNITS, subject=name)
                elif service and units is not None:
                    yield _held(kind, service.unit, units, name)


def _held(topic: str, unit: str, units: Units, subject: str = "") -> Check:
    state = units[unit].active if unit in units else "inactive"
    if state == "active":
        return Check(topic, "ok", "active", subject=subject)
    return Check(topic, "fail", f"{unit} is {state}", f"{FIX}, or systemctl --user start {unit}", subject)


def instances(manifest: Manifest, units: Units | None, gone: Mapping[str, Collection[str]]) -> Iterator[Check]:
    """Check the state of each instance; `gone` are the missing directories of an instance."""
    for name, deployment in manifest.instances.items():
        if missing := gone.get(name):
            found = f"missing: {some(missing)}; an apply would create it again, empty"
            yield Check("instance", "fail", found, f"find or restore its data; then chainsaw apply {name}", name)
        elif units is None:
            yield Check("instance", "unknown", UNKNOWN_UNITS, subject=name)
        else:
            yield _instance(deployment, units)


def _instance(deployment: Deployment, units: Units) -> Check:
    name = deployment.name
    state = instance_state(deployment, units)
    if state == "stopped" and deployment.serving != "stopped":
        return Check(
            "instance", "fail", "stopped, although its file does not say so", f"{FIX}, or chainsaw apply", name
        )
    if state == "failing":
        return Check(
            "instance", "fail", "failing: it is started again, later and later", f"chainsaw status {name}", name
        )
    if state == "failed":
        return Check("instance", "fail", "failed", f"chainsaw logs {name}", name)
    if again := restarted(deployment, units):
        found = ", ".join(f"{unit} restarted {count} times" for unit, count in sorted(again.items()))
        return Check("instance", "warn", f"{state}, but {found}", f"chainsaw logs {name}", name)
    if state in ("starting", "stopping"):
        return Check("instance", "warn", f"{state} just now", f"chainsaw status {name}", name)
    return Check("instance", "ok", state, subject=name)


def failed_units(units: Units | None) -> Check:
    """Check whether any unit of chainsaw, or Podman's API, has failed."""
    if units is None:
        return Check("units", "unknown", UNKNOWN_UNITS, "systemctl --user --failed")
    # A backup that failed has a check of its own, which knows whether one was made since.
    failed = sorted(unit for unit, item in units.items() if item.active == "failed" and not unit.startswith(OF_BACKUPS))
    if not failed:
        return Check("units", "ok", "none failed")
    found = f"failed: {some([f'{unit} ({units[unit].result})' for unit in failed])}"
    return Check("units", "fail", found, f"systemctl --user status {failed[0]}, then {FIX}")


def front(manifest: Manifest, units: Units | None) -> Iterator[Check]:
    """Check whether the front is running."""
    if manifest.front is None:
        return
    if units is None:
        yield Check("front", "unknown", UNKNOWN_UNITS)
        return
    state = units[FRONT_SERVICE].active if FRONT_SERVICE in units else "inactive"
    if state in ("active", "reloading"):
        yield Check("front", "ok", "running")
    else:
        yield Check(
            "front", "fail", f"{FRONT_SERVICE} is {state}", f"journalctl --user -u {FRONT_SERVICE} -n 30, then {FIX}"
        )
