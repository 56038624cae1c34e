"""What goes wrong with renewals while it lasts: the timer's runs tell it once, and doctor names the host."""

from __future__ import annotations

import json
import re
from collections.abc import Collection

from chainsaw.errors import Diagnostic
from chainsaw.host import files
from chainsaw.host.issued import read_ledger
from chainsaw.model.paths import Paths

FORMAT = 1
PASSING = re.compile(r"[A-Za-z0-9_-]{20,}|\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?")
"""What is another at each attempt, though the problem is the same: the tokens of a challenge, and times."""
Problems = dict[str, list[str]]


def read_problems(paths: Paths) -> Problems:
    """Return what went wrong in the timer's last run, or before and still lasts, by host name."""
    try:
        found = json.loads(files.read_text(_file(paths)) or "{}")["problems"]
        return {str(host): [str(text) for text in said] for host, said in found.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def new_problems(paths: Paths, failed: dict[str, list[Diagnostic]], asked: Collection[str]) -> list[Diagnostic]:
    """Return the problems that no run before had, and remember them for as long as they last.

    `asked` are the host names for which authorities are asked at all.
    """
    before = read_problems(paths)
    # Between two attempts an authority is not asked, and its last answer still holds.
    lasting = {host: said for host, said in before.items() if host in asked and read_ledger(paths, host).failures}
    now = lasting | {host: [problem.message for problem in found] for host, found in failed.items()}
    _write(paths, before, now)
    return [
        problem for host, found in failed.items() if _alike(now[host]) != _alike(before.get(host)) for problem in found
    ]


def forget_problems(paths: Paths, hosts: Collection[str]) -> None:
    """Forget what was wrong with host names that have a new certificate."""
    before = read_problems(paths)
    _write(paths, before, {host: said for host, said in before.items() if host not in hosts})


def _write(paths: Paths, before: Problems, now: Problems) -> None:
    if now != before:
        files.write_atomic(_file(paths), json.dumps({"format": FORMAT, "problems": now}).encode() + b"\n", 0o600)


def _file(paths: Paths) -> str:
    return f"{paths.front}/problems.json"


def _alike(said: list[str] | None) -> list[str]:
    return [PASSING.sub("…", text) for text in said or ()]
