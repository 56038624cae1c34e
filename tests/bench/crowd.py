"""Pages of a WordPress for strangers: kept by the front for a moment, and each made by the application for itself."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from . import site
from .byhand import TEMPLATE
from .measure import BenchError, alternate, do, say
from .report import Row, ratio, spread
from .web import CONTEXT, HTTPS, first_page

SECONDS = 10
REPETITIONS = 3
CLIENTS = 16
CROWD = 500
CROWD_SECONDS = 20
ADDRESSES = 8
"""One address alone may not ask for so much at the same time."""
PATIENCE = 20
KNOWN = ("-H", "Cookie: comment_author_0=kim")
"""Who is known gets pages of their own."""


@dataclass(frozen=True)
class Load:
    """What wrk measured: answers in a second, and how many requests got none, or another status than 200."""

    per_second: float
    failed: int


def _wrk(clients: int, *options: str) -> Load:
    host = site.host(TEMPLATE)
    words = ["-t2", f"-c{clients}", f"-d{SECONDS}s", "--timeout", "20s", *options]
    report = do("wrk", *words, f"https://{host}/")
    rate = re.search(r"Requests/sec:\s+([\d.]+)", report)
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", report)
    others = re.search(r"Non-2xx or 3xx responses: (\d+)", report)
    if not rate:
        raise BenchError(f"wrk says: {report}")
    failed = sum(map(int, errors.groups())) if errors else 0
    load = Load(float(rate[1]), failed + (int(others[1]) if others else 0))
    say(f"{clients} clients {' '.join(options)}: {load.per_second:,.0f} pages/s, {load.failed} failed")
    return load


def _asking(*options: str) -> Callable[[int], Load]:
    return lambda _: _wrk(CLIENTS, *options)


async def _visit(host: str, number: int, until: float) -> tuple[int, int]:
    """Ask for the page again and again on one connection; return how often it came, and how often not."""
    came = failed = 0
    request = f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
    while time.monotonic() < until:
        try:
            own = (f"127.0.1.{1 + number % ADDRESSES}", 0)
            opened = asyncio.open_connection(
                "127.0.0.1", HTTPS, ssl=CONTEXT, server_hostname=host, local_addr=own, limit=2**20
            )
            reader, writer = await asyncio.wait_for(opened, PATIENCE)
            while time.monotonic() < until:
                writer.write(request)
                is_there = await asyncio.wait_for(_page(reader), PATIENCE)
                came, failed = came + is_there, failed + (not is_there)
            writer.close()
        except (OSError, asyncio.IncompleteReadError, TimeoutError):
            failed += 1
    return came, failed


async def _page(reader: asyncio.StreamReader) -> bool:
    """Read one answer; return whether it is the page."""
    head = await reader.readuntil(b"\r\n\r\n")
    if length := re.search(rb"(?i)content-length: (\d+)", head):
        await reader.readexactly(int(length[1]))
    else:
        while size := int(await reader.readuntil(b"\r\n"), 16):
            await reader.readexactly(size + 2)
        await reader.readexactly(2)
    return head.startswith(b"HTTP/1.1 200 ")


async def _crowd(host: str) -> Load:
    until = time.monotonic() + CROWD_SECONDS
    found = await asyncio.gather(*(_visit(host, number, until) for number in range(CROWD)))
    return Load(sum(came for came, _ in found) / CROWD_SECONDS, sum(failed for _, failed in found))


def rows() -> list[Row]:
    """Measure a few clients, as strangers and as people whom the application knows; and a crowd of strangers."""
    site.declare(TEMPLATE, "wordpress")
    site.wait_until_quiet("a WordPress")
    site.know(TEMPLATE)
    first_page(site.host(TEMPLATE), site.TITLE)
    kept, made = alternate(REPETITIONS, _asking(), _asking(*KNOWN))
    rates, made_rates = ([load.per_second for load in side] for side in (kept, made))
    few = Row(
        f"a page of WordPress, {CLIENTS} clients; peer: made for each",
        spread(rates, "/s", 0),
        spread(made_rates, "/s", 1),
        ratio(rates, made_rates),
        "50 times",
    )
    say(f"{CROWD} clients …")
    crowd = asyncio.run(_crowd(site.host(TEMPLATE)))
    many = Row(
        f"the same page, {CROWD} clients of {ADDRESSES} addresses, {CROWD_SECONDS} s",
        f"{crowd.per_second:,.0f}/s, {crowd.failed} failed",
        target="0 failed",
    )
    return [few, many]
