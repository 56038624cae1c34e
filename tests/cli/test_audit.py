"""The audit record: whatever changes something on this host is written down, and what only looks is not."""

from __future__ import annotations

import os
import pwd
import socket

import pytest

from chainsaw.cli.main import CHANGES, VERBS
from chainsaw.errors import Exit
from chainsaw.work.system.audit import ENDINGS

LOOKING = {"search", "info", "plan", "list", "status", "logs", "top", "inventory", "history", "diff", "doctor"}
LOOKING |= {"render", "eject", "schema", "ca"}
ME = pwd.getpwuid(os.getuid()).pw_name


@pytest.fixture
def records(home, tmp_path):
    """Return the function that returns what was written down since it was asked last."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "journal"))
        server.setblocking(False)

        def read():
            found = []
            while True:
                try:
                    found.append(fields_of(server.recv(1 << 20)))
                except BlockingIOError:
                    return found

        yield read


def fields_of(message):
    """Return the fields of a datagram of the Native Journal Protocol: a name, a size, that many bytes."""
    found = {}
    while message:
        name, _, rest = message.partition(b"\n")
        size = int.from_bytes(rest[:8], "little")
        found[name.decode()] = rest[8 : 8 + size].decode()
        message = rest[9 + size :]
    return found


def test_a_record_says_who_did_what_why_and_how_it_ended(chainsaw, records):
    chainsaw("new", "static", "www", "--route", "https://www.example.org/")
    command = "chainsaw new static www --route https://www.example.org/"
    assert records() == [
        {
            "MESSAGE": f"{ME}: {command}: done",
            "PRIORITY": "5",
            "SYSLOG_IDENTIFIER": "chainsaw",
            "CHAINSAW_WHO": ME,
            "CHAINSAW_COMMAND": command,
            "CHAINSAW_WHY": "",
            "CHAINSAW_RESULT": "done",
            "CHAINSAW_EXIT": "0",
        }
    ]


@pytest.mark.parametrize(
    "words",
    [
        ("-m", "the owner asked for it"),
        ("--message", "the owner asked for it"),
        ("--message=the owner asked for it",),
        ("-mthe owner asked for it",),
    ],
)
def test_a_reason_is_recorded_however_it_is_given(chainsaw, records, words):
    chainsaw("remove", "blog", *words)
    (record,) = records()
    assert record["CHAINSAW_WHY"] == "the owner asked for it"


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("remove", "blog"), Exit.MISSING, "not there"),
        (("new", "static", "Blog"), Exit.INVALID, "refused"),
        (("apply",), Exit.HOST, "this host lacks something"),
        (("apply", "--fast"), Exit.USAGE, "wrong usage"),
        (("remove", "www", "--purge"), Exit.USAGE, "wrong usage"),
    ],
)
def test_what_did_not_succeed_is_a_warning(chainsaw, records, instance, words, code, told):
    instance("www", "recipe: static\nroute: https://www.example.org/\n")
    assert chainsaw(*words).code == code
    (record,) = records()
    assert (record["CHAINSAW_RESULT"], record["CHAINSAW_EXIT"]) == (told, str(int(code)))
    assert record["PRIORITY"] == "4"


def test_every_way_to_end_has_its_words():
    assert set(ENDINGS) == set(Exit)


def test_who_asked_sudo_is_who_did_it(chainsaw, records, monkeypatch):
    monkeypatch.setenv("SUDO_USER", "kim")
    chainsaw("remove", "blog")
    assert records()[0]["CHAINSAW_WHO"] == "kim"


def test_words_are_quoted_so_that_the_command_can_be_told_from_its_arguments(chainsaw, records):
    chainsaw("note", "blog", "it's done; rm -rf /\nPRIORITY=0", "--json")
    (record,) = records()
    assert record["CHAINSAW_COMMAND"].startswith("chainsaw note blog 'it'\"'\"'s done; rm -rf /")
    assert record["PRIORITY"] == "4"


def test_a_command_that_breaks_is_recorded_too(chainsaw, records, monkeypatch):
    def broken(*_):
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr("chainsaw.work.history.notes.note", broken)
    with pytest.raises(RuntimeError):
        chainsaw("note", "blog", "text")
    assert records()[0]["CHAINSAW_RESULT"] == "failed"


def test_a_command_that_was_interrupted_is_recorded_too(chainsaw, records, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("chainsaw.work.history.notes.note", interrupted)
    assert chainsaw("note", "blog", "text").code == 130
    assert records()[0]["CHAINSAW_RESULT"] == "was interrupted"


@pytest.mark.parametrize(
    "words",
    [
        ("list",),
        ("status", "blog"),
        ("plan",),
        ("render",),
        ("search",),
        ("info", "wordpress"),
        ("config", "blog"),
        ("config", "show", "blog"),
        ("inventory", "blog"),
        ("inventory", "--orphans"),
        ("history",),
        ("secret", "show", "blog", "admin_password"),
        ("secret", "list", "blog"),
        ("source", "list"),
        ("recipe", "lint", "wiki"),
        ("ca",),
        ("--help",),
        ("--version",),
        (),
        ("newer", "static"),
        ("remove-all",),
        ("apply", "--dry-run"),
        ("apply", "--explain"),
        ("rollback", "blog", "--dry-run"),
        ("setup", "--dry-run"),
        ("remove", "blog", "--purge", "--explain"),
        ("remove", "--help"),
        ("new", "-h"),
    ],
    ids=" ".join,
)
def test_what_only_looks_is_not_recorded(chainsaw, records, words):
    chainsaw(*words)
    assert records() == []


CHANGING = [
    ("new", "static", "www"),
    ("config", "set", "www", "route", "https://example.org/"),
    ("config", "unset", "www", "sleep"),
    ("apply", "www"),
    ("start", "www"),
    ("stop", "www"),
    ("restart", "www"),
    ("maintenance", "www", "on"),
    ("note", "www", "text"),
    ("rollback", "www"),
    ("remove", "www", "--yes", "--purge"),
    ("remove", "--orphans"),
    ("rename", "www", "web"),
    ("clone", "www", "web"),
    ("secret", "rotate", "www", "key"),
    ("install", "--yes", "nosuchrecipe"),
    ("uninstall", "nosuchrecipe"),
    ("source", "add", "club", "/nowhere"),
    ("source", "update", "club"),
    ("source", "remove", "club"),
    ("recipe", "test", "/nowhere"),
    ("setup", "--user", "nosuchuser"),
]


@pytest.mark.parametrize("words", CHANGING, ids=" ".join)
def test_what_changes_something_is_recorded_once(chainsaw, records, words):
    chainsaw(*words)
    assert len(records()) == 1


def test_each_verb_changes_something_or_only_looks():
    changing = {words[0] for words in CHANGING}
    assert set(VERBS) - LOOKING == changing
    assert CHANGES.match("secret set")
    assert CHANGES.match("config edit")


def test_without_a_journal_a_command_is_none_the_worse(chainsaw):
    done = chainsaw("new", "static", "www")
    assert (done.code, done.err) == (Exit.OK, "")
