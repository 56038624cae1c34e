"""The git repository of the admin's own files: what is there is committed, and nothing of the past is ever changed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from chainsaw.errors import ChainsawError, Diagnostic
from chainsaw.host import files, process
from chainsaw.host.git import OTHERS

OWN = (".gitignore", "site.yaml", "instances", "notes", "removed", "sources.yaml", "sources", "patches")
"""What chainsaw commits; whatever else the admin keeps there is the admin's own."""
IGNORED = "# What chainsaw writes anew whenever it is needed.\nschema/\n*.partial\n"
SETTINGS = (
    "core.hooksPath=/dev/null",
    "commit.gpgSign=false",
    "gc.auto=0",
    "log.showSignature=false",
    # git leaves new objects to the page cache: after a power cut they are empty files, and the branch leads to them.
    "core.fsync=all",
)
SAFE = [word for setting in SETTINGS for word in ("-c", setting)]
QUIET = {"GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "GIT_EDITOR": "true", **dict.fromkeys(OTHERS)}
FIELDS = ("%H", "%at", "%an", "%s", "%b")
UNDER_WAY = {
    "MERGE_HEAD": "a merge",
    "rebase-merge": "a rebase",
    "rebase-apply": "a rebase",
    "CHERRY_PICK_HEAD": "a cherry-pick",
    "REVERT_HEAD": "a revert",
}


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

    def commit(self, message: str, author: str, paths: Sequence[str] = OWN, also_empty: bool = False) -> str | None:
        """Commit what has changed below some paths, and nothing else that is staged; return the commit, or None.

        `author` is Name <address>; `also_empty` makes a commit of its own of what has not changed. Raise ChainsawError
        when git refuses.
        """
        self._check_history()
        name, _, address = author.partition(" <")
        who = {"NAME": name, "EMAIL": address.rstrip(">")}
        identity = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in who.items()}
        if changed := self._changed(paths):
            words = ["commit", "--quiet", "--no-verify", "--file=-", "--only", "--", *changed]
            process.run([*self._git(), *words], stdin=message.encode(), extra_env={**QUIET, **identity})
            return self._do("rev-parse", "HEAD").strip()
        if not (also_empty and self._has_commit()):
            return None
        words = ["commit-tree", "-p", "HEAD", "-F", "-", "HEAD^{tree}"]
        made = process.run([*self._git(), *words], stdin=message.encode(), extra_env={**QUIET, **identity}).text
        self._do("update-ref", "-m", message.partition("\n")[0], "HEAD", made)
        return made

    def _check_history(self) -> None:
        """Raise ChainsawError when a commit that the head leads to is not there: a commit on top would hide that."""
        if self._has_commit():
            self._do("rev-list", "--quiet", "HEAD")
            return
        branch = self._do("symbolic-ref", "HEAD").strip()
        if files.read_text(f"{self._git_directory()}/logs/{branch}"):
            raise ChainsawError(Diagnostic("git-damaged", f"{branch} is gone, of which there is a log"))

    def _changed(self, paths: Sequence[str]) -> list[str]:
        """Stage what is below some paths, but for what the admin has git ignore; return what differs from the head."""
        shown = self._do("ls-files", "-z", "--modified", "--others", "--exclude-standard", "--", *paths)
        if fresh := sorted({path for path in shown.split("\0") if path}):
            self._do("add", "--all", "--", *fresh)
        listed = self._do("status", "--porcelain", "--no-renames", "-z", "--untracked-files=no", "--", *paths)
        return [entry[3:] for entry in listed.split("\0") if entry]

    def mark(self, commit: str, number: int) -> None:
        """Let a generation's number mean a commit, also when no branch has it."""
        self._do("update-ref", f"refs/chainsaw/{number}", commit)

    def marked(self, number: int) -> str | None:
        """Return the commit that a generation's number means, or None."""
        found = self._try("rev-parse", "--verify", "--quiet", f"refs/chainsaw/{number}^{{commit}}")
        return found.text.strip() or None

    def last_mark(self) -> int:
        """Return the highest number of a generation that means a commit, or 0; also when git is not there."""
        if not (self.exists and is_installed()):
            return 0
        listed = self._try("for-each-ref", "--format=%(refname:lstrip=2)", "refs/chainsaw/")
        return max((int(line) for line in listed.text.split() if line.isdigit()), default=0)

    def log(self, paths: Sequence[str], limit: int | None = None) -> list[Commit]:
        """Return the newest commits that changed one of some paths, newest first; all commits without paths."""
        if not self.exists:
            return []
        self._check_history()
        if not self._has_commit():
            return []
        chosen = ["--", *paths] if paths else []
        most = [] if limit is None else [f"--max-count={limit}"]
        text = self._do("log", *most, "-z", f"--format={'%x00'.join(FIELDS)}", *chosen)
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

    def _has_commit(self) -> bool:
        return self._try("rev-parse", "--verify", "--quiet", "HEAD").code == 0

    def _git_directory(self) -> str:
        return self._do("rev-parse", "--absolute-git-dir").strip()

    def _git(self) -> list[str]:
        # Told where it is, git does not look for a repository further up, which would be another one of the admin's.
        where = [f"--git-dir={self.path}/.git", f"--work-tree={self.path}", "--literal-pathspecs"]
        return ["git", *SAFE, "-C", self.path, *where]

    def _do(self, *words: str) -> str:
        return process.run([*self._git(), *words], extra_env=QUIET).out.decode(errors="replace")

    def _try(self, *words: str) -> process.Outcome:
        return process.run([*self._git(), *words], check=False, extra_env=QUIET)


def is_installed() -> bool:
    """Tell whether there is a git."""
    return shutil.which("git") is not None


def _commits(text: str) -> Iterator[Commit]:
    words = text.split("\0")
    for start in range(0, len(words) - len(FIELDS) + 1, len(FIELDS)):
        identity, at, who, subject, body = words[start : start + len(FIELDS)]
        yield Commit(identity, float(at), who, subject, body.strip("\n"))
