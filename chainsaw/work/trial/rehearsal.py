"""Writes a generation for Podman's generator and nginx to check; it never becomes current."""

from __future__ import annotations

from typing import Any

from chainsaw.errors import ChainsawError
from chainsaw.host import files
from chainsaw.host.store import generations
from chainsaw.model.paths import Paths
from chainsaw.plan import actions as act
from chainsaw.plan.resources import certificates_of
from chainsaw.work.apply.apply import applied
from chainsaw.work.apply.session import Session, former_instances, select, worker_for
from chainsaw.work.apply.worker import Worker
from chainsaw.work.result import Request, Result
from chainsaw.work.trial.scene import Scene


def rehearse(scene: Scene, name: str) -> dict[str, Any]:
    """Return which files of an instance Podman's generator and nginx accepted; raise ChainsawError when they do not."""
    seen: dict[str, Any] = {}

    def attempt(session: Session) -> Result:
        paths = session.account.paths
        instances = select(paths, session.compiled.instances, former_instances(paths), (name,))
        plan = session.plan_for(instances)
        worker = worker_for(session, plan)
        fronts = [item for item in plan.actions if item.owner is None and isinstance(item, act.ProvideImage)]
        session.manager.start_api()
        worker.images.obtain([item.need for item in fronts])
        number = generations.current_number(paths) + 1
        # Those of sites that run are renewed by apply; the others are new, and nobody's when the rehearsal is over.
        fresh = plan.manifest.hosts - plan.observed.manifest.hosts
        try:
            for action in plan.actions:
                if action.owner is None:
                    _prepare(worker, action, fresh)
            worker.place()
            worker.write_generation(act.WriteGeneration(None, number, (), (), ()))
        finally:
            generations.discard_generation(paths, number)
            for action in plan.actions:
                if isinstance(action, act.IssueCertificate) and action.host in fresh:
                    discard_certificate(paths, action.host)
        seen["files"] = sorted(path for path, artifact in plan.tree.items() if artifact.owner == name)
        return Result({})

    applied(scene.account, Request((name,), command="recipe test"), scene.report, attempt, scene.catalog)
    if not seen["files"]:
        raise ChainsawError([])
    return seen


def _prepare(worker: Worker, action: act.Action, fresh: frozenset[str]) -> None:
    """Prepare what nginx needs before it accepts a file; `fresh` are the hosts of no instance that runs."""
    if isinstance(action, act.RecordBlock):
        worker.record_block(action)
    elif isinstance(action, act.CreateDirectory):
        worker.create_directory(action)
    elif isinstance(action, act.IssueCertificate) and action.host in fresh:
        worker.issue_certificate(action)


def discard_certificate(paths: Paths, host: str) -> None:
    """Delete the certificate of a host, if there is one."""
    for item in certificates_of(host, paths):
        files.remove_whatever(item.place)
