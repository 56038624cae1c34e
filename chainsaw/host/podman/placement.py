"""Files and directories that will belong to ids of a block, and the archive that transfers them."""

from __future__ import annotations

import io
import tarfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from chainsaw.model.block import Range, intermediate
from chainsaw.model.volume import Ids


@dataclass(frozen=True)
class Placement:
    """A directory with its seed files, or a file with its content, that will belong to ids of a block."""

    path: str
    mode: int
    ids: Ids
    content: bytes | None = None
    seed: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class VolumeFile:
    """A file in a volume: the volume's path, the file's path below it, the ids of its owner, and the block."""

    volume: str
    path: str
    ids: Ids
    block: int


def pack(items: Sequence[Placement], uids: Sequence[Range], gids: Sequence[Range], suffix: str) -> bytes:
    """Return a tar archive of all items, their names relative to / and with a suffix, their ids as Podman sees them.

    `uids` and `gids` are the admin's subordinate ranges.
    """
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for item in items:
            uid, gid = intermediate(uids, item.ids.uid), intermediate(gids, item.ids.gid)
            for info, content in _members(item, suffix):
                info.uid, info.gid, info.mtime = uid, gid, time.time()
                tar.addfile(info, None if content is None else io.BytesIO(content))
    return archive.getvalue()


def _members(item: Placement, suffix: str) -> Iterator[tuple[tarfile.TarInfo, bytes | None]]:
    base = f"{item.path}{suffix}".lstrip("/")
    yield _member(base, item.mode, item.content), item.content
    folders = {str(parent) for path in item.seed for parent in PurePosixPath(path).parents if str(parent) != "."}
    for folder in sorted(folders):
        yield _member(f"{base}/{folder}", item.mode, None), None
    for path, content in item.seed.items():
        yield _member(f"{base}/{path}", 0o644, content), content


def _member(name: str, mode: int, content: bytes | None) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.mode = mode
    if content is None:
        info.type = tarfile.DIRTYPE
    else:
        info.size = len(content)
    return info
