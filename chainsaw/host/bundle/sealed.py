"""A bundle on the disk: written under another name, whole or not at all, and read back."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, replace
from typing import IO, Any, Protocol

from chainsaw.errors import ChainsawError, Diagnostic, Exit
from chainsaw.host import disk, files, process, streams
from chainsaw.host.bundle import reader
from chainsaw.host.bundle.writer import PROGRAM

ZSTD = ["zstd", "--quiet", "--stdout", "-T0"]
UNZSTD = ["zstd", "--quiet", "--decompress", "--stdout"]
NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
CHUNK = 1 << 20
DAMAGED = re.compile(r"(age|zstd)\b|.* ended with 3:")
"""What begins the failure of a program that could not read a bundle, or has refused it."""


@dataclass(frozen=True)
class Sealed:
    """A file that is complete: its bytes, and their SHA-256."""

    bytes: int
    sha256: str


@contextmanager
def sealing(path: str, recipients: Sequence[str], partial: str, patience: float) -> Iterator[IO[bytes]]:
    """Give the stream that becomes a bundle at a path, when the block ends and what was written is an archive.

    It is checked on its way, compressed, and encrypted to recipients of age(1), if there are any. Until it is on the
    disk, it is called `partial`, which is deleted if anything fails. Raise ChainsawError then, and when nothing moves
    for `patience` seconds.
    """
    chain = [[*PROGRAM, "check"], ZSTD]
    chain += [["age", *(word for item in recipients for word in ("--recipient", item))]] if recipients else []
    with new_file(path, partial) as file, streams.through(chain, file.fileno(), patience=patience) as stream:
        yield stream


@contextmanager
def new_file(path: str, partial: str) -> Iterator[IO[bytes]]:
    """Give a new file, for this user alone, which is at a path when the block ends, and nowhere if that fails."""
    try:
        with os.fdopen(os.open(partial, NEW, 0o600), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.rename(partial, path)
        disk.sync_parents([path])
    except OSError as error:
        raise ChainsawError(Diagnostic("system", f"{error.strerror or error}", path)) from error
    finally:
        with suppress(OSError):
            os.unlink(partial)


def new_pair() -> tuple[str, str]:
    """Return a new key of age(1): its secret part, which is nowhere else, and its public one."""
    made = process.run(["age-keygen"]).text
    found = (re.search(r"AGE-SECRET-KEY-1[A-Z0-9]+", made), re.search(r"age1[a-z0-9]+", made))
    if found[0] is None or found[1] is None:
        raise ChainsawError(Diagnostic("key", "age-keygen printed no key", hint="age-keygen"))
    return found[0][0], found[1][0]


def size_of(path: str) -> int | None:
    """Return the bytes of a plain file; None where there is none."""
    try:
        known = os.lstat(path)
    except OSError:
        return None
    return known.st_size if stat.S_ISREG(known.st_mode) else None


def pieces_of(path: str) -> Iterator[bytes]:
    """Yield what is in a file; raise OSError."""
    with open(path, "rb") as file:
        while piece := file.read(CHUNK):
            yield piece


def digest_of(path: str) -> Sealed:
    """Return what is in a file, as it is read back; raise OSError."""
    digest, size = hashlib.sha256(), 0
    for piece in pieces_of(path):
        digest.update(piece)
        size += len(piece)
    return Sealed(size, digest.hexdigest())


def copy(path: str, target: str, partial: str, known: Sealed) -> None:
    """Copy a bundle to another place; raise ChainsawError unless what is there in the end is the same."""
    with new_file(target, partial) as file, open(path, "rb") as source:
        shutil.copyfileobj(source, file, CHUNK)
        file.flush()
        if digest_of(partial) != known:
            raise ChainsawError(Diagnostic("copy", "it is not the same as what was copied", target))


class Source(Protocol):
    """A backup that can be read: `path` is its name for people."""

    @property
    def path(self) -> str:
        """Where it is."""

    def opened(self) -> AbstractContextManager[tuple[list[list[str]], int]]:
        """Give programs whose output is its archive, and the descriptor that the first of them reads.

        Raise ChainsawError when it cannot be read, also at the end of the block.
        """

    def leading(self, prefixes: Collection[str], most: int) -> dict[str, bytes]:
        """Return what stands at its beginning, see reader.leading."""


@dataclass(frozen=True)
class File:
    """A backup that is one file; `identity` is the file with the secret part of a recipient, if it is encrypted."""

    path: str
    identity: str = ""

    @contextmanager
    def opened(self) -> Iterator[tuple[list[list[str]], int]]:
        """Give the programs that make an archive of it again, see Source."""
        with _opened(self.path, self.identity) as found:
            yield found

    def leading(self, prefixes: Collection[str], most: int) -> dict[str, bytes]:
        """Return what stands at its beginning, see Source."""
        with self.opened() as (chain, source), streams.tapped(chain, source, whole=False) as stream:
            return reader.leading(stream, prefixes, most)


@contextmanager
def _opened(path: str, identity: str) -> Iterator[tuple[list[list[str]], int]]:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise ChainsawError(Diagnostic("system", f"cannot be read: {error.strerror}", path)) from error
    try:
        chain = [UNZSTD]
        if path.endswith(".age"):
            if not identity:
                raise ChainsawError(_encrypted(path), Exit.INVALID)
            chain.insert(0, ["age", "--decrypt", "--identity", files.real_path(identity)])
        yield chain, descriptor
    except ChainsawError as error:
        if error.diagnostics[0].code == "newer-backup":
            raise ChainsawError(replace(error.diagnostics[0], file=path), error.exit) from error
        found = error.diagnostics[0]
        if found.code == "bundle" or (found.code == "program-failed" and DAMAGED.match(found.message)):
            raise ChainsawError([_damaged(path), *error.diagnostics], error.exit) from error
        raise
    finally:
        os.close(descriptor)


def _damaged(path: str) -> Diagnostic:
    encrypted = ", or this is not the key that it is encrypted for" if path.endswith(".age") else ""
    message = f"it cannot be read as a whole: it is damaged{encrypted}"
    return Diagnostic("damaged", message, path, hint="chainsaw backups lists others")


def _encrypted(path: str) -> Diagnostic:
    message = "it is encrypted, and can be read only with the secret part of its key"
    hint = "put the line AGE-SECRET-KEY-… of the recovery sheet into a file, and name it: --identity FILE"
    return Diagnostic("encrypted", message, path, hint=hint)


def check(backup: Source, patience: float) -> dict[str, Any]:
    """Read a whole backup, and return what stands in its end; raise ChainsawError unless all is as it is listed."""
    with backup.opened() as (chain, source), streams.tapped(chain, source, patience=patience) as stream:
        return reader.check(stream)
