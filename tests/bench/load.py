"""Requests per second through the front, and through a published port of the same nginx."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from . import site
from .byhand import TEMPLATE, published, remove
from .measure import BenchError, alternate, do, say
from .report import Row, ratio, spread
from .web import HTTPS, first_page, get

STATIC = "files"
PORT = 8443
SECONDS = 10
REPETITIONS = 3
UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


@dataclass(frozen=True)
class Load:
    """What wrk measured."""

    per_second: float
    slow: float
    late: int


@dataclass(frozen=True)
class Target:
    """A page, and how many clients ask for it at the same time."""

    what: str
    name: str
    path: str
    clients: int


TARGETS = (
    Target("a small page of a static site", STATIC, "/", 16),
    Target("a file of 87 kB of WordPress", TEMPLATE, "/wp-includes/js/jquery/jquery.min.js", 16),
    Target("a page of WordPress", TEMPLATE, "/", 4),
)


def _wrk(target: Target, port: int) -> Load:
    host = site.host(target.name)
    options = ["-t2", f"-c{target.clients}", f"-d{SECONDS}s", "--latency", "-H", f"Host: {host}"]
    report = do("wrk", *options, f"https://{host}:{port}{target.path}")
    rate = re.search(r"Requests/sec:\s+([\d.]+)", report)
    slow = re.search(r"99%\s+([\d.]+)(us|ms|s)\b", report)
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", report)
    broken, late = (sum(map(int, errors.groups()[:3])), int(errors[4])) if errors else (0, 0)
    if not rate or not slow or "Non-2xx" in report or broken:
        raise BenchError(f"{target.what} on port {port}:\n{report}")
    load = Load(float(rate[1]), float(slow[1]) * UNITS[slow[2]], late)
    say(f"{target.what}, port {port}: {load.per_second:,.0f} requests/s, p99 {load.slow:.1f} ms, {late} timeouts")
    return load


def _through(target: Target, port: int) -> Callable[[int], Load]:
    return lambda _: _wrk(target, port)


def _rows(target: Target, ours: Sequence[Load], peers: Sequence[Load]) -> list[Row]:
    digits = 0 if median(load.per_second for load in ours) > 1000 else 1
    rates, peer_rates = ([load.per_second for load in side] for side in (ours, peers))
    slows, peer_slows = ([load.slow for load in side] for side in (ours, peers))
    spreads = [spread(side, "/s", digits) for side in (rates, peer_rates)]
    slow = [spread([load.slow for load in side], "ms", 1) + _late(side) for side in (ours, peers)]
    return [
        Row(f"{target.what}, {target.clients} clients", spreads[0], spreads[1], ratio(rates, peer_rates)),
        Row("... its 99th percentile", slow[0], slow[1], ratio(slows, peer_slows)),
    ]


def _late(side: Sequence[Load]) -> str:
    late = sum(load.late for load in side)
    return f", {late} without answer for 2 s" if late else ""


def rows() -> list[Row]:
    """Measure a static site, a static file and a page of WordPress."""
    site.declare(TEMPLATE, "wordpress")
    site.declare(STATIC, "static")
    site.wait_until_quiet("a WordPress and a static site")
    site.know(TEMPLATE, STATIC)
    first_page(site.host(TEMPLATE), site.TITLE)
    peer = published("published-front", PORT)
    remove(peer)
    do(*peer.run())
    made = []
    for target in TARGETS:
        for port in (HTTPS, PORT):
            status, _ = get(site.host(target.name), target.path, port)
            if status != 200:
                raise BenchError(f"{target.what} on port {port}: status {status}")
        ours, peers = alternate(REPETITIONS, _through(target, HTTPS), _through(target, PORT))
        made += _rows(target, ours, peers)
    remove(peer)
    return made
