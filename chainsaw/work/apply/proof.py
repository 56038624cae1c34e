"""What proves that an applied instance works: its page, and if it wants a login, that a stranger is asked for one."""

from __future__ import annotations

from collections.abc import Callable

from chainsaw.host.web import Front, asks_for_login, probe
from chainsaw.model.deployment import Deployment

PATIENCE = 15.0


def proof(deployment: Deployment, front: Front, patience: float, is_lost: Callable[[], bool], word: str) -> str:
    """Return nothing when an instance works, or what was wrong; `word` passes a login.

    Behind another instance's login only the login can be seen.
    """
    host, wall = deployment.route.host, deployment.wall
    if wall and wall.forward and not wall.part:
        return asks_for_login(host, front, wall.asks_at or deployment.probe.path, patience, is_own=False)
    problem = probe(host, front, deployment.probe, patience, is_lost, word if wall and wall.allow else "")
    # A generation of an earlier chainsaw does not say where only a part asks.
    if not problem and wall and (wall.asks_at or not wall.part):
        problem = asks_for_login(host, front, wall.asks_at or deployment.probe.path, PATIENCE, is_own=not wall.forward)
    return problem
