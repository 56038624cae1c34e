"""A set of snapshots that is one backup, read: as an archive, like any other backup."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tempfile
import threading
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import IO

from pydantic import ValidationError

from chainsaw.errors import ChainsawError, Diagnostic, Exit
from chainsaw.host import files
from chainsaw.host.bundle import reader, sealed
from chainsaw.host.bundle.archive import CHUNK
from chainsaw.host.bundle.composed import Composed, Tree
from chainsaw.host.restic.repository import Repository
from chainsaw.model.backup import FORMAT, SetIndex

SET, DUMP = "set", "dump"
"""The names of files in snapshots: of what makes a set complete, and of what a component has dumped."""
LONGEST, LARGEST_HEAD = 1 << 22, 1 << 27
"""Bytes of the index of a set, and of what is small in a backup."""


def read_index(stream: IO[bytes], path: str) -> SetIndex:
    """Return what stands at the beginning of the file of a set; raise ChainsawError for what this does not know."""
    line = stream.readline(LONGEST)
    try:
        found = SetIndex.model_validate_json(line)
    except ValidationError as error:
        if _format(line) > FORMAT:
            message = f"it has the format {_format(line)}, and this chainsaw knows {FORMAT}"
            raise ChainsawError(Diagnostic("newer-backup", message, path, hint=reader.NEWER), Exit.INVALID) from error
        why = str(error).splitlines()[0]
        raise ChainsawError(Diagnostic("bundle", f"its index is not a backup's: {why}", path)) from error
    if not 0 <= found.head <= LARGEST_HEAD:
        raise ChainsawError(Diagnostic("bundle", "its index is not a backup's: a head that is too long", path))
    return found


def _format(line: bytes) -> int:
    try:
        return int(json.loads(line)["format"])
    except (ValueError, TypeError, KeyError):
        return 0


def digest(repository: Repository, snapshot: str, path: str) -> str:
    """Return the SHA-256 of a file in a snapshot."""
    found = hashlib.sha256()
    with repository.read(snapshot, path) as stream:
        while piece := stream.read(CHUNK):
            found.update(piece)
    return found.hexdigest()


def fetch(repository: Repository, snapshot: str, name: str, path: str) -> None:
    """Copy a file of a snapshot to a path, whole or not at all."""
    with (
        sealed.new_file(path, f"{path}{files.PARTIAL}") as target,
        repository.read(snapshot, f"/{name}") as stream,
    ):
        shutil.copyfileobj(stream, target, CHUNK)


@dataclass(frozen=True)
class SavedSet:
    """A backup whose file is in a snapshot; `path` is its name for people, and `place` a directory for its list.

    It is a Source of host/bundle/sealed.py.
    """

    repository: Repository
    snapshot: str
    path: str
    place: str

    def index(self) -> SetIndex:
        """Return what it is; raise ChainsawError if it cannot be read."""
        with self.repository.read(self.snapshot, f"/{SET}") as stream:
            return read_index(stream, self.path)

    def leading(self, prefixes: Collection[str], most: int) -> dict[str, bytes]:
        """Return what stands at its beginning, see Source."""
        with self.repository.read(self.snapshot, f"/{SET}") as stream:
            head = stream.read(read_index(stream, self.path).head)
        return reader.leading(io.BytesIO(head), prefixes, most)

    @contextmanager
    def opened(self) -> Iterator[tuple[list[list[str]], int]]:
        """Give a program that passes on what is put together here, see Source."""
        out, into = os.pipe()
        problems: list[BaseException] = []
        writer = threading.Thread(target=self._write, args=(into, problems), daemon=True)
        writer.start()
        failure: BaseException | None = None
        try:
            yield [["cat"]], out
        except BaseException as error:
            failure = error
            raise
        finally:
            # Whoever still writes has nobody who reads.
            os.close(out)
            writer.join()
            if problems and (failure is None or isinstance(failure, ChainsawError)):
                # What reads it has only seen that it ended early.
                raise problems[0] from failure

    def _write(self, descriptor: int, problems: list[BaseException]) -> None:
        try:
            with os.fdopen(descriptor, "wb", CHUNK) as out, ExitStack() as stack:
                self._compose(stack).write(out)
        except BrokenPipeError:
            return
        except BaseException as error:
            # It is raised where the archive is read.
            problems.append(error)

    def _compose(self, stack: ExitStack) -> Composed:
        listing = stack.enter_context(tempfile.TemporaryFile(dir=self.place))  # noqa: SIM115  # the stack closes it
        with self.repository.read(self.snapshot, f"/{SET}") as stream:
            index = read_index(stream, self.path)
            head = stream.read(index.head)
            while piece := stream.read(CHUNK):
                listing.write(piece)
        if len(head) != index.head or listing.tell() != index.list:
            raise ChainsawError(Diagnostic("bundle", "its list is not whole", self.path))

        @contextmanager
        def dump(component: str) -> Iterator[IO[bytes]]:
            with self.repository.read(index.dumps.get(component, ""), f"/{DUMP}") as stream:
                yield stream

        trees = [
            Tree(stack.enter_context(self.repository.archive(snapshot, waits=snapshot == index.before)))
            for snapshot in (index.volumes, index.before)
            if snapshot
        ]
        return Composed(head, listing, dict(index.end), dump, trees)
