"""A verb is declared once: its name, its summary, what it changes and its equivalent commands."""

from __future__ import annotations

from typing import Any

import click
import pytest

from chainsaw.cli.command import Command
from chainsaw.cli.main import group
from chainsaw.cli.verb import Verb
from chainsaw.cli.verbs import FUNCTIONS, TEN, VERBS, every_path, verb_at


def command_of(path):
    """Return the command of a path, as the parser has it."""
    found: Any = group
    for word in path.split():
        found = found.get_command(click.Context(found), word)
        assert found is not None, path
    return found


def test_the_ten_functions_come_first_and_in_their_order():
    *functions, last = FUNCTIONS
    assert last == "Host and more"
    assert functions == [name for name in TEN if name in functions]
    assert all(FUNCTIONS.values())


def test_list_and_status_come_first():
    assert [verb.name for verb in FUNCTIONS["Inspect"]][:2] == ["list", "status"]


def test_no_verb_is_declared_twice():
    assert len(VERBS) == sum(len(verbs) for verbs in FUNCTIONS.values())
    assert len(every_path()) == len(set(every_path()))


@pytest.mark.parametrize("path", every_path())
def test_a_command_is_the_one_that_the_table_names(path):
    command = command_of(path)
    assert isinstance(command, Command)
    assert command.verb is verb_at(path)
    assert command.name == path.split()[-1]
    assert command.callback.__module__ == f"chainsaw.cli.{command.verb.target.partition(':')[0]}"


@pytest.mark.parametrize("path", every_path())
def test_its_help_begins_with_its_summary_and_says_more(path):
    first, _, more = command_of(path).help.partition("\n\n")
    assert first == verb_at(path).summary
    assert first.endswith(".")
    assert len(first) <= 62, "it is cut off or wraps in the list of verbs"
    assert more


def test_a_verb_changes_something_unless_it_only_shows_what_would_be_done():
    verb = Verb("apply", "apply:apply", "Apply.", changes=True)
    assert verb.changed({"dry_run": False})
    assert not verb.changed({"dry_run": True})
    assert not verb.changed({"dry_run": False, "explain": True})


def test_a_verb_may_change_something_with_an_option_only():
    verb = Verb("doctor", "system:doctor", "Check.", changes_with="fix")
    assert verb.changed({"fix": True})
    assert not verb.changed({"fix": False})
    assert not verb.changed({"fix": True, "explain": True})
    assert not Verb("list", "inspect:list", "List.").changed({"fix": True})


def test_an_option_that_decides_is_one_of_the_command():
    for path in every_path():
        needed = {verb_at(path).changes_with, verb_at(path).tells_with} - {""}
        assert needed <= {item.name for item in command_of(path).params}, path
