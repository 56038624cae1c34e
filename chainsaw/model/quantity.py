"""Numbers of bytes and seconds, formatted for people."""

from __future__ import annotations

UNITS = ("B", "kB", "MB", "GB", "TB")
SPANS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def bytes_for_people(count: int | None) -> str:
    """Return a number of bytes in three digits and a unit, powers of 1000; `?` when it is not known."""
    if count is None:
        return "?"
    value, unit = float(count), 0
    while value >= 999.5 and unit < len(UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.1f} {UNITS[unit]}" if unit > 1 and value < 9.95 else f"{value:.0f} {UNITS[unit]}"


def span_for_people(seconds: float) -> str:
    """Return a span of time in its largest unit: 3 d, 5 h, 12 min, 40 s."""
    for size, unit in SPANS:
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return "0 s"


def counted(count: int, what: str) -> str:
    """Return a number with a word: 1 warning, 2 warnings."""
    return f"{count} {what}{'' if count == 1 else 's'}"
