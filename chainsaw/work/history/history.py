"""history: what was applied when, by whom and why. Each apply is a commit in the repository of the admin's files."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from chainsaw.errors import ChainsawError, Diagnostic
from chainsaw.host import facts, gitrepair
from chainsaw.host.account import Account
from chainsaw.host.store import generations
from chainsaw.host.worktree import OWN, Commit, Worktree, is_installed
from chainsaw.model.deployment import Manifest
from chainsaw.work.result import Result

NO_GIT = Diagnostic(
    "no-git",
    "git is not installed: the history covers only the last generations",
    hint="sudo apt install git",
    severity="warning",
)


@dataclass(frozen=True)
class ChangeRecord:
    """A change to commit: the command, its instances, the result for each, and why.

    `files` are the files that it changed; by default all of the admin's files. Of a change that was `overtaken` the
    generation is not current any more, and the files may be those of a later one: its commit is not marked with it.
    """

    command: str
    names: tuple[str, ...]
    outcomes: tuple[str, ...] = ()
    why: str = ""
    result: str = "done"
    files: tuple[str, ...] = OWN
    overtaken: bool = False


def commit_change(account: Account, change: ChangeRecord, generation: int | None = None) -> list[Diagnostic]:
    """Commit the admin's files of a generation; return warnings when that fails."""
    tree = Worktree(account.paths.own_files)
    if not is_installed():
        return [NO_GIT]
    repairs = [partial(gitrepair.release_locks, tree), partial(gitrepair.repair, tree)]
    repaired: list[Diagnostic] = []
    while True:
        try:
            return [*repaired, *_commit(tree, account, change, generation)]
        except (ChainsawError, OSError) as error:
            done = _repair(repairs)
            if not done:
                return [*repaired, _refused(tree, error)]
            repaired += [_warning("git-repaired", message, f"git -C {tree.path} log") for message in done]


def _repair(repairs: list[partial[list[str]]]) -> list[str]:
    """Try the repairs in order until one has done something; return what it did."""
    while repairs:
        with suppress(ChainsawError, OSError):
            if done := repairs.pop(0)():
                return done
    return []


def _refused(tree: Worktree, error: ChainsawError | OSError) -> Diagnostic:
    reason = error.diagnostics[0].message if isinstance(error, ChainsawError) else str(error)
    return _warning("git-refused", f"the change could not be committed: {reason}", f"git -C {tree.path} status")


def _commit(tree: Worktree, account: Account, change: ChangeRecord, generation: int | None) -> list[Diagnostic]:
    if not tree.exists:
        tree.create()
    if busy := tree.obstacle():
        message = f"{busy} is under way in {tree.path}, so the change is not committed"
        return [_warning("git-busy", message, "finish it; it will be part of the next commit")]
    # With another version of a recipe, the same files make another generation.
    is_news = generation is not None and (change.overtaken or tree.marked(generation) is None)
    commit = tree.commit(_message(change, generation), author_of(account), change.files, is_news)
    if commit is None:
        return []
    if generation is not None and not change.overtaken:
        tree.mark(commit, generation)
    if tree.is_detached():
        message = f"{tree.path} is on no branch; the change is commit {commit[:12]}"
        return [_warning("git-detached", message, f"git -C {tree.path} switch -c NAME keeps it")]
    return []


def _warning(code: str, message: str, hint: str) -> Diagnostic:
    return Diagnostic(code, message, hint=hint, severity="warning")


def author_of(account: Account) -> str:
    """Return the author, in git's format."""
    return f"{account.name} <{account.name}@{facts.node()}>"


def _message(change: ChangeRecord, generation: int | None) -> str:
    about = ", ".join(change.names) or "the site"
    lines = [f"{change.command}: {about}", "", *change.outcomes]
    lines += ["", *change.why.splitlines()] if change.why else []
    lines += ["", *([f"Generation: {generation}"] if generation is not None else []), f"Result: {change.result}"]
    return "\n".join(lines) + "\n"


def outcomes_of(manifest: Manifest, names: Iterable[str], failed: Mapping[str, object]) -> tuple[str, ...]:
    """Return one line with the result for each instance."""
    found = []
    for name in sorted(names):
        deployment = manifest.instances.get(name)
        shown = f"{deployment.recipe} {deployment.version}" if deployment else "no longer served"
        found.append(f"{name}: {shown}{', failed and rolled back' if name in failed else ''}")
    return tuple(found)


