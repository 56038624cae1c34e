"""--explain: every command prints the equivalent commands, and does nothing."""

from __future__ import annotations

import re
import shlex
from string import Formatter

import pytest
from test_verbs import command_of

from chainsaw.cli.command import DIRECTORIES
from chainsaw.cli.verbs import VERBS, every_path, verb_at
from chainsaw.errors import Exit

BY_THEMSELVES = {"plan", "apply", "logs", "config show"}
"""The commands whose --explain depends on the state of the host."""


OTHERS = [path for path in every_path() if path not in BY_THEMSELVES]


def options(path):
    return {name for item in command_of(path).params for name in item.opts}


@pytest.mark.parametrize("path", every_path())
def test_every_command_has_the_option(path):
    assert "--explain" in options(path)


def test_every_command_explains_itself():
    assert {path for path in every_path() if not verb_at(path).stands_for} == BY_THEMSELVES


@pytest.mark.parametrize("path", OTHERS)
def test_a_word_in_braces_is_an_argument_or_a_directory(path):
    known = {item.name for item in command_of(path).params} | set(DIRECTORIES)
    for line in verb_at(path).stands_for:
        assert {field for _, field, _, _ in Formatter().parse(line) if field is not None} <= known
        assert shlex.split(line.format_map(dict.fromkeys(known, "blog")), comments=True)


@pytest.fixture
def everything(home):
    """Return every file of a home with its content."""

    def snapshot():
        return {str(path): path.read_bytes() for path in sorted(home.rglob("*")) if path.is_file()}

    return snapshot


def example(path):
    """Return the first example that the help of a command has, as words."""
    shortest = path.removesuffix(" make") if path == "backup make" else path
    line = next(line for line in command_of(path).epilog.splitlines() if f"chainsaw {shortest}" in line)
    words = shlex.split(re.split("[>|]", line)[0])
    return words[words.index("chainsaw") + 1 :]


@pytest.mark.parametrize("path", OTHERS)
def test_a_command_that_is_explained_does_nothing_else(chainsaw, instance, everything, tmp_path, monkeypatch, path):
    (tmp_path / "recipes/wiki").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    instance("blog", "recipe: wordpress\nroute: https://blog.example.org/\n")
    before = everything()
    done = chainsaw(*example(path), "--explain")
    assert (done.code, done.err) == (Exit.OK, "")
    assert len(done.out.splitlines()) == len(verb_at(path).stands_for)
    assert "{" not in done.out.replace("${", "")
    assert everything() == before


def test_the_explanation_contains_the_given_arguments(chainsaw):
    shown = chainsaw("rename", "blog", "journal", "--explain").out
    assert "systemctl --user stop app@blog.socket app@blog\n" in shown
    assert "mv ~/.config/chainsaw/instances/blog.yaml ~/.config/chainsaw/instances/journal.yaml\n" in shown
    assert (
        chainsaw("secret", "show", "blog", "salt", "--explain").out
    ) == "podman unshare cat ~/.local/share/chainsaw/instances/blog/secrets/salt\n"


def test_an_argument_that_may_be_left_out_is_its_name_in_capitals(chainsaw):
    assert "instances/NAME " in chainsaw("inventory", "--explain").out
    assert "instances/blog " in chainsaw("inventory", "blog", "--explain").out


@pytest.mark.parametrize("name", [verb.name for verb in VERBS.values() if verb.verbs])
def test_a_group_is_no_command_and_has_none(chainsaw, name):
    assert "--explain" not in options(name)
    # Where a verb may be left out, it is that one's.
    assert chainsaw(name, "--explain").code == (Exit.OK if name == "backup" else Exit.USAGE)


def test_the_commands_to_copy_an_instance_by_hand_start_it_again(chainsaw):
    backup = [line.partition("   #")[0] for line in chainsaw("backup", "blog", "--explain").out.splitlines()]
    assert backup[0].startswith("mkdir -m 700 COPY;"), "there are secrets in it"
    copied = next(index for index, line in enumerate(backup) if " tar " in line)
    assert backup[copied - 1 : copied + 2 : 2] == ["chainsaw stop NAME", "chainsaw start NAME"]
    assert "mariadb-dump" in backup[copied - 2], "of a database that works"
    restore = chainsaw("restore", "blog", "--explain").out.splitlines()
    assert (restore[0], restore[-1]) == ("chainsaw stop NAME   # if it is there", "chainsaw apply NAME")
