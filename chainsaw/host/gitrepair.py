"""Repair of a git repository that a power cut has damaged."""

from __future__ import annotations

import os
import re
import shutil
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha1
from pathlib import Path

from chainsaw.host import disk, files, process
from chainsaw.host.worktree import QUIET, SAFE, Worktree

COMMIT = re.compile(r"[0-9a-f]{40}")
HEAD = re.compile(r"ref: (refs/heads/\S+)\n?|[0-9a-f]{40}\n?")
STORE = ("objects", "refs", "logs", "packed-refs", "index", "HEAD", "FETCH_HEAD", "ORIG_HEAD", "shallow")
FOREIGN = ("reftable", "objects/info/alternates", "shallow")
"""Files of repositories in other storage formats than that of `git init`; these are not repaired."""
ALONE = {**QUIET, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
"""Without the settings of the user and the host: a mistake in those is no damage to a repository."""
PATIENCE = 10.0
"""Seconds after which a lock is stale when no git is running there."""


def release_locks(tree: Worktree) -> list[str]:
    """Remove stale lock files of git, such as those from before the boot; return a line for each."""
    own = Path(tree.path, ".git")
    if own.is_symlink():
        return []
    found = [*own.glob("*.lock"), *own.glob("refs/**/*.lock")]
    busy = bool(found) and _git_is_running(tree.path)
    stale = []
    for lock in found:
        written = files.changed_at(str(lock))
        if written < _booted_at() or (not busy and time.time() - written > PATIENCE):
            files.remove(str(lock))
            stale.append(f"removed {lock}, a stale lock of git")
    return stale


def repair(tree: Worktree) -> list[str]:
    """Repair a damaged repository and return what was done, in lines; do nothing when it is not damaged.

    Nothing is done either when git does not run, when one is running there, when the storage format is unknown, or when
    another user owns some of it. A copy of the damaged repository is kept beside it. Each branch continues from its
    last commit whose history is complete.
    """
    git = Path(tree.path, ".git")
    if git.is_symlink() or not git.is_dir() or any((git / name).exists() for name in FOREIGN):
        return []
    if any(os.lstat(path).st_uid != os.geteuid() for path in (git, *git.rglob("*"))):
        return []
    damaged = _Damaged(tree, git)
    if not damaged.is_readable() or _git_is_running(tree.path) or damaged.is_whole():
        return []
    kept = f"{git}.broken-{time.strftime('%Y%m%d-%H%M%S')}"
    shutil.copytree(git, kept, symlinks=True)
    disk.sync_file_system(tree.path)
    damaged.repair()
    if not damaged.has_history():
        damaged.start_empty()
    disk.sync_file_system(tree.path)
    head = damaged.ask("rev-parse", "--verify", "--quiet", "HEAD").text
    onwards = f"it continues from commit {head[:12]}" if head else "it starts again, empty"
    return [f"the history in {tree.path} was damaged; {onwards}; a copy of the damaged one is in {kept}"]


@dataclass
class _Damaged:
    tree: Worktree
    git: Path
    known: dict[str, bool] = field(default_factory=dict)

    def ask(self, *words: str) -> process.Outcome:
        where = [f"--git-dir={self.git}", f"--work-tree={self.tree.path}"]
        return process.run(["git", *SAFE, "-C", self.tree.path, *where, *words], check=False, extra_env=ALONE)

    def is_readable(self) -> bool:
        """Return whether git runs at all, and the repository has no extension that may store things elsewhere."""
        if process.run(["git", "version"], check=False, extra_env=ALONE).code:
            return False
        return self.ask("config", "--file", str(self.git / "config"), "--get-regexp", r"^extensions\.").code != 0

    def has_history(self) -> bool:
        """Return whether the head is a commit that is complete, or there has never been one."""
        self.known.clear()
        head = HEAD.fullmatch(_text(self.git / "HEAD"))
        if self._has_head():
            return self.is_good("HEAD")
        return bool(head and head[1]) and self.is_whole()

    def is_whole(self) -> bool:
        """Return whether git can read all of it: head, index, references, and all objects reachable from them."""
        for words in (("status", "--porcelain", "--untracked-files=no"), ("fsck", "--no-dangling", "--no-progress")):
            if self.ask(*words).code:
                return False
        head = HEAD.fullmatch(_text(self.git / "HEAD"))
        return self._has_head() or not (head and head[1] and _text(self.git / "logs" / head[1]))

    def _has_head(self) -> bool:
        return self.ask("rev-parse", "--verify", "--quiet", "HEAD^{commit}").code == 0

    def repair(self) -> None:
        """Remove broken objects, and point each reference to a commit whose history is complete."""
        if self.ask("config", "--file", str(self.git / "config"), "--list").code:
            files.write_atomic(str(self.git / "config"), b"[core]\n\trepositoryformatversion = 0\n")
        for name in ("objects", "refs"):
            if not (self.git / name).is_dir():
                files.remove(str(self.git / name))
                files.make_directory(str(self.git / name))
        for path in self.git.glob("objects/??/*"):
            if not _is_object(path):
                path.unlink()
        self._repair_head()
        self._repair_refs()
        self._repair_logs()
        # Many git commands do not notice that an index is torn, or that its objects are missing.
        (self.git / "index").unlink(missing_ok=True)
        if self._has_head():
            self.ask("read-tree", "HEAD")
        # Objects that refer to a missing one would make git report errors for ever; the copy has them.
        self.ask("prune", "--expire=now")

    def start_empty(self) -> None:
        """Replace it by an empty repository with the same settings."""
        for name in STORE:
            files.remove_whatever(str(self.git / name))
        self.tree.create()

    def is_good(self, commit: str) -> bool:
        """Return whether a commit exists with its whole history and all files."""
        if commit not in self.known:
            self.known[commit] = self.ask("rev-list", "--objects", "--quiet", commit, "--").code == 0
        return self.known[commit]

    def _repair_head(self) -> None:
        head = _text(self.git / "HEAD")
        if HEAD.fullmatch(head):
            return
        logs = sorted(self.git.glob("logs/refs/heads/**/*"), key=lambda path: path.stat().st_mtime, reverse=True)
        branches = [str(path.relative_to(self.git / "logs")) for path in logs if path.is_file()]
        branches += [name for name in self._refs() if name.startswith("refs/heads/")]
        default = self.ask("config", "--get", "init.defaultBranch").text or "master"
        files.write_atomic(str(self.git / "HEAD"), f"ref: {[*branches, f'refs/heads/{default}'][0]}\n".encode())

    def _repair_refs(self) -> None:
        head = HEAD.fullmatch(_text(self.git / "HEAD"))
        branch = head[1] if head and head[1] else "HEAD"
        refs = {branch: "", **self._refs()}
        if branch == "HEAD":
            refs["HEAD"] = _text(self.git / "HEAD").strip()
        if (self.git / "packed-refs").exists():
            self._keep_lines(self.git / "packed-refs", _is_packed)
        for name, value in refs.items():
            if COMMIT.fullmatch(value) and self.is_good(value):
                continue
            if name != "HEAD":
                files.remove_whatever(str(self.git / name))
                self.ask("update-ref", "-d", name)
            if name == branch or name.startswith("refs/heads/"):
                good = next(filter(self.is_good, self._candidates(name, every=name == branch)), "")
                if good:
                    files.write_atomic(str(self.git / name), f"{good}\n".encode())

    def _candidates(self, name: str, every: bool) -> Iterator[str]:
        """Yield commits that a reference may point to: those it pointed to before, newest first, then all others."""
        for line in reversed(_text(self.git / "logs" / name).split("\n")):
            if COMMIT.fullmatch(line[41:81]):
                yield line[41:81]
        if every:
            numbered = {int(ref.rpartition("/")[2]): value for ref, value in self._refs().items() if _is_mark(ref)}
            yield from (numbered[number] for number in sorted(numbered, reverse=True))
            listed = self.ask("cat-file", "--batch-all-objects", "--batch-check=%(objecttype) %(objectname)").text
            commits = [line.split()[1] for line in listed.splitlines() if line.startswith("commit ")]
            yield from sorted(commits, key=self._time_of, reverse=True)

    def _time_of(self, commit: str) -> int:
        return int(self.ask("show", "--no-patch", "--format=%ct", commit).text or 0)

    def _refs(self) -> dict[str, str]:
        """Return the text of each reference; git itself skips those that are broken."""
        found = {}
        for line in _text(self.git / "packed-refs").split("\n"):
            if _is_packed(line) and COMMIT.fullmatch(line[:40]):
                found[line[41:]] = line[:40]
        for path in self.git.glob("refs/**/*"):
            text = _text(path)
            if path.is_file() and not text.startswith("ref: "):
                found[str(path.relative_to(self.git))] = text.strip()
        return found

    def _repair_logs(self) -> None:
        for path in self.git.glob("logs/**/*"):
            if path.is_file():
                self._keep_lines(path, self._is_entry)

    def _keep_lines(self, path: Path, is_kept: Callable[[str], bool]) -> None:
        kept = [line for line in _text(path).split("\n") if is_kept(line)]
        files.write_atomic(str(path), "".join(f"{line}\n" for line in kept).encode(errors="surrogateescape"))

    def _is_entry(self, line: str) -> bool:
        both = (line[:40], line[41:81])
        return all(COMMIT.fullmatch(one) and (set(one) == {"0"} or self.is_good(one)) for one in both)


def _text(path: Path) -> str:
    return path.read_bytes().decode(errors="surrogateescape") if path.is_file() else ""


def _is_packed(line: str) -> bool:
    return bool(re.fullmatch(r"#.*|\^?[0-9a-f]{40}( refs/\S+)?", line))


def _is_mark(ref: str) -> bool:
    return bool(re.fullmatch(r"refs/chainsaw/[0-9]+", ref))


def _is_object(path: Path) -> bool:
    """Return whether a loose object matches its name (gitformat-loose: zlib, named after its SHA-1)."""
    try:
        content = zlib.decompress(path.read_bytes())
    except zlib.error:
        return False
    return sha1(content, usedforsecurity=False).hexdigest() == path.parent.name + path.name


def _booted_at() -> float:
    found = re.search(r"^btime ([0-9]+)$", files.read_text("/proc/stat") or "", re.MULTILINE)
    return float(found[1]) if found else 0.0


def _git_is_running(path: str) -> bool:
    """Return whether a git process of this user or root runs below a directory, or where that cannot be read."""
    for entry in Path("/proc").glob("[0-9]*"):
        name = (files.read_text(f"{entry}/comm") or "").strip()
        if (name == "git" or name.startswith("git-")) and _owner_of(entry) in (0, os.geteuid()):
            try:
                place = os.readlink(entry / "cwd")
            except FileNotFoundError:
                continue
            except OSError:
                return True
            if f"{place}/".startswith(f"{os.path.realpath(path)}/"):
                return True
    return False


def _owner_of(entry: Path) -> int | None:
    try:
        return entry.stat().st_uid
    except OSError:
        return None
