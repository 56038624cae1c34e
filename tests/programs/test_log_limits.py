"""The program that passes on what containers log: whose a line is, how much is taken, and what is said of the rest."""

from __future__ import annotations

import os
import socket

import pytest
from program import program

from chainsaw.model.visit import read_left_out

LINES = 2000


@pytest.fixture
def logs(monkeypatch, tmp_path):
    """Return the program as a module, with a directory of its own for its sockets."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    module = program("logs")
    monkeypatch.setattr(module, "JOURNALD", str(tmp_path / "journald"))
    return module


@pytest.fixture
def journald(logs):
    """A socket in the place of journald's."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as made:
        made.bind(logs.JOURNALD)
        made.settimeout(2)
        yield made


@pytest.fixture
def relay(logs, journald, tmp_path):
    """The program with the sockets that systemd would hold."""
    entries, lines = (socket.socket(socket.AF_UNIX, kind) for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM))
    entries.bind(str(tmp_path / "entries"))
    entries.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    lines.bind(str(tmp_path / "lines"))
    lines.listen()
    made = logs.Relay(entries.detach(), lines.detach())
    yield made
    for one in (made.entries, made.listener, made.journald):
        one.close()


def entry(container="blog.app", message=b"hello\n", priority=3):
    """Return an entry as conmon writes it."""
    rest = f"PRIORITY={priority}\nCONTAINER_NAME={container}\nSYSLOG_IDENTIFIER={container}\n"
    return b"MESSAGE\n" + len(message).to_bytes(8, "little") + message + b"\n" + rest.encode()


