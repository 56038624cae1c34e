"""Whether nothing is to do: all that the current generation was compiled from is unchanged, and so is the host.

Reading, checking and compiling takes most of the time of an apply that finds nothing to do, and most applies are such.
"""

from __future__ import annotations

import json
import time
from dataclasses import replace
from hashlib import sha256

from chainsaw import __version__
from chainsaw.host import facts, files
from chainsaw.host.account import Account
from chainsaw.host.observe import files_like_site, files_of_instances, foreign_files, observe
from chainsaw.host.store import generations, records
from chainsaw.host.systemd import UserManager
from chainsaw.model.deployment import Manifest
from chainsaw.plan.diff import Wanted, make_plan
from chainsaw.work.apply.report import report_applied, report_plan, with_timings
from chainsaw.work.recipes.shipped import shipped
from chainsaw.work.result import Reporter, Request, Result


def inputs_digest(account: Account) -> str:
    """Return a digest of all that a compilation reads, but for blocks, installed recipes and Podman."""
    paths = account.paths
    names = files_of_instances(paths)
    parts = {
        "version": __version__,
        "site": [files.read_text(paths.site_file), *files_like_site(paths)],
        "instances": {name: files.read_text(f"{paths.instance_files}/{name}") for name in names},
        "recipes": [
            files.directory_digest(place) for place in (shipped("recipes"), *records.read_trials(paths).values())
        ],
        "users": files.read_text(paths.users_file),
        "secrets": files.list_directory(f"{paths.root}/secrets"),
        "quadlets": files.directory_digest(shipped("quadlets")),
        "ids": [files.read_text("/etc/subuid"), files.read_text("/etc/subgid")],
        "host": [facts.processors(), facts.has_ipv6(), facts.program()],
    }
    return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def apply(account: Account, request: Request, report: Reporter) -> Result:
    """Bring the host to what is declared; raise ChainsawError, with nothing changed, for what is wrong beforehand."""
    result = _apply(account, request, report)
    if request.why and not request.dry_run and result.data["actions"] == []:
        line = "so the reason is not kept either: chainsaw note NAME keeps one"
        return replace(result, lines=(*result.lines, line))
    return result


def _apply(account: Account, request: Request, report: Reporter) -> Result:
    if not request.names and not request.force:
        began = time.monotonic()
        manifest = _unchanged_manifest(account)
        if manifest is not None and request.dry_run:
            return with_timings(report_plan([], manifest.number), request, account.steps, began)
        if manifest is not None:
            idle = report_applied([], {}, manifest, manifest.instances, account.paths, {})
            return with_timings(idle, request, account.steps, began)
    from chainsaw.work.apply.apply import apply as apply_from_the_start

    return apply_from_the_start(account, request, report)


def inputs_unchanged(account: Account) -> records.Compiled | None:
    """Return from what the current generation was compiled, if all of it is as it was; None otherwise."""
    paths = account.paths
    known = records.read_compiled(paths)
    if known is None or (known.generation, known.blocks) != (
        generations.current_number(paths),
        records.read_blocks(paths),
    ):
        return None
    if known.inputs != inputs_digest(account) or known.recipes != files.directory_digest(paths.recipes):
        return None
    if any(files.directory_digest(path) != digest for path, digest in known.watched.items()):
        return None
    return known


def _unchanged_manifest(account: Account) -> Manifest | None:
    """Return the current manifest if it is still what is declared and all of it is in place, or None."""
    paths = account.paths
    known = inputs_unchanged(account)
    if known is None:
        return None
    manifest = generations.read_manifest(paths, known.generation)
    podman = facts.podman_version(paths)
    with UserManager() as manager:
        if known.podman != podman or facts.missing_from_host(account.name, paths, known.ports, podman, manager.version):
            return None
        observed = observe(paths, manifest, manager)
    if observed.drift or observed.unproven or foreign_files(paths, manifest):
        return None
    return None if make_plan(Wanted(manifest, {}, paths), observed) else manifest
