"""What both sides of a backup know: what a member may be, and its line in the list.

A line is a JSON object as `line` writes it, byte for byte, so nothing else can stand in it. Paths and targets that are
not UTF-8 are in base64, under a key that ends with 64.
"""

from __future__ import annotations

import base64
import json
import struct
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

FORMAT = 1
FIRST, LIST, END = "backup.json", "members.jsonl", "complete.json"
OWN = (FIRST, LIST, END)
LONGEST, DEEPEST, LONGEST_NAME = 4095, 500, 255
"""Bytes of a path (path_resolution(7)), names in it, and bytes of a name."""
CROWD = 500_000
"""Names in a directory: they are in memory, and sorted."""
LARGEST = 1 << 44
"""Bytes of a file, its holes included: what ext4 holds."""
MOST_ATTRIBUTES = 1 << 17
"""Bytes of the attributes of a file, with their names."""
LONGEST_LINE = 1 << 20
OLDEST, NEWEST = -(1 << 40), 1 << 40
"""Seconds since 1970."""
ADMIN = 65536
"""The id of what is the admin's own; those below are a container's."""
KINDS = ("file", "directory", "symlink", "fifo", "link")
DISK_BLOCK = 4096
NAMELESS = 0xFFFFFFFF
"""The id of an entry of an access list that is for no user or group of its own (linux/posix_acl_xattr.h)."""
NAMED = (0x02, 0x08)
"""The tags of those that are for a user or a group."""
ACLS = ("system.posix_acl_access", "system.posix_acl_default")
SECOND = 10**9
TOTALS = ("members", "bytes", "highest")
"""What is counted of a tree: its members, the bytes that they take, and the highest id of a container's."""
ENCODE = json.JSONEncoder(separators=(",", ":")).encode


class RefusedError(Exception):
    """What is not taken, and why."""


class NewerError(RefusedError):
    """A backup of a format that only a newer chainsaw knows."""


@dataclass(slots=True)
class Entry:
    """One member: `first` of a `link`, a further name of a file, is the path of an earlier one.

    `mtime` is in nanoseconds since 1970. `sha256` is of the content as the archive holds it: of a file with holes, the
    map of its data and the data, which are `stored` bytes. `seen` and `names` are for the next pass alone: what tells
    that nothing has changed, inode and ctime, and how many names a file had.
    """

    path: str
    kind: str
    mode: int = 0
    uid: int = 0
    gid: int = 0
    mtime: int = 0
    size: int = 0
    stored: int = -1
    sha256: str = ""
    target: str = ""
    first: str = ""
    attributes: dict[str, bytes] = field(default_factory=dict)
    seen: tuple[int, ...] = ()
    names: int = 1


def encoded(text: str) -> bytes:
    """Return a name or a path as the file system has it."""
    return text.encode("utf-8", "surrogateescape")


def decoded(content: bytes) -> str:
    """Return a name or a path of the file system as text."""
    return content.decode("utf-8", "surrogateescape")


def order(path: str) -> list[bytes]:
    """Return the place of a path among others: what is in a directory follows it, by the bytes of the names."""
    return encoded(path).split(b"/")


def names_of(path: str) -> list[str]:
    """Return the names in the path of a member; raise RefusedError for one that leads elsewhere, or is too long."""
    names = path.split("/")
    if any(name in ("", ".", "..") or "\0" in name for name in names):
        raise RefusedError(f"a path that leads elsewhere: {shown(path)}")
    long = any(len(encoded(name)) > LONGEST_NAME for name in names)
    if long or len(encoded(path)) > LONGEST or len(names) > DEEPEST:
        raise RefusedError(
            f"a path that is too long (more than {LONGEST} bytes, {DEEPEST} names, or {LONGEST_NAME} bytes of a name): "
            f"{shown(path)}"
        )
    return names


def shown(path: str) -> str:
    """Return a path for a message."""
    return ascii(path) if len(path) <= 200 else f"{path[:120]!a}…{path[-60:]!a}"


def _text(key: str, value: str) -> dict[str, str]:
    content = encoded(value)
    try:
        return {key: content.decode()}
    except UnicodeDecodeError:
        return {f"{key}64": base64.b64encode(content).decode()}


def line(entry: Entry, *, internal: bool = False) -> str:
    """Return a member's line in the list, of those that one pass leaves to the next if it is `internal`."""
    found: dict[str, Any] = {**_text("path", entry.path), "kind": entry.kind}
    if entry.kind == "link":
        found.update(_text("first", entry.first))
    else:
        if entry.kind == "symlink":
            found.update(_text("target", entry.target))
        else:
            found["mode"] = entry.mode
        found.update(uid=entry.uid, gid=entry.gid, mtime=list(divmod(entry.mtime, SECOND)))
    if entry.kind == "file":
        found.update(size=entry.size, sha256=entry.sha256, **({"stored": entry.stored} if entry.stored >= 0 else {}))
    if entry.attributes:
        found["attributes"] = {key: base64.b64encode(value).decode() for key, value in entry.attributes.items()}
    if internal:
        found.update(seen=entry.seen, names=entry.names)
    text = ENCODE(found)
    if len(text) >= LONGEST_LINE:
        raise RefusedError(f"more than {LONGEST_LINE} bytes are to be said of {shown(entry.path)}")
    return f"{text}\n"


