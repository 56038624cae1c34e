"""What applications and visitors write reaches no terminal as a command."""

from __future__ import annotations

import json
import re

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
