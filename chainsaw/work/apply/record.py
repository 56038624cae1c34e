"""Record what apply did: the change in the history, the end of the operation, and from what all was compiled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chainsaw.compile.intent import Inputs
from chainsaw.errors import Diagnostic
from chainsaw.host import files
from chainsaw.host.account import Account
from chainsaw.host.step import Steps
from chainsaw.host.store import generations, operations, records
from chainsaw.host.worktree import OWN
from chainsaw.model.deployment import Deployment, Manifest
from chainsaw.model.paths import Paths
from chainsaw.work.history.history import ChangeRecord, commit_change, outcomes_of, paths_about
from chainsaw.work.result import Request


@dataclass(frozen=True)
class Outcome:
    """What became of an apply: its generation, whether another is current by now, what was before, and what failed.

    `touched` are the instances whose locks it holds, `finished` those of them that now run as they should.
    """

    manifest: Manifest
    number: int
    overtaken: bool
    touched: frozenset[str]
    finished: frozenset[str]
    former: Mapping[str, Deployment]
    failures: Mapping[str, Sequence[Diagnostic]]

    @property
    def changed(self) -> set[str]:
        """The instances that differ, and those that failed."""
        now, before = self.manifest.instances, self.former
        return {name for name in before.keys() | now.keys() if before.get(name) != now.get(name)} | set(self.failures)


def record(account: Account, request: Request, outcome: Outcome, steps: Steps) -> list[Diagnostic]:
    """Record what was done, and prune what is unused; return what could not be written."""
    paths = account.paths
    problems: list[Diagnostic] = []
    if request.recorded:
        with steps.step("commit the change"):
            problems = commit_change(account, _change(paths, request, outcome), outcome.number)
    with steps.step("record that it is done"):
        operations.write_done(paths, outcome.number, outcome.finished)
    with steps.step("prune generations"):
        generations.prune_generations(paths)
        generations.prune_static(paths)
        operations.trim_journal(paths)
    return problems


def _change(paths: Paths, request: Request, outcome: Outcome) -> ChangeRecord:
    """Return the change, with the files to commit: all, or when it or another command changes a part, those of both.

    A generation that is made while another command waits for its instances has their files, too.
    """
    names = outcome.changed
    others = operations.unfinished(paths).instances - outcome.touched
    about = sorted({*(request.names or outcome.touched), *others})
    alone = not (others or outcome.overtaken or request.names)
    own = OWN if alone else ("site.yaml", *(path for name in about for path in paths_about(name)))
    return ChangeRecord(
        request.command,
        tuple(sorted(names)),
        outcomes_of(outcome.manifest, names, outcome.failures),
        request.why,
        "in part" if outcome.failures else "done",
        own,
        outcome.overtaken,
    )


def recipes_and_blocks(paths: Paths) -> tuple[str, Mapping[str, int]]:
    """Return a digest of the installed recipes, and the recorded blocks."""
    return files.directory_digest(paths.recipes), records.read_blocks(paths)


def record_inputs(paths: Paths, inputs: Inputs, digest: str, known: tuple[str, Mapping[str, int]]) -> None:
    """Write down from what the current generation was compiled, so that the next apply sees at once if it is idle."""
    ports = inputs.intent.site.ports
    recipes, blocks = known
    number = generations.current_number(paths)
    compiled = records.Compiled(
        number, digest, blocks, recipes, inputs.watched, inputs.host.podman, (ports.http, ports.https)
    )
    records.write_compiled(paths, compiled)
