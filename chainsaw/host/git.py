"""The only module that reads bare git repositories; nothing in them is ever run."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from chainsaw.errors import ChainsawError, Diagnostic
from chainsaw.host import process

LATEST = "refs/chainsaw/latest"
SETTINGS = (
    "core.hooksPath=/dev/null", "protocol.ext.allow=never", "gc.auto=0", "core.fsync=all", "transfer.fsckObjects=true",
)  # fmt: skip
SAFE = ["git", *(word for setting in SETTINGS for word in ("-c", setting))]
OTHERS = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_NAMESPACE")
"""Variables that git sets for a hook; they may refer to another repository (git-rev-parse(1))."""
QUIET = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ALLOW_PROTOCOL": "file:git:https:ssh",
    "GIT_OPTIONAL_LOCKS": "0",
    **dict.fromkeys(OTHERS),
}
LARGEST = 4 * 1024 * 1024
"""Largest size of one file of a recipe, in bytes."""


@dataclass(frozen=True)
class Entry:
    """One entry of a commit's tree: its mode, as git writes it, its object, its size in bytes and its path."""

    mode: str
    blob: str
    size: int
    path: str


@dataclass(frozen=True)
class Repository:
    """A bare repository at an absolute path."""

    path: str

    def create(self) -> None:
        """Make an empty repository."""
        _git("init", "--quiet", "--bare", "--template=", self.path)

    def fetch(self, url: str) -> str:
        """Fetch the head of a repository elsewhere and return its commit; raise ChainsawError when that fails."""
        outcome = process.run(
            [*SAFE, "-C", self.path, "fetch", "--quiet", "--no-tags", "--force", "--", url, f"+HEAD:{LATEST}"],
            check=False,
            extra_env=QUIET,
        )
        if outcome.code:
            raise ChainsawError(Diagnostic("source-unreachable", f"{url} cannot be fetched:\n{outcome.complaint}"))
        return self._ask("rev-parse", "--verify", f"{LATEST}^{{commit}}")

    def follows(self, commit: str, earlier: str) -> bool:
        """Return whether a commit has another one in its history."""
        argv = [*SAFE, "-C", self.path, "merge-base", "--is-ancestor", earlier, commit]
        return process.run(argv, check=False, extra_env=QUIET).code == 0

    def signature_problem(self, commit: str, key: str) -> str:
        """Return nothing when a commit is signed with a key (OpenSSH or OpenPGP, public, as text), or what is wrong."""
        with tempfile.TemporaryDirectory(prefix="chainsaw-key-") as directory:
            file = Path(directory, "key")
            if key.startswith("-----BEGIN PGP"):
                file.write_text(key)
                environment: dict[str, str | None] = {**QUIET, "GNUPGHOME": directory}
                process.run(["gpg", "--quiet", "--batch", "--import", str(file)], extra_env=environment)
                options = ["-c", "gpg.format=openpgp", "-c", "gpg.minTrustLevel=undefined"]
            else:
                file.write_text(f"* {key}\n")
                environment = QUIET
                options = ["-c", "gpg.format=ssh", "-c", f"gpg.ssh.allowedSignersFile={file}"]
            argv = [*SAFE, *options, "-C", self.path, "verify-commit", commit]
            outcome = process.run(argv, check=False, extra_env=environment)
        return "" if outcome.code == 0 else outcome.complaint or "it is not signed"

    def entries(self, commit: str) -> list[Entry]:
        """Return all files of a commit."""
        listed = self._ask("ls-tree", "-r", "-z", "-l", "--full-tree", commit)
        found = []
        for line in listed.split("\0"):
            if line:
                fields, path = line.split("\t", 1)
                mode, _, blob, size = fields.split()
                # A submodule has no size.
                found.append(Entry(mode, blob, int(size) if size.isdigit() else 0, path))
        return found

    def read(self, entry: Entry) -> bytes:
        """Return the content of a file; raise ChainsawError when it is larger than any file of a recipe."""
        if entry.size > LARGEST:
            message = f"{entry.path} is larger than {LARGEST // 1024 // 1024} MB"
            raise ChainsawError(Diagnostic("file-too-large", message, entry.path))
        return process.run([*SAFE, "-C", self.path, "cat-file", "blob", entry.blob], extra_env=QUIET).out

    def _ask(self, *words: str) -> str:
        return process.run([*SAFE, "-C", self.path, *words], extra_env=QUIET).text


def _git(*words: str) -> None:
    process.run([*SAFE, *words], extra_env=QUIET)
