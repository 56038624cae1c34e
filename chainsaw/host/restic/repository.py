"""The repository of a site's backups, and what is saved in it.

Whatever is saved or removed is proven from a listing: without an error, restic 0.18 leaves out a source that is
missing, and removes nothing where it should. All snapshots have the tag `chainsaw`, and the name of the site as their
host. Others in the same repository are never touched.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import IO

from chainsaw.errors import ChainsawError, Diagnostic
from chainsaw.host import files, process
from chainsaw.host.restic import answers
from chainsaw.host.restic.answers import Node, Progress, Saved, Snapshot
from chainsaw.host.restic.call import ABSENT, PARTIAL, TO_READ, Restic
from chainsaw.host.restic.enclosure import VOLUMES

OWN = "chainsaw"
"""The tag of all our snapshots."""


NO_COPIES: Mapping[str, str] = {}


def _silent(progress: Progress) -> None:
    """Leave a report of progress alone."""


@dataclass(frozen=True)
class Repository:
    """A repository of restic and the name of the site whose snapshots are made in it.

    Every method raises ChainsawError when restic fails, or does not do what it says.
    """

    restic: Restic
    site: str

    def exists(self) -> bool:
        """Return whether there is a repository at its place."""
        outcome = self.restic.program(["cat", "config"]).follow(lambda line: None)
        if outcome.code == ABSENT:
            return False
        self.restic.judge(outcome)
        return True

    def init(self) -> None:
        """Make the repository, in a directory that only the admin can enter where its place is one."""
        location = self.restic.location
        if location.startswith("/"):
            _make_directory(location)
        elif location.startswith("sftp:"):
            self._make_remote_directory(location)
        self.restic.run("init")

    def _make_remote_directory(self, location: str) -> None:
        """Make the directory that restic before 0.19 would make with the mode 0755."""
        place = location.removeprefix("sftp:")
        if place.startswith("//"):
            host, _, path = place[2:].partition("/")
            argv = ["sftp", "-b", "-", f"sftp://{host}"]
        else:
            host, _, path = place.partition(":")
            argv = ["sftp", "-b", "-", host]
        quoted = path.replace("\\", "\\\\").replace('"', '\\"')
        batch = f'-mkdir "{quoted}"\nchmod 700 "{quoted}"\n'
        process.run(argv, stdin=batch.encode())

    def snapshots(self, tags: Sequence[str] = (), *, everywhere: bool = False) -> list[Snapshot]:
        """Return the snapshots with all of these tags, the oldest first; of all sites if `everywhere` is set."""
        words = [] if everywhere else [f"--host={self.site}"]
        outcome = self.restic.run("snapshots", *words, f"--tag={','.join([OWN, *_checked(tags)])}")
        return answers.snapshots(outcome.out)

    def save_trees(
        self,
        trees: Mapping[str, str],
        within: Sequence[str],
        tags: Sequence[str],
        *,
        parent: str = "",
        excludes: Sequence[str] = (),
        copies: Mapping[str, str] = NO_COPIES,
        report: Callable[[Progress], None] = _silent,
    ) -> Saved:
        """Save directories as /volumes/NAME in one snapshot; `within` runs a program in their block, see enter_block.

        Only what has changed since the snapshot `parent` is read. What vanishes meanwhile is left out and named.
        `copies` are those that are read in the place of some files, see Restic.showing.
        """
        for name, path in trees.items():
            if not name or set(name) & set("/=,") or not files.is_directory(path):
                hint = "see whether its disk is mounted"
                raise ChainsawError(Diagnostic("no-data", f"the volume {name} is not there", path, hint=hint))
        paths = [f"/{VOLUMES}/{name}" for name in trees]
        words = [*([f"--parent={parent}"] if parent else []), *(f"--exclude={pattern}" for pattern in excludes), *paths]
        there = [*within, *self.restic.showing(trees, copies)]
        outcome = self.restic.program([*self._backup(tags), *words], there, TO_READ).follow(_reporter(report))
        gone, others = answers.unread(outcome.err)
        made = answers.saved(outcome.out, gone)
        if outcome.code not in (0, PARTIAL) or (outcome.code == PARTIAL and (others or not gone)):
            self._give_up(made, self.restic.failure(outcome))
        return self._proven(made, set(paths))

    def save_stream(self, name: str, pieces: Iterable[bytes], tags: Sequence[str]) -> Saved:
        """Save pieces as /NAME, a snapshot of its own; none is left if there are none, or making them fails.

        A name is without a slash: restic 0.18 cannot put what it reads into a directory.
        """
        words = [*self._backup(tags), "--stdin", _file_name(name)]
        return self._one_file(name, self.restic.program(words).feed(pieces))

    def _backup(self, tags: Sequence[str]) -> list[str]:
        named = [f"--tag={tag}" for tag in (OWN, *_checked(tags))]
        return ["backup", f"--host={self.site}", "--group-by=host,tags", *named]

    def _one_file(self, name: str, outcome: process.Outcome) -> Saved:
        made = answers.saved(outcome.out)
        if outcome.code == PARTIAL and not made.size:
            message = f"{name} would be empty: {answers.complaint(outcome.err)}"
            self._give_up(made, ChainsawError(Diagnostic("empty-output", message, self.restic.shown)))
        if outcome.code:
            self._give_up(made, self.restic.failure(outcome))
        return self._proven(made, {f"/{name}"})

    def _give_up(self, made: Saved, error: ChainsawError) -> None:
        """Remove a snapshot that holds less than it should, if there is one, and raise the error."""
        if made.id:
            self.forget([made.id])
        raise error

    def _proven(self, made: Saved, paths: set[str]) -> Saved:
        """Return a snapshot that holds what it was to hold, as its own listing says."""
        if not made.id:
            raise ChainsawError(Diagnostic("not-saved", "restic has made no snapshot", self.restic.shown))
        count, left = 0, set(paths)
        with self.listing(made.id) as nodes:
            for node in nodes:
                count += node.kind == "file"
                left.discard(node.path)
        if left or count != made.files:
            lacks = f"without {', '.join(sorted(left))}" if left else f"with {count} of {made.files} files"
            message = f"a snapshot was made {lacks}, and is removed again"
            self._give_up(made, ChainsawError(Diagnostic("not-saved", message, self.restic.shown)))
        return made

    def _patient(self, *, waits: bool) -> Restic:
        """Return restic; one that `waits` for whoever reads, while something else is read, does not hang."""
        return replace(self.restic, patience=math.inf) if waits else self.restic

    @contextmanager
    def listing(self, snapshot: str, *, waits: bool = False) -> Iterator[Iterator[Node]]:
        """Give all that a snapshot holds, while it is read, a directory before what is in it."""
        with self._patient(waits=waits).program(["ls", snapshot]).drawn(self.restic.judge) as lines:
            yield (found for line in lines if (found := answers.node(line)) is not None)

    @contextmanager
    def archive(self, snapshot: str, *, waits: bool = False) -> Iterator[IO[bytes]]:
        """Give all that a snapshot holds as an archive of tar(5), in the order of its listing, as `read` does."""
        words = ["dump", "--archive=tar", snapshot, "/"]
        with self._patient(waits=waits).program(words).drawn(self.restic.judge) as stream:
            yield stream

    def links(self, snapshot: str, directory: str) -> dict[str, str]:
        """Return where the links of one directory of a snapshot lead, by name: a listing does not say it."""
        with self.restic.program(["cat", "tree", f"{snapshot}:{directory}"]).drawn(self.restic.judge) as stream:
            found = stream.read()
        return answers.targets(found)

    @contextmanager
    def read(self, snapshot: str, path: str) -> Iterator[IO[bytes]]:
        """Give the content of a file of a snapshot as a stream; raise ChainsawError at its end if it is not whole."""
        with self.restic.program(["dump", snapshot, path]).drawn(self.restic.judge) as stream:
            yield stream

    def forget(self, ids: Sequence[str]) -> None:
        """Remove snapshots of this site by their whole ids, proven by listing again; some may be gone already."""
        present = {item.id for item in self.snapshots()} & set(ids)
        if not present:
            return
        self.unlock()
        self.restic.run("forget", *sorted(present))
        left = {item.id for item in self.snapshots()} & present
        if left:
            message = f"restic did not remove {len(left)} of {len(present)} snapshots: {', '.join(sorted(left))}"
            hint = "where the repository only takes additions, remove them there"
            raise ChainsawError(Diagnostic("not-forgotten", message, self.restic.shown, hint=hint))

    def unlock(self) -> None:
        """Remove the locks of programs that are gone, as after a power cut; those of others stay."""
        self.restic.run("unlock")

    def prune(self) -> None:
        """Remove what no snapshot needs."""
        self.unlock()
        self.restic.run("prune")

    def check(self, part: int = 0, of: int = 0) -> None:
        """Check the structure, and the data of one part, from 1 on, of so many: only that finds a changed byte."""
        words = [f"--read-data-subset={part}/{of}"] if of else []
        outcome = self.restic.program(["check", *words]).follow(lambda line: None)
        found = answers.damaged(outcome.err)
        if found:
            hint = "keep the files of the repository as they are, and make a backup at another place first"
            raise ChainsawError(Diagnostic("repository-damaged", "\n".join(found), self.restic.shown, hint=hint))
        self.restic.judge(outcome)
        if answers.summary(outcome.out).get("num_errors") != 0:
            raise ChainsawError(Diagnostic("repository", "restic did not say what it has found", self.restic.shown))


def _make_directory(path: str) -> None:
    """Make a directory for a repository, or close one that is empty; raise ChainsawError for one in other use."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        found = files.list_directory(path)
        if not found:
            os.chmod(path, 0o700)
        elif "config" not in found:
            message = "there is something else in this directory"
            raise ChainsawError(Diagnostic("not-empty", message, path, hint="choose an empty directory")) from None


def _reporter(report: Callable[[Progress], None]) -> Callable[[str], None]:
    def line(text: str) -> None:
        found = answers.progress(text)
        if found is not None:
            report(found)

    return line


def _file_name(name: str) -> str:
    """Return the option that names a file; raise ValueError for one in a directory."""
    if not name or "/" in name:
        raise ValueError(f"no name of a file: {name!r}")
    return f"--stdin-filename={name}"


def _checked(tags: Sequence[str]) -> Sequence[str]:
    """Return tags; raise ValueError for one that restic would take for several."""
    if any("," in tag or not tag for tag in tags):
        raise ValueError(f"no tags: {tags}")
    return tags
