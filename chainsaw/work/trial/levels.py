"""The levels of a recipe's test: each is a function that returns its evidence, or raises ChainsawError."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from chainsaw.compile.lint import lint
from chainsaw.errors import ChainsawError
from chainsaw.host import facts
from chainsaw.host.web import shortfall
from chainsaw.model.names import span_in_seconds
from chainsaw.work.recipes.shipped import shared_files
from chainsaw.work.trial.choices import try_directives, try_options
from chainsaw.work.trial.confinement import capabilities_beyond, leaks, listeners, not_confined, reachable
from chainsaw.work.trial.data import demand, holds, write, write_once
from chainsaw.work.trial.elsewhere import comes_back_elsewhere
from chainsaw.work.trial.footprint import footprint, image_sizes, memory_of
from chainsaw.work.trial.page import check_page, check_websockets
from chainsaw.work.trial.problem import trying, wrong
from chainsaw.work.trial.recovery import comes_back
from chainsaw.work.trial.rehearsal import rehearse
from chainsaw.work.trial.scene import Scene, new_marker, wait_until
from chainsaw.work.trial.upkeep import change_secrets, check_due, run_timers
from chainsaw.work.trial.variants import unattended_variants

IDLE = 12.0
SLEEP = "5s"
BUSY_REQUESTS = 20
Evidence = dict[str, Any]


def well_formed(scene: Scene) -> Evidence:
    """Level 1: it passes lint, and Podman's generator and nginx accept the compiled files."""
    problems = [item for item in lint(scene.bundle, shared_files()) if item.severity == "error"]
    if problems:
        raise ChainsawError(problems)
    scene.declare(scene.first)
    return rehearse(scene, scene.first)


def installs(scene: Scene) -> Evidence:
    """Level 2: it installs with defaults, and its page answers with its first stylesheet and script."""
    scene.declare(scene.first)
    scene.apply(scene.first)
    assets = check_page(scene, scene.first)
    check_websockets(scene, scene.first)
    scene.measured |= image_sizes(scene)
    for _ in range(BUSY_REQUESTS):
        scene.get(scene.first, scene.deployment(scene.first).probe.path)
    scene.measured["memory_busy_mb"] = memory_of(scene, scene.first)
    return {"page": scene.deployment(scene.first).probe.path, "assets": assets}


def keeps_data(scene: Scene) -> Evidence:
    """Level 3, before the reboot: written data is still there after a restart."""
    write_once(scene)
    began = time.monotonic()
    scene.restart(scene.first)
    check_page(scene, scene.first)
    scene.measured["restart_seconds"] = round(time.monotonic() - began, 1)
    demand(scene, scene.first, "after a restart")
    return {"marker": scene.marker, "boot": facts.boot_id()}


def side_by_side(scene: Scene) -> Evidence:
    """Level 4: a second instance shares nothing with the first, and removing it does not affect the first."""
    write_once(scene)
    scene.declare(scene.second)
    scene.apply(scene.second)
    check_page(scene, scene.second)
    # With data of its own, it is known that reading works there: what is not found is not there.
    other = new_marker()
    write(scene, scene.second, other)
    demand(scene, scene.first, "beside a second instance")
    for name, word in ((scene.second, scene.marker), (scene.first, other)):
        if holds(scene, name, word):
            raise wrong(f"{name} has the data of the other instance")
    blocks = [scene.deployment(name).block for name in (scene.first, scene.second)]
    if blocks[0] is not None and blocks[0] == blocks[1]:
        raise wrong("both instances have the same ids")
    ways = [way for pair in _pairs(scene) for way in reachable(scene, *pair)]
    if ways:
        raise wrong("; ".join(ways))
    scene.purge(scene.second)
    demand(scene, scene.first, "after the second instance was removed")
    return {"blocks": blocks}


def _pairs(scene: Scene) -> list[tuple[str, str]]:
    return [(scene.first, scene.second), (scene.second, scene.first)]


def follows_file(scene: Scene) -> Evidence:
    """Level 5: it follows its file: another route, each option of its settings, each directive that it honours."""
    keeps = scene.bundle.recipe.marker is not None
    if keeps:
        write_once(scene)
    routes = [f"https://{scene.host(scene.moved)}/"]
    if scene.bundle.recipe.subpath:
        routes.append(f"{routes[0]}a/path/")
    for route in routes:
        scene.declare(scene.first, route)
        scene.apply(scene.first)
        check_page(scene, scene.first)
        if keeps:
            demand(scene, scene.first, f"at {route}")
    options, directives = try_options(scene), try_directives(scene)
    scene.declare(scene.first)
    scene.apply(scene.first)
    check_page(scene, scene.first)
    if keeps:
        demand(scene, scene.first, "with its defaults again")
    scene.idle_since = time.monotonic()
    return {"routes": routes, "options": options, "directives": directives}


