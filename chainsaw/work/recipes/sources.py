"""Sources: git repositories of recipes, each at a recorded commit."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from chainsaw.errors import ChainsawError, Diagnostic, Exit, invalid
from chainsaw.host import files
from chainsaw.host.account import Account
from chainsaw.host.git import Entry, Repository
from chainsaw.host.store import records
from chainsaw.load.check import check, nearest
from chainsaw.load.yaml import read_yaml
from chainsaw.model.names import check_word, is_word
from chainsaw.model.paths import Paths
from chainsaw.model.sources import SHIPPED, TRIED, SourceEntry, SourceList, check_url
from chainsaw.work.locks import preparing
from chainsaw.work.result import Reporter, Result, Table

REGULAR = ("100644", "100755")
LINK = "120000"


def read_sources(paths: Paths) -> dict[str, SourceEntry]:
    """Return the sources by name; raise ChainsawError with the problems of sources.yaml."""
    text = files.read_text(paths.sources_file)
    return {} if text is None else dict(check(SourceList, read_yaml("sources.yaml", text)).sources)


@dataclass(frozen=True)
class Offer:
    """The recipes of one source at one commit, read on first use."""

    name: str
    repository: Repository
    commit: str

    def recipes(self) -> dict[str, list[Entry]]:
        """Return the files of each recipe: of each directory, at the top or in recipes/, that has a recipe.yaml."""
        if not files.exists(self.repository.path):
            message = f"the fetched repository of {self.name} is missing"
            raise ChainsawError(
                Diagnostic("source-missing", message, self.repository.path, hint="chainsaw source update")
            )
        found: dict[str, list[Entry]] = {}
        entries = self.repository.entries(self.commit)
        homes = {entry.path.removesuffix("/recipe.yaml") for entry in entries if entry.path.endswith("/recipe.yaml")}
        for home in sorted(homes):
            if home.removeprefix("recipes/").count("/") == 0:
                recipe = home.rsplit("/", 1)[-1]
                if not is_word(recipe):
                    message = "a directory with a recipe.yaml, whose name is not one of a recipe"
                    raise invalid(Diagnostic("recipe-path", message, f"{self.name}:{home!r}"))
                if recipe in found:
                    message = f"{self.name} has two directories of this recipe: {recipe} and recipes/{recipe}"
                    raise invalid(Diagnostic("recipe-twice", message, key=recipe))
                found[recipe] = [entry for entry in entries if entry.path.startswith(f"{home}/")]
        return found

    def read(self, recipe: str) -> dict[str, bytes]:
        """Return the files of a recipe by path; raise ChainsawError for links and other special files."""
        entries = self.recipes()[recipe]
        problems = [self._strange(entry) for entry in entries if entry.mode not in REGULAR]
        if problems:
            raise invalid(problems)
        files.check_size(f"{self.name}:{recipe}", len(entries), sum(entry.size for entry in entries))
        inner = f"{recipe}/"
        return {entry.path.split(inner, 1)[1]: self.repository.read(entry) for entry in entries}

    def _strange(self, entry: Entry) -> Diagnostic:
        what = "a symbolic link" if entry.mode == LINK else "not a file"
        return Diagnostic("recipe-link", f"{what}: a recipe may contain only files", f"{self.name}:{entry.path}")


def offers(paths: Paths) -> Iterator[Offer]:
    """Yield the recipes of each source."""
    for name, entry in sorted(read_sources(paths).items()):
        yield Offer(name, Repository(paths.source(name)), entry.commit)


def add_source(account: Account, name: str, url: str, key: str | None, report: Reporter) -> Result:
    """Fetch a repository and record it under a name, at its current head commit."""
    paths = account.paths
    with preparing(account, "chainsaw source add", report):
        with account.steps.step("make the state directory"):
            records.prepare(paths)
        report.doing(f"fetching {url}")
        return _add(account, name, url, key)


def _add(account: Account, name: str, url: str, key: str | None) -> Result:
    paths, steps = account.paths, account.steps
    known = read_sources(paths)
    _check_new(name, url, known)
    repository = Repository(paths.source(name))
    try:
        with steps.step(f"fetch {name}"):
            files.remove_tree(repository.path)
            repository.create()
            commit = repository.fetch(url)
        _demand_signature(repository, commit, key, name)
        recipes = sorted(Offer(name, repository, commit).recipes())
        if not recipes:
            raise invalid(Diagnostic("no-recipes", f"{url} has no recipe: no directory with a recipe.yaml"))
    except BaseException:
        files.remove_tree(repository.path)
        raise
    if key is not None:
        with steps.step(f"write the key of {name}"):
            files.write_atomic(paths.source_key(name), key.encode())
    _write(account, {**known, name: SourceEntry(url=url, commit=commit, signed=key is not None)})
    line = f"{name} offers {', '.join(recipes)}, at commit {commit[:12]}"
    return Result({"source": name, "commit": commit, "recipes": recipes}, (line,))


def _check_new(name: str, url: str, known: Mapping[str, SourceEntry]) -> None:
    problems = []
    for check_it, value in ((check_word, name), (check_url, url)):
        try:
            check_it(value)
        except ValueError as error:
            problems.append(Diagnostic("source", str(error), key=value))
    if name in (SHIPPED, TRIED):
        problems.append(Diagnostic("source", "this name is reserved for chainsaw", key=name))
    if name in known:
        hint = f"chainsaw source update {name}"
        problems.append(Diagnostic("source", f"a source of this name is {known[name].url}", key=name, hint=hint))
    if problems:
        raise invalid(problems)


def _demand_signature(repository: Repository, commit: str, key: str | None, name: str) -> None:
    problem = repository.signature_problem(commit, key.strip()) if key is not None else ""
    if problem:
        message = f"commit {commit[:12]} of {name} is not signed with the given key:\n{problem}"
        raise invalid(Diagnostic("source-unsigned", message))


def update_sources(account: Account, names: tuple[str, ...], report: Reporter) -> Result:
    """Fetch new commits of all sources or those named; each moves only to a descendant of its commit."""
    paths = account.paths
    with preparing(account, "chainsaw source update", report):
        known = read_sources(paths)
        chosen = names or tuple(sorted(known))
        for name in chosen:
            _find(known, name)
        moved = {}
        for name in chosen:
            report.doing(f"fetching {known[name].url}")
            moved[name] = known[name].model_copy(update={"commit": _newest(account, name, known[name])})
        _write(account, {**known, **moved})
    lines = []
    for name, entry in moved.items():
        news = "has no new commit" if entry == known[name] else f"is at commit {entry.commit[:12]} now"
        lines.append(f"{name} {news}")
    return Result({"sources": {name: entry.commit for name, entry in moved.items()}}, tuple(lines))


def _newest(account: Account, name: str, entry: SourceEntry) -> str:
    """Return the newest commit of a source; raise ChainsawError when it is unsigned or not a descendant."""
    paths = account.paths
    repository = Repository(paths.source(name))
    with account.steps.step(f"fetch {name}"):
        if not files.exists(repository.path):
            repository.create()
        commit = repository.fetch(entry.url)
    key = files.read_text(paths.source_key(name)) if entry.signed else None
    if entry.signed and key is None:
        message, hint = "the key that its commits must be signed with is missing", "restore it from a backup"
        raise ChainsawError(Diagnostic("source-key", message, paths.source_key(name), hint=hint))
    _demand_signature(repository, commit, key, name)
    if commit != entry.commit and not repository.follows(commit, entry.commit):
        message = f"{name} was rewritten: {commit[:12]} does not follow {entry.commit[:12]}"
        hint = f"if you trust that: chainsaw source remove {name}; chainsaw source add {name} {entry.url}"
        raise invalid(Diagnostic("source-rewritten", message, hint=hint))
    # What cannot be listed would keep every other source from being searched.
    Offer(name, repository, commit).recipes()
    return commit


def source_names(account: Account) -> list[str]:
    """Return the names of the sources."""
    return list(read_sources(account.paths))


def list_sources(account: Account) -> Result:
    """Return the sources, chainsaw itself first."""
    known = read_sources(account.paths)
    rows = [(name, entry.commit[:12], "signed" if entry.signed else "", entry.url) for name, entry in known.items()]
    data = [{"name": SHIPPED, "url": None, "commit": None, "signed": False}]
    data += [{"name": name, **entry.model_dump()} for name, entry in known.items()]
    table = Table(("name", "commit", "", "where"), ((SHIPPED, "", "", "shipped with chainsaw"), *rows))
    return Result({"sources": data}, table=table)


def remove_source(account: Account, name: str, report: Reporter) -> Result:
    """Remove a source; what is installed from it is kept."""
    paths = account.paths
    with preparing(account, "chainsaw source remove", report):
        known = read_sources(paths)
        _find(known, name)
        # Only then it is forgotten: an interrupted removal can be repeated.
        with account.steps.step(f"delete what was fetched of {name}"):
            files.remove_tree(paths.source(name))
            files.remove(paths.source_key(name))
        _write(account, {other: entry for other, entry in known.items() if other != name})
    stays = [link for link in files.list_directory(f"{paths.recipes}/{name}") if "@" not in link]
    more = [f"still installed: {', '.join(stays)}"] if stays else []
    return Result({"source": name, "installed": stays}, (f"{name} is removed", *more))


def _find(known: Mapping[str, SourceEntry], name: str) -> None:
    if name not in known:
        message = f"no source {name!r}{nearest(name, known)}"
        raise ChainsawError(Diagnostic("no-source", message, hint="chainsaw source list"), Exit.MISSING)


def _write(account: Account, sources: Mapping[str, SourceEntry]) -> None:
    lines = ["# Written by chainsaw source.", "format: 1", "sources:" if sources else "sources: {}"]
    for name, entry in sorted(sources.items()):
        lines += [f"  {name}:", f"    url: {json.dumps(entry.url)}", f"    commit: {json.dumps(entry.commit)}"]
        lines += ["    signed: true"] if entry.signed else []
    with account.steps.step("record the sources"):
        files.write_atomic(account.paths.sources_file, ("\n".join(lines) + "\n").encode())