def known(text: str) -> Entry:
    """Return what a line says that an earlier pass has left, which nobody else has written."""
    found = json.loads(text)
    return Entry(**{**_fields(found), "seen": tuple(found["seen"]), "names": found["names"]})


def entry_of(content: bytes) -> Entry:
    """Return what a line of a list says; raise RefusedError for what no packer writes."""
    try:
        text = content.decode("ascii")
        entry = Entry(**_fields(json.loads(text)))
        is_same = line(entry) == text
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise RefusedError(f"a line of the list that is none: {content[:80]!r}") from error
    if not is_same:
        raise RefusedError(f"a line of the list in another form: {content[:80]!r}")
    _check(entry)
    return entry


def _fields(found: dict[str, Any]) -> dict[str, Any]:
    fields = {key: value for key, value in found.items() if not key.endswith("64")}
    for key in ("path", "target", "first"):
        if f"{key}64" in found:
            fields[key] = decoded(base64.b64decode(found[f"{key}64"], validate=True))
    if "mtime" in found:
        seconds, nanoseconds = found["mtime"]
        if type(seconds) is not int or type(nanoseconds) is not int:
            raise TypeError
        fields["mtime"] = seconds * SECOND + nanoseconds
    attributes = found.get("attributes", {})
    fields["attributes"] = {key: base64.b64decode(value, validate=True) for key, value in attributes.items()}
    return fields


def _check(entry: Entry) -> None:
    """Raise RefusedError for an entry that says what no file of an instance has."""
    names_of(entry.path)
    numbers = [entry.mode, entry.uid, entry.gid, entry.size, entry.stored]
    if any(type(number) is not int for number in numbers):
        raise RefusedError(f"a line of the list that is none: {shown(entry.path)}")
    if entry.kind not in KINDS:
        raise RefusedError(f"neither a file nor a directory nor a link: {shown(entry.path)}")
    most = 0o7777 if entry.kind == "directory" else 0o777
    if not (0 <= entry.mode <= most and 0 <= entry.uid <= ADMIN and 0 <= entry.gid <= ADMIN):
        raise RefusedError(f"a mode or an owner that no file of an instance has: {shown(entry.path)}")
    if not (max(entry.size, entry.stored) <= LARGEST and entry.size >= 0 and OLDEST <= entry.mtime // SECOND <= NEWEST):
        raise RefusedError(f"a size or a time that no file of an instance has: {shown(entry.path)}")
    if entry.kind == "link":
        names_of(entry.first)
    if entry.kind == "symlink":
        check_target(entry.path, entry.target)
    if entry.attributes and entry.kind not in ("file", "directory"):
        raise RefusedError(f"attributes of what has none: {shown(entry.path)}")
    check_attributes(entry)


def check_target(path: str, target: str) -> None:
    """Raise RefusedError for the target of a symbolic link that none has."""
    if not target or "\0" in target or len(encoded(target)) > LONGEST:
        raise RefusedError(f"a link to what cannot be: {shown(path)}")


def check_attributes(entry: Entry) -> None:
    """Raise RefusedError for attributes that are not an application's, or that are too many."""
    if any((not key.startswith("user.") and key not in ACLS) or "\0" in key for key in entry.attributes):
        raise RefusedError(f"an attribute that is not an application's: {shown(entry.path)}")
    if not all(0 <= number <= ADMIN for number in ids(entry)):
        raise RefusedError(f"an owner that no file of an instance has: {shown(entry.path)}")
    if sum(len(encoded(key)) + len(value) for key, value in entry.attributes.items()) > MOST_ATTRIBUTES:
        raise RefusedError(f"attributes of more than {MOST_ATTRIBUTES} bytes: {shown(entry.path)}")


def room(entry: Entry) -> int:
    """Return how many bytes an entry takes on a disk."""
    return -(-(entry.stored if entry.stored >= 0 else entry.size) // DISK_BLOCK) * DISK_BLOCK


def ids(entry: Entry) -> list[int]:
    """Return the ids that an entry has, those in its access lists among them."""
    lists = [_rights(entry.attributes[key]) for key in ACLS if key in entry.attributes]
    return [entry.uid, entry.gid, *(number for rights in lists for tag, _, number in rights if tag in NAMED)]


def add_up(totals: Counter[str], entry: Entry) -> None:
    """Count an entry among TOTALS."""
    totals["members"] += 1
    totals["bytes"] += room(entry)
    totals["highest"] = max(totals["highest"], *(number for number in ids(entry) if number != ADMIN), 0)


def _rights(value: bytes) -> list[tuple[int, int, int]]:
    if len(value) % 8 != 4 or value[:4] != b"\2\0\0\0":
        raise RefusedError("an access list that is none")
    return list(struct.iter_unpack("<HHI", value[4:]))


def renumbered(value: bytes, number: Callable[[int], int]) -> bytes:
    """Return an access list with other ids (linux/posix_acl_xattr.h); raise RefusedError for what is none."""
    changed = [(tag, rights, number(named) if tag in NAMED else NAMELESS) for tag, rights, named in _rights(value)]
    return value[:4] + b"".join(struct.pack("<HHI", *right) for right in changed)
