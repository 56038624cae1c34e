"""Where an unpacker writes: the directories on the way to a member, and the places of the data of a file with holes."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass

from chainsaw.host.bundle.archive import CHUNK
from chainsaw.host.bundle.confined import DIRECTORY
from chainsaw.host.bundle.form import RefusedError, shown

SMALLEST_HOLE = 1 << 16
ZEROS = bytes(CHUNK)
OTHERWISE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


class Places:
    """The directories on the way to the last member, which are open."""

    def __init__(self, top: int) -> None:
        """Take the directory that all are below."""
        self.top = top
        self.open: list[tuple[str, int]] = []

    def directory(self, names: list[str]) -> int:
        """Return the descriptor of a directory; raise RefusedError if it is none."""
        at = 0
        while at < min(len(names), len(self.open)) and self.open[at][0] == names[at]:
            at += 1
        self.close(at)
        for name in names[at:]:
            try:
                descriptor = os.open(name, DIRECTORY, dir_fd=self.open[-1][1] if self.open else self.top)
            except OSError as error:
                if error.errno in OTHERWISE:
                    raise RefusedError(f"no directory has come before what is in {shown('/'.join(names))}") from error
                raise
            self.open.append((name, descriptor))
        return self.open[-1][1] if self.open else self.top

    def close(self, at: int = 0) -> None:
        """Close those that are below some."""
        while len(self.open) > at:
            os.close(self.open.pop()[1])


@dataclass
class Spread:
    """Writes the data of a file with holes to its places."""

    descriptor: int
    left: list[tuple[int, int]]

    def __post_init__(self) -> None:
        """Begin with the first."""
        self.left = self.left[::-1]

    def write(self, piece: memoryview) -> None:
        """Write what comes next."""
        while piece:
            start, length = self.left.pop()
            count = os.pwrite(self.descriptor, piece[:length], start)
            if count < length:
                self.left.append((start + count, length - count))
            piece = piece[count:]


@dataclass
class Filling:
    """Writes the content of a file that is one hole, and leaves it where there are only zeros."""

    descriptor: int
    at: int = 0

    def write(self, piece: memoryview) -> None:
        """Write what comes next."""
        if len(piece) >= SMALLEST_HOLE and not piece[0] and piece.tobytes() == ZEROS[: len(piece)]:
            self.at += len(piece)
            return
        while piece:
            count = os.pwrite(self.descriptor, piece, self.at)
            self.at, piece = self.at + count, piece[count:]


def write(descriptor: int, piece: memoryview) -> None:
    """Write a piece to where a file is."""
    while piece:
        piece = piece[os.write(descriptor, piece) :]
