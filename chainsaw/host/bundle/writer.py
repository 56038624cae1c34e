"""Write the members of a bundle, in the order in which they are read again."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import IO, Any

from chainsaw.host import process
from chainsaw.host.bundle import packer
from chainsaw.host.bundle.unpacker import END, LIST
from chainsaw.model.block import SIZE

PART = 8 * 2**20
"""Bytes of a part of what a program prints, whose length nobody knows before its end."""


class Writer:
    """Writes to a stream: what is known, what programs print, trees of files; and in the end a list of them all."""

    def __init__(self, stream: IO[bytes], now: int, lists: ExitStack) -> None:
        """Take the time, in nanoseconds since 1970, and who closes the lists of trees."""
        self.stream, self.now, self.lists = stream, now, lists
        self.listed: dict[str, str] = {}
        self.trees: dict[str, IO[str]] = {}

    def directory(self, path: str) -> None:
        """Write a directory."""
        self._member(packer.Entry(path, "directory", 0o700, 0, 0, self.now), b"")

    def file(self, path: str, content: bytes) -> None:
        """Write a file whose content is known."""
        digest = hashlib.sha256(content).hexdigest()
        self._member(packer.Entry(path, "file", 0o600, 0, 0, self.now, len(content), digest), content)

    def _member(self, entry: packer.Entry, content: bytes) -> None:
        self.stream.write(packer.header(entry) + content + bytes(-len(content) % packer.BLOCK))
        self.listed[entry.path] = packer.line(entry)

    def parts(self, path: str, argv: Sequence[str]) -> int:
        """Write what a program prints, in parts below a path; return its bytes; raise ChainsawError if it fails."""
        self.directory(path)

        def consume(printed: IO[bytes]) -> int:
            size = 0
            while piece := printed.read(PART):
                self.file(f"{path}/{size // PART:08}", piece)
                size += len(piece)
            return size

        return process.pipe(argv, consume)

    def tree(self, source: str, path: str, first: int, within: Sequence[str], *, keeps: bool = False) -> None:
        """Write a directory, of which ids from `first` on are a container's; or what has changed in it since the last.

        `within` are the words that run a program as root of the admin's user namespace. With `keeps`, what is gone
        since stays listed. Raise ChainsawError for what cannot be read.
        """
        listing = self.lists.enter_context(tempfile.TemporaryFile("w+"))  # noqa: SIM115  # closed by whoever gave lists
        former = self.trees.get(path)
        kept = [listing.fileno(), *([former.fileno()] if former else [])]
        if former:
            os.lseek(former.fileno(), 0, os.SEEK_SET)
        earlier = f"{former.fileno()}{'+' if keeps else ''}" if former else "-1"
        self.stream.flush()
        words = [source, path, str(first), str(SIZE), str(listing.fileno()), earlier]
        program = [sys.executable, "-I", packer.__file__]
        process.run_into([*program, *words], self.stream.fileno(), kept, within)
        self.trees[path] = listing

    def end(self, facts: dict[str, Any]) -> dict[str, Any]:
        """Write the list, and what is known now that all is written; return that."""
        with tempfile.TemporaryFile() as whole:
            digest, count = hashlib.sha256(), 0
            for text in self._lines():
                whole.write(text)
                digest.update(text)
                count += 1
            size = whole.tell()
            whole.seek(0)
            entry = packer.Entry(LIST, "file", 0o600, 0, 0, self.now, size)
            self.stream.write(packer.header(entry))
            while piece := whole.read(packer.CHUNK):
                self.stream.write(piece)
            self.stream.write(bytes(-size % packer.BLOCK))
        known = {**facts, "members": count, "sha256": digest.hexdigest()}
        self.file(END, json.dumps(known).encode() + b"\n")
        self.stream.write(bytes(2 * packer.BLOCK))
        return known

    def _lines(self) -> Iterator[bytes]:
        """Yield the line of each member, a directory before what is in it, by name."""
        for path in sorted({*self.listed, *self.trees}, key=lambda path: path.split("/")):
            if path in self.trees:
                self.trees[path].seek(0)
                yield from (text.encode("utf-8", "surrogateescape") for text in self.trees[path])
            else:
                yield self.listed[path].encode()
