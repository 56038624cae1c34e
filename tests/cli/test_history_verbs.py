"""history, diff, note, rollback, start and stop, as far as they work on a host without systemd."""

from __future__ import annotations

import subprocess

import pytest

from chainsaw.errors import Exit

BLOG = "recipe: wordpress\nroute: https://blog.example.org/\n"


@pytest.fixture
def blog(instance):
    return instance("blog", BLOG)


@pytest.fixture
def git(home):
    """Return the function that lets the admin use git where the files are."""

    def run(*words: str) -> str:
        argv = ["git", "-C", str(home / ".config/chainsaw"), "-c", "user.name=Kim", "-c", "user.email=kim@example.org"]
        return subprocess.run([*argv, *words], check=True, capture_output=True, text=True).stdout

    return run


def test_before_the_first_apply_there_is_no_history(chainsaw, blog):
    done = chainsaw("history")
    assert (done.code, done.out, done.err) == (0, "nothing is recorded yet: chainsaw apply\n", "")
    assert chainsaw("history", "blog").out == "nothing is recorded of blog\n"
    assert chainsaw("history", "--json").json["data"] == {"instance": None, "entries": []}


def test_a_note_is_kept_and_is_part_of_the_history(chainsaw, blog, home, git):
    done = chainsaw("note", "blog", "Kim knows the password of the mail account")
    assert (done.code, done.out, done.err) == (0, "noted for blog\n", "")
    assert (
        (home / ".config/chainsaw/notes/blog.md").read_text().endswith("Kim knows the password of the mail account\n")
    )
    assert git("show", "--format=%s", "--name-only").split("\n\n") == ["note: blog", "notes/blog.md\n"]
    shown = chainsaw("history", "blog").out.splitlines()
    assert shown[0].endswith("  note: blog")
    assert shown[1] == "    blog: Kim knows the password of the mail account"


def test_what_was_committed_by_hand_is_shown_with_its_diff(chainsaw, blog, git):
    chainsaw("note", "blog", "The first")
    git("add", "instances")
    git("commit", "-q", "-m", "As Kim wants it")
    done = chainsaw("history", "blog", "--diff", "-n", "1")
    first, *others = done.out.splitlines()
    assert first.endswith("  Kim  by hand  As Kim wants it")
    assert "    +recipe: wordpress" in others
    (entry,) = chainsaw("history", "blog", "--diff", "-n", "1", "--json").json["data"]["entries"]
    assert set(entry) == {"at", "who", "what", "details", "commit", "generation", "result", "diff"}


def test_a_program_gets_the_keys_of_each_report(chainsaw, blog):
    assert set(chainsaw("note", "blog", "x", "--json").json["data"]) == {"instance", "note", "path"}
    assert set(chainsaw("diff", "--json").json["data"]) == {"instance", "generation", "differs", "diff"}
    for words in (("history", "--json"), ("diff", "blog", "--json"), ("note", "blog", "y", "--json")):
        assert chainsaw(*words).json["command"] == words[0]


def test_all_that_is_declared_differs_from_nothing(chainsaw, blog):
    done = chainsaw("diff", "blog")
    assert done.code == 0
    assert done.out.splitlines()[:2] == [
        "--- instances/blog.yaml (generation 0)",
        "+++ instances/blog.yaml (now)",
    ]


def test_without_git_the_admin_is_warned_and_the_note_is_kept(chainsaw, blog, home, monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    done = chainsaw("note", "blog", "Kim knows")
    assert (done.code, done.out) == (0, "noted for blog\n")
    assert done.err == (
        "warning: git is not installed: the history covers only the last generations\n  hint: sudo apt install git\n"
    )
    assert (home / ".config/chainsaw/notes/blog.md").exists()
    done = chainsaw("history", "--json")
    assert [item["severity"] for item in done.json["diagnostics"]] == ["warning"]


@pytest.mark.parametrize(
    "words",
    [
        ("diff", "blgo"),
        ("note", "blgo", "x"),
        ("rollback", "blgo"),
        ("stop", "blgo"),
        ("start", "blgo"),
        ("maintenance", "blgo", "on"),
        ("restart", "blgo"),
        ("stop", "../site"),
        ("start", "../instances/blog"),
        ("maintenance", "../site", "off"),
        ("note", "../site", "x"),
    ],
    ids=" ".join,
)
def test_a_name_of_no_instance_is_not_found_and_nothing_is_written(chainsaw, blog, home, words):
    site = home / ".config/chainsaw/site.yaml"
    site.write_text("timezone: Europe/Vienna\n")
    done = chainsaw(*words)
    assert (done.code, done.out) == (Exit.MISSING, "")
    assert f"no instance {words[1]!r}" in done.err
    assert ("did you mean blog?" in done.err) == (words[1] == "blgo")
    assert (site.read_text(), blog.read_text()) == ("timezone: Europe/Vienna\n", BLOG)
    assert [path.name for path in blog.parent.iterdir()] == ["blog.yaml"]


@pytest.mark.parametrize("words", [("rollback", "blog", "--to", "7"), ("rollback",), ("diff", "--generation", "7")])
def test_a_generation_that_there_is_not_is_not_found(chainsaw, blog, words):
    done = chainsaw(*words)
    assert (done.code, done.out) == (Exit.MISSING, "")
    assert "hint: chainsaw history" in done.err


@pytest.mark.parametrize(
    "words",
    [("stop", "blog"), ("maintenance", "blog", "on"), ("start", "blog"), ("maintenance", "blog", "off")],
    ids=" ".join,
)
def test_where_nothing_can_be_applied_the_file_stays_as_it_was(chainsaw, instance, words):
    text = f"{BLOG}serving: {'normal' if words[-1] == 'on' or words[0] == 'stop' else 'stopped'}  # so far\n"
    file = instance("blog", text)
    done = chainsaw(*words)
    assert (done.code, done.out) == (Exit.HOST, "")
    assert file.read_text() == text


def test_an_error_in_another_file_stops_the_command_before_any_change(chainsaw, blog, instance):
    instance("club", "recipe: wordpess\n")
    assert chainsaw("stop", "blog").code == Exit.INVALID
    assert blog.read_text() == BLOG


def test_a_file_that_is_no_yaml_is_named(chainsaw, instance):
    file = instance("blog", "recipe: [")
    done = chainsaw("stop", "blog")
    assert (done.code, done.err.startswith("error: instances/blog.yaml:1:")) == (Exit.INVALID, True)
    assert file.read_text() == "recipe: ["


def test_a_restart_needs_something_that_was_applied(chainsaw, blog):
    done = chainsaw("restart", "blog")
    assert (done.code, done.out) == (Exit.MISSING, "")
    assert "blog is declared, but not applied" in done.err


@pytest.mark.parametrize(
    "words",
    [("stop",), ("maintenance", "blog"), ("maintenance", "blog", "maybe"), ("note", "blog"), ("history", "-n", "0")],
)
def test_words_that_are_missing_are_wrong_usage(chainsaw, blog, words):
    assert chainsaw(*words).code == Exit.USAGE


def test_a_note_is_one_line(chainsaw, blog):
    done = chainsaw("note", "blog", "two\nlines")
    assert (done.code, done.out) == (Exit.INVALID, "")
    assert done.err.startswith("error: note: a value is one line")
