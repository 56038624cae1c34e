"""The time to the first page: of a new WordPress, and after a restart."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from . import compose, site
from .byhand import TEMPLATE, Pair, Peers, remove
from .measure import alternate, do, say, spend
from .report import Row, compare, seconds
from .web import HTTPS, first_page

REPETITIONS = 5
RESTARTS = 7


@dataclass(frozen=True)
class Started:
    """Seconds until the first page, and until the command returned."""

    page: float
    command: float


def _race(work: Callable[[], object], name: str, port: int) -> Started:
    """Start a command, request the page meanwhile, and return when each was done."""
    with ThreadPoolExecutor(1) as pool:
        began = time.perf_counter()
        page = pool.submit(first_page, site.host(name), site.TITLE, port)
        work()
        returned = time.perf_counter()
        return Started(page.result() - began, returned - began)


class Chainsaw:
    """A further WordPress by `chainsaw apply`."""

    def start(self, number: int) -> Started:
        """Start one, and remove it again."""
        name = f"walk{number}"
        site.declare(name, "wordpress")
        started = _race(site.apply, name, HTTPS)
        say(f"apply {name}: first page {started.page:.2f} s, returned {started.command:.2f} s")
        site.retract(name)
        site.apply()
        return started

    def restart(self, number: int) -> float:
        """Restart the first WordPress."""
        units = (f"app@{TEMPLATE}.service", f"app@{TEMPLATE}.db.service")
        do("systemctl", "--user", "reset-failed", *units)
        began = time.perf_counter()
        do("systemctl", "--user", "restart", f"app@{TEMPLATE}")
        return first_page(site.host(TEMPLATE), site.TITLE) - began


class ByHand:
    """A further WordPress by `podman run`, twice."""

    def __init__(self) -> None:
        """Start an nginx that knows all that will come."""
        self.peers = Peers("byhand", 8443)
        self.peers.clear()
        self.pairs = [self.peers.prepare(f"hand{number}", number) for number in range(REPETITIONS + 1)]
        self.peers.keep_only_routes_of(*(f"hand{number}" for number in range(REPETITIONS + 1)))
        self.front = self.peers.front()
        remove(self.front, *(pair.db for pair in self.pairs), *(pair.app for pair in self.pairs))
        do(*self.front.run())

    def start(self, number: int) -> Started:
        """Start one, and remove it again."""
        pair = self.pairs[number]
        started = _race(pair.start, f"hand{number}", self.peers.port)
        say(f"podman run: first page {started.page:.2f} s")
        remove(pair.app, pair.db)
        return started

    def prepare_restart(self) -> Pair:
        """Start one that stays."""
        pair = self.pairs[REPETITIONS]
        _race(pair.start, f"hand{REPETITIONS}", self.peers.port)
        return pair

    def restart(self, number: int) -> float:
        """Restart the one that stays."""
        began = time.perf_counter()
        self.pairs[REPETITIONS].restart()
        return first_page(site.host(f"hand{REPETITIONS}"), site.TITLE, self.peers.port) - began


class Compose:
    """A further WordPress by `podman-compose up -d`: a project of its own, beside the one of the nginx."""

    def __init__(self) -> None:
        """Bring up an nginx that knows all that will come."""
        self.peers = Peers("compose", 9443)
        self.peers.clear()
        names = [f"composed{number}" for number in range(REPETITIONS)]
        self.pairs = [self.peers.prepare(name, 20 + number) for number, name in enumerate(names)]
        self.peers.keep_only_routes_of(*names)
        front = self.peers.front()
        remove(front, *(pair.db for pair in self.pairs))
        do(*compose.project(self.peers.home / "front", compose.front(front)), "up", "-d")

    def start(self, number: int) -> Started:
        """Start one, and remove it again."""
        pair = self.pairs[number]
        words = compose.project(self.peers.home / f"composed{number}", compose.services(pair))
        started = _race(lambda: spend([*words, "up", "-d"]), f"composed{number}", self.peers.port)
        say(f"podman-compose: first page {started.page:.2f} s")
        remove(pair.app, pair.db)
        return started


def rows() -> list[Row]:
    """Measure starts and restarts of a WordPress."""
    site.declare(TEMPLATE, "wordpress")
    site.wait_until_quiet("the front and a first WordPress")
    ours, hand, composed = Chainsaw(), ByHand(), Compose()
    began, byhand, bycompose = alternate(REPETITIONS, ours.start, hand.start, composed.start)
    hand.prepare_restart()
    again, byhand_again = alternate(RESTARTS, ours.restart, hand.restart)
    pages, returned = [one.page for one in began], [one.command for one in began]
    return [
        compare("apply to first page; peer: podman run", pages, [one.page for one in byhand], "≤ 1.2"),
        compare("apply to first page; peer: podman-compose up", pages, [one.page for one in bycompose], "≤ 1.2"),
        Row("apply to its own end", seconds(returned)),
        compare("restart to first page; peer: podman stop, podman start", again, byhand_again),
    ]
