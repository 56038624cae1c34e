"""Level 10: a backup of an instance is left in a directory, and on another host all of it is there again."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from pydantic import Field, ValidationError

from chainsaw.errors import ChainsawError, Diagnostic, Exit, invalid
from chainsaw.host import files
from chainsaw.host.podman.storage import driver
from chainsaw.host.store import backups
from chainsaw.model.backup import Index
from chainsaw.model.base import Recorded
from chainsaw.work.restore.look import Found, Look
from chainsaw.work.trial.data import demand, write_once
from chainsaw.work.trial.page import check_page
from chainsaw.work.trial.problem import wrong
from chainsaw.work.trial.recovery import back_up, bring_back
from chainsaw.work.trial.scene import Scene
from chainsaw.work.trial.upload import demand_upload, put_upload


class Handover(Recorded):
    """What another host needs to know of a backup that was left for it: what is in it, and what host it is from."""

    format: int = 1
    recipe: str
    digest: str
    marker: str = ""
    uploaded: dict[str, str] = Field({})
    index: Index
    host: dict[str, Any]


def hand_over(scene: Scene, place: str) -> None:
    """Leave a backup of the first instance in a directory, with a note beside it."""
    marker = ""
    if scene.recipe(scene.first).marker is not None:
        write_once(scene)
        marker = scene.marker
    uploaded = put_upload(scene, scene.first)
    index = back_up(scene, scene.first, place)
    note = Handover(
        recipe=scene.name,
        digest=scene.bundle.digest,
        marker=marker,
        uploaded=uploaded,
        index=index,
        host=_host(scene),
    )
    files.write_atomic(_note(scene, place), (note.model_dump_json(indent=1) + "\n").encode(), 0o600)


def comes_back_elsewhere(scene: Scene) -> dict[str, Any]:
    """Restore what another host has left in the scene's `place`, and look for all that was in it."""
    known = _read(scene)
    bring_back(scene, known.index, scene.place)
    here = _host(scene)
    if here["site"] == known.host["site"]:
        raise wrong("this is the host that has left the backup, and not another one")
    check_page(scene, scene.first)
    if known.marker:
        scene.marker, scene.is_written = known.marker, True
        demand(scene, scene.first, "on another host")
    demand_upload(scene, scene.first, known.uploaded, "on another host")
    found = Found()
    deployment = scene.deployment(scene.first)
    Look(scene.account, deployment, known.index.backup, known.index.ending, scene.report).look(found)
    return {"from": known.host, "to": here, "uploaded": known.uploaded, **found.as_dict()}


def _read(scene: Scene) -> Handover:
    place = _note(scene, scene.place)
    text = files.read_text(place)
    if text is None:
        message = "no backup was left there for another host"
        hint = f"on the first host: chainsaw recipe test {scene.name} --hand-over DIRECTORY"
        raise ChainsawError(Diagnostic("no-trial", message, place, hint=hint), Exit.MISSING)
    try:
        known = Handover.model_validate(json.loads(text))
    except (ValueError, ValidationError) as error:
        raise invalid(Diagnostic("record", f"it is no such note: {str(error).splitlines()[0]}", place)) from error
    if known.digest != scene.bundle.digest:
        raise wrong(f"what was left is of another version of the recipe {scene.name}")
    return known


def _note(scene: Scene, place: str) -> str:
    return f"{place}/{scene.name}.trial.json"


def _host(scene: Scene) -> dict[str, Any]:
    """Return what tells hosts apart, as far as a backup could depend on it."""
    current = scene.account.current().instances.get(scene.first)
    return {
        "site": hashlib.sha256(backups.site_id(scene.account.paths).encode()).hexdigest()[:16],
        "user": scene.account.name,
        "block": current.block if current else None,
        "driver": driver(scene.account.paths),
    }
