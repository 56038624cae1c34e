"""chainsaw config: show, set, unset and edit, also for an instance that is called like a command."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from chainsaw.errors import Exit

BLOG = "# Ours.\nrecipe: wordpress\nroute: https://blog.example.org/\nsettings:\n  title: Walks  # by the sea\n"


@pytest.fixture
def blog(instance) -> Path:
    return instance("blog", BLOG)


@pytest.fixture
def editor(tmp_path, monkeypatch):
    """Return the function that makes an editor of a few lines of Python, which has the file's name in `name`."""

    def make(code: str) -> None:
        script = tmp_path / "editor.py"
        script.write_text(f"import sys\nfrom pathlib import Path\nname = Path(sys.argv[1])\n{code}\n")
        monkeypatch.setenv("EDITOR", f"{sys.executable} {script}")
        monkeypatch.delenv("VISUAL", raising=False)

    return make


def test_an_instance_is_shown_as_a_table(chainsaw, blog):
    done = chainsaw("config", "blog")
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0].split() == ["key", "value", "from"]
    assert ["settings.title", "Walks", "instances/blog.yaml:5"] in [line.split() for line in lines]
    assert chainsaw("config", "show", "blog").out == done.out


def test_one_key_is_shown_as_its_value_alone(chainsaw, blog):
    assert chainsaw("config", "blog", "title").out == "Walks\n"
    assert chainsaw("config", "show", "blog", "settings.title").out == "Walks\n"
    assert chainsaw("config", "blog", "tagline").out == "\n"


def test_a_key_is_explained(chainsaw, blog):
    done = chainsaw("config", "blog", "title", "--explain")
    assert done.out.startswith("settings.title: The name of the site.")
    assert "documentation  https://" in done.out
    assert chainsaw("config", "--explain", "blog", "title").out == done.out
    assert "--explain needs a KEY" in chainsaw("config", "blog", "--explain").err


def test_the_site_is_shown_and_changed(chainsaw, home):
    assert chainsaw("config", "--site", "timezone").out == "UTC\n"
    assert chainsaw("config", "set", "--site", "timezone", "Europe/Vienna").code == 0
    assert chainsaw("config", "set", "--site", "admin.email", "kim@example.org").code == 0
    assert chainsaw("config", "show", "--site", "timezone").out == "Europe/Vienna\n"
    assert chainsaw("config", "--site", "admin.email").out == "kim@example.org\n"
    assert chainsaw("config", "unset", "--site", "timezone").code == 0
    text = (home / ".config/chainsaw/site.yaml").read_text()
    assert text == "admin:\n  email: kim@example.org\n"


def test_a_key_is_set_and_unset(chainsaw, blog):
    done = chainsaw("config", "set", "blog", "title", "Walks in the hills")
    assert (done.code, done.out) == (0, "settings.title is Walks in the hills\nnext: chainsaw apply blog\n")
    assert blog.read_text() == BLOG.replace("Walks ", "Walks in the hills ")
    done = chainsaw("config", "unset", "blog", "title")
    assert (done.code, done.out) == (0, "settings.title is no longer set here\nnext: chainsaw apply blog\n")
    kept = "# settings:\n  # title: Walks in the hills  # by the sea\n"
    assert blog.read_text() == f"# Ours.\nrecipe: wordpress\nroute: https://blog.example.org/\n{kept}"
    assert chainsaw("config", "unset", "blog", "title").out == "settings.title is not set here\n"


def test_a_value_may_begin_with_a_hyphen(chainsaw, blog):
    assert chainsaw("config", "set", "blog", "--", "title", "--5").code == 0
    assert chainsaw("config", "blog", "title").out == "--5\n"


def test_what_apply_would_refuse_changes_nothing(chainsaw, blog):
    done = chainsaw("config", "set", "blog", "sleep", "soon")
    assert (done.code, done.out) == (Exit.INVALID, "")
    assert done.err.startswith("error: instances/blog.yaml:6:8: sleep: a time span is a whole number")
    assert "\n  sleep: soon\n         ^\n" in done.err
    assert blog.read_text() == BLOG


def test_a_mistyped_key_or_name_is_not_found_and_there_is_a_suggestion(chainsaw, blog):
    done = chainsaw("config", "set", "blog", "titel", "Walks")
    assert (done.code, "did you mean title?" in done.err) == (Exit.MISSING, True)
    done = chainsaw("config", "blgo")
    assert (done.code, "no instance 'blgo'; did you mean blog?" in done.err) == (Exit.MISSING, True)
    assert chainsaw("config", "blgo", "--json").json["diagnostics"][0]["code"] == "no-instance"


