"""The results of a benchmark, and the table in which they are printed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from statistics import median

NOTHING = ""
HEADINGS = ("what", "chainsaw", "peer", "ratio", "target")


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    what: str
    chainsaw: str
    peer: str = NOTHING
    ratio: str = NOTHING
    target: str = NOTHING


def seconds(values: Sequence[float]) -> str:
    """Return the median of some times, with the smallest and the largest."""
    return spread(values, "s", 3 if median(values) < 1 else 2)


def spread(values: Sequence[float], unit: str, digits: int) -> str:
    """Return the median of some values, with the smallest and the largest."""
    low, middle, high = (f"{value:,.{digits}f}" for value in (min(values), median(values), max(values)))
    return f"{middle} {unit} ({low} to {high})" if len(values) > 1 else f"{middle} {unit}"


def ratio(ours: Sequence[float], peers: Sequence[float]) -> str:
    """Return how the medians compare."""
    return f"{median(ours) / median(peers):.2f}"


def compare(what: str, ours: Sequence[float], peers: Sequence[float], target: str = NOTHING) -> Row:
    """Return the row that compares two series of times."""
    return Row(what, seconds(ours), seconds(peers), ratio(ours, peers), target)


def table(rows: Iterable[Row]) -> str:
    """Return rows as a Markdown table."""
    lines = [HEADINGS, ("---",) * len(HEADINGS), *(astuple(row) for row in rows)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
