"""The timers that make and rehearse backups of an instance, and what they start."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chainsaw.compile.context import Job
from chainsaw.compile.render_unit import unit_artifact
from chainsaw.model.artifact import Artifact
from chainsaw.model.deployment import Scheduled, Service
from chainsaw.model.schedule import Schedule
from chainsaw.model.site import schedule_of

NEVER = "never"
DELAY = {"hourly": "10min", "daily": "1h", "weekly": "2h", "monthly": "2h"}
"""Over how long those of several instances are spread."""


def schedule_units(job: Job) -> Iterator[Artifact]:
    """Yield the timers of an instance's backups and rehearsals, each with its service, as far as they are wanted.

    What works without chainsaw has none: they need it.
    """
    schedule = Schedule() if job.host.paths.ejected else schedule_of(job.site, job.file.instance)
    if schedule.every != NEVER:
        yield from _pair(job, job.backup_unit("backup"), schedule.every, ["backup", job.name], "backup")
    if schedule.drill != NEVER:
        words, after = ["backup", "drill", job.name], job.backup_unit("backup") if schedule.every != NEVER else ""
        yield from _pair(job, job.backup_unit("drill"), schedule.drill, words, "rehearsal of a restore", after)


def _pair(job: Job, stem: str, every: str, command: list[str], what: str, after: str = "") -> Iterator[Artifact]:
    words = {"title": job.title, "help": what}
    contexts: dict[str, dict[str, Any]] = {
        "timer": {"calendar": every, "delay": DELAY[every], "service": f"{stem}.service"},
        "service": {
            "program": job.host.program,
            "command": [*command, "--scheduled"],
            "after": f"{after}.service" if after else "",
        },
    }
    for kind, context in contexts.items():
        yield unit_artifact(
            f"units/{stem}.{kind}",
            f"backup.{kind}.j2",
            {**words, **context},
            shared=job.shared,
            host=job.host,
            origin=job.origin,
            owner=job.name,
        )


def scheduled_of(job: Job, units: list[Artifact]) -> Scheduled:
    """Return what is done for an instance by itself, from its units."""
    timers = tuple(
        Service(unit=unit.path.rsplit("/", 1)[-1], digest=unit.digest) for unit in units if unit.path.endswith(".timer")
    )
    if not timers:
        return Scheduled()
    schedule = schedule_of(job.site, job.file.instance)
    places = schedule.places(job.host.paths.backups_of(job.name))
    return Scheduled(every=schedule.every, drill=schedule.drill, to=places, timers=timers)
