"""A backup whose parts are kept apart: the head, an archive of what is small without an end, and the list of all."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import IO, Any

from chainsaw.host.bundle.archive import CHUNK
from chainsaw.host.bundle.writer import Writer


@dataclass(frozen=True)
class Total:
    """What stands in the end of a backup, and the list of its members, of so many bytes."""

    end: dict[str, Any]
    size: int
    whole: IO[bytes]

    def pieces(self) -> Iterator[bytes]:
        """Yield the list."""
        self.whole.seek(0)
        while piece := self.whole.read(CHUNK):
            yield piece


class Listed(Writer):
    """Writes the head into memory; from the end of it on, all is listed, and goes elsewhere."""

    def __init__(self, now: int, lists: ExitStack, place: str, facts: dict[str, Any]) -> None:
        """Begin the head, see Writer."""
        self.head = io.BytesIO()
        super().__init__(self.head, now, lists, place, facts)

    def end_head(self) -> bytes:
        """Return the head."""
        self.stream = self.lists.enter_context(open(os.devnull, "wb"))  # noqa: SIM115  # closed by whoever gave lists
        return self.head.getvalue()

    @contextmanager
    def totalled(self, facts: dict[str, Any]) -> Iterator[Total]:
        """Give what is known now that all is listed."""
        with tempfile.TemporaryFile(dir=self.place) as whole:
            end = self.total(facts, whole)
            yield Total(end, whole.tell(), whole)
