"""The list of a tree, and what a snapshot has of it: entries for what is in the snapshot, and nothing else.

Two programs have read the tree, one after the other. Where they have seen the same, by inode and ctime, the hash in the
list is that of the content in the snapshot; else the content is read again from there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from chainsaw.errors import ChainsawError, Diagnostic
from chainsaw.host.bundle.form import ADMIN, KINDS, NEWEST, OLDEST, SECOND, Entry, order, shown
from chainsaw.host.restic.answers import Node

NO_TEXT = re.compile("[\udc80-\udcff]")
"""Bytes of a name that are no UTF-8; each of them is listed by restic as U+FFFD."""
LOST = "\ufffd"


class Nodes:
    """What a snapshot lists, in its order: a directory before what is in it, by the bytes of the names."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        """Look at the first."""
        self.nodes = (node for node in nodes if node.kind in KINDS)
        self.ahead = next(self.nodes, None)

    def until(self, path: str, top: str) -> Iterator[Node]:
        """Yield what is below the directory `top` and comes before a path; what is elsewhere is passed over."""
        place = order(path)
        while self.ahead is not None and self.ahead.path != f"/{path}" and order(self.ahead.path[1:]) < place:
            if self.ahead.path.startswith(f"/{top}/"):
                yield self.ahead
            self.ahead = next(self.nodes, None)

    def at(self, path: str) -> Node | None:
        """Return what is under a path, if anything is, and go on."""
        found = self.ahead
        if found is None or found.path != f"/{path}":
            return None
        self.ahead = next(self.nodes, None)
        return found

    def rest(self, top: str) -> Iterator[Node]:
        """Yield what is left below a directory."""
        while self.ahead is not None and self.ahead.path.startswith(f"/{top}/"):
            yield self.ahead
            self.ahead = next(self.nodes, None)


@dataclass
class Side:
    """A snapshot: what it lists, and who reads it: the SHA-256 of a file, and where a link leads, by path."""

    nodes: Nodes
    digest: Callable[[str], str]
    target: Callable[[str], str]


@dataclass
class Join:
    """Joins the list of the tree `top` with a snapshot; what is in none is in the one `before`, if there is such a one.

    `is_out` tells of a path below the top whether it belongs to no backup. All is the admin's own without a container.
    """

    top: str
    now: Side
    before: Side | None
    is_out: Callable[[str], bool]
    has_ids: bool = True
    inodes: dict[str, int] = field(default_factory=dict)
    """Those of files with several names, by the first of them."""
    again: int = 0
    """How many files were read again."""
    kept: int = 0
    """How many members are in the snapshot before alone."""

    def entries(self, listed: Iterable[Entry]) -> Iterator[Entry]:
        """Yield an entry for each member; raise ChainsawError for a name that restic cannot list."""
        for entry in listed:
            path = NO_TEXT.sub(LOST, entry.path)
            yield from self._unlisted(self.now.nodes.until(path, self.top))
            node = self.now.nodes.at(path)
            if node:
                yield self._same(entry, node, self.now)
            elif self.before:
                for _ in self.before.nodes.until(path, self.top):
                    pass
                kept = self.before.nodes.at(path)
                if kept:
                    self.kept += 1
                    yield self._same(entry, kept, self.before)
        yield from self._unlisted(self.now.nodes.rest(self.top))

    def _unlisted(self, nodes: Iterable[Node]) -> Iterator[Entry]:
        for node in nodes:
            if not self.is_out(node.path.removeprefix(f"/{self.top}/")):
                yield self._new(node, Entry(node.path[1:], node.kind), self.now)

    def _same(self, entry: Entry, node: Node, side: Side) -> Entry:
        """Return the entry for a member that is in the list and in a snapshot."""
        if entry.kind == "link":
            if node.kind == "file" and self.inodes.get(entry.first) == node.inode:
                return entry
            return self._new(node, Entry(entry.path, node.kind), side)
        if entry.kind == node.kind and entry.seen == (node.inode, node.ctime):
            if entry.names > 1 and entry.kind == "file":
                self.inodes[entry.path] = node.inode
            return entry
        return self._new(node, entry if entry.kind == node.kind else Entry(entry.path, node.kind), side)

    def _new(self, node: Node, entry: Entry, side: Side) -> Entry:
        """Return an entry for what a snapshot has, in the place of what the list says."""
        if NO_TEXT.search(entry.path) or LOST in entry.path:
            message = f"{shown(entry.path)} was changed while it was read, and restic cannot tell what is in it"
            hint = "try again, or rename it: its name is no UTF-8"
            raise ChainsawError(Diagnostic("odd-name", message, hint=hint))
        mode = node.mode & (0o7777 if node.kind == "directory" else 0o777)
        most = ADMIN if self.has_ids else -1
        uid, gid = (number if number <= most else ADMIN for number in (node.uid, node.gid))
        times = min(max(node.mtime, OLDEST * SECOND), NEWEST * SECOND)
        found = replace(entry, mode=mode, uid=uid, gid=gid, mtime=times, seen=(), first="", stored=-1, names=1)
        if node.kind == "symlink":
            found.target = side.target(node.path)
        elif node.kind == "file":
            self.again += 1
            found.size, found.sha256 = node.size, side.digest(node.path)
        return found
