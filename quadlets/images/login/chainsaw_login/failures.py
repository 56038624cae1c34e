"""Failures, counted per address and per user, and how long the next attempt has to wait."""

from __future__ import annotations

import hashlib
import ipaddress
import math
from typing import Any

from .store import Store

ADDRESSES = 4096
NAMES = 4096
FREE = 5
"""So many failures cost nothing."""
ATTACKED = 20
"""From this level on of a user, an address has one free failure for that user, so a distributed attack gains little."""
LEAK_SECONDS = 300
"""One failure is forgotten in this time."""
LONGEST_WAIT = 300
HIGHEST = 40.0


class Levels:
    """Levels that rise by one with each failure and leak; the lowest are dropped when there are too many."""

    def __init__(self, section: dict[str, Any], bound: int) -> None:
        """Count in a section of the store."""
        self._section = section
        self._bound = bound

    def level(self, key: str, now: float) -> float:
        """Return the level as of now."""
        level, at = self._get(key, now)
        return max(0.0, level - max(0.0, now - at) / LEAK_SECONDS)

    def rise(self, key: str, now: float) -> float:
        """Count a failure and return the level."""
        level = min(HIGHEST, self.level(key, now) + 1)
        self._section[key] = [round(level, 3), now]
        if len(self._section) > self._bound:
            self._shrink(now)
        return level

    def wait(self, key: str, now: float, free: int = FREE) -> int:
        """Return how many seconds the next attempt must wait."""
        level, at = self._get(key, now)
        over = round(level) - free
        if over < 0:
            return 0
        # A clock that was set back makes nobody wait longer.
        delay: int = min(LONGEST_WAIT, 2 ** (over + 1))
        return max(0, math.ceil(delay - max(0.0, now - at)))

    def _get(self, key: str, now: float) -> tuple[float, float]:
        level, at = self._section.get(key, (0.0, now))
        return float(level), float(at)

    def _shrink(self, now: float) -> None:
        lowest = sorted(self._section, key=lambda key: (self.level(key, now), self._section[key][1]))
        for key in lowest[: max(1, self._bound // 8)]:
            del self._section[key]


class Failures:
    """The failures of all addresses and users."""

    def __init__(self, store: Store, key: str) -> None:
        """Count in this store, where a keyed hash stands for each address."""
        self._store = store
        self._key = hashlib.sha256(key.encode()).digest()
        self._addresses = Levels(store.section("addresses"), ADDRESSES)
        self._names = Levels(store.section("names"), NAMES)
        self._codes = Levels(store.section("codes"), NAMES)

    def wait(self, address: str, name: str, now: float) -> int:
        """Return how many seconds this address must wait before it tries this user; without failures, none."""
        with self._store.lock:
            free = FREE if self._names.level(_key(name), now) < ATTACKED else 1
            return self._addresses.wait(self._mark(address), now, free)

    def failed(self, address: str, name: str, now: float) -> int:
        """Count a failure and return how many the address has."""
        with self._store.lock:
            self._names.rise(_key(name), now)
            self._store.touched(now)
            return math.ceil(self._addresses.rise(self._mark(address), now))

    def _mark(self, address: str) -> str:
        return hashlib.blake2b(address.encode(), key=self._key, digest_size=8).hexdigest()

    def code_wait(self, name: str, now: float) -> int:
        """Return how long a code of this user must wait, from wherever: who sends wrong ones has the password."""
        with self._store.lock:
            return self._codes.wait(name, now)

    def code_failed(self, name: str, now: float) -> None:
        """Count a wrong code."""
        with self._store.lock:
            self._codes.rise(name, now)
            self._store.touched(now)


def _key(name: str) -> str:
    """Return what stands for a name: all are counted, so that no wait tells which there are; some are passwords."""
    return hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def counted_as(address: str) -> str:
    """Return what failures of an address are counted under: one visitor may have a whole /64 of IPv6."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(parsed) >> 64 << 64, 64)))
