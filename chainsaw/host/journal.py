"""The one door to the journal, which keeps what units and containers say."""

from __future__ import annotations

from chainsaw.host import process

BOTH = "+"
"""Between two matches: either (journalctl(1))."""


def matches(unit: str, container: str = "") -> list[str]:
    """Return the matches of all that is said by and about a unit, and by its container.

    What a container says is noted with its name by conmon; with its unit only if conmon still ran when the journal
    looked, which is not so for a process that ends at once.
    """
    said = [f"CONTAINER_NAME={container}", BOTH] if container else []
    return [*said, f"_SYSTEMD_USER_UNIT={unit}", BOTH, f"USER_UNIT={unit}"]


def last_words(unit: str, container: str, since: float, lines: int = 5) -> list[str]:
    """Return the last lines that a unit's container said since a time, or else what was said about the unit."""
    argv = ["journalctl", "--user", "--quiet", "--output=cat", f"--lines={lines}", f"--since=@{since:.6f}"]
    for match in ([f"CONTAINER_NAME={container}"] if container else [], matches(unit)):
        said = process.run([*argv, *match], check=False).text.splitlines() if match else []
        if said:
            return said
    return []
