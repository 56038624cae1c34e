"""The only module that reads bare git repositories; nothing in them is ever run."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO

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
MOST_ENTRIES = 50_000
LONGEST_LIST = 16 * 1024**2
"""Of the files of a source: how many, and how many bytes their list has."""
LARGEST_PACK = 256 * 1024**2
PATIENCE = 900
"""Of a fetch: bytes that it may write, and seconds that it may take."""
ENDED, EXHAUSTED = (124, 137), ("File too large", "ut of memory", "annot allocate memory")
"""How it ends when it would take more: the codes of timeout(1), and what git says."""
STREAMED = ["-c", "core.bigFileThreshold=1m", "-c", "pack.threads=2", "-c", "fetch.unpackLimit=1"]
"""With these git keeps no large object in memory, and makes no file of each object."""


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
            [
                *SAFE,
                *STREAMED,
                "-C",
                self.path,
                "fetch",
                "--quiet",
                "--no-tags",
                "--force",
                "--",
                url,
                f"+HEAD:{LATEST}",
            ],
            within=_bounded(),
            check=False,
            extra_env=QUIET,
        )
        if outcome.code:
            # git leaves what it had written of a pack for `git gc`, which nobody calls here.
            for left in Path(self.path, "objects/pack").glob("tmp_*"):
                left.unlink()
            limits = f"a source has at most {LARGEST_PACK // 1024**2} MB, and is fetched in {PATIENCE // 60} minutes"
            bounded = outcome.code in ENDED or any(word in outcome.complaint for word in EXHAUSTED)
            hint = limits if bounded else ""
            message = f"{url} cannot be fetched:\n{outcome.complaint}"
            raise ChainsawError(Diagnostic("source-unreachable", message, hint=hint))
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
        """Return all files of a commit; raise ChainsawError when there are more than any source has."""
        argv = [*SAFE, "-C", self.path, "ls-tree", "-r", "-z", "-l", "--full-tree", commit]
        return process.pipe(argv, self._listed, extra_env=QUIET)

    def _listed(self, stream: IO[bytes]) -> list[Entry]:
        """Return the entries in git's list, of which no more is read than a source may have."""
        found: list[Entry] = []
        text = stream.read(LONGEST_LIST + 1)
        for line in text.split(b"\0", MOST_ENTRIES + 1):
            if len(text) > LONGEST_LIST or len(found) > MOST_ENTRIES:
                message = f"more than {MOST_ENTRIES} files, or names of more than {LONGEST_LIST // 1024**2} MB"
                hint = "a source is a repository of recipes alone; chainsaw source remove forgets one"
                raise ChainsawError(Diagnostic("source-size", message, self.path, hint=hint))
            if line:
                fields, path = line.decode(errors="replace").split("\t", 1)
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


def _bounded() -> list[str]:
    """Return the words before git that bound what it may take: what is packed may be a thousand times larger."""
    # A write of too much is an error then, which git reports.
    words = ["env", "--ignore-signal=XFSZ", "timeout", "--foreground", "--kill-after=5", str(PATIENCE)]
    return [*words, "prlimit", f"--fsize={LARGEST_PACK}", f"--as={2 * 1024**3}", "--cpu=300"]


def _git(*words: str) -> None:
    process.run([*SAFE, *words], extra_env=QUIET)
