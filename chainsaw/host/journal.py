"""The only module that uses the journal: the logs of units and containers, and chainsaw's own audit record."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any, TypeVar

from chainsaw.errors import Diagnostic, invalid
from chainsaw.host import process

Result = TypeVar("Result")

EITHER = "+"
"""Between two matches: either of them (journalctl(1))."""
FIELDS = ("MESSAGE", "PRIORITY", "CONTAINER_NAME", "_SYSTEMD_USER_UNIT", "USER_UNIT", "SYSLOG_IDENTIFIER")
SOCKET = "/run/systemd/journal/socket"
CUT_OFF = (0, 1, -13)
"""The exit codes of journalctl when its output is closed."""


@dataclass(frozen=True)
class Entry:
    """One entry of the journal: time in seconds since 1970, source, priority (syslog(3)), message, and who wrote it."""

    at: float
    container: str
    unit: str
    priority: int
    text: str
    program: str = ""


def matches(unit: str, container: str = "") -> list[str]:
    """Return the matches for the log of a unit and its container, and for what systemd logs about the unit.

    Log lines of a container have its name, set by conmon. They have its unit only if conmon still runs when the journal
    reads them; for a process that ends at once it does not.
    """
    own = [f"CONTAINER_NAME={container}", EITHER] if container else []
    return [*own, f"_SYSTEMD_USER_UNIT={unit}", EITHER, f"USER_UNIT={unit}"]


def either(groups: Iterable[Sequence[str]]) -> list[str]:
    """Return the matches of all entries that match one of several groups."""
    joined: list[str] = []
    for group in groups:
        joined += [*([EITHER] if joined else []), *group]
    return joined


def last_lines(unit: str, container: str, since: float, lines: int = 5) -> list[str]:
    """Return the last log lines of a unit's container since a time, or else those of the unit."""
    argv = ["journalctl", "--user", "--quiet", "--output=cat", f"--lines={lines}", f"--since=@{since:.6f}"]
    for match in ([f"CONTAINER_NAME={container}"] if container else [], matches(unit)):
        found = process.run([*argv, *match], check=False).text.splitlines() if match else []
        if found:
            return found
    return []


def newest(options: Sequence[str], count: int, accept: Callable[[Entry], bool]) -> list[Entry]:
    """Return the newest accepted entries, oldest first; `options` are journalctl's, matches among them."""

    def consume(stream: IO[bytes]) -> list[Entry]:
        found: list[Entry] = []
        for entry in _entries(stream):
            if accept(entry):
                found.append(entry)
                if len(found) == count:
                    break
        return found

    argv = ["journalctl", "--user", "--quiet", "--reverse", *_as_json(), *options]
    return process.pipe(argv, consume, accepted=CUT_OFF)[::-1]


def check_time(text: str) -> None:
    """Raise ChainsawError for what journalctl does not take as a time; it would end as if there were no entries."""
    if process.run(["journalctl", "--user", "--quiet", "--lines=0", f"--since={text}"], check=False).code:
        hint = "a time is written -1h, today, yesterday, '2026-07-01 12:00' (systemd.time(7))"
        raise invalid(Diagnostic("time", f"no time: {text!r}", key="--since", hint=hint))


def messages(options: Sequence[str], consume: Callable[[Iterator[tuple[float, str]]], Result]) -> Result:
    """Pass the time and message of each entry to a function, oldest first, and return what it returns.

    They are read one at a time. A message that has several lines is passed on as its first one.
    """
    argv = ["journalctl", "--user", "--quiet", "--all", "--output=short-unix", *options]
    return process.pipe(argv, lambda stream: consume(_messages(stream)), accepted=CUT_OFF)


def _messages(stream: IO[bytes]) -> Iterator[tuple[float, str]]:
    """Yield (time, message) of each line that begins an entry: TIME HOST PROGRAM[PID]: MESSAGE (journalctl(1))."""
    for line in stream:
        at, _, rest = line.partition(b" ")
        # Further lines of a message begin with blanks, and a boot with dashes.
        if at[:1].isdigit():
            yield float(at), rest.partition(b": ")[2].rstrip(b"\n").decode(errors="replace")


def size_of(options: Sequence[str]) -> int:
    """Return how many bytes the journal's entries that match are as text."""

    def consume(stream: IO[bytes]) -> int:
        return sum(len(line) for line in stream)

    return process.pipe(["journalctl", "--user", "--quiet", "--output=short", *options], consume, CUT_OFF)


def text_since_boot() -> str:
    """Return the log of all units and containers of the admin since boot."""
    return process.run(["journalctl", "--user", "--boot", "--quiet", "--output=cat"]).text


def restart() -> None:
    """Let journald read its settings again, and move to the disk what it kept in memory; needs root."""
    process.run(["systemctl", "restart", "systemd-journald"])
    process.run(["journalctl", "--flush"])


def follow(options: Sequence[str], after: float, report: Callable[[Entry], None]) -> None:
    """Report each entry after a time, in seconds since 1970, and each new one until it is interrupted."""

    def consume(stream: IO[bytes]) -> None:
        for entry in _entries(stream):
            if entry.at > after:
                report(entry)

    argv = ["journalctl", "--user", "--quiet", "--follow", "--no-tail", f"--since=@{after:.6f}", *_as_json(), *options]
    process.pipe(argv, consume, CUT_OFF)


def _as_json() -> list[str]:
    # Without --all, a field of more than 4096 bytes comes as null (journalctl(1), --output).
    return ["--all", "--output=json", f"--output-fields={','.join(FIELDS)}"]


def _entries(stream: IO[bytes]) -> Iterator[Entry]:
    for line in stream:
        try:
            fields = json.loads(line)
        except ValueError:
            continue
        yield Entry(
            at=int(fields.get("__REALTIME_TIMESTAMP", 0)) / 1e6,
            container=_text(fields.get("CONTAINER_NAME")),
            unit=_text(fields.get("USER_UNIT") or fields.get("_SYSTEMD_USER_UNIT")),
            priority=int(fields.get("PRIORITY") or 6),
            text=_text(fields.get("MESSAGE")).rstrip("\n"),
            program=_text(fields.get("SYSLOG_IDENTIFIER")),
        )


def _text(value: Any) -> str:
    """Return a field's text; what is not UTF-8, or has a control character, comes as a list of bytes.

    A field that an entry has more than once comes as a list of texts, of which the first will do.
    """
    if isinstance(value, list) and all(isinstance(item, int) for item in value):
        return bytes(value).decode(errors="replace")
    if isinstance(value, list):
        return _text(value[0])
    return value if isinstance(value, str) else ""


def record(fields: Mapping[str, str]) -> bool:
    """Write one entry; return whether a journal accepted it (systemd's Native Journal Protocol)."""
    message = b""
    for name, value in fields.items():
        # An argument that is not UTF-8 is written as it was given.
        content = value.encode(errors="surrogateescape")
        message += name.encode() + b"\n" + len(content).to_bytes(8, "little") + content + b"\n"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(message, SOCKET)
    except OSError:
        return False
    return True
