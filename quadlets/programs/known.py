"""Lets the front ask an application that is down for longer than an hour: `known.py SOCKETS NAME...`.

While the file NAME.up is not there, the front shows pages that it knows without asking the application. Somebody may
have written something before it fell asleep, and they would stay as they are for as long as they are asked for. A
command that was killed may have left its file in XDG_RUNTIME_DIR, which says that it tries a new version.

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


def let_try_go(runtime: str, names: list[str]) -> None:
    """Delete the file of each trial that began long ago."""
    for name in names:
        file = f"{runtime}/chainsaw-{name}.tried"
        if os.path.exists(file) and time.time() - os.stat(file).st_mtime >= LONGEST:
            os.unlink(file)


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
    sockets, *names = sys.argv[1:]
    let_try_go(os.environ["XDG_RUNTIME_DIR"], names)
    let_ask(sockets, names)
