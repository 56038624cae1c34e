"""Unpacks the archive that an image's own tar has written, which may be a program of any kind."""

from __future__ import annotations

import os
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from chainsaw.errors import ChainsawError, Diagnostic

LARGEST = 4 * 1024**3
MOST = 500_000
"""Of the static files of an image: bytes, and how many."""
LARGEST_HEADER = 16 * 1024**2
"""Bytes between the contents of two files: tarfile reads all of them into memory."""


@dataclass
class _Measured:
    """A stream of which no more than `left` bytes may be read."""

    stream: IO[bytes]
    left: int = LARGEST_HEADER

    def read(self, size: int) -> bytes:
        """Return the next bytes."""
        content = self.stream.read(size)
        self.left -= len(content)
        if self.left < 0:
            raise _too_large()
        return content


def unpack(stream: IO[bytes], target: str, scripts: tuple[str, ...]) -> None:
    """Unpack an archive into a directory, files alone; files with the endings of scripts are empty there.

    Raise ChainsawError when it is no archive, is too large, or cannot be unpacked.
    """
    try:
        _unpack(stream, target, scripts)
    except (OSError, tarfile.TarError) as error:
        message = f"the image's static files cannot be unpacked: {error}"
        raise ChainsawError(Diagnostic("static-archive", message, target)) from error


def _unpack(stream: IO[bytes], target: str, scripts: tuple[str, ...]) -> None:
    measured, size, count = _Measured(stream), 0, 0
    with tarfile.open(fileobj=measured, mode="r|") as archive:  # type: ignore[call-overload]  # it only reads
        for member in archive:
            path = os.path.normpath(member.name)
            if path.startswith(("/", "..")):
                raise ChainsawError(Diagnostic("static-path", f"the image's archive leaves its root: {member.name}"))
            size, count = size + member.size, count + 1
            # Nobody asked tar to leave holes out: what has some is made to become large here.
            if size > LARGEST or count > MOST or member.issparse():
                raise _too_large()
            measured.left = LARGEST_HEADER + member.size
            place = Path(target, path)
            if member.isdir():
                place.mkdir(parents=True, exist_ok=True)
            elif member.isfile():
                _place(archive, member, place, scripts)


def _too_large() -> ChainsawError:
    message = f"the image has more static files than {MOST}, or than {LARGEST // 1024**3} GB, or sparse ones"
    return ChainsawError(Diagnostic("static-size", message, hint="tell its maintainers; chainsaw info names them"))


def _place(archive: tarfile.TarFile, member: tarfile.TarInfo, place: Path, scripts: tuple[str, ...]) -> None:
    content = archive.extractfile(member)
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("wb") as file:
        if content is not None and not place.name.endswith(scripts):
            while chunk := content.read(1 << 20):
                file.write(chunk)
    place.chmod(0o644)
