"""doctor --fix: repairs what needs no root, deletes no data, and restores only what is applied."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import replace

from chainsaw.errors import ChainsawError
from chainsaw.host import facts, files, readings
from chainsaw.host.account import Account
from chainsaw.host.observe import PATTERNS, observe
from chainsaw.host.store import generations, operations
from chainsaw.host.systemd import UserManager
from chainsaw.model.deployment import Manifest
from chainsaw.plan import actions as act
from chainsaw.plan.diff import Wanted, make_plan
from chainsaw.plan.observed import API_SOCKET
from chainsaw.work.apply.phases import carry_out
from chainsaw.work.apply.tried import trials
from chainsaw.work.apply.worker import Worker
from chainsaw.work.config.on_disk import owner_of
from chainsaw.work.locks import Locks, holding, site
from chainsaw.work.recipes.catalog import catalog_of
from chainsaw.work.recipes.images import Images
from chainsaw.work.recipes.shipped import shared_files
from chainsaw.work.result import Reporter

COMMAND = "chainsaw doctor --fix"
TIMEOUT = 10.0
"""Seconds for units that stop at once."""
DATA = (act.CreateDirectory, act.CreateSecret)
"""Never created by a repair: a new one would hide that the old one is missing."""
DONE = {
    "start": "started",
    "restart": "restarted",
    "stop": "stopped",
    "link": "linked",
    "link-quadlets": "linked the quadlets",
    "unlink": "unlinked",
    "reload-systemd": "reloaded systemd",
    "reload-front": "reloaded the front",
    "issue-certificate": "issued a certificate for",
    "probe": "requested the page of",
    "provide-image": "obtained the image",
    "export-static": "exported static files",
}


def repair(account: Account, report: Reporter) -> list[str]:
    """Repair what is safe to repair, under the locks of apply; return one line for each repair or failure.

    An instance whose lock another command holds is skipped.
    """
    with holding(account, (), COMMAND, report), site(account, COMMAND, report), ExitStack() as stack:
        locks = Locks(account, COMMAND, report, stack)
        report_lines = list(clear(locks))
        try:
            with UserManager() as manager:
                with account.steps.step("reset failed units"):
                    report_lines += reset_failed(manager, locks)
                report_lines += finish(manager, locks)
        except (ChainsawError, OSError) as error:
            report_lines.append(f"stopped: {_reason(error)}")
    return report_lines


def _reason(error: ChainsawError | OSError) -> str:
    return error.diagnostics[0].message if isinstance(error, ChainsawError) else str(error)


def clear(locks: Locks) -> Iterator[str]:
    """Remove what a crash left behind; the next apply would write it again."""
    account, paths = locks.account, locks.account.paths
    left = readings.leftovers(paths)
    owners = {owner for path in left.unfinished_files if (owner := owner_of(paths, path))}
    busy = locks.take_free(owners)
    for number in left.newer:
        with account.steps.step(f"discard generation {number}"):
            generations.discard_generation(paths, number)
        yield f"removed generation {number}, which never became current"
    for path in left.unfinished_files:
        if owner_of(paths, path) in busy:
            continue
        try:
            with account.steps.step(f"delete {path}"):
                files.remove_whatever(path)
        except OSError as error:
            yield f"could not remove {path}: {error.strerror}"
        else:
            yield f"removed {path}"


def reset_failed(manager: UserManager, locks: Locks) -> Iterator[str]:
    """Reset failed units, so that they can start again, except those of a locked instance; restart Podman's API."""
    states = manager.states((*PATTERNS, API_SOCKET, "podman.service"))
    failed = sorted(unit for unit, state in states.items() if state == "failed")
    api = states.get(API_SOCKET)
    if api == "failed" or (api == "active" and not readings.has_api_socket(locks.account.runtime)):
        manager.start_api()
        yield f"restarted {API_SOCKET}"
    owners = {unit: name for unit in failed if (name := _owner(unit, locks.account.current().instances))}
    busy = locks.take_free(owners.values())
    rest = [unit for unit in failed if unit != API_SOCKET and owners.get(unit) not in busy]
    manager.stop(rest, TIMEOUT)
    yield from (f"reset the failed state of {unit}" for unit in rest)


def _owner(unit: str, names: Iterable[str]) -> str | None:
    """Return the instance that a unit belongs to; its network is called like a component with a hyphen."""
    found = [name for name in names if unit.startswith((f"app@{name}.", f"app@{name}-network."))]
    return max(found, key=len, default=None)


def finish(manager: UserManager, locks: Locks) -> Iterator[str]:
    """Restore the units, links and certificates of the current generation, with the same steps as apply."""
    account, paths = locks.account, locks.account.paths
    manifest = account.current()
    if not manifest.number:
        return
    # An edited file is kept, because systemd would start it after a reboot, too.
    observed = replace(observe(paths, manifest, manager), drift=())
    plan = make_plan(Wanted(manifest, {}, paths), observed)
    missing = {action.owner: action.subject() for action in plan if isinstance(action, DATA) and action.owner}
    yield from (f"skipped {name}: {place} is missing" for name, place in missing.items())
    owners = {item.owner for item in plan if item.owner} | observed.unproven
    busy = locks.take_free(owners - missing.keys())
    yield from (f"skipped {name}: another command holds its lock" for name in sorted(busy))
    chosen = [item for item in plan if item.owner not in {*missing, *busy} and not isinstance(item, act.InstallRecipe)]
    with trials(account, manager):
        failures = carry_out(chosen, _worker(manager, locks, manifest))[1] if chosen else {}
    finished = observed.unproven - missing.keys() - busy
    if (observed.unfinished or finished) and not failures:
        with account.steps.step("record that it is done"):
            operations.write_done(paths, manifest.number, finished)
        yield f"finished generation {manifest.number}"
    for action in chosen:
        described = action.as_dict()
        if action.owner not in failures and described["action"] in DONE:
            yield f"{DONE[described['action']]} {action.subject()}".rstrip()
    for name, problems in failures.items():
        yield f"could not fix {name}: {problems[0].message}; {problems[0].hint}".rstrip("; ")


def _worker(manager: UserManager, locks: Locks, manifest: Manifest) -> Worker:
    account, report = locks.account, locks.report
    paths, shared, catalog = account.paths, shared_files(), catalog_of(account.paths)
    return Worker(
        account=account,
        manager=manager,
        podman=account.podman,
        catalog=catalog,
        images=Images(paths, account.podman, catalog, shared, report),
        steps=account.steps,
        report=report,
        node=facts.node(),
        manifest=manifest,
        tree={},
        is_switching=operations.unfinished(paths).switch,
        unlocked=locks.unlocked,
    )
