"""What restic 0.18 says, line by line in JSON, as values; nothing else of what it prints is read."""

from __future__ import annotations

import calendar
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

KINDS = {"dir": "directory", "dev": "device", "chardev": "device"}
SET_ID_BITS = {1 << 23: 0o4000, 1 << 22: 0o2000, 1 << 20: 0o1000}
"""What restic calls these bits of a mode (Go, io/fs, FileMode)."""
MOMENT = re.compile(r"(\d+)-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):(\d\d))")
GONE = "no such file or directory"


@dataclass(frozen=True)
class Snapshot:
    """A snapshot: `time` is in nanoseconds since 1970, `site` the host that it names, and `size` in bytes."""

    id: str
    time: int
    site: str
    tags: tuple[str, ...]
    paths: tuple[str, ...]
    size: int = 0


@dataclass(frozen=True)
class Node:
    """What a snapshot has at a path; ids are a container's, 65536 is the admin's, times in nanoseconds since 1970."""

    path: str
    kind: str
    mode: int
    uid: int
    gid: int
    mtime: int
    ctime: int = 0
    size: int = 0
    inode: int = 0


@dataclass(frozen=True)
class Progress:
    """How far a program is: 0 to 1, and files and bytes that are done."""

    share: float
    files: int
    size: int


@dataclass(frozen=True)
class Saved:
    """A snapshot that was just made: its files and bytes, how many were added, packed, and what vanished meanwhile."""

    id: str
    files: int
    size: int
    added: int
    vanished: tuple[str, ...] = ()


def messages(text: str | bytes) -> Iterator[dict[str, Any]]:
    """Yield what is JSON of what was printed; programs that restic starts, and restic itself, print other lines too."""
    for line in text.splitlines():
        found = _message(line)
        if found is not None:
            yield found


def _message(line: str | bytes) -> dict[str, Any] | None:
    try:
        known = json.loads(line)
    except ValueError:
        return None
    return known if isinstance(known, dict) else None


def snapshots(text: str | bytes) -> list[Snapshot]:
    """Return a list of snapshots, the oldest first; raise ValueError for what is none."""
    known = json.loads(text)
    if not isinstance(known, list):
        raise ValueError("no list of snapshots")
    return sorted((_snapshot(item) for item in known), key=lambda item: (item.time, item.id))


def _snapshot(item: dict[str, Any]) -> Snapshot:
    size = (item.get("summary") or {}).get("total_bytes_processed", 0)
    named = (tuple(item.get("tags") or ()), tuple(item["paths"]))
    return Snapshot(item["id"], nanoseconds(item["time"]), item.get("hostname", ""), *named, size)


def node(line: str | bytes) -> Node | None:
    """Return what a line of a listing says, None for one that is about the snapshot."""
    item = _message(line) or {}
    if item.get("struct_type") != "node":
        return None
    times = nanoseconds(item["mtime"]), nanoseconds(item["ctime"])
    ids = item.get("uid", 0), item.get("gid", 0)
    kind = KINDS.get(item["type"], item["type"])
    return Node(item["path"], kind, mode(item["mode"]), *ids, *times, item.get("size", 0), item.get("inode", 0))


def progress(line: str | bytes) -> Progress | None:
    """Return what a line says about how far a backup or a restore is."""
    item = _message(line) or {}
    if item.get("message_type") != "status":
        return None
    files, size = item.get("files_done", item.get("files_restored", 0)), item.get("bytes_done", 0)
    return Progress(item.get("percent_done", 0), files, size or item.get("bytes_restored", 0))


def summary(text: str | bytes) -> dict[str, Any]:
    """Return the last message of a program, in which it says what it has done; an empty one if it does not."""
    found: dict[str, Any] = {}
    for item in messages(text):
        if item.get("message_type") == "summary":
            found = item
    return found


def saved(text: str | bytes, vanished: Iterable[str] = ()) -> Saved:
    """Return the snapshot that a backup says it has made; its id is empty if there is none."""
    item = summary(text)
    counts = item.get("total_files_processed", 0), item.get("total_bytes_processed", 0)
    return Saved(item.get("snapshot_id", ""), *counts, item.get("data_added_packed", 0), tuple(vanished))


def unread(text: str | bytes) -> tuple[list[str], list[str]]:
    """Return what a backup could not read: what was gone when its turn came, and what else, with the reason."""
    gone, others = [], []
    for item in messages(text):
        if item.get("message_type") == "error" and item.get("item"):
            reason = str((item.get("error") or {}).get("message", ""))
            gone += [item["item"]] if reason.endswith(GONE) else []
            others += [] if reason.endswith(GONE) else [f"{item['item']}: {reason}"]
    return gone, others


def complaint(text: str | bytes) -> str:
    """Return for people why a program failed: its own words, and the last lines of what it has started."""
    said = [item for item in messages(text) if item.get("message_type") in ("error", "exit_error")]
    reasons = [str(item.get("message") or (item.get("error") or {}).get("message", "")).strip() for item in said]
    shown = text.decode(errors="replace") if isinstance(text, bytes) else text
    others = [line for line in shown.splitlines() if line.strip() and _message(line) is None]
    return "\n".join([*others[-10:], *dict.fromkeys(reasons[-10:])])


def damaged(text: str | bytes) -> list[str]:
    """Return what a check has found, but for what it advises."""
    said = (str(item.get("message", "")).strip() for item in messages(text) if item.get("message_type") == "error")
    return [line for line in said if line.startswith(("pack ", "error", "tree ", "snapshot ", "index "))]


def targets(text: str | bytes) -> dict[str, str]:
    """Return where the links of a directory lead, by name; from the object of a tree."""
    return {item["name"]: item["linktarget"] for item in json.loads(text)["nodes"] if item.get("linktarget")}


def mode(number: int) -> int:
    """Return the bits of a mode as chmod(2) has them."""
    return number & 0o777 | sum(bit for theirs, bit in SET_ID_BITS.items() if number & theirs)


def nanoseconds(text: str) -> int:
    """Return a moment of RFC 3339 in nanoseconds since 1970; raise ValueError for what is none."""
    match = MOMENT.fullmatch(text)
    if not match:
        raise ValueError(f"no time: {text}")
    *clock, fraction, sign, hours, minutes = match.groups()
    offset = (int(hours) * 60 + int(minutes)) * 60 * (-1 if sign == "-" else 1) if sign else 0
    return (calendar.timegm(tuple(map(int, clock))) - offset) * 10**9 + int((fraction or "").ljust(9, "0"))
