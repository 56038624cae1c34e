"""Take a bundle apart: unpack it into a directory, and let a program read a dump that is unpacked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from chainsaw.errors import ChainsawError, Diagnostic, Exit
from chainsaw.host import process, streams
from chainsaw.host.bundle.sealed import Source
from chainsaw.host.bundle.writer import PROGRAM

CHUNK = 1 << 20
MISSING = "it is not in the backup: "
MOST = 50_000_000
"""Members of a bundle."""


def unpack(
    backup: Source,
    target: str,
    first: int,
    room: int,
    only: Sequence[str],
    within: Sequence[str],
    patience: float,
) -> dict[str, Any]:
    """Unpack what is below some paths of a backup into an empty directory, and return what stands in its end.

    `within` are the words that run a program as root of the admin's user namespace, in which a container's ids begin
    with `first`; `room` is in bytes. Raise ChainsawError unless each member is as it is listed.
    """
    words = ["unpack", target, str(first), "0", str(room), str(MOST), *only]
    try:
        with backup.opened() as (chain, source):
            out = streams.draw([*chain, [*within, *PROGRAM, *words]], source, patience=patience)
    except ChainsawError as error:
        _, is_missing, missing = error.diagnostics[0].message.partition(MISSING)
        if not is_missing:
            raise
        raise ChainsawError(
            Diagnostic("not-in-backup", f"{MISSING}{missing}", backup.path, hint=_listing(backup.path)), Exit.MISSING
        ) from error
    known: dict[str, Any] = json.loads(out)
    return known


def _listing(path: str) -> str:
    """Return the command that lists what is in a backup."""
    if not path.startswith("/"):
        return f"chainsaw show {path}"
    read = "age --decrypt --identity KEYFILE" if path.endswith(".age") else "cat"
    return f"what is in it: {read} {path} | zstd --decompress | tar -t"


def place(source: str, target: str, path: str, within: Sequence[str]) -> None:
    """Copy one unpacked file into a volume, where nothing is; raise ChainsawError when there is something."""
    done = process.run([*PROGRAM, "place", source, target, path], within=within, check=False)
    if done.code:
        raise ChainsawError(Diagnostic("not-placed", done.complaint, key=path))


def measure(argv: Sequence[str], patience: float) -> int:
    """Return how many bytes a program prints; raise ChainsawError when it fails."""
    size = 0
    with streams.tapped([argv], None, patience=patience) as printed:
        while piece := printed.read(CHUNK):
            size += len(piece)
    return size


def feed(place: str, argv: Sequence[str], within: Sequence[str]) -> None:
    """Let a program read the parts of a dump, in their order; raise ChainsawError when it fails.

    It may work long after it has read all of them, and nobody can see whether it moves.
    """
    found = [*within, "find", place, "-type", "f", "-print0"]
    streams.draw([found, ["sort", "-z"], [*within, "xargs", "-0", "cat", "--"], argv])
