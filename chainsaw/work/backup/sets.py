"""Backups in a repository of restic: each is a set of snapshots, complete with the last one."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import IO

from chainsaw.errors import ChainsawError
from chainsaw.host.account import Account
from chainsaw.host.bundle.choice import patterns
from chainsaw.host.bundle.former import entries
from chainsaw.host.bundle.listed import Listed
from chainsaw.host.restic.answers import Progress, Saved, Snapshot
from chainsaw.host.restic.joined import Join, Nodes, Side
from chainsaw.host.restic.repository import Repository
from chainsaw.host.restic.saved import DUMP, SET, digest
from chainsaw.host.store.listings import keep_listing, open_listing
from chainsaw.model.backup import DUMPS, VOLUMES, Backup, Ending, Index, SetIndex, Tree
from chainsaw.model.quantity import bytes_for_people
from chainsaw.work.backup.access import open_or_make, repository_of
from chainsaw.work.backup.bundle import Target, check_shrunken, new_id
from chainsaw.work.backup.content import Content
from chainsaw.work.backup.saved import INSTANCE, PART, WHOLE, tag, value_of
from chainsaw.work.backup.write import PATIENCE, known_of, state_of, tree_of, write_data, write_small
from chainsaw.work.result import Reporter


@dataclass
class Saver:
    """A set that is being made: what was saved until now, and which snapshots those are."""

    account: Account
    content: Content
    repository: Repository
    writer: Listed
    id: str
    parent: str
    lists: ExitStack
    volumes: list[str] = field(default_factory=list)
    """Snapshots of the volumes, one for each pass."""
    dumps: dict[str, str] = field(default_factory=dict)
    added: int = 0
    reads_once: bool = True

    def tags(self, part: str) -> list[str]:
        """Return the tags of a snapshot of this set."""
        return [tag(INSTANCE, self.content.deployment.name), tag(WHOLE, self.id), tag(PART, part)]

    def note(self, made: Saved) -> str:
        """Count what was saved, and return its snapshot."""
        self.added += made.added
        return made.id

    def begin(self, copies: Mapping[str, str], report: Reporter) -> None:
        """Save the volumes as they are now."""
        podman, block = self.account.podman, self.content.deployment.block
        trees = {volume.name: volume.path for volume in self.content.volumes.values()}
        excludes = [pattern for name in trees for pattern in _excludes(self.content, name, is_copied=name in copies)]

        def progress(found: Progress) -> None:
            report.doing(f"saving volumes: {found.share:.0%}, {bytes_for_people(found.size)}")

        made = self.repository.save_trees(
            trees,
            [*podman.enter(), "unshare", "--mount"] if block is None else podman.enter_block(block),
            self.tags(VOLUMES),
            parent=self.volumes[-1] if self.volumes else self.parent,
            excludes=excludes,
            copies=copies,
            report=progress,
        )
        self.volumes.append(self.note(made))

    def since(self, volume: str) -> IO[str]:
        """Return the list of the last backup of this instance here."""
        return self.lists.enter_context(open_listing(self.account.paths, self.content.deployment.name, volume))

    def dump(self, component: str, words: Sequence[str]) -> int:
        """Save what a program prints; return its bytes, 0 if it is nothing, which is not saved."""
        pieces = self.writer.parted(f"{DUMPS}/{component}", words, patience=PATIENCE)
        first = next(pieces, b"")
        if not first:
            return 0
        made = self.repository.save_stream(DUMP, chain([first], pieces), self.tags(f"{DUMPS}.{component}"))
        self.dumps[component] = self.note(made)
        return made.size

    def join(self) -> bool:
        """List what the last snapshot of the volumes has; return whether something is in the one before it alone."""
        *before, last = self.volumes
        kept = False
        with ExitStack() as stack:
            now = self._side(stack, last)
            keeps = self.content.dumped or self.content.consistent.sqlite
            earlier = self._side(stack, before[-1]) if before and keeps else None
            for path, volume in sorted(self.content.volumes.items()):
                is_out = partial(_is_any, patterns(self.content.excludes(volume.name)))
                join = Join(path, now, earlier, is_out, self.content.deployment.block is not None)
                self.writer.relist(path, join.entries(entries(self.writer.listing(path))))
                kept = kept or join.kept > 0
        return kept

    def trees(self) -> dict[str, Tree]:
        """Return how much of each volume is listed."""
        return {volume.name: tree_of(self.writer, path) for path, volume in self.content.volumes.items()}

    def _side(self, stack: ExitStack, snapshot: str) -> Side:
        def target(path: str) -> str:
            above, _, name = path.rpartition("/")
            return self.repository.links(snapshot, above)[name]

        nodes = Nodes(stack.enter_context(self.repository.listing(snapshot, waits=True)))
        return Side(nodes, partial(digest, self.repository, snapshot), target)

    def finish(self, backup: Backup, head: bytes, ending: Ending, *, kept: bool) -> Index:
        """Save what makes the set complete."""
        with self.writer.totalled(ending.model_dump(mode="json", exclude_defaults=True)) as total:
            found, size = Ending.model_validate(total.end), self.added + len(head) + total.size
            made = Index(backup=backup, ending=found, file="", bytes=size, sha256="")
            index = SetIndex(
                index=made,
                volumes=self.volumes[-1] if self.volumes else "",
                before=self.volumes[-2] if kept else "",
                dumps=self.dumps,
                head=len(head),
                list=total.size,
                end=total.end,
            )
            pieces = chain([index.model_dump_json().encode() + b"\n", head], total.pieces())
            self.repository.save_stream(SET, pieces, self.tags(SET))
        return made


def _is_any(found: Sequence[re.Pattern[str]], path: str) -> bool:
    return any(pattern.fullmatch(path) for pattern in found)


def _excludes(content: Content, volume: str, *, is_copied: bool) -> Iterator[str]:
    """Yield what restic leaves out of a volume: a database only as long as there is no copy to read in its place."""
    databases = content.consistent.sqlite.get(volume, ()) if is_copied else ()
    for pattern in content.excludes(volume):
        if pattern not in databases:
            escaped = "".join(f"\\{letter}" if letter in "[]?\\" else letter for letter in pattern)
            yield f"/{VOLUMES}/{volume}/{escaped}"


def write_set(account: Account, content: Content, target: Target, place: str, report: Reporter) -> Index:
    """Make a backup in a repository; raise ChainsawError, with nothing left of it that counts, when that fails."""
    name, steps, at = content.deployment.name, account.steps, int(time.time())
    repository = repository_of(account, place)
    report.doing(f"opening {place}")
    former = open_or_make(account, repository, [tag(INSTANCE, name)])
    backup = content.facts(new_id(name, at), repository.site, at, target.before)
    _forget_rest(account, repository, former)
    with steps.timed(f"save {backup.id} in {place}"), ExitStack() as lists:
        writer = Listed(at * 10**9, lists, state_of(account), known_of(backup))
        write_small(account, content, writer)
        head = writer.end_head()
        saver = Saver(account, content, repository, writer, backup.id, _parent(former), lists)
        try:
            ending = write_data(account, content, saver, backup.id, report)
            report.doing("comparing what was saved with what is there")
            kept = saver.join() if saver.volumes else False
            ending = ending.model_copy(update={"volumes": saver.trees()})
            check_shrunken(name, target, ending)
            index = saver.finish(backup, head, ending, kept=kept)
        except BaseException:
            with suppress(ChainsawError, OSError):
                repository.forget([item.id for item in repository.snapshots([tag(WHOLE, backup.id)])])
            raise
        for path, volume in content.volumes.items():
            with steps.step(f"remember the list of {volume.name}"):
                keep_listing(account.paths, name, volume.name, writer.listing(path))
    return index


def _complete(snapshots: Sequence[Snapshot]) -> set[str]:
    return {value_of(item, WHOLE) for item in snapshots if value_of(item, PART) == SET}


def _parent(snapshots: Sequence[Snapshot]) -> str:
    """Return the newest snapshot of the volumes that is part of a backup; nothing if there is none."""
    whole = _complete(snapshots)
    found = [item for item in snapshots if value_of(item, PART) == VOLUMES and value_of(item, WHOLE) in whole]
    return found[-1].id if found else ""


def _forget_rest(account: Account, repository: Repository, snapshots: Sequence[Snapshot]) -> None:
    """Remove what an interrupted backup of the same instance has left: its lock is held."""
    whole = _complete(snapshots)
    rest = [item.id for item in snapshots if value_of(item, WHOLE) not in whole]
    if rest:
        with account.steps.step("remove what an interrupted backup has left"):
            repository.forget(rest)
