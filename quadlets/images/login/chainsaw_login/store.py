"""What is kept while the service sleeps: one file, replaced whole."""

from __future__ import annotations

import json
import logging
import os
import threading
from pathlib import Path
from typing import Any

LOG = logging.getLogger("login")
BYTES = 8 * 1024 * 1024
SECTIONS = ("addresses", "names", "codes", "used", "ended", "seen")
SOON = 5.0
LATER = 60.0


class Store:
    """Sections of plain values, in memory and in a file; who touches one holds the lock."""

    def __init__(self, path: Path) -> None:
        """Read the file, if there is one."""
        self.lock = threading.Lock()
        self._writing = threading.Lock()
        self._path = path
        self._due: float | None = None
        self._failing = False
        self._data = self._read()

    def section(self, name: str) -> dict[str, Any]:
        """Return a section, to be changed in place."""
        section: dict[str, Any] = self._data[name]
        return section

    def touched(self, now: float, within: float = SOON) -> None:
        """Note that something changed that is to be written within so many seconds."""
        due = now + within
        self._due = due if self._due is None else min(self._due, due)

    def flush(self, now: float | None = None) -> None:
        """Write what is due at that moment; without one whatever has changed, and wait for a write under way."""
        if now is None:
            with self._writing:
                pass
        with self.lock:
            due = self._due is not None and (now is None or self._due <= now or self._due > now + LATER)
        if due:
            self.write()

    def write(self) -> None:
        """Write the file now; the memory stays right if the disk is full.

        Who calls this does not hold the lock: a slow disk makes nobody wait who only reads.
        """
        partial = self._path.with_suffix(".partial")
        with self._writing:
            with self.lock:
                self._due = None
                content = json.dumps({"format": 1, **self._data}, separators=(",", ":"))
            try:
                with open(partial, "w", encoding="utf-8", opener=_private) as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                partial.replace(self._path)
            except OSError as error:
                if not self._failing:
                    LOG.error("state is not kept: %s", error.strerror)
                self._failing = True
            else:
                self._failing = False

    def _read(self) -> dict[str, dict[str, Any]]:
        empty: dict[str, dict[str, Any]] = {name: {} for name in SECTIONS}
        try:
            if self._path.stat().st_size > BYTES:
                raise ValueError
            found = json.loads(self._path.read_text(encoding="utf-8"))
            if found["format"] != 1 or not all(isinstance(found[name], dict) for name in SECTIONS):
                raise ValueError
        except FileNotFoundError:
            return empty
        except (OSError, ValueError, KeyError, TypeError):
            LOG.error("state cannot be read, and starts empty")
            return empty
        return {name: found[name] for name in SECTIONS}


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
