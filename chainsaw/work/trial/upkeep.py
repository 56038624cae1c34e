"""What happens to an instance without a visitor: its timers run, and its secrets are changed."""

from __future__ import annotations

import time

from chainsaw.host import files, journal
from chainsaw.host.systemd import GRACE, UserManager
from chainsaw.model.serve import Step
from chainsaw.work.apply.worker import said
from chainsaw.work.data.secrets import rotate_secret
from chainsaw.work.trial.data import demand, marker_of, works_with, write
from chainsaw.work.trial.page import check_page
from chainsaw.work.trial.problem import trying, wrong
from chainsaw.work.trial.scene import Scene, new_marker

JOB = 600.0
"""Seconds that a job of a timer may take; see quadlets/component.service.j2."""
UNSAID = "unsaid"
"""What is kept where an application did not say when its work is due; see quadlets/programs/due.py."""
LINES = 8
"""Lines of a job's log; the last three are systemd's own."""


def run_timers(scene: Scene) -> list[str]:
    """Run the job of each timer of the first instance, and return their names; raise ChainsawError where one fails."""
    deployment = scene.deployment(scene.first)
    names = []
    for timer in deployment.timers:
        unit = timer.unit.replace(".timer", ".service")
        name = unit.removeprefix(f"app@{scene.first}.").removesuffix(".service")
        scene.report.doing(f"level 8: timer {name}")
        began = time.time()
        with UserManager() as manager:
            problem = manager.run(unit, JOB + deployment.start_timeout + GRACE)
        if problem:
            raise wrong(f"the timer {name}: {problem}{said(journal.last_lines(unit, '', began, LINES))}")
        names.append(name)
    return names


def check_due(scene: Scene) -> None:
    """Raise ChainsawError when the first instance, which sleeps, did not say when work of its timers is due."""
    stating = {name: timer for name, timer in scene.recipe(scene.first).timers.items() if timer.due}
    for name, timer in stating.items():
        kept = files.read_text(scene.account.paths.due(scene.first, name)) or UNSAID
        if kept.rstrip().endswith(UNSAID):
            words = " ".join(timer.due)
            raise wrong(f"the timer {name}: {words} did not print a time in seconds since 1970, or nothing")


def change_secrets(scene: Scene) -> dict[str, str]:
    """Change each secret that the recipe can change; return for each whether the marker has proven the new value.

    Raise ChainsawError where that fails, where data is missing afterwards, and where the former value still works.
    """
    found = {}
    for key, secret in scene.recipe(scene.first).secrets.items():
        if secret.rotate is not None:
            scene.report.doing(f"level 8: secret {key}")
            with trying(f"with a new {key}"):
                found[key] = _change(scene, key)
                if secret.rotate.command:
                    # Only now the container has the new file, and a start script could set back what it says.
                    scene.restart(scene.first)
                    _look(scene, key, "after a restart")
    return found


def _change(scene: Scene, key: str) -> str:
    name, former = scene.first, scene.secret(scene.first, key)
    rotate_secret(scene.account, name, key, scene.report)
    if not _look(scene, key, "afterwards"):
        return "changed"
    marker = marker_of(scene, name)
    using = [(verb, steps) for verb, steps in (("read", marker.read), ("written", marker.write)) if _uses(steps, key)]
    for verb, steps in using[:1]:
        if works_with(scene, name, steps, {key: former}):
            raise wrong(f"with the former value the marker can still be {verb}")
    return "changed, and used by the marker" if using else "changed; the marker does not use it"


def _look(scene: Scene, key: str, when: str) -> bool:
    """Look at the page and at the data after a change of a secret; return whether there is a marker."""
    check_page(scene, scene.first)
    if scene.recipe(scene.first).marker is None:
        return False
    demand(scene, scene.first, when)
    if _uses(marker_of(scene, scene.first).write, key):
        scene.marker = new_marker()
        write(scene, scene.first, scene.marker)
    return True


def _uses(steps: tuple[Step, ...], key: str) -> bool:
    """Return whether a step shows a secret to the application."""
    requests = [step.request for step in steps if step.request]
    texts = [text for item in requests for text in (item.path, item.body or "", *item.headers.values())]
    return any(item.secret == key for item in requests) or any(f"secret.{key}" in text for text in texts)
