"""traffic: how many requests and visitors each application has, and for one of them what they ask for."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from chainsaw.host import elsewhere, journal
from chainsaw.host.account import Account
from chainsaw.model.quantity import bytes_for_people, counted
from chainsaw.model.visit import unescaped
from chainsaw.work.config.names import applied_instance
from chainsaw.work.result import Reporter, Result, Table
from chainsaw.work.traffic.count import Counted, Details, Traffic
from chainsaw.work.traffic.read import has_earlier, read_visits
from chainsaw.work.traffic.sketch import Most, shares

HEADING = ("name", "requests", "visitors", "robots", "4xx", "5xx", "bytes", "p50", "p99", "cached")
TOP = 15
HOURS, DAYS = 48, 60
"""Up to how many hours each has a bar, and of a longer time each of so many days."""
Counts = Sequence[tuple[str, int]]


@dataclass(frozen=True)
class TrafficRequest:
    """What to count: one instance or all, since when, as journalctl takes it, and the file for a page, if wanted."""

    name: str | None = None
    since: str | None = None
    html: str | None = None


def traffic(account: Account, request: TrafficRequest, progress: Reporter) -> Result:
    """Return what the front's log has of all applications, or of one in detail; write the page that is asked for.

    Raise ChainsawError for an unknown name, for what is no time, and for a file that cannot be written.
    """
    name, since = request.name or "", request.since
    own = applied_instance(account.paths, account.current(), name).hosts if name else ()
    target = elsewhere.check_target(request.html) if request.html is not None else None
    if since is not None:
        journal.check_time(since)
    found = Counted(only=name, details=Details(own) if name else None)
    if target is None:
        progress.doing("reading the journal")
        read_visits(name, since, lambda lines: deque((found.add(*line) for line in lines), maxlen=0))
    else:
        _write_page(account, found, request, target, progress)
    complete = since is not None and found.first is not None and has_earlier(name, since)
    result = report(found, since, complete)
    wrote = (f"wrote {target}",) if target else ()
    return replace(result, data={**result.data, "html": target}, lines=(*result.lines, *wrote))


def _write_page(account: Account, found: Counted, request: TrafficRequest, target: str, progress: Reporter) -> None:
    """Write the page about requests, and count them on the way."""
    # Podman's library is slow to import, and the figures alone do not need it.
    from chainsaw.work.traffic import page

    image = page.provide_image(account, progress)
    progress.doing("reading the journal")

    def lines(every: Iterator[tuple[float, str]]) -> Iterator[bytes]:
        for at, text in every:
            visit = found.add(at, text)
            if visit is not None:
                yield page.line_for(at, visit)

    title = f"chainsaw traffic {request.name or ''}".strip()
    made = read_visits(
        request.name or "", request.since, lambda every: page.page_of(account.podman, image, title, lines(every))
    )
    with account.steps.step(f"write {target}"):
        elsewhere.write_private(target, made)


def report(found: Counted, since: str | None, complete: bool) -> Result:
    """Return what was counted; it is `complete` where the journal reaches further back than the time asked for."""
    sites = dict(sorted(found.sites.items(), key=lambda item: (-item[1].requests, item[0])))
    data: dict[str, Any] = {
        "since": since,
        "first": found.first,
        "last": found.last,
        "complete": complete,
        "unread": found.unread,
        "left_out": found.left_out,
        "applications": [_as_data(name, item) for name, item in sites.items()],
    }
    if found.details:
        data |= _details_as_data(found.details)
    bars = shares([item.requests for item in sites.values()])
    table = Table(HEADING, tuple(_row(name, item) for name, item in sites.items()), tuple(range(1, 10)), bars)
    further = _tables(found.details, next(iter(sites.values()))) if found.details and sites else ()
    return Result(data, tuple(_lines(found, since, complete)), table=table if sites else None, further=further)


def _lines(found: Counted, since: str | None, complete: bool) -> list[str]:
    """Return from when the figures are, and what they do not have."""
    if found.first is None:
        return ["the journal has no requests" + (f" since {since}" if since is not None else "")]
    moment = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(found.first))
    lines = [f"since {since}" if complete else f"since {moment}, the oldest line that the journal keeps"]
    if any(not item.visitors.is_exact for item in found.sites.values()):
        lines.append("visitors are estimated where there are many: within a few percent")
    missing = found.left_out + sum(item.left_out for item in found.sites.values())
    if missing:
        lines.append(f"{counted(missing, 'request')} more came so fast that the log left them out")
    if found.unread:
        lines.append(f"{counted(found.unread, 'line')} could not be read")
    return lines


def _as_data(name: str, item: Traffic) -> dict[str, Any]:
    return {
        "name": name,
        "requests": item.requests,
        "left_out": item.left_out,
        "visitors": item.visitors.count(),
        "visitors_exact": item.visitors.is_exact,
        "robots": item.robots,
        "client_errors": item.errors("4"),
        "server_errors": item.errors("5"),
        "bytes": item.size,
        "p50": _seconds(item.times.quantile(0.5)),
        "p99": _seconds(item.times.quantile(0.99)),
        "cache": dict(sorted(item.cache.items())),
        "cached": item.cached,
    }


def _details_as_data(details: Details) -> dict[str, Any]:
    def most(counts: Most, what: str) -> dict[str, Any]:
        every = [{what: unescaped(text), "requests": count} for text, count in counts.most(100)]
        return {"most": every, "short_by": counts.short_by}

    return {
        "paths": most(details.paths, "path"),
        "referrers": most(details.referrers, "referrer"),
        "hours": [{"at": hour, "requests": count} for hour, count in sorted(details.hours.items())],
    }


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000


def _row(name: str, item: Traffic) -> tuple[str, ...]:
    numbers = (item.requests, item.visitors.count(), item.robots, item.errors("4"), item.errors("5"))
    times = (_span(item.times.quantile(0.5)), _span(item.times.quantile(0.99)))
    cached = "-" if item.cached is None else f"{item.cached:.0%}"
    return (name, *map(str, numbers), bytes_for_people(item.size), *times, cached)


def _span(milliseconds: int | None) -> str:
    if milliseconds is None:
        return "-"
    return f"{milliseconds} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.1f} s"


def _tables(details: Details, item: Traffic) -> tuple[Table, ...]:
    """Return the tables of one application: when, what for, from where, and with which status."""
    every: tuple[tuple[str, Counts], ...] = (
        _when(details.hours),
        ("path", [(unescaped(text), count) for text, count in details.paths.most(TOP)]),
        ("referrer", [(unescaped(text), count) for text, count in details.referrers.most(TOP)]),
        ("status", sorted(item.statuses.items())),
    )
    return tuple(_table(what, counts) for what, counts in every if counts)


def _when(hours: Counter[int]) -> tuple[str, Counts]:
    """Return the requests of each hour, those without any among them, or of each of the last days that had some."""
    first, last = min(hours, default=0), max(hours, default=0)
    if last - first < HOURS * 3600:
        moments = range(first, last + 1, 3600) if hours else ()
        return "hour", [(time.strftime("%m-%d %H:00", time.localtime(at)), hours[at]) for at in moments]
    days: Counter[str] = Counter()
    for at, count in hours.items():
        days[time.strftime("%Y-%m-%d", time.localtime(at))] += count
    return "day", sorted(days.items())[-DAYS:]


def _table(what: str, counts: Counts) -> Table:
    rows = tuple((text, str(count)) for text, count in counts)
    return Table((what, "requests"), rows, (1,), shares([count for _, count in counts]))
