"""What doctor mends by itself: what needs no root, takes no data, and brings back no more than what is applied."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

from chainsaw.checks.site import API
from chainsaw.errors import ChainsawError
from chainsaw.host import facts, files, readings
from chainsaw.host.account import Account
from chainsaw.host.observe import PATTERNS, observe
from chainsaw.host.store import generations, operations
from chainsaw.host.systemd import UserManager
from chainsaw.model.deployment import Manifest
from chainsaw.plan import actions as act
from chainsaw.plan.diff import Wanted, make_plan
from chainsaw.work.apply.phases import carry_out
from chainsaw.work.apply.worker import Worker
from chainsaw.work.config.on_disk import owner_of
from chainsaw.work.locks import holding, site, take_free
from chainsaw.work.recipes.catalog import catalog_of
from chainsaw.work.recipes.images import Images
from chainsaw.work.recipes.shipped import shared_files
from chainsaw.work.result import Reporter

COMMAND = "chainsaw doctor --fix"
TIMEOUT = 10.0
"""Seconds for units that start at once."""
DATA = (act.CreateDirectory, act.CreateSecret)
"""What must be there already: a new one in its place would hide that the old one is gone."""
TOLD = {
    "start": "started",
    "restart": "restarted",
    "stop": "stopped",
    "link": "linked",
    "link-quadlets": "linked the quadlets",
    "unlink": "unlinked",
    "reload-systemd": "let systemd read its units",
    "reload-front": "let the front read its files",
    "issue-certificate": "issued a certificate for",
    "probe": "asked for the page of",
    "provide-image": "provided the image",
    "export-static": "exported static files",
}


def repair(account: Account, report: Reporter) -> list[str]:
    """Mend what may be mended, under the lock of apply; return in a line each what was done, or could not be.

    An instance on which another command works is left to that command.
    """
    with holding(account, (), COMMAND, report), site(account, COMMAND, report), ExitStack() as locks:
        told = list(clear(account, locks, report))
        try:
            with UserManager() as manager:
                told += awaken(manager)
                told += finish(account, manager, report, locks)
        except (ChainsawError, OSError) as error:
            told.append(f"could not go on: {_reason(error)}")
    return told


def _reason(error: ChainsawError | OSError) -> str:
    return error.diagnostics[0].message if isinstance(error, ChainsawError) else str(error)


def clear(account: Account, locks: ExitStack, report: Reporter) -> Iterator[str]:
    """Remove what a crash left and the next apply would write anew."""
    paths = account.paths
    left = readings.leftovers(paths)
    owners = {owner for path in left.rubbish if (owner := owner_of(paths, path))}
    busy = take_free(locks, account, owners, COMMAND, report)
    for number in left.newer:
        generations.discard_generation(paths, number)
        yield f"removed generation {number}, which never became current"
    for path in left.rubbish:
        if owner_of(paths, path) in busy:
            continue
        try:
            files.remove_whatever(path)
        except OSError as error:
            yield f"could not remove {path}: {error.strerror}"
        else:
            yield f"removed {path}"


def awaken(manager: UserManager) -> Iterator[str]:
    """Let systemd forget what has failed, so that it may be started again; start Podman's API again."""
    states = manager.states((*PATTERNS, API, "podman.service"))
    failed = sorted(unit for unit, state in states.items() if state == "failed")
    again = [unit for unit in failed if unit == API]
    manager.start([(unit, True) for unit in again], TIMEOUT)
    yield from (f"restarted {unit}" for unit in again)
    rest = [unit for unit in failed if unit not in again]
    manager.stop(rest, TIMEOUT)
    yield from (f"let systemd forget that {unit} has failed" for unit in rest)


def finish(account: Account, manager: UserManager, report: Reporter, locks: ExitStack) -> Iterator[str]:
    """Bring the units, links and certificates of the current generation back, in apply's own way."""
    paths = account.paths
    manifest = account.current()
    if not manifest.number:
        return
    # A file that was edited stays as it is: that is what systemd would start after a reboot, too.
    observed = replace(observe(paths, manifest, manager), drift=())
    plan = make_plan(Wanted(manifest, {}, paths), observed)
    gone = {action.owner: action.subject() for action in plan if isinstance(action, DATA) and action.owner}
    yield from (f"left {name} alone: {place} is gone" for name, place in gone.items())
    busy = take_free(locks, account, {item.owner for item in plan if item.owner} - gone.keys(), COMMAND, report)
    yield from (f"left {name} alone: another command is at work on it" for name in sorted(busy))
    chosen = [item for item in plan if item.owner not in {*gone, *busy} and not isinstance(item, act.InstallRecipe)]
    failures = carry_out(chosen, _worker(account, manager, report, manifest)) if chosen else {}
    if observed.unfinished and not failures:
        operations.write_journal(paths, "done", generation=manifest.number)
        yield f"brought generation {manifest.number} to its end"
    for action in chosen:
        told = action.as_dict()
        if action.owner not in failures and told["action"] in TOLD:
            yield f"{TOLD[told['action']]} {action.subject()}".rstrip()
    for name, problems in failures.items():
        yield f"could not mend {name}: {problems[0].message}; {problems[0].hint}".rstrip("; ")


def _worker(account: Account, manager: UserManager, report: Reporter, manifest: Manifest) -> Worker:
    paths, shared, catalog = account.paths, shared_files(), catalog_of(account.paths)
    ports = readings.front_ports(paths) or (80, 443)
    return Worker(
        account=account,
        manager=manager,
        podman=account.podman,
        catalog=catalog,
        images=Images(paths, account.podman, catalog, shared, report),
        steps=account.steps,
        report=report,
        https=ports[1],
        node=facts.node(),
        manifest=manifest,
        tree={},
    )
