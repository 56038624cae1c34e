"""--help and --version, and that they import little."""

from __future__ import annotations

import re
import shlex

import pytest
from test_verbs import command_of

from chainsaw import __version__
from chainsaw.cli.main import EPILOG
from chainsaw.cli.verbs import FIRST, FUNCTIONS, VERBS, every_path
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


def test_help_imports_no_verb(program):
    done = program("--help", options=("-X", "importtime"))
    rooms = {verb.target.partition(":")[0] for verb in VERBS.values() if verb.target}
    assert rooms
    for room in rooms:
        assert f" chainsaw.cli.{room}\n" not in done.err


def test_help_lists_every_verb_with_its_summary_under_what_it_is_for(chainsaw):
    shown = chainsaw("--help").out
    listed = {}
    for heading in FUNCTIONS:
        (section,) = re.findall(rf"^{heading}:\n((?:  .*\n)+)", shown, re.MULTILINE)
        listed[heading] = re.findall(r"^  ([a-z]+) +(\S.*)$", section, re.MULTILINE)
    assert listed == {heading: [(verb.name, verb.summary) for verb in verbs] for heading, verbs in FUNCTIONS.items()}


def test_a_function_without_a_verb_has_no_heading(chainsaw):
    headings = re.findall(r"^([A-Z][a-z ]+):$", chainsaw("--help").out, re.MULTILINE)
    assert headings == ["Options", *FIRST, *FUNCTIONS]


def test_status_and_list_are_shown_before_all_others(chainsaw):
    verbs = chainsaw("--help").out.partition("What is running:\n")[2].partition("First steps:")[0]
    listed = re.findall(r"^  ([a-z]+) +\S", verbs, re.MULTILINE)
    assert listed[:2] == ["status", "list"]
    assert listed[2:] == [verb.name for verbs in FUNCTIONS.values() for verb in verbs]


@pytest.mark.parametrize("words", [(), ("config",), ("source",)], ids=["", "config", "source"])
def test_without_a_command_the_help_is_shown(chainsaw, words):
    done = chainsaw(*words)
    assert (done.code, done.out) == (Exit.USAGE, "")
    assert done.err == chainsaw(*words, "--help").out


def test_help_has_the_first_steps_and_the_exit_codes(chainsaw):
    shown = chainsaw("-h").out
    assert "chainsaw new wordpress blog --route https://blog.example.org/" in shown
    codes = [int(number) for number in re.findall(r"(?:: |; |\n)([0-9]) ", EPILOG.split("Exit codes")[1])]
    assert codes == [item.value for item in Exit]


@pytest.mark.parametrize("name", [verb.name for verb in VERBS.values() if verb.verbs])
def test_the_help_of_a_group_lists_all_that_it_holds(chainsaw, name):
    shown = chainsaw(name, "--help").out
    assert f"  {VERBS[name].summary}\n" in shown
    assert re.findall(r"^  ([a-z]+) +(\S.*)$", shown.split("Commands:\n")[1], re.MULTILINE) == [
        (verb.name, verb.summary) for verb in VERBS[name].verbs
    ]


@pytest.mark.parametrize("path", every_path())
def test_the_help_of_a_verb_has_an_example_of_it(chainsaw, path):
    done = chainsaw(*path.split(), "--help")
    assert done.code == 0
    assert f"Usage: chainsaw {path}" in done.out
    examples = done.out.split("Examples:\n")[1]
    shortest = path.removesuffix(" make") if path == "backup make" else path
    assert re.search(rf"^ +(sudo )?chainsaw {shortest}", examples, re.MULTILINE)
    assert "--json" in done.out


@pytest.mark.parametrize("path", every_path())
def test_the_examples_of_a_verb_are_taken_by_its_parser(path, tmp_path, monkeypatch):
    (tmp_path / "recipes/wiki").mkdir(parents=True)
    (tmp_path / "club.pub").write_text("")
    monkeypatch.chdir(tmp_path)
    command = command_of(path)
    for line in command.epilog.splitlines():
        if "chainsaw" in line:
            argv = shlex.split(next(part for part in re.split("[>|]", line) if "chainsaw" in part))
            argv = argv[argv.index("chainsaw") + 1 + len(path.split()) :] if "chainsaw" in argv else []
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
    first, hint = done.err.splitlines()
    assert re.fullmatch("error: no such option:? '?--dryrun'?; did you mean '?--dry-run'?[?]", first)
    assert hint == "  hint: chainsaw apply --help"


def test_a_word_that_resembles_no_verb_gets_none(chainsaw):
    assert "did you mean" not in chainsaw("xyzzy").err


def test_a_mistyped_command_of_a_group_gets_a_suggestion(chainsaw):
    done = chainsaw("secret", "rotat")
    assert done.err == "error: no command 'rotat'; did you mean rotate?\n  hint: chainsaw secret --help\n"


def test_a_verb_is_completed_without_importing_any(program):
    words = {"_CHAINSAW_COMPLETE": "bash_complete", "COMP_WORDS": "chainsaw re", "COMP_CWORD": "1"}
    done = program(options=("-X", "importtime"), **words)
    assert set(done.out.split()) == {"plain," + name for name in VERBS if name.startswith("re")}
    imported = set(re.findall(r"\| +([A-Za-z0-9_.]+)$", done.err, re.MULTILINE))
    assert "chainsaw.cli.main" in imported
    assert not imported & {*HEAVY, "chainsaw.cli.lifecycle"}


def test_what_a_group_holds_is_completed(program):
    done = program(_CHAINSAW_COMPLETE="bash_complete", COMP_WORDS="chainsaw secret ", COMP_CWORD="2")
    assert done.out.split() == [f"plain,{verb.name}" for verb in VERBS["secret"].verbs]
