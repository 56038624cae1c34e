"""Failed requests while instances are added, changed and removed, and while WordPress restarts."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack

from . import site
from .byhand import TEMPLATE, Peers, remove
from .measure import do, say
from .report import Row
from .web import Hammer, first_page

STATIC = "files"
OTHER = "other"
PAUSE = 1.0
RESTARTS = 2


def _under(hammers: list[Hammer], work: Callable[[], object]) -> None:
    with ExitStack() as stack:
        for hammer in hammers:
            stack.enter_context(hammer.at_work())
        time.sleep(PAUSE)
        work()
        time.sleep(PAUSE)
    for hammer in hammers:
        for problem in sorted(set(hammer.failures)):
            say(f"{hammer.host}: {hammer.failures.count(problem)} times {problem}")


def _come_change_and_go(recipe: str) -> None:
    site.declare(OTHER, recipe)
    site.apply()
    if recipe == "wordpress":
        site.declare(OTHER, recipe, "Walks in the hills")
        site.apply()
    site.retract(OTHER)
    site.apply()


def _while_another_changes(recipe: str, steps: str) -> list[Row]:
    hammers = [Hammer(site.host(STATIC), "<title>"), Hammer(site.host(TEMPLATE), site.TITLE)]
    say(f"{steps} under load …")
    _under(hammers, lambda: _come_change_and_go(recipe))
    kinds = ("the static site", "WordPress")
    return [
        Row(f"{kind}, while {steps}", str(hammer), target="0 failed")
        for kind, hammer in zip(kinds, hammers, strict=True)
    ]


def _while_it_restarts() -> Row:
    peers = Peers("byhand", 8443)
    peers.clear()
    pair = peers.prepare("hand0", 0)
    peers.keep_only_routes_of("hand0")
    front = peers.front()
    remove(front, pair.app, pair.db)
    do(*front.run())
    pair.start()
    first_page(site.host("hand0"), site.TITLE, peers.port)
    ours = Hammer(site.host(TEMPLATE), site.TITLE)
    theirs = Hammer(site.host("hand0"), site.TITLE, peers.port)
    say("restarts under load …")
    _under([ours], lambda: _again_and_again(lambda: do("systemctl", "--user", "restart", f"app@{TEMPLATE}")))
    _under([theirs], lambda: _again_and_again(pair.restart))
    remove(front, pair.app, pair.db)
    what = "WordPress, while it and its database restart twice; peer: podman stop, podman start"
    return Row(what, str(ours), str(theirs), target="0 failed")


def _again_and_again(restart: Callable[[], object]) -> None:
    for _ in range(RESTARTS):
        restart()
        time.sleep(PAUSE)


def rows() -> list[Row]:
    """Count what fails."""
    site.declare(TEMPLATE, "wordpress")
    site.declare(STATIC, "static")
    site.wait_until_quiet("a WordPress and a static site")
    first_page(site.host(TEMPLATE), site.TITLE)
    return [
        *_while_another_changes("wordpress", "a WordPress is added, changed and removed"),
        *_while_another_changes("static", "a static site is added and removed"),
        _while_it_restarts(),
    ]