def history(account: Account, name: str | None, limit: int, with_diff: bool) -> Result:
    """Return the changes of an instance, or all, newest first."""
    tree = Worktree(account.paths.own_files)
    if not (is_installed() and tree.exists):
        return _without_git(account, name, limit)
    # What changed an instance may stand in site.yaml alone.
    paths = [*paths_about(name), "site.yaml"] if name else []
    try:
        commits = _commits_about(tree, name)[:limit] if name else tree.log([], limit)
        entries = [_entry(item, tree.diff(item.id, paths) if with_diff else None) for item in commits]
    except ChainsawError as error:
        message = f"{tree.path} cannot be read, so this is from the generations alone: {error.diagnostics[0].message}"
        damaged = _warning("git-damaged", message, "the next change that is applied repairs it")
        return replace(_without_git(account, name, limit), diagnostics=(damaged,))
    lines = [line for entry in entries for line in _lines(entry)] or [_nothing(name)]
    return Result({"instance": name, "entries": entries}, tuple(lines))


def _nothing(name: str | None) -> str:
    return f"nothing is recorded of {name}" if name else "nothing is recorded yet: chainsaw apply"


def paths_about(name: str) -> list[str]:
    """Return the admin's files of one instance."""
    return [f"instances/{name}.yaml", f"removed/{name}.yaml", f"notes/{name}.md"]


def _commits_about(tree: Worktree, name: str) -> list[Commit]:
    """Return the commits that changed the files of an instance, or that mention it."""
    touched = {item.id for item in tree.log(paths_about(name))}
    mentions = re.compile(rf"^{re.escape(name)}: ", re.MULTILINE)
    return [item for item in tree.log([]) if item.id in touched or mentions.search(item.body)]


def _entry(commit: Commit, diff: str | None) -> dict[str, Any]:
    trailers = dict(re.findall(r"^(Generation|Result): (.*)$", commit.body, re.MULTILINE))
    body = re.sub(r"^(Generation|Result): .*$", "", commit.body, flags=re.MULTILINE).strip("\n")
    found: dict[str, Any] = {
        "at": commit.at,
        "who": commit.who,
        "what": commit.subject,
        "details": [line for line in body.splitlines() if line],
        "commit": commit.id,
        "generation": int(trailers["Generation"]) if trailers.get("Generation", "").isdigit() else None,
        "result": trailers.get("Result"),
    }
    return found if diff is None else {**found, "diff": diff}


def _lines(entry: Mapping[str, Any]) -> Iterator[str]:
    stamp = time.strftime("%Y-%m-%d %H:%M", time.localtime(entry["at"]))
    origin = "by hand" if entry["result"] is None else ""
    number = f"generation {entry['generation']}" if entry["generation"] is not None else origin
    result = f", {entry['result']}" if entry["result"] not in (None, "done") else ""
    yield "  ".join(part for part in (stamp, entry["who"], number, f"{entry['what']}{result}") if part)
    yield from (f"    {line}" for line in entry["details"])
    yield from (f"    {line}" for line in entry.get("diff", "").splitlines())


def _without_git(account: Account, name: str | None, limit: int) -> Result:
    """Return the history as far as the generations on disk show it."""
    paths = account.paths
    entries: list[dict[str, Any]] = []
    former: Manifest | None = None
    for manifest in generations.former_manifests(paths):
        number = manifest.number
        names = changed_between(former, manifest)
        if name is None or name in names:
            details = list(outcomes_of(manifest, names, {}))
            what = f"apply: {', '.join(sorted(names)) or 'the site'}"
            at = generations.written_at(paths, number)
            entries.append({"at": at, "who": account.name, "what": what, "details": details, "generation": number})
        former = manifest
    entries = [{"commit": None, "result": None, **entry} for entry in reversed(entries)][:limit]
    lines = [line for entry in entries for line in _lines(entry)] or [_nothing(name)]
    return Result({"instance": name, "entries": entries}, tuple(lines), () if is_installed() else (NO_GIT,))


def changed_between(former: Manifest | None, now: Manifest) -> set[str]:
    """Return the instances that differ between two generations."""
    before = former.instances if former else {}
    names: Sequence[str] = sorted(before.keys() | now.instances.keys())
    return {name for name in names if before.get(name) != now.instances.get(name)}
