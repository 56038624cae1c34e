"""What an instance is doing, judged from the states of its units."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from chainsaw.model.deployment import Deployment

State = Literal["running", "asleep", "starting", "stopping", "failed", "stopped", "not applied", "no longer declared"]
FRONT = "chainsaw-front.service"


def instance_state(deployment: Deployment, units: Mapping[str, str]) -> State:
    """Return the state of an applied instance; `units` are active states by unit, as systemd names them."""
    own = [service.unit for service in (*deployment.services, deployment.gate) if service]
    needed = own if deployment.socket else [*own, FRONT]
    states = {units.get(unit, "inactive") for unit in needed}
    if "failed" in states or (deployment.socket and units.get(deployment.socket.unit) == "failed"):
        return "failed"
    if deployment.socket and units.get(deployment.socket.unit) != "active":
        return "stopped"
    if states & {"activating", "reloading"}:
        return "starting"
    if "deactivating" in states:
        return "stopping"
    if states <= {"active"}:
        return "running"
    if deployment.sleep is None:
        return "stopped"
    return "running" if "active" in states else "asleep"
