"""Reading and writing the journal: JSON lines of journalctl, and datagrams of systemd's protocol."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from pathlib import Path

import pytest

from chainsaw.errors import ChainsawError
from chainsaw.host import journal
from chainsaw.host.journal import Entry

JOURNALCTL = """#!/bin/sh
printf '%s\\n' "$@" > {0}/asked
cat {0}/said
exit $(cat {0}/code)
"""


@dataclass
class Journalctl:
    """A journalctl that prints given lines, and records its arguments."""

    directory: Path

    def says(self, *entries, code=0):
        lines = [entry if isinstance(entry, str) else json.dumps(entry) for entry in entries]
        (self.directory / "said").write_text("".join(f"{line}\n" for line in lines))
        (self.directory / "code").write_text(str(code))

    @property
    def asked(self):
        return (self.directory / "asked").read_text().splitlines()


@pytest.fixture
def journalctl(tmp_path, monkeypatch):
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin/journalctl"
    program.write_text(JOURNALCTL.format(tmp_path))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    return Journalctl(tmp_path)


def entry(text, at=1750000000, **fields):
    return {"__REALTIME_TIMESTAMP": str(at * 1000000), "MESSAGE": text, **fields}


def newest(count=10, accept=lambda item: True):
    return journal.newest(["USER_UNIT=app@blog.service"], count, accept)


def texts(**options):
    return [item.text for item in newest(**options)]


def test_an_entry_has_time_source_priority_and_text(journalctl):
    fields = {"CONTAINER_NAME": "blog.app", "_SYSTEMD_USER_UNIT": "app@blog.service", "PRIORITY": "3"}
    journalctl.says(entry("no route to host", 1750000000, **fields))
    assert newest() == [Entry(1750000000.0, "blog.app", "app@blog.service", 3, "no route to host")]


def test_messages_about_a_unit_count_as_its_log(journalctl):
    journalctl.says(entry("Started.", _SYSTEMD_USER_UNIT="init.scope", USER_UNIT="app@blog.service"))
    assert newest()[0].unit == "app@blog.service"


def test_missing_fields_have_defaults(journalctl):
    journalctl.says({})
    assert newest() == [Entry(0.0, "", "", 6, "")]


@pytest.mark.parametrize(
    ("printed", "read"),
    [
        ([72, 105], "Hi"),
        ([27, 91, 49, 109, 98], "\x1b[1mb"),
        ([0xFC, 0x62, 0x65, 0x72], "\N{REPLACEMENT CHARACTER}ber"),
        ([], ""),
        (None, ""),
        (["the first", "the second"], "the first"),
        ([[72, 105], "the second"], "Hi"),
        ("the last line\n", "the last line"),
        ("Ströme über Brücken", "Ströme über Brücken"),
    ],
)
def test_a_text_is_read_in_each_form_in_which_it_comes(journalctl, printed, read):
    journalctl.says(entry(printed))
    assert texts() == [read]


def test_invalid_entries_are_skipped(journalctl):
    journalctl.says(entry("one"), "-- Boot 1 --", '{"MESSAGE": "cut o', entry("two"))
    assert texts() == ["two", "one"]


def test_the_newest_that_are_wanted_come_oldest_first(journalctl):
    journalctl.says(*(entry(f"line {number}") for number in range(9, 0, -1)))
    assert texts(count=3) == ["line 7", "line 8", "line 9"]
    assert texts(count=2, accept=lambda item: item.text < "line 5") == ["line 3", "line 4"]
    assert "--reverse" in journalctl.asked


def test_long_texts_are_asked_for_as_a_whole_and_only_what_is_read(journalctl):
    journalctl.says(entry("x" * 10000))
    assert texts() == ["x" * 10000]
    assert "--all" in journalctl.asked
    fields = next(word for word in journalctl.asked if word.startswith("--output-fields="))
    assert set(fields.partition("=")[2].split(",")) == set(journal.FIELDS)
    assert journalctl.asked[-1] == "USER_UNIT=app@blog.service"


def test_a_journal_that_nothing_is_in_is_no_failure_and_one_that_cannot_be_read_is(journalctl):
    journalctl.says(code=1)
    assert newest() == []
    journalctl.says(code=4)
    with pytest.raises(ChainsawError) as caught:
        newest()
    assert caught.value.diagnostics[0].code == "program-failed"


def test_each_new_entry_is_shown(journalctl):
    journalctl.says(entry("one"), entry("two"))
    reported = []
    journal.follow(["CONTAINER_NAME=blog.app"], 1749999999.25, lambda item: reported.append(item.text))
    assert reported == ["one", "two"]
    assert "--since=@1749999999.250000" in journalctl.asked
    reported.clear()
    journal.follow(["CONTAINER_NAME=blog.app"], 1900000000.0, lambda item: reported.append(item.text))
    assert reported == [], "what was reported before is not reported again"
    assert "--follow" in journalctl.asked


def test_the_size_of_a_log_is_counted(journalctl):
    journalctl.says("Nov 26 05:00:00 host blog.app[1]: Grüße")
    assert journal.size_of(["CONTAINER_NAME=blog.app"]) == len("Nov 26 05:00:00 host blog.app[1]: Grüße\n".encode())


def test_the_last_lines_of_a_unit_are_its_containers_if_there_are_any(journalctl):
    journalctl.says("one", "two")
    assert journal.last_lines("app@blog.service", "blog.app", 1750000000.5) == ["one", "two"]
    assert journalctl.asked[-1] == "CONTAINER_NAME=blog.app"
    assert "--since=@1750000000.500000" in journalctl.asked
    journalctl.says()
    assert journal.last_lines("app@blog.service", "blog.app", 1750000000.5) == []
    assert journalctl.asked[-1] == "USER_UNIT=app@blog.service"


def test_several_units_are_asked_for_at_once():
    blog, club = journal.matches("app@blog.service", "blog.app"), journal.matches("app@club.socket")
    assert journal.either([blog, club]) == [*blog, "+", *club]
    assert journal.either([]) == []


def fields_of(message):
    """Return the fields of a datagram of the Native Journal Protocol: a name, a size, that many bytes."""
    found = {}
    while message:
        name, _, rest = message.partition(b"\n")
        size = int.from_bytes(rest[:8], "little")
        found[name.decode()] = rest[8 : 8 + size]
        assert rest[8 + size : 9 + size] == b"\n"
        message = rest[9 + size :]
    return found


@pytest.fixture
def listener(tmp_path, monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "journal"))
        server.settimeout(5)
        monkeypatch.setattr(journal, "SOCKET", str(tmp_path / "journal"))
        yield server


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("chainsaw apply blog", b"chainsaw apply blog"),
        ("", b""),
        ("two\nlines\n", b"two\nlines\n"),
        ("Größe", "Größe".encode()),
        ("\udcfcber", b"\xfcber"),
        ("x=1\nPRIORITY=0", b"x=1\nPRIORITY=0"),
        ("y" * 50000, b"y" * 50000),
    ],
    ids=["text", "empty", "lines", "UTF-8", "not UTF-8", "like a field", "long"],
)
def test_an_entry_is_written_as_it_is_whatever_is_in_it(listener, value, written):
    assert journal.record({"MESSAGE": value, "PRIORITY": "5"})
    assert fields_of(listener.recv(1 << 20)) == {"MESSAGE": written, "PRIORITY": b"5"}


def test_without_a_journal_nothing_is_written_and_that_is_all(tmp_path, monkeypatch):
    monkeypatch.setattr(journal, "SOCKET", str(tmp_path / "nobody"))
    assert not journal.record({"MESSAGE": "to nobody"})
