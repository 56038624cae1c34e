"""What plan and apply have to say, as results."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from chainsaw.errors import Diagnostic, Exit
from chainsaw.host import files
from chainsaw.host.step import Steps
from chainsaw.model.deployment import Deployment, Manifest
from chainsaw.model.paths import Paths
from chainsaw.plan import actions as act
from chainsaw.plan.commands import command_of
from chainsaw.plan.resources import Subject, resources_of
from chainsaw.work.result import Request, Result

NOTHING = "nothing to do"


def report_plan(plan: Sequence[act.Step], generation: int, explaining: Paths | None = None) -> Result:
    """Return what apply would do, or with an admin's paths with which commands somebody would do the same."""
    lines = [command_of(action, explaining) if explaining else _line(action) for action in plan] or [NOTHING]
    data = {"actions": act.summary(list(plan)), "generation": generation}
    return Result(data, tuple(lines))


def _line(action: act.Action) -> str:
    shown = action.as_dict()
    line = f"{shown['action'].replace('-', ' '):18} {shown['subject']}".rstrip()
    if isinstance(action, act.WriteGeneration):
        groups = (("+", action.added), ("~", action.changed), ("-", action.removed))
        line += "".join(f"\n    {mark} {path}" for mark, paths in groups for path in paths)
    return line


def report_applied(
    done: Sequence[act.Step],
    failures: Mapping[str, Sequence[Diagnostic]],
    manifest: Manifest,
    former: Mapping[str, Deployment],
    paths: Paths,
    endings: Mapping[str, str],
) -> Result:
    """Return what apply did: how to get into each instance that is new, and what became of each that failed."""
    lines: list[str] = []
    for name, deployment in sorted(manifest.instances.items()):
        if name not in former:
            lines += _welcome(name, deployment)
    gone = sorted(former.keys() - manifest.instances.keys() - failures.keys())
    for name in gone:
        needed = [item.path for item in former[name].directories]
        own = [item.place for item in resources_of(Subject(name, paths)) if item.kind == "data"]
        places = [place for place in own if place in needed]
        lines.append(f"{name} is stopped and no longer served. Its data is still in {' and '.join(places)}")
    fresh = [name for name, item in manifest.instances.items() if name not in former and item.block is not None]
    if not all(files.exists(f"/etc/userdb/chainsaw-{name}.user") for name in fresh):
        lines.append("ps and ls show numbers for the ids of new instances until you run: sudo chainsaw setup")
    changed = sorted({action.owner for action in done if action.owner} & former.keys())
    lines += [f"{name} is updated" for name in changed if name in manifest.instances and name not in failures]
    if not lines and not failures:
        lines = ["the front is updated"] if done else [NOTHING]
    data: dict[str, Any] = {
        "actions": act.summary(list(done)),
        "instances": {name: {"url": item.url} for name, item in manifest.instances.items()},
        "failed": sorted(failures),
        "removed": gone,
    }
    problems = tuple(problem for name in sorted(failures) for problem in _named(name, failures[name], endings[name]))
    return Result(data, tuple(lines), problems, Exit.DEGRADED if failures else Exit.OK)


def ending_of(name: str, is_known: bool, rolled_back: bool, fails: bool, kept: bool = False) -> str:
    """Return what became of an instance that failed.

    `is_known` is whether there was an earlier one, `fails` whether it failed again after it was rolled back, `kept`
    whether it was to stay as it is.
    """
    if kept and not rolled_back:
        return f"{name} does not work, and stays as it is"
    if not rolled_back:
        return f"{name} does not work, and it is what was there before: there is nothing to roll back to"
    if not is_known:
        return f"{name} was rolled back: it was not installed; its data, if any, is kept"
    if fails:
        return f"{name} was rolled back, and does not work as it was before either"
    return f"{name} was rolled back: it runs as before"


def _named(name: str, problems: Sequence[Diagnostic], ending: str) -> list[Diagnostic]:
    """Say of an instance's problems whose they are, and what became of it."""
    summary = Diagnostic(
        "rolled-back",
        ending,
        f"instances/{name}.yaml",
        hint="fix it, then: chainsaw apply",
        severity="note",
    )
    return [*problems, summary]


def _welcome(name: str, deployment: Deployment) -> list[str]:
    lines = [f"{name} is live at {deployment.url}"]
    if deployment.wall and deployment.wall.forward:
        lines.append(f"  who may visit it: {deployment.wall.forward} says so")
    elif deployment.wall:
        where = "to administer it, " if deployment.wall.part == "admin" else ""
        lines.append(f"  {where}log in at the front; with which names: chainsaw user list")
    if deployment.login:
        page, user, secret = deployment.login
        person = f" as {user}" if user else ""
        lines.append(f"  log in at {page}{person}; the password: chainsaw secret show {name} {secret}")
    own = [item for item in deployment.volumes if item.owner == "admin" and item.public is not None]
    lines += [f"  its files: {item.path}" for item in own]
    if deployment.notes:
        lines.append(f"  {deployment.notes}")
    return lines


def with_timings(result: Result, request: Request, steps: Steps, began: float) -> Result:
    """Return a result with the seconds of each step, if they are wanted; `began` is on the monotonic clock."""
    if not request.timings:
        return result
    total = time.monotonic() - began
    rest = total - sum(seconds for _, seconds in steps.timings)
    timings = [*steps.timings, ("everything else", rest), ("in all", total)]
    data = {**result.data, "timings": [{"step": name, "seconds": round(seconds, 4)} for name, seconds in timings]}
    lines = (*result.lines, *(f"{seconds:8.3f} s  {name}" for name, seconds in timings))
    return replace(result, data=data, lines=lines)
