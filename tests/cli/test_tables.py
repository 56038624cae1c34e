"""Tables: aligned columns, and bars that fit on the screen."""

from __future__ import annotations

import pytest

from chainsaw.cli import output, tables
from chainsaw.work.result import Result, Table

PATHS = Table(
    ("path", "requests"),
    (("/walks/by/the/sea/and/back/again/", "120"), ("/", "60"), ("/rare", "1")),
    numbers=(1,),
    bars=(1.0, 0.5, 1 / 120),
)


def test_numbers_stand_on_the_right_and_bars_behind_them():
    assert tables.lines(PATHS, 0, "utf-8") == [
        "path                               requests",
        f"/walks/by/the/sea/and/back/again/       120  {'█' * 30}",
        f"/                                        60  {'█' * 15}",
        "/rare                                     1  ▎",
    ]


@pytest.mark.parametrize("width", [30, 40, 60, 80, 200])
def test_a_table_with_bars_fits_on_the_screen(width):
    shown = tables.lines(PATHS, width, "utf-8")
    assert max(map(len, shown)) <= max(width, tables.NARROW + len("  requests  ") + tables.LEAST)
    assert shown[1].endswith("█" * tables.LEAST)


def test_what_is_cut_off_is_seen_to_be():
    assert tables.lines(PATHS, 30, "utf-8")[1].startswith("/walks/by/the/s…  ")


def test_a_table_without_bars_is_never_cut():
    table = Table(PATHS.heading, PATHS.rows)
    assert tables.lines(table, 20, "utf-8") == tables.lines(table, 0, "utf-8")


@pytest.mark.parametrize(("part", "drawn"), [(0, ""), (0.001, "#"), (0.5, "#" * 15), (1, "#" * 30)])
def test_where_there_are_no_blocks_a_bar_is_of_signs(part, drawn):
    assert tables.bar(part, 30, "ascii") == drawn


@pytest.mark.parametrize(("part", "drawn"), [(0, ""), (0.001, "▏"), (0.5, "█" * 5), (0.55, "█████▌"), (1, "█" * 10)])
def test_a_bar_has_eighths(part, drawn):
    assert tables.bar(part, 10, "UTF-8") == drawn


def test_what_a_visitor_sent_neither_commands_a_terminal_nor_begins_a_row(capsys):
    table = Table(("path", "requests"), (("/\x1b]0;taken\x07\nforged  9\t\u202e", "1"),), (1,), (1.0,))
    with pytest.raises(SystemExit):
        output.show("traffic", Result({"path": "/\x1b]0;taken\x07"}, table=table, further=(table,)), as_json=False)
    shown = capsys.readouterr().out
    assert shown.count("\n") == 5
    assert "/\\x1b]0;taken\\x07\\x0aforged  9\\x09\\u202e  " in shown
    assert not set("\x1b\x07\t\u202e") & set(shown)


def test_without_colours_nothing_is_bold(capsys, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    with pytest.raises(SystemExit):
        output.show("traffic", Result({}, table=PATHS), as_json=False)
    assert "\x1b" not in capsys.readouterr().out
