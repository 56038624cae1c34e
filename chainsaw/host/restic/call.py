"""Calls of restic: who it runs as, what it knows, and what its exit codes mean."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from chainsaw.errors import ChainsawError, Diagnostic, Exit
from chainsaw.host import files, process
from chainsaw.host.restic import answers, enclosure
from chainsaw.host.watched import Program

PARTIAL, ABSENT, LOCKED, PASSWORD = 3, 10, 11, 12
"""Exit codes of restic (doc/075_scripting.rst)."""
LOCK_WAIT = 300
"""Seconds that restic waits for another one's lock."""
PATIENCE = 900
TO_READ = ("dac_read_search",)
"""The capability to read what any id of the instance owns (capabilities(7))."""
PROGRAM = "restic"
LIMITS = ("inh-caps", "ambient-caps", "bounding-set")
"""The options of setpriv(1) that say which capabilities a program has."""


@dataclass(frozen=True)
class Restic:
    """A repository for restic: where it is, the admin's file with its password, further variables, and a cache.

    The variables (AWS_ACCESS_KEY_ID, RESTIC_REST_PASSWORD and the like) and the place are for restic's environment
    alone: a place may hold a password. `wait` is how long it waits for a lock, and `patience` how long it may do
    nothing, both in seconds.
    """

    location: str = field(repr=False)
    password_file: str
    environment: Mapping[str, str] = field(repr=False)
    cache: str
    patience: float = PATIENCE
    wait: int = LOCK_WAIT

    @property
    def shown(self) -> str:
        """The place without a password in it."""
        kind, _, rest = self.location.partition(":")
        if "@" not in rest or "//" not in rest:
            return self.location
        known = urlsplit(rest if kind in ("rest", "s3") else self.location)
        place = known._replace(netloc=known.netloc.rpartition("@")[2]).geturl()
        return f"{kind}:{place}" if kind in ("rest", "s3") else place

    @property
    def variables(self) -> dict[str, str]:
        """What restic is told by its environment."""
        own = {
            "RESTIC_REPOSITORY": self.location,
            "RESTIC_PASSWORD_FILE": self.password_file,
            "RESTIC_CACHE_DIR": f"{self.cache}/restic",
            "RESTIC_PROGRESS_FPS": "4",
        }
        return {**self.environment, **own}

    def program(self, words: Sequence[str], within: Sequence[str] = (), caps: Sequence[str] = ()) -> Program:
        """Return restic as a program, which ends when this one does; `within` are words that run it in a namespace."""
        self._check()
        limits = [f"--{kind}={','.join(['-all', *(f'+{cap}' for cap in caps)])}" for kind in LIMITS] if within else []
        ended = ["setpriv", *limits, *(["--no-new-privs"] if within else []), "--pdeathsig=TERM"]
        argv = [*within, *ended, PROGRAM, "--json", f"--retry-lock={self.wait}s", *words]
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("RESTIC_", "AWS_"))}
        return Program(argv, {**inherited, **self.variables}, self.patience + self.wait)

    def showing(self, trees: Mapping[str, str], copies: Mapping[str, str]) -> list[str]:
        """Return the words before a program that show it trees at constant paths, inside a user namespace.

        `copies` are directories with copies of some files of a tree, by its name, see host/bundle/choice.py.
        """
        root = f"{self.cache}/root"
        files.make_directory(root, 0o700)
        user = pwd.getpwuid(os.getuid()).pw_name
        shown = [f"{name}={path}" for name, path in trees.items()]
        shown += [f"+{name}={path}" for name, path in copies.items()]
        return [sys.executable, "-I", enclosure.__file__, root, user, *shown, "--"]

    def run(self, *words: str) -> process.Outcome:
        """Run restic, and return its outcome; raise ChainsawError if it fails."""
        outcome = self.program(words).follow(lambda line: None)
        self.judge(outcome)
        return outcome

    def judge(self, outcome: process.Outcome) -> None:
        """Raise ChainsawError for an outcome that is a failure."""
        if outcome.code:
            raise self.failure(outcome)

    def failure(self, outcome: process.Outcome) -> ChainsawError:
        """Return the error that a failure is for the admin."""
        said, place = answers.complaint(outcome.err), self.shown
        if outcome.code == ABSENT:
            hint = "see whether its disk is mounted and its name is right"
            return ChainsawError(Diagnostic("no-repository", f"there is no repository: {said}", place, hint=hint))
        if outcome.code == LOCKED:
            hint = "try again when the other program has ended"
            problem = Diagnostic("repository-locked", f"another program is at work in it: {said}", place, hint=hint)
            return ChainsawError(problem, Exit.LOCKED)
        if outcome.code == PASSWORD:
            hint = "chainsaw secret set backup_password"
            return ChainsawError(Diagnostic("repository-password", "the password is wrong", place, hint=hint))
        return ChainsawError(Diagnostic("repository", f"restic ended with {outcome.code}: {said}", place))

    def _check(self) -> None:
        """Raise ChainsawError where restic is not installed, or others could read the password."""
        if not shutil.which(PROGRAM):
            raise ChainsawError(process.missing(PROGRAM))
        try:
            known = os.stat(self.password_file)
        except OSError as error:
            message = f"the password of the repository cannot be read: {error.strerror}"
            hint = "chainsaw secret set backup_password"
            raise ChainsawError(Diagnostic("password-file", message, self.password_file, hint=hint)) from None
        if stat.S_IMODE(known.st_mode) & 0o077:
            message = "others can read the password of the repository"
            raise ChainsawError(
                Diagnostic("password-file", message, self.password_file, hint=f"chmod 600 {self.password_file}")
            )
