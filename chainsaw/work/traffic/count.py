"""Counts the lines of the access log, one at a time."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import lru_cache

from chainsaw.model.visit import ABSENT, Visit, read_left_out, read_line
from chainsaw.work.traffic.sketch import Distinct, Most, Times

UPGRADED = "101"
"""The status of a connection that is open as long as a page is; its time says nothing of how fast anything is."""
KEPT = ("HIT", "STALE", "UPDATING", "REVALIDATED")
"""What nginx says of an answer that came from its cache ($upstream_cache_status)."""
_ROBOT = re.compile(
    r"(?<!cu)bot|crawl|spider|slurp|archive|scan|monitor|probe|curl|wget|python|java/|perl|ruby|php|go-http|okhttp|libwww|headless"
    r"|feed|rss|preview|facebookexternalhit",
    re.IGNORECASE,
)
"""How agents name themselves that are programs and no browsers."""


@dataclass
class Traffic:
    """What was counted of one site."""

    requests: int = 0
    size: int = 0
    robots: int = 0
    left_out: int = 0
    visitors: Distinct = field(default_factory=Distinct)
    statuses: Counter[str] = field(default_factory=Counter)
    cache: Counter[str] = field(default_factory=Counter)
    times: Times = field(default_factory=Times)

    def add(self, visit: Visit) -> None:
        """Count a request."""
        self.requests += 1
        self.size += int(visit.size)
        self.statuses[visit.status] += 1
        self.visitors.add(f"{visit.address} {visit.agent}")
        if is_robot(visit.agent):
            self.robots += 1
        if visit.cache and visit.cache != ABSENT:
            self.cache[visit.cache] += 1
        if visit.status != UPGRADED:
            self.times.add(visit.milliseconds)

    def errors(self, kind: str) -> int:
        """Return how many statuses begin with a digit: 4 for what was asked wrongly, 5 for what did not work."""
        return sum(count for status, count in self.statuses.items() if status[0] == kind)

    @property
    def cached(self) -> float | None:
        """The part of the answers that came from the cache, of those that may; None where there is no cache."""
        every = self.cache.total()
        return sum(self.cache[word] for word in KEPT) / every if every else None


@dataclass
class Details:
    """What is counted for one site alone; `own` are its host names, `hours` begin at times in seconds since 1970."""

    own: Collection[str] = ()
    paths: Most = field(default_factory=Most)
    referrers: Most = field(default_factory=Most)
    hours: Counter[int] = field(default_factory=Counter)

    def add(self, at: float, visit: Visit) -> None:
        """Count a request."""
        self.paths.add(visit.path)
        self.hours[int(at) // 3600 * 3600] += 1
        if visit.referrer != ABSENT:
            place = without_query(visit.referrer)
            if host_of(place) not in (visit.host, *self.own):
                self.referrers.add(place)


@dataclass
class Counted:
    """All that was counted: the sites by name, lines of no known form, and when the first and last were written.

    `only` is the site that is counted, "" for all. `left_out` are lines that are missing of the front as a whole.
    """

    only: str = ""
    sites: dict[str, Traffic] = field(default_factory=dict)
    details: Details | None = None
    unread: int = 0
    left_out: int = 0
    first: float | None = None
    last: float | None = None

    def add(self, at: float, text: str) -> Visit | None:
        """Count a line, written at a time in seconds since 1970; return its request, if it is one that counts."""
        visit = read_line(text)
        if visit is None:
            self._other(text)
        elif not self.only or visit.site == self.only:
            self.first = at if self.first is None else self.first
            self.last = at
            self._of(visit.site).add(visit)
            if self.details is not None:
                self.details.add(at, visit)
            return visit
        return None

    def _of(self, site: str) -> Traffic:
        found = self.sites.get(site)
        if found is None:
            found = self.sites[site] = Traffic()
        return found

    def _other(self, text: str) -> None:
        missing = read_left_out(text)
        if missing is None:
            self.unread += 1
        elif not missing[0]:
            self.left_out += missing[1]
        elif self.only in ("", missing[0]):
            self._of(missing[0]).left_out += missing[1]


@lru_cache(maxsize=4096)
def is_robot(agent: str) -> bool:
    """Return whether an agent says that it is a program, and not the browser of a person."""
    return agent == ABSENT or _ROBOT.search(agent) is not None


def without_query(url: str) -> str:
    """Return a URL up to its query, which may be private."""
    return re.split(r"[?#]", url, maxsplit=1)[0]


def host_of(url: str) -> str:
    """Return the host of a URL that a visitor sent, which may be none."""
    return url.partition("://")[2].partition("/")[0].partition(":")[0].lower()
