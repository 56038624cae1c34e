"""backup drill: restores the newest backup into a throw-away instance, starts it, looks at it, and deletes it.

It works under a name of its own, drill-NAME, and with nothing of the instance but its backup.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from chainsaw.errors import ChainsawError, Diagnostic, Exit, invalid
from chainsaw.host import files
from chainsaw.host.account import Account
from chainsaw.host.lock import locked
from chainsaw.host.store import backups, records
from chainsaw.load.recipe import Bundle
from chainsaw.model.backup import Drill
from chainsaw.model.names import LONGEST_NAME
from chainsaw.work.backup.find import find, planned_of
from chainsaw.work.backup.stored import Stored
from chainsaw.work.backup.verify import compare, is_bad, remember
from chainsaw.work.config.applied import declared_site
from chainsaw.work.config.names import instance_names
from chainsaw.work.config.new import check_text
from chainsaw.work.config.on_disk import left_of
from chainsaw.work.lifecycle.pinned import pin_directives
from chainsaw.work.lifecycle.remove import purge
from chainsaw.work.locks import holding
from chainsaw.work.recipes.catalog import catalog_of
from chainsaw.work.recipes.installed import store_version
from chainsaw.work.restore.closed import closed_recipe, closed_text
from chainsaw.work.restore.look import Found, Look
from chainsaw.work.restore.read import Kept, read
from chainsaw.work.restore.recover import undo
from chainsaw.work.restore.restore import bring_up, run_hook
from chainsaw.work.restore.unfinished import marked
from chainsaw.work.result import Reporter, Request, Result

COMMAND = "chainsaw backup drill"
PREFIX = "drill-"


@dataclass(frozen=True)
class Choice:
    """The options of a drill: the key, and whether a timer asks for it: all that comes of it is recorded then."""

    identity: str = ""
    is_scheduled: bool = False


@dataclass
class Outcome:
    """What came of one drill: when, how long each part of it took in seconds, what was there, and what was wrong."""

    id: str
    instance: str
    path: str
    at: int
    phases: dict[str, float] = field(default_factory=dict)
    found: Found = field(default_factory=Found)
    problems: list[Diagnostic] = field(default_factory=list)
    damage: str | None = None
    """What was found when it was read as a whole: nothing, if it is empty; None if it was not."""

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Note how long a part takes."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.phases[name] = time.monotonic() - began

    @property
    def seconds(self) -> float:
        """How long all of it took."""
        return round(sum(self.phases.values()), 3)

    @property
    def problem(self) -> str:
        """The first thing that was wrong, in one line; nothing if all was well."""
        wrong = [item.message for item in self.problems if item.severity == "error"] or [
            item.message for item in self.problems
        ]
        return wrong[0].splitlines()[0].removesuffix("; its log:") if wrong else ""

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON data."""
        known = {"id": self.id, "instance": self.instance, "path": self.path, "at": self.at}
        phases = {name: round(seconds, 3) for name, seconds in self.phases.items()}
        ended = {"ok": not self.problems, "problem": self.problem, "seconds": self.seconds, "phases": phases}
        return {**known, **ended, **self.found.as_dict()}

    def failed(self, error: ChainsawError | OSError) -> None:
        """Note what went wrong."""
        self.problems += error.diagnostics if isinstance(error, ChainsawError) else [Diagnostic("system", str(error))]


def drill(account: Account, word: str | None, choice: Choice, report: Reporter) -> Result:
    """Rehearse a restore from the backup that a word means, see find, or from the newest of each instance.

    Raise ChainsawError when there is none; what fails later is in the result.
    """
    none: list[Diagnostic] = []
    try:
        chosen = [find(account, word)] if word else list(_newest(account, none))
    except ChainsawError as error:
        if choice.is_scheduled and word in account.current().instances:
            nothing = Outcome("", word, "", int(time.time()))
            nothing.failed(error)
            _record(account, nothing, report)
        raise
    outcomes = [_drill(account, stored, choice, report) for stored in chosen]
    problems = [replace(item, key=item.key or one.instance) for one in outcomes for item in one.problems]
    lines = tuple(line for one in outcomes for line in _lines(one))
    if not outcomes:
        lines = ("there is no backup to rehearse: chainsaw backup --all",)
    code = Exit.DEGRADED if problems else Exit.OK
    return Result({"drills": [one.as_dict() for one in outcomes]}, lines, (*problems, *none), code)


def _newest(account: Account, none: list[Diagnostic]) -> Iterator[Stored]:
    """Yield the newest good backup of each instance; add what is to be said of those that have none."""
    for name in sorted(account.current().instances.keys() - marked(account.paths).keys()):
        good = planned_of(account, name)
        if good:
            yield good[0]
        else:
            message = f"there is no good backup of {name}, and so nothing to rehearse"
            none.append(Diagnostic("no-backup", message, hint=f"chainsaw backup {name}", severity="warning"))


def _lines(outcome: Outcome) -> list[str]:
    if outcome.problems:
        return []
    took = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in outcome.phases.items())
    return [
        f"{outcome.instance} can be restored from {outcome.id}: it was, and it works; {outcome.seconds:.1f} s",
        f"  {took}",
    ]


