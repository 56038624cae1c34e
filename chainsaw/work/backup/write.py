"""The members of a backup, in their order: what is small, secrets, volumes, and while all holds still, what changes."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import IO, Any, Protocol

from chainsaw.errors import ChainsawError, Diagnostic
from chainsaw.host import files
from chainsaw.host.account import Account
from chainsaw.host.bundle.writer import Writer, copy_databases
from chainsaw.model.backup import DUMPS, FIRST, SECRETS, VOLUMES, Backup, Ending, Tree
from chainsaw.model.block import intermediate
from chainsaw.model.deployment import ComponentService
from chainsaw.work.backup.content import Content, directories_of
from chainsaw.work.backup.hold import hold, in_use
from chainsaw.work.result import Reporter

PATIENCE = 600.0
"""Seconds without a byte after which a backup is given up."""
NOBODY = 2**32
"""No id: an instance without processes has no ids of its own."""


class Sink(Protocol):
    """Where the members of a backup go, beside its list."""

    @property
    def writer(self) -> Writer:
        """What lists them."""

    @property
    def reads_once(self) -> bool:
        """Whether a second pass over files that may be read at any time costs more than it brings."""

    def begin(self, copies: Mapping[str, str], report: Reporter) -> None:
        """Take the volumes as they are now, before they are listed; `copies` are as in Volumes.write."""

    def since(self, volume: str) -> IO[str] | None:
        """Return a list of an earlier backup, where a volume is listed and not written."""

    def dump(self, component: str, words: Sequence[str]) -> int:
        """Take what a program prints, as what a component has dumped; return its bytes."""


@dataclass(frozen=True)
class Straight:
    """A backup that is one stream: all goes through its writer."""

    writer: Writer
    reads_once: bool = False

    def begin(self, copies: Mapping[str, str], report: Reporter) -> None:
        """Do nothing: volumes are read when they are written."""

    def since(self, volume: str) -> None:
        """Return nothing."""

    def dump(self, component: str, words: Sequence[str]) -> int:
        """Write what a program prints."""
        return self.writer.parts(f"{DUMPS}/{component}", words, patience=PATIENCE)


def write(account: Account, content: Content, facts: Backup, stream: IO[bytes], report: Reporter) -> Ending:
    """Write all members of a backup to a stream; return what its last one says. Raise ChainsawError if that fails."""
    with ExitStack() as lists:
        writer = Writer(stream, facts.at * 10**9, lists, state_of(account), known_of(facts))
        write_small(account, content, writer)
        ending = write_data(account, content, Straight(writer), facts.id, report)
        return Ending.model_validate(writer.end(ending.model_dump(mode="json", exclude_defaults=True)))


def state_of(account: Account) -> str:
    """Return the directory for lists that are being written."""
    return f"{account.paths.state}/chainsaw"


def known_of(facts: Backup) -> dict[str, Any]:
    """Return what stands in the first member of a backup."""
    return facts.model_dump(mode="json", exclude={"format"})


def write_data(account: Account, content: Content, sink: Sink, id: str, report: Reporter) -> Ending:  # noqa: A002  # it is called so in the backup
    """Take the data of an instance in one state; return what is known of it. Raise ChainsawError if that fails."""
    volumes, writer = Volumes(account, content, sink, report), sink.writer
    if not (sink.reads_once and content.is_one_state):
        volumes.write({}, keeps=False)
    dumps: dict[str, int] = {}

    def finish() -> None:
        dumps.update(_write_dumps(account, content, sink, report))
        with volumes.copied() as copies:
            volumes.write(copies, keeps=bool(content.dumped or content.consistent.sqlite))

    held = hold(account, content.deployment, content.consistent, finish, report)
    return Ending(
        id=id,
        finished=int(time.time()),
        files=held.way,
        downtime=held.downtime,
        volumes={volume.name: tree_of(writer, path) for path, volume in content.volumes.items()},
        dumps=dumps,
    )


def tree_of(writer: Writer, path: str) -> Tree:
    """Return how much of a volume is listed."""
    counts = writer.counts(path)
    return Tree(members=counts.members, bytes=counts.bytes, highest=counts.highest)


def write_small(account: Account, content: Content, writer: Writer) -> None:
    """Write what is small, and secrets, at the beginning of a backup."""
    for path in directories_of(content.files):
        writer.directory(path)
    for path, text in sorted(content.files.items()):
        if path != FIRST:
            writer.file(path, text)
    writer.directory(SECRETS)
    for path, place in sorted(content.secrets.items()):
        writer.file(path, account.podman.read_file(place))
    writer.directory(DUMPS)
    writer.directory(VOLUMES)


@dataclass(frozen=True)
class Volumes:
    """The volumes of an instance on their way into a backup."""

    account: Account
    content: Content
    sink: Sink
    report: Reporter

    def write(self, copies: Mapping[str, str], keeps: bool) -> None:
        """Read the volumes; or, after the first time, what has changed in them since.

        `copies` are directories with copies of databases, by volume. What is gone stays if it `keeps` that.
        """
        podman, block = self.account.podman, self.content.deployment.block
        start = NOBODY if block is None else intermediate(podman.uids, block)
        if self.content.volumes:
            self.sink.begin(copies, self.report)
        for path, volume in self.content.volumes.items():
            self.report.doing(f"reading {volume.name}")
            self.sink.writer.tree(
                volume.path,
                path,
                start,
                podman.enter(),
                keeps=keeps,
                excludes=self.content.excludes(volume.name),
                copies=copies.get(volume.name, ""),
                patience=PATIENCE,
                since=self.sink.since(volume.name),
            )

    @contextmanager
    def copied(self) -> Iterator[dict[str, str]]:
        """Let SQLite copy its databases, each in one state; give the directories with the copies, by volume."""
        podman, steps = self.account.podman, self.account.steps
        place = f"{self.account.paths.instance(self.content.deployment.name)}/databases{files.PARTIAL}"
        copies: dict[str, str] = {}
        try:
            for path, volume in self.content.volumes.items():
                wanted = self.content.consistent.sqlite.get(volume.name)
                if wanted:
                    self.report.doing(f"copying the databases in {volume.name}")
                    copies[volume.name] = f"{place}/{volume.name}"
                    with steps.step(f"copy the databases in {path}"):
                        podman.remove_trees([copies[volume.name]])
                        files.make_directory(copies[volume.name], 0o700)
                        copy_databases(volume.path, copies[volume.name], wanted, podman.enter())
            yield copies
        finally:
            if copies:
                podman.remove_trees([place])


def _write_dumps(account: Account, content: Content, sink: Sink, report: Reporter) -> dict[str, int]:
    """Let each database write out its data; return the bytes of each. Raise ChainsawError for an empty one."""
    sizes: dict[str, int] = {}
    for service in content.dumped:
        report.doing(f"dumping {service.component}")
        words = account.podman.exec_words(service.container, service.dump)
        with in_use(account, content.deployment, service):
            sizes[service.component] = sink.dump(service.component, words)
        if not sizes[service.component]:
            raise ChainsawError(_empty(content, service))
    return sizes


def _empty(content: Content, service: ComponentService) -> Diagnostic:
    name = content.deployment.name
    message = f"{service.dump[0]} in {service.container} wrote nothing: a backup of it would be empty"
    return Diagnostic("empty-dump", message, hint=f"chainsaw logs {name} {service.component}")
