"""The command line: with nothing to do, and with more and more instances."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median

from . import compose, site
from .byhand import TEMPLATE, Pair, Peers
from .measure import Argument, Spent, alternate, do, say, spend
from .report import Row, ratio, seconds

SIZES = (1, 10, 20, 50, 100)
EVERY = 10
TARGETS = {1: "< 0.5 s", 50: "< 1.5 s"}
LOOK_TARGETS = {20: "< 0.4 s"}
REPETITIONS = 7
COMPOSE_REPETITIONS = 3


def _declare(first: int, end: int) -> None:
    for number in range(first, end):
        if number % EVERY:
            site.declare(f"site{number}", "static")
        else:
            site.declare(TEMPLATE if number == 0 else f"press{number}", "wordpress")


class Compose:
    """One compose file that grows."""

    def __init__(self) -> None:
        """Prepare an nginx with nothing behind it."""
        self.peers = Peers("compose", 9443)
        self.peers.clear()
        self.pairs: list[Pair] = []
        self.words: list[Argument] = []

    def grow(self, presses: int) -> None:
        """Have a number of WordPresses behind the nginx; static sites are no services, here as there."""
        for number in range(len(self.pairs), presses):
            self.pairs.append(self.peers.prepare(f"composed{number}", number))
        self.peers.keep_only_routes_of(*(f"composed{number}" for number in range(presses)))
        groups = (compose.front(self.peers.front()), *map(compose.services, self.pairs))
        self.words = compose.project(self.peers.home / "all", *groups)
        say(f"podman-compose up: {1 + 2 * presses} services …")
        do(*self.words, "up", "-d")


def _row(what: str, ours: Sequence[Spent], peers: Sequence[Spent], target: str) -> Row:
    """Return a row with CPU time and wall-clock time."""
    walls = [[spent.wall for spent in side] for side in (ours, peers)]
    busy = [f", CPU {median(spent.processor for spent in side):.2f} s" for side in (ours, peers)]
    return Row(what, seconds(walls[0]) + busy[0], seconds(walls[1]) + busy[1], ratio(*walls), target)


def _command(*words: Argument) -> Callable[[int], Spent]:
    return lambda _: spend(words)


def rows() -> list[Row]:
    """Measure `--version`, and `apply` with nothing to do."""
    ours, peers = alternate(3 * REPETITIONS, _command("chainsaw", "--version"), _command("podman", "--version"))
    made = [_row("`chainsaw --version`; peer: `podman --version`", ours, peers, "< 0.15 s")]
    peer, before = Compose(), 0
    for size in SIZES:
        _declare(before, size)
        before = size
        site.wait_until_quiet(f"{size} instances")
        presses = len(range(0, size, EVERY))
        peer.grow(presses)
        many = REPETITIONS if presses == 1 else COMPOSE_REPETITIONS
        ours, peers = alternate(many, _command("chainsaw", "apply"), _command(*peer.words, "up", "-d"))
        ours += [spend(["chainsaw", "apply"]) for _ in range(REPETITIONS - many)]
        what = f"`apply`, nothing to do, {size} declared, {presses} of them WordPress; peer: `podman-compose up -d`"
        made.append(_row(what, ours, peers, TARGETS.get(size, "")))
        made += _looks(size, presses, peer, many)
    return made


def _looks(size: int, presses: int, peer: Compose, repetitions: int) -> list[Row]:
    """Measure the commands that only show something, with many instances."""
    found = []
    for words, other in (
        (("list",), (*peer.words, "ps")),
        (("status", TEMPLATE), ("systemctl", "--user", "--no-pager", "status", f"app@{TEMPLATE}*")),
    ):
        ours, peers = alternate(repetitions, _command("chainsaw", *words), _command(*other))
        what = f"`{words[0]}`, {size} declared, {presses} of them WordPress; peer: `{' '.join(map(str, other))}`"
        found.append(_row(what, ours, peers, LOOK_TARGETS.get(size, "")))
    return found
