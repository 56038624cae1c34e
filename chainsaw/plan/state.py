"""The state of an instance, derived from the states of its units."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from chainsaw.model.deployment import Deployment, Service
from chainsaw.plan.observed import FRONT_SERVICE, UP, UnitDetails

State = Literal[
    "running",
    "asleep",
    "maintenance",
    "starting",
    "stopping",
    "failing",
    "failed",
    "stopped",
    "not applied",
    "no longer declared",
]
Health = Literal["healthy", "starting", "unhealthy"]
MANY = 3
"""The number of automatic restarts of a unit that is worth a warning."""


def attempts_of(name: str) -> tuple[str, str]:
    """Return the units that see whether an instance is given up for now, and that start it again, later and later."""
    return f"chainsaw-failed@{name}.service", f"chainsaw-retry@{name}.service"


def instance_state(deployment: Deployment, details: Mapping[str, UnitDetails]) -> State:
    """Return the state of an applied instance, from the details of its units as systemd has them."""
    units = {unit: item.active for unit, item in details.items()}
    own = [service.unit for service in processes_of(deployment)]
    needed = own if deployment.socket else [*own, FRONT_SERVICE]
    states = {units.get(unit, "inactive") for unit in needed}
    socket = units.get(deployment.socket.unit, "inactive") if deployment.socket else "active"
    if deployment.serving == "stopped" and {units.get(unit, "inactive") for unit in own} <= {"inactive", "failed"}:
        return "stopped"
    watched, retried = (units.get(unit) in UP for unit in attempts_of(deployment.name))
    if retried and socket != "active":
        return "failing"
    if any(units[unit] == "activating" for unit in restarted(deployment, details)):
        return "failing"
    if "failed" in states or socket == "failed":
        return "failing" if watched else "failed"
    if socket != "active":
        return "stopped"
    if states & {"activating", "reloading"}:
        return "starting"
    if "deactivating" in states:
        return "stopping"
    if deployment.sleep is None and not states <= {"active"}:
        return "stopped"
    if deployment.serving == "maintenance":
        return "maintenance"
    return "running" if "active" in states else "asleep"


def processes_of(deployment: Deployment) -> tuple[Service, ...]:
    """Return the units of an instance that have processes: its components and its gate."""
    return (*deployment.services, *([deployment.gate] if deployment.gate else []))


def logs_of(deployment: Deployment) -> dict[str, tuple[str, str]]:
    """Return the unit and the container, if any, of all that writes to the log of an instance, by its name there.

    It is each component, the gate, the work of each timer, and what hands on its mail.
    """
    found = {item.container.rpartition(".")[2]: (item.unit, item.container) for item in processes_of(deployment)}
    for timer in deployment.timers:
        unit = timer.unit.removesuffix(".timer")
        found[unit.rpartition(".")[2]] = (f"{unit}.service", "")
    if deployment.relay:
        found["mail"] = (f"{deployment.relay.unit.removesuffix('.socket')}.service", "")
    return found


def state_since(deployment: Deployment, units: Mapping[str, UnitDetails]) -> float:
    """Return since when an instance is in its state, in seconds since 1970: the last change of one of its units.

    It is 0 when systemd knows none of them.
    """
    own = [*processes_of(deployment), *([deployment.socket] if deployment.socket else [])]
    return max((units[service.unit].since for service in own if service.unit in units), default=0.0)


def instance_health(deployment: Deployment, healths: Mapping[str, str]) -> Health | None:
    """Return the worst health of an instance's containers; None when Podman checks none of them."""
    found = {healths.get(service.container) for service in deployment.services if service.polled}
    ordered: tuple[Health, ...] = ("unhealthy", "starting", "healthy")
    return next((health for health in ordered if health in found), None)


def restarted(deployment: Deployment, units: Mapping[str, UnitDetails]) -> dict[str, int]:
    """Return the number of automatic restarts of each unit that restarted at least MANY times."""
    found = {item.unit: units[item.unit].restarts for item in processes_of(deployment) if item.unit in units}
    return {unit: restarts for unit, restarts in found.items() if restarts >= MANY}
