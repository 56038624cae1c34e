"""A million requests in the journal, counted; GoAccess counts the same lines in the same minute."""

from __future__ import annotations

import os
import random
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from . import site
from .measure import Argument, BenchError, alternate, do, say
from .report import Row, ratio, seconds

MANY = 1_000_000
REPETITIONS = 3
HERE = Path.home() / "traffic"
REMOTE = "/usr/lib/systemd/systemd-journal-remote"
JOURNALCTL = """#!/bin/sh
# The journal of a million requests stands in for that of the user.
for word; do shift; [ "$word" = --user ] || set -- "$@" "$word"; done
exec /usr/bin/journalctl --directory={0} "$@"
"""
FORMAT = '%dT%t+%^ %^ %^ %^ %h %e "%r" %s %b %T "%R" "%u" host=%v upstream=%^ cache=%C id=%^'
PEER = (
    "/usr/bin/journalctl --directory={0} --quiet --all --output=short-iso | goaccess --no-global-config - --no-progress"
    " --log-format='{1}' --date-format=%Y-%m-%d --time-format=%H:%M:%S --no-query-string --output={2} > {0}.out"
)
AGENTS = [
    f"Mozilla/5.0 (X11; Linux x86_64; rv:{number}.0) Gecko/20100101 Firefox/{number}.0" for number in range(90, 145)
]


@dataclass(frozen=True)
class Taken:
    """What a command took: seconds, and the memory of its largest process, in MB."""

    wall: float
    memory: float


def _entries() -> Iterator[str]:
    """Yield entries in the Journal Export Format (systemd.io/JOURNAL_EXPORT_FORMATS)."""
    chance = random.Random(7)
    began = int(time.time()) - 7 * 86400
    for number in range(MANY):
        at = (began + number * 7 * 86400 // MANY) * 1_000_000 + number % 1_000_000
        name = chance.choice(("blog", "blog", "shop", "www"))
        address = f"198.51.{chance.randrange(100)}.{chance.randrange(250)}"
        path = f"/{int(chance.paretovariate(0.7))}/"[:40]
        status, took = chance.choice((200, 200, 200, 304, 404)), chance.expovariate(20)
        line = (
            f'{name} {address} - "GET {path} HTTP/2.0" {status} {chance.randrange(60000)} {took:.3f} "-"'
            f' "{chance.choice(AGENTS)}" host={name}.localhost upstream={took:.3f} cache=-'
            f" id={chance.getrandbits(128):032x}"
        )
        yield (
            f"__REALTIME_TIMESTAMP={at}\n__MONOTONIC_TIMESTAMP={number + 1}\n_BOOT_ID={'5' * 32}\n_HOSTNAME=bench\n"
            f"_MACHINE_ID={'6' * 32}\nPRIORITY=6\nCONTAINER_NAME=chainsaw-front\nSYSLOG_IDENTIFIER=chainsaw-front\n"
            f"_PID=9\nMESSAGE={line}\n\n"
        )


def _prepare() -> None:
    do("sudo", "apt-get", "install", "--yes", "--no-install-recommends", "goaccess", "systemd-journal-remote")
    say(f"a journal with {MANY:,} requests …")
    (HERE / "journal").mkdir(parents=True)
    (HERE / "bin").mkdir()
    with subprocess.Popen(
        [REMOTE, f"--output={HERE}/journal/requests.journal", "-"], stdin=subprocess.PIPE, text=True
    ) as to:
        assert to.stdin
        to.stdin.writelines(_entries())
        to.stdin.close()
    if to.returncode:
        raise BenchError(f"{REMOTE} ended with {to.returncode}")
    (HERE / "bin/journalctl").write_text(JOURNALCTL.format(f"{HERE}/journal"))
    (HERE / "bin/journalctl").chmod(0o755)
    found = int(do("sh", "-c", f"/usr/bin/journalctl --directory={HERE}/journal --quiet --output=cat | wc -l"))
    if found != MANY:
        raise BenchError(f"the journal has {found} requests")


def _spend(*argv: Argument) -> Taken:
    environment = {**os.environ, "PATH": f"{HERE}/bin:{os.environ['PATH']}"}
    with tempfile.TemporaryFile() as output:
        began = time.perf_counter()
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            raise BenchError(f"{argv}: {output.read().decode(errors='replace')}")
    return Taken(wall, usage.ru_maxrss / 1000)


def _compare(what: str, ours: tuple[str, ...], output: str, target: str = "< 30 s") -> Row:
    peer = PEER.format(f"{HERE}/journal", FORMAT, output)
    mine, other = alternate(REPETITIONS, lambda _: _spend("chainsaw", *ours), lambda _: _spend("sh", "-c", peer))
    times = [[taken.wall for taken in side] for side in (mine, other)]
    cells = [f"{seconds(times[side])}, {max(taken.memory for taken in (mine, other)[side]):.0f} MB" for side in (0, 1)]
    what = f"{what}; peer: `journalctl | goaccess` of the same lines"
    return Row(what, cells[0], cells[1], ratio(*times), target)


def rows() -> list[Row]:
    """Count all, one of them in detail, and make the page."""
    site.declare("blog", "static")
    site.wait_until_quiet("a static site")
    _prepare()
    page = str(HERE / "page.html")
    do("chainsaw", "traffic", "--html", page)
    return [
        _compare(f"`traffic`, {MANY:,} requests", ("traffic",), "json"),
        _compare(f"`traffic NAME`, half of {MANY:,} requests", ("traffic", "blog"), "json"),
        _compare(f"`traffic --html`, {MANY:,} requests", ("traffic", "--html", page), "html", ""),
    ]