def _drill(account: Account, stored: Stored, choice: Choice, report: Reporter) -> Outcome:
    """Rehearse one restore, and record what came of it; nobody can do so with one that is encrypted, without a key."""
    outcome = Outcome(stored.id, stored.index.backup.instance, stored.path, int(time.time()))
    if stored.is_sealed and not choice.identity:
        message = f"{stored.id} was not rehearsed: it is encrypted, and the secret part of its key is not here"
        hint = f"chainsaw backup drill {outcome.instance} --identity FILE"
        outcome.problems.append(Diagnostic("encrypted", message, stored.path, hint=hint))
        if not choice.is_scheduled:
            return outcome
    else:
        report.note(f"rehearsing a restore of {outcome.instance} from {stored.id}")
        # Two at once would take twice the memory; and the recipe of one is that of the other, which deletes it.
        lock = f"{account.paths.locks}/drill"
        try:
            with locked(lock, f"{COMMAND} {outcome.instance}", wait=True, waiting=report.note):
                _rehearse(account, stored, choice.identity, report, outcome)
        except (ChainsawError, OSError) as error:
            outcome.failed(error)
    _record(account, outcome, report, stored)
    return outcome


def _verify(stored: Stored, identity: str, report: Reporter, outcome: Outcome) -> None:
    """Read the whole backup."""
    try:
        compare(stored, identity, report)
    except ChainsawError as error:
        outcome.damage = error.diagnostics[0].message if is_bad(stored, error) else None
        raise
    outcome.damage = ""


def _record(account: Account, outcome: Outcome, report: Reporter, stored: Stored | None = None) -> None:
    """Record what came of it, under the lock of the instance: one of its backups may be written just now."""
    name, paths = outcome.instance, account.paths
    ended = Drill(id=outcome.id, at=outcome.at, seconds=outcome.seconds, problem=outcome.problem)
    with holding(account, (name,), f"{COMMAND} {name}", report), account.steps.step(f"record the drill of {name}"):
        records.prepare(paths)
        if stored and outcome.damage is not None:
            remember(account, stored, outcome.damage)
        backups.write_backups(paths, name, backups.read_backups(paths, name).model_copy(update={"drill": ended}))


def name_of(instance: str) -> str:
    """Return the name of the throw-away instance for the backups of an instance."""
    return f"{PREFIX}{instance}"[:LONGEST_NAME].rstrip("-")


def _rehearse(account: Account, stored: Stored, identity: str, report: Reporter, outcome: Outcome) -> None:
    """Restore a backup under another name, start it and look; whatever happens, nothing of that stays.

    What an interrupted one has left is deleted first. The whole backup is read before anything is made.
    """
    name = name_of(outcome.instance)
    with holding(account, (name,), f"{COMMAND} {outcome.instance}", report):
        undo(account, name, report)
        _make_free(account, name, outcome.instance, report)
        with outcome.phase("verify"):
            _verify(stored, identity, report, outcome)
            kept = read(stored.opened_with(identity))
            if kept.backup.id != outcome.id:
                raise ChainsawError(Diagnostic("backup", f"it is {kept.backup.id}, and not {outcome.id}", kept.path))
        closed = closed_recipe(kept.bundle)
        try:
            _bring_up_and_look(account, kept, closed, name, report, outcome)
        except (ChainsawError, OSError) as error:
            outcome.failed(error)
        finally:
            with outcome.phase("remove"):
                _tear_down(account, name, closed, report)


def _make_free(account: Account, name: str, instance: str, report: Reporter) -> None:
    """Delete the last rest of an interrupted drill; raise ChainsawError where the name is that of an instance."""
    paths = account.paths
    left, own = left_of(paths, name), (paths.instance(name), f"{paths.public}/{name}")
    inside = {f"{place}/{entry}" for place in own for entry in files.list_directory(place)} - {paths.record(name)}
    if inside or name in instance_names(account) or files.exists(paths.removed_file(name)):
        message = f"the name {name} is taken, and a drill of {instance} needs it"
        hint = f"chainsaw rename {name} OTHER; or chainsaw remove {name} --purge"
        raise invalid(Diagnostic("name-taken", message, hint=hint))
    if left:
        purge(account, name, _request(name), report)


def _bring_up_and_look(
    account: Account, kept: Kept, closed: Bundle, name: str, report: Reporter, outcome: Outcome
) -> None:
    paths = account.paths
    with account.steps.step(f"store the recipe of {name}"):
        records.prepare(paths)
        store_version(paths, closed)
    catalog = catalog_of(paths)
    text, _ = pin_directives(catalog, name, closed_text(kept.text, name, closed), kept.site, declared_site(paths))
    check_text(account, catalog, closed, name, text)
    _, ending = bring_up(account, kept, name, text, report, outcome.phase, _request(name))
    with outcome.phase("look"):
        run_hook(account, kept, name)
        Look(account, account.current().instances[name], kept.backup, ending, report).look(outcome.found)


def _request(name: str) -> Request:
    return Request((name,), command="backup drill", recorded=False, prunes=False)


def _tear_down(account: Account, name: str, closed: Bundle, report: Reporter) -> None:
    paths = account.paths
    report.doing(f"deleting {name}")
    if name in account.current().instances or left_of(paths, name):
        purge(account, name, _request(name), report)
    with account.steps.step(f"delete the recipe of {name}"):
        files.remove_tree(paths.installed(closed.origin, closed.digest))