@pytest.mark.parametrize("name", ["show", "set", "unset", "edit"])
def test_an_instance_that_is_called_like_a_command_is_reached(chainsaw, instance, name, editor):
    instance(name, BLOG.replace("blog", name))
    assert chainsaw("config", "show", name, "title").out == "Walks\n"
    assert chainsaw("config", "set", name, "title", "Other").code == 0
    assert chainsaw("config", "unset", name, "title").code == 0
    assert chainsaw("config", "show", name, "title").out != "Other\n"
    editor("name.write_text(name.read_text() + 'sleep: 15m\\n')")
    assert chainsaw("config", "edit", name).code == 0
    assert chainsaw("config", "show", name, "sleep").out == "15m\n"


@pytest.mark.parametrize(
    "words",
    [
        ("show",),
        ("set",),
        ("set", "blog"),
        ("set", "blog", "title"),
        ("set", "blog", "title", "Walks", "by"),
        ("set", "--site", "timezone"),
        ("unset", "blog"),
        ("unset", "blog", "title", "more"),
        ("edit",),
        ("edit", "blog", "title"),
        ("blog", "title", "more"),
        ("--nonsense",),
    ],
    ids=" ".join,
)
def test_words_that_are_missing_or_too_many_are_wrong_usage(chainsaw, blog, words):
    done = chainsaw("config", *words)
    assert (done.code, done.out) == (Exit.USAGE, "")
    assert blog.read_text() == BLOG


def test_help_is_not_taken_for_an_instance(chainsaw):
    assert "Show and change the configuration of an instance." in chainsaw("config", "--help").out
    assert "Show and change the configuration of an instance." in chainsaw("config", "-h").out


def test_a_program_gets_every_key_with_its_origin(chainsaw, blog):
    done = chainsaw("config", "blog", "--json")
    assert done.json["command"] == "config"
    assert set(done.json["data"]) == {"instance", "path", "keys"}
    keys = {item["key"]: item for item in done.json["data"]["keys"]}
    assert set(keys["settings.title"]) == {"key", "value", "origin", "help", "kind", "documentation"}
    assert keys["settings.debug"]["value"] is False
    assert chainsaw("config", "--json", "blog").json == done.json
    changed = chainsaw("config", "set", "blog", "debug", "true", "--json").json["data"]
    assert changed == {"instance": "blog", "path": str(blog), "changed": True}


def test_a_file_is_edited_and_kept_when_it_is_right(chainsaw, blog, editor):
    editor("name.write_text(name.read_text().replace('Walks', 'Hikes'))")
    done = chainsaw("config", "edit", "blog")
    assert (done.code, done.out) == (0, "instances/blog.yaml is changed\nnext: chainsaw apply blog\n")
    assert blog.read_text() == BLOG.replace("Walks", "Hikes")


def test_the_site_is_edited_likewise(chainsaw, home, editor):
    editor("assert name.suffix == '.yaml'\nname.write_text('timezone: Europe/Vienna\\n')")
    assert chainsaw("config", "edit", "--site").code == 0
    assert (home / ".config/chainsaw/site.yaml").read_text() == "timezone: Europe/Vienna\n"


def test_a_faulty_edit_is_not_kept_and_all_that_is_wrong_is_reported(chainsaw, blog, editor):
    editor("name.write_text(name.read_text().replace('title', 'tilte') + '  debug: maybe\\n')")
    done = chainsaw("config", "edit", "blog")
    assert (done.code, done.out) == (Exit.INVALID, "")
    assert "instances/blog.yaml:5:3: settings.tilte: unknown setting; did you mean title?" in done.err
    assert "instances/blog.yaml:6:10: settings.debug: should be true or false" in done.err
    assert "error: the file was not changed, since what you wrote has problems" in done.err
    assert blog.read_text() == BLOG


def test_an_editor_that_changes_nothing_or_fails_changes_nothing(chainsaw, blog, editor):
    editor("")
    assert chainsaw("config", "edit", "blog").out == "nothing was changed\n"
    editor("sys.exit(1)")
    done = chainsaw("config", "edit", "blog")
    assert (done.code, done.out) == (Exit.FAILED, "")
    assert done.err.startswith("error: ")
    assert blog.read_text() == BLOG
