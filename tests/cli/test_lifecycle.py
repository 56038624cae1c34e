"""remove asks before it deletes, and needs an explicit name."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

from chainsaw.errors import Exit

WWW = "recipe: static\nroute: https://www.example.org/\n"


@pytest.fixture
def www(instance):
    """The file of an instance that was never applied."""
    return instance("www", WWW)


@pytest.fixture
def kept(home):
    return home / ".config/chainsaw/removed/www.yaml"


def typing(home, text, *words):
    """Run a command whose standard input is a terminal with typed text."""
    controller, terminal = pty.openpty()
    os.write(controller, text.encode())
    argv = [sys.executable, "-m", "chainsaw", *words]
    environment = {**os.environ, "HOME": str(home)}
    done = subprocess.run(argv, env=environment, stdin=terminal, capture_output=True, text=True, check=False)
    os.close(terminal)
    os.close(controller)
    return done


def test_remove_shows_how_to_restore_the_instance(chainsaw, www, kept):
    done = chainsaw("remove", "www")
    assert done.code == Exit.OK
    assert done.out == (
        "www is stopped and no longer served\n"
        "to restore it: chainsaw rollback www; to delete it for good: chainsaw remove www --purge\n"
    )
    assert kept.read_text() == WWW
    assert not www.exists()


def test_a_purge_that_nobody_confirms_deletes_nothing(chainsaw, www):
    done = chainsaw("remove", "www", "--purge")
    assert done.code == Exit.USAGE
    assert done.err.endswith("error: there is no terminal to ask on\n  hint: --yes deletes without asking\n")
    assert www.exists()


@pytest.mark.parametrize("typed", ["\n", "y\n", "yes\n", "ww\n", "WWW\n", "\x04"])
def test_only_the_name_confirms_it(home, www, typed):
    done = typing(home, typed, "remove", "www", "--purge")
    assert done.returncode in (Exit.FAILED, 130)
    assert "type www to delete it for good" in done.stderr
    assert done.stdout == ""
    assert www.exists()


def test_typing_the_name_confirms_the_purge(home, www, kept):
    done = typing(home, "www\n", "remove", "www", "--purge")
    assert (done.returncode, done.stdout) == (Exit.OK, "www is deleted for good\n")
    assert not www.exists()
    assert not kept.exists()


def test_with_yes_there_is_no_question(chainsaw, www, kept):
    done = chainsaw("remove", "www", "--purge", "--yes", "--json")
    assert done.json["data"] == {"instance": "www", "deleted": []}
    assert not www.exists()
    assert not kept.exists()


@pytest.mark.parametrize(
    "words",
    [
        ("remove",),
        ("remove", "--purge", "--yes"),
        ("remove", "www", "--orphans"),
        ("remove", "--orphans", "--purge"),
        ("inventory", "www", "--orphans"),
        ("clone", "www"),
        ("rename", "www"),
    ],
    ids=" ".join,
)
def test_remove_needs_a_name_or_orphans(chainsaw, www, words):
    assert chainsaw(*words).code == Exit.USAGE
    assert www.exists()


@pytest.mark.parametrize("name", ["", "..", "../instances/www", "front"])
def test_an_empty_variable_of_a_script_is_no_name(chainsaw, www, home, name):
    (home / ".local/share/chainsaw/instances/www").mkdir(parents=True)
    done = chainsaw("remove", name, "--purge", "--yes", "--json")
    assert done.code == Exit.INVALID
    assert [item["code"] for item in done.json["diagnostics"]] == ["instance-name"]
    assert www.exists()
    assert (home / ".local/share/chainsaw/instances/www").exists()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("inventory", "blog"), Exit.MISSING),
        (("inventory", "www"), Exit.MISSING),
        (("rename", "blog", "club"), Exit.MISSING),
        (("clone", "blog", "club"), Exit.MISSING),
        (("eject", "blog", "--out", "here"), Exit.MISSING),
        (("secret", "list", "blog"), Exit.MISSING),
        (("secret", "rotate", "blog", "key"), Exit.MISSING),
    ],
    ids=str,
)
def test_an_unknown_name_is_an_error(chainsaw, www, words, code):
    done = chainsaw(*words)
    assert done.code == code
    assert "no instance 'blog'" in done.err or "www is declared, but not applied" in done.err
    assert done.out == ""


def test_without_instances_there_is_nothing_to_sum_up(chainsaw):
    done = chainsaw("inventory", "--json")
    assert (done.code, done.json["data"]) == (Exit.OK, {"instances": []})
    assert chainsaw("inventory").out.splitlines()[-1] == "there is no instance"


def test_nothing_is_unused(chainsaw):
    done = chainsaw("inventory", "--orphans", "--json")
    assert (done.code, done.json["data"]) == (Exit.OK, {"orphans": []})
    assert chainsaw("remove", "--orphans").out == "nothing is unused\n"


VERBS_THAT_READ_THE_GENERATION = [
    ("apply",),
    ("list",),
    ("status", "www"),
    ("inventory", "www"),
    ("inventory", "--orphans"),
    ("remove", "www"),
    ("remove", "www", "--purge", "--yes"),
    ("remove", "--orphans"),
    ("rename", "www", "web"),
    ("clone", "www", "web"),
    ("rollback", "www"),
    ("diff",),
    ("secret", "rotate", "www", "key"),
    ("doctor",),
]


@pytest.mark.parametrize("words", VERBS_THAT_READ_THE_GENERATION, ids=" ".join)
def test_a_generation_of_another_version_is_one_clear_message(chainsaw, www, home, words):
    generations = home / ".local/state/chainsaw/generations"
    (generations / "1").mkdir(parents=True)
    (generations / "1/manifest.json").write_text('{"format": 1, "number": 1, "instances": {}}')
    (generations / "current").symlink_to("1")
    done = chainsaw(*words)
    assert "Traceback" not in done.err + done.out
    if words not in (("apply",), ("doctor",)):
        assert "this version of chainsaw reads 2" in done.err
        assert f"rm {generations}/current && chainsaw apply" in done.err


@pytest.mark.parametrize("words", [(), ("wordpress", "--all")])
def test_uninstall_takes_a_recipe_or_all(chainsaw, words):
    done = chainsaw("uninstall", *words)
    assert done.code == Exit.USAGE
    assert done.err.startswith("error: give either a RECIPE or --all\n")


def test_all_is_not_uninstalled_while_there_is_an_instance(chainsaw, www):
    done = chainsaw("uninstall", "--all", "--yes")
    assert (done.code, done.out) == (Exit.FAILED, "")
    assert done.err == (
        "error: www is still there; only a purge deletes an instance with its data\n"
        "  hint: chainsaw remove www --purge\n"
    )
    assert www.exists()


def test_all_is_uninstalled_only_when_somebody_agrees(chainsaw, home):
    secret = home / ".local/share/chainsaw/secrets/smtp_password"
    secret.parent.mkdir(parents=True)
    secret.write_text("tiger")
    done = chainsaw("uninstall", "--all")
    assert (done.code, done.out) == (Exit.USAGE, "")
    assert str(home / ".local/share/chainsaw") in done.err
    assert done.err.endswith("error: there is no terminal to ask on\n  hint: --yes deletes without asking\n")
    done = typing(home, "yes\n", "uninstall", "--all")
    assert done.returncode == Exit.FAILED
    assert done.stderr.endswith("error: nothing was deleted\n")
    assert secret.read_text() == "tiger"
