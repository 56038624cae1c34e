"""Lets the front ask an application that is down for longer than an hour: `known.py SOCKETS NAME...`.

While the file NAME.up is not there, the front shows pages that it knows without asking the application. Somebody may
have written something before it fell asleep, and they would stay as they are for as long as they are asked for.

Sources: systemctl(1), show; org.freedesktop.systemd1(5), StateChangeTimestampMonotonic.
"""

import os
import subprocess
import sys
import time

LONGEST = 3600
"""Seconds."""
SINCE = "StateChangeTimestampMonotonic"


def out_of_date(states: list[int], now: int) -> list[bool]:
    """Return for each unit whether it has been as it is for too long, in microseconds since the boot.

    What has not changed since the boot says 0.
    """
    return [not since or now - since > LONGEST * 1_000_000 for since in states]


def let_ask(sockets: str, names: list[str]) -> None:
    """Write the file of each application that may be asked again."""
    down = [name for name in names if not os.path.exists(f"{sockets}/{name}.up")]
    if not down:
        return
    units = [f"app@{name}.service" for name in down]
    shown = subprocess.run(
        ["/usr/bin/systemctl", "--user", "show", "-P", SINCE, *units], capture_output=True, check=True
    )
    now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    for name, old in zip(down, out_of_date([int(word) for word in shown.stdout.split()], now), strict=True):
        if old:
            with open(f"{sockets}/{name}.up", "a"):
                pass


if __name__ == "__main__":
    let_ask(sys.argv[1], sys.argv[2:])
