"""The state of an instance, derived from the states of its units."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Literal

from chainsaw.model.deployment import Deployment, Service
from chainsaw.plan.observed import UnitDetails

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
FRONT_SERVICE = "chainsaw-front.service"
MANY = 3
"""The number of automatic restarts of a unit that is worth a warning."""
RETRY = "chainsaw-retry@"
"""The template of the unit that starts an instance again that failed several times."""


def retry_unit(name: str) -> str:
    """Return the unit that starts an instance again, later and later, as long as it fails."""
    return f"{RETRY}{name}.service"


def watch_unit(name: str) -> str:
    """Return the unit that sees after each failure whether an instance is given up for now."""
    return f"chainsaw-failed@{name}.service"


def attempts_of(name: str) -> tuple[str, str]:
    """Return the units that start an instance again by themselves."""
    return watch_unit(name), retry_unit(name)


def _is_up(units: Mapping[str, str], unit: str) -> bool:
    return units.get(unit, "inactive") not in ("inactive", "failed")


def instance_state(deployment: Deployment, units: Mapping[str, str], crashing: Collection[str] = ()) -> State:
    """Return the state of an applied instance.

    `units` are active states by unit, as systemd names them; `crashing` are the units that restarted MANY times.
    """
    own = [service.unit for service in processes_of(deployment)]
    needed = own if deployment.socket else [*own, FRONT_SERVICE]
    states = {units.get(unit, "inactive") for unit in needed}
    if deployment.serving == "stopped" and {units.get(unit, "inactive") for unit in own} <= {"inactive", "failed"}:
        return "stopped"
    closed = deployment.socket is not None and units.get(deployment.socket.unit) != "active"
    if (closed and _is_up(units, retry_unit(deployment.name))) or any(
        units.get(unit) == "activating" for unit in crashing
    ):
        return "failing"
    if "failed" in states or (deployment.socket and units.get(deployment.socket.unit) == "failed"):
        return "failing" if _is_up(units, watch_unit(deployment.name)) else "failed"
    if deployment.socket and units.get(deployment.socket.unit) != "active":
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
