"""What chainsaw says of itself, and how little it needs to say it."""

from __future__ import annotations

import importlib
import re
import shlex

import click
import pytest

from chainsaw import __version__
from chainsaw.cli.main import EPILOG, SUMMARIES, VERBS
from chainsaw.errors import Exit

HEAVY = ("pydantic", "rich", "jinja2", "podman", "pystemd", "ruamel", "cryptography", "requests", "subprocess")


def test_version(chainsaw):
    done = chainsaw("--version")
    assert (done.code, done.out, done.err) == (0, f"chainsaw, version {__version__}\n", "")


@pytest.mark.parametrize("words", [("--version",), ("--help",), ("nosuchverb",)], ids=" ".join)
def test_what_needs_no_work_imports_nothing_heavy(program, words):
    done = program(*words, options=("-X", "importtime"))
    imported = set(re.findall(r"\| +([A-Za-z0-9_.]+)$", done.err, re.MULTILINE))
    assert "chainsaw.cli.main" in imported
    assert not imported & set(HEAVY)


def test_help_lists_every_verb_with_its_summary_in_the_order_in_which_one_meets_them(chainsaw):
    shown = chainsaw("--help").out
    listed = re.findall(r"^  ([a-z]+) {2,}\S", shown, re.MULTILINE)
    assert [word for word in listed if word in VERBS] == list(VERBS) == list(SUMMARIES)
    flat = " ".join(shown.split())
    for summary in SUMMARIES.values():
        assert summary in flat


def test_help_says_what_to_do_first_and_what_the_exit_codes_mean(chainsaw):
    shown = chainsaw("-h").out
    assert "chainsaw new wordpress blog --route https://blog.example.org/" in shown
    codes = [int(number) for number in re.findall(r"(?:: |; |\n)([0-9]) ", EPILOG.split("Exit codes")[1])]
    assert codes == [item.value for item in Exit]


def command_of(*words):
    """Return the command that words name, as the parser has it."""
    module, name = VERBS[words[0]].split(":")
    command = getattr(importlib.import_module(module), name)
    for part in words[1:]:
        command = command.commands[part]
    return command


def verbs():
    """Return the words of every command that does something: a group stands for all that it holds."""
    found, waiting = [], [(verb,) for verb in VERBS]
    while waiting:
        words = waiting.pop(0)
        command = command_of(*words)
        inner = [(*words, name) for name in command.commands] if isinstance(command, click.Group) else []
        waiting = [*inner, *waiting]
        found += [] if inner else [words]
    return found


def groups():
    return [(verb,) for verb in VERBS if isinstance(command_of(verb), click.Group)]


@pytest.mark.parametrize("words", groups(), ids=" ".join)
def test_the_help_of_a_group_lists_all_that_it_holds(chainsaw, words):
    shown = chainsaw(*words, "--help").out
    for name, command in command_of(*words).commands.items():
        assert re.search(rf"^  {name} +\S", shown, re.MULTILINE)
        assert command.help


@pytest.mark.parametrize("words", verbs(), ids=" ".join)
def test_the_help_of_a_verb_has_an_example_of_it(chainsaw, words):
    done = chainsaw(*words, "--help")
    assert done.code == 0
    assert f"Usage: chainsaw {' '.join(words)}" in done.out
    examples = done.out.split("Examples:\n")[1]
    assert re.search(rf"^ +(sudo )?chainsaw {' '.join(words)}", examples, re.MULTILINE)
    assert "--json" in done.out


@pytest.mark.parametrize("words", verbs(), ids=" ".join)
def test_the_examples_of_a_verb_are_taken_by_its_parser(words, tmp_path, monkeypatch):
    (tmp_path / "recipes/wiki").mkdir(parents=True)
    (tmp_path / "club.pub").write_text("")
    monkeypatch.chdir(tmp_path)
    command = command_of(*words)
    for line in command.epilog.splitlines():
        if "chainsaw" in line:
            argv = shlex.split(next(part for part in re.split("[>|]", line) if "chainsaw" in part))
            argv = argv[argv.index("chainsaw") + 1 + len(words) :] if "chainsaw" in argv else []
            command.make_context("chainsaw", [*argv])


@pytest.mark.parametrize(("typed", "meant"), [("aply", "apply"), ("plna", "plan"), ("rolback", "rollback")])
def test_a_mistyped_verb_gets_a_suggestion(chainsaw, typed, meant):
    done = chainsaw(typed)
    assert done.code == Exit.USAGE
    assert f"no command '{typed}'; did you mean {meant}?" in done.err
    assert done.out == ""


def test_a_mistyped_option_gets_a_suggestion(chainsaw):
    done = chainsaw("apply", "--dryrun")
    assert done.code == Exit.USAGE
    assert "--dry-run" in done.err


def test_a_word_that_resembles_no_verb_gets_none(chainsaw):
    assert "did you mean" not in chainsaw("xyzzy").err
