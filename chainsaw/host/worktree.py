"""The git repository of the admin's own files: what is there is committed, and nothing of the past is ever changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from chainsaw.errors import ChainsawError
from chainsaw.host import files, process

OWN = (".gitignore", "site.yaml", "instances", "notes", "removed", "sources.yaml", "sources", "patches")
"""What chainsaw commits; whatever else the admin keeps there is the admin's own."""
IGNORED = "# What chainsaw writes anew whenever it is needed.\nschema/\n*.partial\n"
SAFE = ["-c", "core.hooksPath=/dev/null", "-c", "commit.gpgSign=false", "-c", "gc.auto=0", "-c", "core.pager=cat"]
QUIET = {"GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "GIT_EDITOR": "true"}
SEPARATOR = "\x1e"
FIELD = "\x1f"
UNDER_WAY = {"MERGE_HEAD": "a merge", "REBASE_HEAD": "a rebase", "CHERRY_PICK_HEAD": "a cherry-pick"}


@dataclass(frozen=True)
class Commit:
    """One commit: its id, when, in seconds since 1970, by whom, the first line of its message, and the others."""

    id: str
    at: float
    who: str
    subject: str
    body: str


@dataclass(frozen=True)
class Worktree:
    """A repository with its work tree at an absolute path."""

    path: str

    @property
    def exists(self) -> bool:
        """Whether there is one."""
        return files.exists(f"{self.path}/.git")

    def create(self) -> None:
        """Make a repository of the directory; raise ChainsawError when git is not there, or cannot."""
        process.run(["git", *SAFE, "init", "--quiet", "--template=", self.path], extra_env=QUIET)
        files.create_file(f"{self.path}/.gitignore", IGNORED.encode(), 0o600)

    def obstacle(self) -> str:
        """Return what is going on in it that a commit of ours would disturb, or nothing."""
        if not self.exists:
            return ""
        places = {name: f"{self._git_directory()}/{name}" for name in UNDER_WAY}
        return next((UNDER_WAY[name] for name, place in places.items() if files.exists(place)), "")

    def is_detached(self) -> bool:
        """Tell whether it is on no branch."""
        return self._try("symbolic-ref", "--quiet", "HEAD").code != 0

    def commit(self, message: str, author: str, paths: Sequence[str] = OWN) -> str | None:
        """Commit what has changed below some paths, and nothing else that is staged; return the commit, or None.

        `author` is Name <address>. Raise ChainsawError when git refuses.
        """
        self._do("add", "--all", "--ignore-errors", "--", *(path for path in paths if self._known(path)))
        listed = self._do("status", "--porcelain", "--no-renames", "-z", "--untracked-files=no", "--", *paths)
        changed = [entry[3:] for entry in listed.split("\0") if entry]
        if not changed:
            return None
        name, _, address = author.partition(" <")
        identity = {"GIT_COMMITTER_NAME": name, "GIT_COMMITTER_EMAIL": address.rstrip(">")}
        words = ["commit", "--quiet", "--no-verify", f"--author={author}", "--file=-", "--only", "--", *changed]
        process.run([*self._git(), *words], stdin=message.encode(), extra_env={**QUIET, **identity})
        return self._do("rev-parse", "HEAD").strip()

    def mark(self, commit: str, number: int) -> None:
        """Let a generation's number mean a commit, also when no branch has it."""
        self._do("update-ref", f"refs/chainsaw/{number}", commit)

    def marked(self, number: int) -> str | None:
        """Return the commit that a generation's number means, or None."""
        found = self._try("rev-parse", "--verify", "--quiet", f"refs/chainsaw/{number}^{{commit}}")
        return found.text.strip() or None

    def log(self, paths: Sequence[str], limit: int) -> list[Commit]:
        """Return the newest commits that changed one of some paths, newest first; all commits without paths."""
        if not self.exists or not self._has_commit():
            return []
        form = FIELD.join(("%H", "%at", "%an", "%s", "%b")) + SEPARATOR
        chosen = ["--", *paths] if paths else []
        text = self._do("log", f"--max-count={limit}", f"--format={form}", *chosen)
        return list(_commits(text))

    def diff(self, commit: str, paths: Sequence[str]) -> str:
        """Return what a commit changed in some paths, as a unified diff."""
        return self._do("show", "--format=", "--no-color", commit, "--", *paths).strip("\n")

    def read(self, commit: str, path: str) -> str | None:
        """Return a file as it was in a commit, or None when it was not there."""
        found = self._try("show", f"{commit}:{path}")
        return found.out.decode(errors="replace") if found.code == 0 else None

    def files(self, commit: str, directory: str) -> list[str]:
        """Return the files below a directory in a commit, by path from the top."""
        return [path for path in self._do("ls-tree", "-r", "-z", "--name-only", commit, directory).split("\0") if path]

    def _known(self, path: str) -> bool:
        return files.exists(f"{self.path}/{path}") or bool(self._try("ls-files", "--", path).text)

    def _has_commit(self) -> bool:
        return self._try("rev-parse", "--verify", "--quiet", "HEAD").code == 0

    def _git_directory(self) -> str:
        return self._do("rev-parse", "--absolute-git-dir").strip()

    def _git(self) -> list[str]:
        return ["git", *SAFE, "-C", self.path]

    def _do(self, *words: str) -> str:
        return process.run([*self._git(), *words], extra_env=QUIET).out.decode(errors="replace")

    def _try(self, *words: str) -> process.Outcome:
        return process.run([*self._git(), *words], check=False, extra_env=QUIET)


def is_installed() -> bool:
    """Tell whether there is a git."""
    try:
        return process.run(["git", "--version"], check=False).code == 0
    except ChainsawError:
        return False


def _commits(text: str) -> Iterator[Commit]:
    for record in text.split(SEPARATOR):
        fields = record.strip("\n").split(FIELD)
        if len(fields) == 5:
            identity, at, who, subject, body = fields
            yield Commit(identity, float(at), who, subject, body.strip("\n"))
