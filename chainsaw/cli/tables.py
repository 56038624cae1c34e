"""Aligns the cells of a table, and draws its bars."""

from __future__ import annotations

from chainsaw.work.result import Table

GAP = "  "
EIGHTHS = " ▏▎▍▌▋▊▉"
FULL = "█"
BAR, LEAST = 30, 8
"""How wide the longest bar is at most, and where there is little room."""
NARROW = 16
"""To how much a cell is cut at most, where there is little room."""


def lines(table: Table, width: int, encoding: str) -> list[str]:
    """Return a table as lines, its heading first; one with bars is cut in its first column to fit into a width."""
    rows = [table.heading, *table.rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(table.heading))]
    taken = sum(widths) + len(GAP) * (len(widths) - 1)
    least = LEAST + len(GAP) if table.bars else 0
    if width and table.bars:
        widths[0] -= max(0, min(widths[0] - NARROW, taken + least - width))
    taken = sum(widths) + len(GAP) * (len(widths) - 1) + len(GAP)
    longest = max(LEAST, min(BAR, width - taken)) if width else BAR
    bars = ["", *(bar(part, longest, encoding) for part in table.bars)] if table.bars else [""] * len(rows)
    return [_line(table, row, widths, drawn) for row, drawn in zip(rows, bars, strict=True)]


def _line(table: Table, row: tuple[str, ...], widths: list[int], drawn: str) -> str:
    cells = []
    for column, (text, size) in enumerate(zip(row, widths, strict=True)):
        shown = text if len(text) <= size else f"{text[: size - 1]}…"
        cells.append(shown.rjust(size) if column in table.numbers else shown.ljust(size))
    return GAP.join([*cells, drawn]).rstrip()


def bar(part: float, longest: int, encoding: str) -> str:
    """Return a bar that is a part, from 0 to 1, of the longest; what is not nothing is seen."""
    if not part:
        return ""
    if not encoding.lower().replace("-", "").startswith("utf"):
        return "#" * max(1, round(part * longest))
    eighths = max(1, round(part * longest * 8))
    return (FULL * (eighths // 8) + EIGHTHS[eighths % 8]).rstrip()
