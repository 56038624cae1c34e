"""Level 9: an instance is backed up, deleted, and brought back on the same host, from a file and from a repository."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from chainsaw.errors import ChainsawError
from chainsaw.host import files
from chainsaw.model.backup import Index
from chainsaw.model.schedule import PASSWORD, REPOSITORY
from chainsaw.work.backup.access import make_password
from chainsaw.work.backup.make import Wanted, back_up_one
from chainsaw.work.locks import holding
from chainsaw.work.restore.restore import Choice, restore
from chainsaw.work.trial.data import demand, write_once
from chainsaw.work.trial.page import check_page
from chainsaw.work.trial.problem import trying, wrong
from chainsaw.work.trial.scene import Scene
from chainsaw.work.trial.upload import demand_upload, put_upload
from chainsaw.work.trial.visits import visited

COMMAND = "chainsaw recipe test"
CARRIERS = {"file": "", "repository": REPOSITORY}
"""What is before the directory of a place, for each carrier."""


def comes_back(scene: Scene) -> dict[str, Any]:
    """Return, for each carrier, how a backup went; raise ChainsawError where the data is not as it was."""
    keeps = scene.recipe(scene.first).marker is not None
    evidence: dict[str, Any] = {}
    with _place(scene) as place:
        for carrier, before in CARRIERS.items():
            with trying(f"from a {carrier}"):
                if keeps:
                    write_once(scene)
                uploaded = put_upload(scene, scene.first)
                evidence[carrier] = _there_and_back(scene, scene.first, f"{before}{place}/{carrier}")
                if keeps:
                    demand(scene, scene.first, "after it was deleted and restored")
                demand_upload(scene, scene.first, uploaded, "after it was deleted and restored")
        with trying("one that nobody has configured"):
            scene.declare(scene.second)
            scene.apply(scene.second)
            _there_and_back(scene, scene.second, f"{place}/new")
            scene.purge(scene.second)
    return evidence


@contextmanager
def _place(scene: Scene) -> Iterator[str]:
    """Give a directory for backups, and delete it, with the password of the repository if that is new."""
    place = f"{scene.account.paths.trials}/{scene.name}.backups"
    is_new = make_password(scene.account)
    scene.podman.remove_trees([place])
    files.make_directory(place, 0o700)
    try:
        yield place
    finally:
        scene.podman.remove_trees([place])
        if is_new:
            files.remove(scene.account.paths.site_secret(PASSWORD))


def _there_and_back(scene: Scene, name: str, place: str) -> dict[str, Any]:
    """Back an instance up while it is visited, delete it and restore it."""
    began = time.monotonic()
    with visited(scene, name) as visits:
        index = back_up(scene, name, place)
    seconds = round(time.monotonic() - began, 1)
    if visits.failed and not index.ending.downtime:
        raise wrong(f"{len(visits.failed)} of {visits.count} requests failed during its backup: {visits.failed[0]}")
    scene.purge(name)
    bring_back(scene, index, place)
    check_page(scene, name)
    return {
        "files": index.ending.files,
        "downtime": index.ending.downtime,
        "requests": visits.count,
        "failed": len(visits.failed),
        "seconds": seconds,
    }


def back_up(scene: Scene, name: str, place: str) -> Index:
    """Back an instance up in a place."""
    with holding(scene.account, (name,), COMMAND, scene.report):
        done = back_up_one(scene.account, name, Wanted(to=(place,)), scene.report)
    if problems := done.problems(name):
        raise ChainsawError(problems)
    return done.index


def bring_back(scene: Scene, index: Index, place: str) -> None:
    """Restore an instance that is not there from a backup in a place."""
    word = f"{place}/{index.file}" if index.file else f"{place}#{index.backup.id}"
    restore(scene.account, word, Choice(backs_up=False), scene.report)