def write(relay, *entries):
    """Send entries as containers do, and let them be passed on."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        for one in entries:
            sender.sendto(one, relay.path)
            relay.pass_one(relay.entries.fileno())


def received(journald):
    """Return all that reached journald, as text."""
    found = []
    journald.setblocking(False)
    while True:
        try:
            found.append(journald.recv(1 << 18).decode(errors="replace"))
        except BlockingIOError:
            return found


def test_an_entry_is_passed_on_as_it_is(relay, journald):
    write(relay, entry(message="Grüße\n".encode()))
    (found,) = received(journald)
    assert found.startswith(entry(message="Grüße\n".encode()).decode())


def test_the_unit_is_that_of_the_process_that_wrote(relay, journald, logs, monkeypatch):
    asked = []

    def unit_of(pid):
        asked.append(pid)
        return b"app@blog.service"

    monkeypatch.setattr(logs, "unit_of", unit_of)
    write(relay, entry(), entry())
    assert [found.endswith("USER_UNIT=app@blog.service\n") for found in received(journald)] == [True, True]
    assert asked == [os.getpid()], "it is looked up once for each process"


def test_a_line_that_looks_like_a_field_is_none(logs):
    fields = logs.fields_of(entry(message=b"a\nCONTAINER_NAME=shop.app\nPRIORITY=6\n"))
    assert fields[b"CONTAINER_NAME"] == b"blog.app"
    assert fields[b"PRIORITY"] == b"3"


@pytest.mark.parametrize("broken", [b"", b"\n", b"MESSAGE\n", b"MESSAGE\n\xff\xff\xff\xff\xff\xff\xff\xff", b"A=1"])
def test_a_broken_entry_ends_nothing(relay, journald, broken):
    write(relay, broken, entry())
    assert any("CONTAINER_NAME=blog.app" in found for found in received(journald))


def test_a_source_that_logs_too_much_keeps_out_no_other(relay, journald, logs, monkeypatch):
    monkeypatch.setattr(logs.time, "monotonic", lambda: 0.0)
    relay.sources.clear()
    taken = []
    for _ in range(3000):
        write(relay, entry(message=b"x" * 1000))
        taken += received(journald)
    assert len(taken) == logs.BURST // (len(entry(message=b"x" * 1000)) + logs.ENTRY)
    write(relay, entry("shop.app"), entry("blog.db"))
    assert len(received(journald)) == 2


def test_time_gives_it_back(logs, monkeypatch):
    now = 0.0
    monkeypatch.setattr(logs.time, "monotonic", lambda: now)
    source = logs.Source()
    assert source.takes(logs.BURST - logs.ENTRY)
    assert not source.takes(0)
    now = 10.0
    assert [source.takes(logs.PER_SECOND - logs.ENTRY) for _ in range(11)] == [*[True] * 10, False]
    now = 1e6
    assert source.takes(logs.BURST - logs.ENTRY), "never more than at the beginning"
    assert not source.takes(0)


def test_what_was_left_out_is_said_in_the_name_of_the_source(relay, journald, logs):
    write(relay, entry())
    (source,) = relay.sources.values()
    source.budget, source.unit = 0, b"app@blog.service"
    write(relay, *[entry()] * 7)
    received(journald)
    relay.say_what_was_left_out()
    (found,) = received(journald)
    fields = logs.fields_of(found.encode())
    assert fields[b"MESSAGE"].startswith(b"7 lines were left out in ")
    assert fields[b"CONTAINER_NAME"] == b"blog.app"
    assert fields[b"USER_UNIT"] == b"app@blog.service"
    relay.say_what_was_left_out()
    assert received(journald) == [], "once"


@pytest.fixture
def sites(logs, monkeypatch, tmp_path):
    monkeypatch.setattr(logs, "SITES", str(tmp_path / "locations"))
    (tmp_path / "locations").mkdir()
    for name in ("blog", "shop"):
        (tmp_path / f"locations/{name}.conf").touch()


@pytest.mark.parametrize("word", [b"forum", b"../locations/blog", b"", b"bl\xc3\xb6g", b"b" * 10_000])
def test_a_visitor_cannot_make_up_a_source(relay, journald, sites, word):
    write(relay, entry("chainsaw-front", word + b' 192.0.2.1 - "GET / HTTP/2.0"\n', 6))
    assert list(relay.sources) == [b"chainsaw-front "]
    assert len(received(journald)) == 1


def test_each_site_of_the_front_is_a_source(relay, journald, logs, sites):
    visit = {
        site: entry("chainsaw-front", f'{site} 192.0.2.1 - "GET / HTTP/2.0"\n'.encode(), 6) for site in ("blog", "shop")
    }
    error = entry("chainsaw-front", b"2026/11/29 [error] shop\n", 3)
    write(relay, *visit.values(), error)
    assert set(relay.sources) == {b"chainsaw-front blog", b"chainsaw-front shop", b"chainsaw-front "}
    relay.sources[b"chainsaw-front blog"].budget = 0
    write(relay, visit["blog"], visit["shop"])
    received(journald)
    relay.say_what_was_left_out()
    (found,) = received(journald)
    fields = logs.fields_of(found.encode())
    assert fields[b"MESSAGE"].startswith(b"blog 1 lines were left out"), "it stands in the log of this site's visitors"
    assert read_left_out(fields[b"MESSAGE"].decode()) == ("blog", 1), "traffic counts it"
    assert fields[b"PRIORITY"] == b"6"


def test_what_a_command_prints_is_an_entry_for_each_line(relay, journald, logs, monkeypatch):
    monkeypatch.setattr(logs, "unit_of", lambda pid: b"app@blog.cron.service")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as command:
        command.connect(relay.listener.getsockname())
        relay.pass_one(relay.listener.fileno())
        (descriptor,) = relay.commands
        command.sendall(b"one\ntw")
        relay.pass_one(descriptor)
        command.sendall(b"o\n\nthree")
        relay.pass_one(descriptor)
    relay.pass_one(descriptor)
    found = [logs.fields_of(text.encode()) for text in received(journald)]
    assert [item[b"MESSAGE"] for item in found] == [b"one", b"two", b"three"]
    assert {item[b"USER_UNIT"] for item in found} == {b"app@blog.cron.service"}
    assert {item[b"SYSLOG_IDENTIFIER"] for item in found} == {b"app@blog.cron"}
    assert relay.commands == {}


def test_a_command_is_a_source_too(relay, journald, logs):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as command:
        command.connect(relay.listener.getsockname())
        relay.pass_one(relay.listener.fileno())
        (descriptor,) = relay.commands
        (source,) = relay.sources.values()
        source.budget = 3 * logs.ENTRY + 3 * len("mad")
        command.sendall(b"mad\n" * LINES)
        relay.pass_one(descriptor)
    assert len(received(journald)) == 3
    assert source.left_out == LINES - 3


def test_a_source_that_is_quiet_is_forgotten(relay, journald, logs, monkeypatch):
    write(relay, entry())
    later = logs.time.monotonic() + logs.BURST / logs.PER_SECOND + 1
    monkeypatch.setattr(logs.time, "monotonic", lambda: later)
    relay.say_what_was_left_out()
    assert relay.sources == {}


def test_the_unit_of_a_process(logs):
    assert logs.unit_of(2**22 + 1) == b""
    assert logs.unit_of(os.getpid()) == b"" or logs.unit_of(os.getpid()).endswith(b".service")


def test_whether_it_is_mounted(logs, tmp_path):
    place = tmp_path / "entries"
    place.touch()
    assert logs.is_mounted(str(place)) is None, "Podman has no namespace yet"
    (tmp_path / "libpod/tmp").mkdir(parents=True)
    (tmp_path / "libpod/tmp/pause.pid").write_text(str(os.getpid()))
    logs.JOURNALD = str(place)
    assert logs.is_mounted(str(place)) is True
    logs.JOURNALD = str(tmp_path)
    assert logs.is_mounted(str(place)) is False
    place.unlink()
    assert logs.is_mounted(str(place)) is True, "it is served on, and cannot be mounted again"


@pytest.mark.parametrize(
    ("line", "priority", "text"),
    [
        (b"<27>no route", b"3", b"no route"),
        (b"<4>", b"4", b""),
        (b"plain", b"6", b"plain"),
        (b"<>x", b"6", b"<>x"),
        (b"<b>x", b"6", b"<b>x"),
        (b"<1234>x", b"6", b"<1234>x"),
        (b"1>2", b"6", b"1>2"),
    ],
)
def test_a_line_may_begin_with_its_priority(logs, line, priority, text):
    assert logs.with_priority(line) == (priority, text)
