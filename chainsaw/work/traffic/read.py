"""Reads the front's access log out of the journal, line by line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import TypeVar

from chainsaw.host import journal
from chainsaw.work.inspect.logs import VISITS, of_site

Result = TypeVar("Result")


def read_visits(name: str, since: str | None, consume: Callable[[Iterator[tuple[float, str]]], Result]) -> Result:
    """Pass the time and text of each line to a function, of one site where there is a name; return what it returns."""
    return journal.messages([*_options(name), *([f"--since={since}"] if since is not None else [])], consume)


def has_earlier(name: str, since: str) -> bool:
    """Return whether the journal has lines from before a time, and so all from then on."""
    earlier = [f"--until={since}", "--lines=1", *_options(name)]
    return journal.messages(earlier, lambda lines: bool(list(islice(lines, 1))))


def _options(name: str) -> list[str]:
    return [*([of_site(name)] if name else []), *VISITS]
