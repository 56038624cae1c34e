"""Counters that take the same memory however much they count, whatever visitors send.

Sources: Bar-Yossef et al., Counting Distinct Elements in a Data Stream (2002), for Distinct; Misra and Gries, Finding
Repeated Elements (1982), for Most.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b

SPACE = 2**64
RECENT = 4096


class Distinct:
    """Counts how many texts are different: exactly up to MOST of them, then within a few percent.

    Of each text there is a number that looks random; the smallest of these numbers tell how many there are.
    """

    MOST = 4096

    def __init__(self) -> None:
        """Begin with none."""
        self.smallest: set[int] = set()
        self.recent: set[str] = set()
        self.below = SPACE

    def add(self, text: str) -> None:
        """Count a text that may have been counted."""
        if text in self.recent:
            return
        if len(self.recent) >= RECENT:
            self.recent.clear()
        self.recent.add(text)
        number = int.from_bytes(blake2b(text.encode(), digest_size=8).digest())
        if number < self.below:
            self.smallest.add(number)
            if len(self.smallest) > 2 * self.MOST:
                self.smallest = set(sorted(self.smallest)[: self.MOST])
                self.below = max(self.smallest)

    @property
    def is_exact(self) -> bool:
        """Whether the count is no estimate."""
        return self.below == SPACE

    def count(self) -> int:
        """Return how many different texts there were."""
        if self.is_exact:
            return len(self.smallest)
        return round(len([number for number in self.smallest if number < self.below]) * SPACE / self.below)


class Most:
    """Counts which texts are the most frequent; `short_by` is how many a text may have more than is counted."""

    LIMIT = 2000

    def __init__(self) -> None:
        """Begin with none."""
        self.counts: Counter[str] = Counter()
        self.short_by = 0

    def add(self, text: str) -> None:
        """Count a text."""
        self.counts[text] += 1
        if len(self.counts) > 2 * self.LIMIT:
            taken = sorted(self.counts.values())[-self.LIMIT - 1]
            self.counts = Counter({text: count - taken for text, count in self.counts.items() if count > taken})
            self.short_by += taken

    def most(self, many: int) -> list[tuple[str, int]]:
        """Return the most frequent texts, each with its count."""
        return sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))[:many]


class Times:
    """Counts spans in milliseconds, from a second on in three digits, so that there are few different ones."""

    def __init__(self) -> None:
        """Begin with none."""
        self.counts: Counter[int] = Counter()

    def add(self, milliseconds: int) -> None:
        """Count a span."""
        if milliseconds >= 1000:
            unit = 10 ** (len(str(milliseconds)) - 3)
            milliseconds = milliseconds // unit * unit
        self.counts[milliseconds] += 1

    def quantile(self, part: float) -> int | None:
        """Return the span that a part of all, from 0 to 1, does not exceed, in milliseconds; None without any."""
        rank = part * sum(self.counts.values())
        for milliseconds, count in sorted(self.counts.items()):
            rank -= count
            if rank <= 0:
                return milliseconds
        return None


def shares(counts: Sequence[int]) -> tuple[float, ...]:
    """Return each count as a part of the largest one."""
    largest = max(counts, default=0) or 1
    return tuple(count / largest for count in counts)