def leaves_nothing(scene: Scene) -> Evidence:
    """Level 6: a purge leaves nothing behind, and the instance can be installed again."""
    before = footprint(scene)
    for _ in range(2):
        scene.declare(scene.second)
        began = time.monotonic()
        scene.apply(scene.second)
        scene.measured["first_start_seconds"] = round(time.monotonic() - began, 1)
        check_page(scene, scene.second)
        scene.purge(scene.second)
        left = sorted(footprint(scene) - before)
        if left:
            raise wrong(f"a removal leaves {', '.join(left)}")
    return {"compared": len(before)}


def is_confined(scene: Scene) -> Evidence:
    """Level 7: read-only root, only waived capabilities, no port open to others, no visible secret."""
    # Servers end workers that have had nothing to do for a while: PHP-FPM after 10 seconds.
    time.sleep(max(0.0, IDLE - (time.monotonic() - scene.idle_since)))
    scene.measured["memory_idle_mb"] = memory_of(scene, scene.first)
    problems = [*not_confined(scene), *capabilities_beyond(scene), *listeners(scene), *leaks(scene)]
    if problems:
        raise wrong("; ".join(problems))
    waived = {name: [w.name for w in item.capabilities] for name, item in scene.bundle.recipe.components.items()}
    return {"processes": len(scene.processes(scene.first)), "waived": {k: v for k, v in waived.items() if v}}


def runs_unattended(scene: Scene) -> Evidence:
    """Level 8: it sleeps and wakes, its timers run and its secrets change; then its data is there, and no leak.

    An option with which other timers run, or other secrets change, is installed on its own and goes through the same.
    """
    evidence, variants = _unattended(scene), dict[str, Evidence]()
    for shown, chosen in unattended_variants(scene.bundle):
        with trying(f"with {shown}"):
            scene.purge(scene.second)
            variant = scene.variant(chosen)
            variant.declare(variant.first)
            variant.apply(variant.first)
            variants[shown] = _unattended(variant)
            scene.purge(scene.second)
    return {**evidence, **({"variants": variants} if variants else {})}


def _unattended(scene: Scene) -> Evidence:
    keeps = scene.recipe(scene.first).marker is not None
    if keeps:
        write_once(scene)
    evidence: Evidence = {"timers": run_timers(scene), "secrets": change_secrets(scene)}
    evidence |= _sleep(scene)
    # A command in a container is no request: it could fall asleep again while the marker is read.
    scene.declare(scene.first)
    scene.apply(scene.first)
    if keeps:
        demand(scene, scene.first, "after its sleep")
    if problems := leaks(scene):
        raise wrong("; ".join(problems))
    return evidence


def _sleep(scene: Scene) -> Evidence:
    """Let it fall asleep, and wake it: by each timer, then by several requests at once."""
    deployment = scene.deployment(scene.first)
    if deployment.socket is None:
        return {"processes": 0, "why": "there is no process that could sleep"}
    scene.declare(scene.first, keys={"sleep": SLEEP})
    scene.apply(scene.first)
    check_page(scene, scene.first)
    _await_sleep(scene, "its last request")
    check_due(scene)
    if deployment.timers:
        with trying("asleep"):
            run_timers(scene)
        _await_sleep(scene, "its last timer")
    began = time.monotonic()
    with ThreadPoolExecutor(max_workers=4) as pool:
        path = deployment.probe.path
        asked = [pool.submit(scene.get, scene.first, path) for _ in range(4)]
        answers = [one.result() for one in asked]
    scene.measured["wake_seconds"] = round(time.monotonic() - began, 2)
    for answer in answers:
        if problem := shortfall(answer, deployment.probe):
            raise wrong(f"a request that woke it {problem}")
    statuses = [answer.status for answer in answers]
    return {"processes": 0, "wake_seconds": scene.measured["wake_seconds"], "statuses": statuses}


def _await_sleep(scene: Scene, since: str) -> None:
    if not wait_until(lambda: scene.state(scene.first) == "asleep", span_in_seconds(SLEEP) + 60):
        raise wrong(f"it is {scene.state(scene.first)} and not asleep a minute after {since}")
    if left := scene.processes(scene.first):
        raise wrong(f"{len(left)} processes run while it is asleep")


LEVELS: dict[int, Callable[[Scene], Evidence]] = {
    1: well_formed,
    2: installs,
    3: keeps_data,
    4: side_by_side,
    5: follows_file,
    6: leaves_nothing,
    7: is_confined,
    8: runs_unattended,
    9: comes_back,
    10: comes_back_elsewhere,
}
