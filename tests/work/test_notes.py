"""Notes on an instance."""

from __future__ import annotations

import re

import pytest
from acting import acting

from chainsaw.errors import ChainsawError, Exit
from chainsaw.work.history import history as module
from chainsaw.work.history import notes
from chainsaw.work.result import Quiet

notes_of, history = acting(notes.notes_of), acting(module.history)


def note(name, text):
    return acting(notes.note)(name, text, Quiet())


@pytest.fixture
def blog(admin):
    admin.declare("blog")
    admin.apply()
    return admin


def refused(name, text):
    with pytest.raises(ChainsawError) as caught:
        note(name, text)
    (problem,) = caught.value.diagnostics
    return problem, caught.value.exit


def test_a_note_is_kept_with_who_wrote_it_and_when(blog):
    done = note("blog", "Kim knows the password of the mail account")
    assert done.lines == ("noted for blog",)
    assert done.diagnostics == ()
    assert done.data["path"] == str(blog.own / "notes/blog.md")
    (line,) = notes_of("blog")
    assert re.fullmatch(
        rf"\d{{4}}-\d\d-\d\d \d\d:\d\d {blog.account.name}: Kim knows the password of the mail account", line
    )
    assert blog.read("notes/blog.md") == f"- {line}\n"


def test_notes_stand_in_the_order_in_which_they_were_written(blog):
    blog.write("notes/blog.md", "What I wrote before.\n\n")
    note("blog", "The first")
    note("blog", "The second")
    assert [line.rpartition(": ")[2] for line in notes_of("blog")] == [
        "What I wrote before.",
        "The first",
        "The second",
    ]


def test_a_note_is_part_of_the_history_and_of_nothing_else(blog):
    blog.declare("blog", "Not yet applied")
    note("blog", "Kim asked for it")
    assert blog.changed_by() == ["notes/blog.md"]
    assert blog.subjects()[0] == "note: blog"
    newest = history("blog", 1, False).data["entries"][0]
    assert (newest["what"], newest["details"]) == ("note: blog", ["blog: Kim asked for it"])


def test_what_is_only_declared_may_have_notes_as_well(admin):
    admin.declare("blog")
    note("blog", "To be applied in June")
    assert len(notes_of("blog")) == 1
    assert notes_of("club") == []


def test_without_git_a_note_is_kept_all_the_same(blog, gitless):
    assert [item.code for item in note("blog", "Kim knows").diagnostics] == ["no-git"]
    assert notes_of("blog")[0].endswith("Kim knows")


def test_a_note_is_one_line_of_text(blog):
    for text in ("two\nlines", "a bell \x07"):
        problem, code = refused("blog", text)
        assert (problem.code, code, problem.key) == ("note", Exit.INVALID, "note")
    assert notes_of("blog") == []


def test_a_note_on_no_instance_is_refused(blog):
    for name in ("blgo", "../site", ""):
        problem, code = refused(name, "x")
        assert (problem.code, code) == ("no-instance", Exit.MISSING)
    assert not (blog.own / "notes").exists()
