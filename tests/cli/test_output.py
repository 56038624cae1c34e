"""What applications and visitors write reaches no terminal as a command."""

from __future__ import annotations

import json
import re
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainsaw.cli import output
from chainsaw.errors import Diagnostic
from chainsaw.work.result import Result, Table

OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
TITLE = "\x1b]0;a title\x07"
texts = st.text(st.characters(codec="utf-8", max_codepoint=0x2070))


@given(text=texts)
def test_no_control_is_left(text):
    assert not OBEYED.search(output.plain(text))


@given(text=texts)
def test_json_says_the_same_without_them(text):
    document = output.envelope("logs", {"text": text}, (), 0)
    assert not OBEYED.search(document)
    assert json.loads(document)["data"]["text"] == text


def test_colours_go_and_the_rest_is_visible():
    assert output.plain("\x1b[1;31mred\x1b[0m") == "red"
    assert output.plain(TITLE) == "\\x1b]0;a title\\x07"
    assert output.plain("a\u202eb\x9bc") == "a\\u202eb\\x9bc"
    assert output.plain("Grüße, नमस्ते\tand\nmore") == "Grüße, नमस्ते\tand\nmore"


def test_whatever_is_printed_is_made_visible(capsys):
    problem = Diagnostic("not-started", f"its log:\n  {TITLE}")
    result = Result({}, (f"line {TITLE}",), (problem,), table=Table(("name",), ((f"cell {TITLE}",),)))
    with pytest.raises(SystemExit):
        output.show("status", result, as_json=False)
    output.say(TITLE)
    output.note(TITLE)
    with output.progress() as report:
        report.note(TITLE)
    out, err = capsys.readouterr()
    assert (out.count("a title"), err.count("a title")) == (3, 3)
    assert not OBEYED.search(out + err)


def test_who_wants_them_raw_gets_them(capsys):
    with pytest.raises(SystemExit):
        output.show("logs", Result({}, (TITLE,)), as_json=False, raw=True)
    assert capsys.readouterr().out == f"{TITLE}\n"


# Long work without a terminal


def work(report, text):
    report.doing(text)
    time.sleep(0.2)


def test_long_work_says_now_and_then_what_it_does_and_since_when(capsys, monkeypatch):
    monkeypatch.setattr(output, "INTERVAL", 0.05)
    with output.progress() as report:
        work(report, f"build {TITLE}")
        work(report, "start app@blog.service")
    said = capsys.readouterr().err
    shown = re.findall("^(.*), since [0-2][0-9]:[0-5][0-9]:[0-5][0-9]$", said, re.MULTILINE)
    assert len(shown) == said.count("\n")
    assert list(dict.fromkeys(shown)) == ["build \\x1b]0;a title\\x07", "start app@blog.service"]
    assert len(shown) > 2
    time.sleep(0.1)
    assert capsys.readouterr().err == "", "nothing is said once it is done"


def test_the_time_is_that_at_which_it_began(capsys, monkeypatch):
    monkeypatch.setattr(output, "INTERVAL", 0.05)
    monkeypatch.setattr(time, "time", lambda: 0.0)
    with output.progress() as report:
        work(report, "build app")
    assert f"since {time.strftime('%H:%M:%S', time.localtime(0))}\n" in capsys.readouterr().err


def test_what_is_done_quickly_says_nothing(capsys):
    assert output.INTERVAL == 10
    with output.progress() as report:
        report.doing("build app")
    assert capsys.readouterr() == ("", "")


def test_nothing_is_said_while_an_editor_has_the_terminal(capsys, monkeypatch):
    monkeypatch.setattr(output, "INTERVAL", 0.05)
    with output.progress(shown=False) as report:
        work(report, "waiting")
    assert capsys.readouterr() == ("", "")


def test_with_json_it_is_said_beside_the_document(chainsaw, monkeypatch):
    def slow(account, name, text, report):
        work(report, "commit")
        return Result({"instance": name})

    monkeypatch.setattr(output, "INTERVAL", 0.05)
    monkeypatch.setattr("chainsaw.work.history.notes.note", slow)
    done = chainsaw("note", "blog", "text", "--json")
    assert done.json["data"] == {"instance": "blog"}
    assert done.err.startswith("commit, since ")


def test_nobody_who_listens_is_no_error(capsys, monkeypatch):
    def closed(text):
        raise BrokenPipeError

    monkeypatch.setattr(output, "INTERVAL", 0.05)
    monkeypatch.setattr(output, "note", closed)
    with output.progress() as report:
        work(report, "build app")
    assert capsys.readouterr() == ("", "")


def test_on_a_terminal_there_is_a_status_line_alone(monkeypatch, capsys):
    monkeypatch.setattr(output, "INTERVAL", 0.05)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with output.progress() as report:
        work(report, "build app")
    assert "since" not in capsys.readouterr().err
