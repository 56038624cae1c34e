"""Requests per second through the front, and through a published port of the same nginx."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import median

from . import site
from .byhand import TEMPLATE, remove
from .generated import Container, container
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


def _published() -> Container:
    """Return the front with the same files and sockets, but with a published port in place of sockets of systemd."""
    front = container("chainsaw-front").without("--network").without("--env", "NGINX=")
    network = (("--network", "bridge"), ("-p", f"{PORT}:443"))
    return replace(front, name="published-front", options=front.options + network)


def _wrk(target: Target, port: int) -> Load:
    host = site.host(target.name)
    options = ["-t2", f"-c{target.clients}", f"-d{SECONDS}s", "--latency", "-H", f"Host: {host}"]
    report = do("wrk", *options, f"https://{host}:{port}{target.path}")
    rate = re.search(r"Requests/sec:\s+([\d.]+)", report)
    slow = re.search(r"99%\s+([\d.]+)(us|ms|s)\b", report)
    if not rate or not slow or "Non-2xx" in report or "Socket errors" in report:
        raise BenchError(f"{target.what} on port {port}:\n{report}")
    load = Load(float(rate[1]), float(slow[1]) * UNITS[slow[2]])
    say(f"{target.what}, port {port}: {load.per_second:,.0f} requests/s, p99 {load.slow:.1f} ms")
    return load


def _through(target: Target, port: int) -> Callable[[int], Load]:
    return lambda _: _wrk(target, port)


def _rows(target: Target, ours: Sequence[Load], peers: Sequence[Load]) -> list[Row]:
    rates = [[load.per_second for load in side] for side in (ours, peers)]
    slows = [[load.slow for load in side] for side in (ours, peers)]
    digits = 0 if median(rates[0]) > 1000 else 1
    return [
        Row(f"{target.what}, {target.clients} clients", *(spread(side, "/s", digits) for side in rates), ratio(*rates)),
        Row("… its 99th percentile", *(spread(side, "ms", 1) for side in slows), ratio(*slows)),
    ]


def rows() -> list[Row]:
    """Measure a static site, a static file and a page of WordPress."""
    site.declare(TEMPLATE, "wordpress")
    site.declare(STATIC, "static")
    site.settle("a WordPress and a static site")
    site.know(TEMPLATE, STATIC)
    first_page(site.host(TEMPLATE), site.TITLE)
    published = _published()
    remove(published)
    do(*published.run())
    made = []
    for target in TARGETS:
        for port in (HTTPS, PORT):
            status, _ = get(site.host(target.name), target.path, port)
            if status != 200:
                raise BenchError(f"{target.what} on port {port}: status {status}")
        made += _rows(target, *alternate(REPETITIONS, _through(target, HTTPS), _through(target, PORT)))
    remove(published)
    return made
