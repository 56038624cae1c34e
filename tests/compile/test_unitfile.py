"""What a template puts into a unit is what the program gets: nothing is expanded, split, joined or lost."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from systemd_syntax import argument, arguments, read, setting

from chainsaw.compile.template import render
from chainsaw.compile.unitfile import check_unit, lost_of, parse_unit, quote, write_unit
from chainsaw.errors import ChainsawError
from chainsaw.model.keys import _BY_SUFFIX, SYSTEMD
from chainsaw.model.names import check_text
from chainsaw.model.unit import Section, Unit

NASTY = st.sampled_from(list("%$\\\"' \t;#=[]{}@-+!:,|&<>()*?~`^aä²\u00a0\u3000\u2003😀"))


def is_text(value: str) -> bool:
    try:
        return check_text(value) == value
    except ValueError:
        return False


texts = st.one_of(st.text(), st.text(NASTY)).filter(is_text)
"""Every value that an admin or a recipe may write: one line, no control characters."""


def written(template: str, **context: object) -> list[tuple[str, str, str]]:
    """Return what systemd reads of a rendered, checked and written template."""
    unit = parse_unit("app@blog.container", "test.container.j2", render("test.container.j2", template, context))
    assert check_unit(unit, "test.container.j2", (5, 4)) == []
    return read(write_unit(unit))


@given(texts)
@example("trailing space ")
@example("ends with a backslash\\")
@example("[Service]")
def test_an_environment_variable_is_read_back_unchanged(value):
    (entry,) = written("[Container]\nEnvironment={{ key }}={{ value }}\n", key="TITLE", value=value)
    assert arguments(entry[2]) == [f"TITLE={value}"]


@given(st.lists(texts.filter(lambda value: value not in ("", ";")), min_size=1))
@example(["/bin/sh", "-c", "echo $HOME; date +%s", " "])
@example([";;", "\\;", " ;"])
def test_the_arguments_of_a_command_are_read_back_unchanged(argv):
    entries = written(
        "[Container]\nExec={{ argv | json }}\n[Service]\nExecReload={{ argv | json }}\nRestart=always\n", argv=argv
    )
    assert [entry[1] for entry in entries] == ["Exec", "ExecReload", "Restart"]
    assert arguments(entries[0][2]) == argv
    assert arguments(entries[1][2]) == argv


@given(st.lists(texts, min_size=1))
def test_a_health_command_is_read_back_as_one_json_list(argv):
    (entry,) = written("[Container]\nHealthCmd={{ argv | json }}\n", argv=argv)
    assert json.loads(argument(entry[2])) == argv


@given(texts.filter(lambda value: not value.endswith("\\") and value not in ("", ";") and not lost_of(value)))
@example("100% of $HOME")
@example("sh -c 'a \"b\" c'")
def test_a_plain_value_is_read_back(value):
    text = "[Container]\nEntrypoint={{ value }}\nReadOnly=true\n[Unit]\nDescription={{ value }}\nStartLimitBurst=5\n"
    entrypoint, read_only, description, burst = written(text, value=value)
    assert argument(entrypoint[2]) == value
    assert setting(description[2]) == value
    assert (read_only[1:], burst[1:]) == (("ReadOnly", "true"), ("StartLimitBurst", "5"))


@pytest.mark.parametrize("place", ["[Container]\nEntrypoint=", "[Unit]\nDescription="])
def test_a_plain_value_that_would_join_the_next_line_is_refused(place):
    unit = parse_unit("a.container", "a.container.j2", f"{place}ends with a backslash\\\n")
    assert [item.code for item in check_unit(unit, "a.container.j2", (5, 4))] == ["unit-value"]


@pytest.mark.parametrize("entry", ['Exec=["true", ";", "/bin/sh"]', "Entrypoint=;", "Image=;"])
def test_an_argument_that_would_begin_a_command_of_its_own_is_refused(entry):
    unit = parse_unit("a.container", "a.container.j2", f"[Container]\n{entry}\n")
    (problem,) = check_unit(unit, "a.container.j2", (5, 4))
    assert (problem.code, problem.message[:36]) == ("unit-value", "an argument that is only a semicolon")


@pytest.mark.parametrize("value", ['";"', '"a b"', 'a"', '"', " sh", "sh\u00a0", "sh\u3000"])
def test_a_plain_value_of_which_the_generator_would_take_something_off_is_refused(value):
    unit = parse_unit("a.container", "a.container.j2", f"[Container]\nEntrypoint={value}\n")
    (problem,) = check_unit(unit, "a.container.j2", (5, 4))
    assert problem.code == "unit-value"
    assert "at its begin or end, which Podman's generator takes off" in problem.message


@pytest.mark.parametrize("entry", ['Exec=["true", "", "x"]', "Entrypoint="])
def test_an_empty_argument_is_refused_because_it_would_be_left_out(entry):
    unit = parse_unit("a.container", "a.container.j2", f"[Container]\n{entry}\n")
    assert [item.message[:17] for item in check_unit(unit, "a.container.j2", (5, 4))] == ["an empty argument"]
    timer = parse_unit("a.service", "a.service.j2", '[Service]\nExecStart=["true", ""]\n')
    assert check_unit(timer, "a.service.j2", (5, 4)) == []


@pytest.mark.parametrize("separator", ["\n", "\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029", "\x00", "\x7f"])
def test_no_value_can_start_a_new_line(separator):
    with pytest.raises(ChainsawError) as caught:
        written("[Container]\nEnvironment=A={{ value }}\n", value=f"b{separator}[Service]{separator}ExecStartPre=[]")
    assert [item.code for item in caught.value.diagnostics] == ["template"]


@given(st.text())
@example("two\nlines")
@example("\x85")
def test_a_quoted_word_is_one_line_and_reads_back(value):
    word = quote(value)
    assert "\n" not in word
    assert "\0" in value or arguments(word) == [value]


@pytest.mark.parametrize("word", ["blog", "--tag=a/b:1", "a@b.c,d+e"])
def test_a_plain_word_is_not_quoted(word):
    assert quote(word) == word


def test_an_empty_argument_is_quoted():
    assert quote("") == '""'


sections = st.lists(
    st.sampled_from([("Unit", "After"), ("Unit", "Wants"), ("Container", "Volume"), ("Container", "Label")]), min_size=1
)


@given(sections)
def test_order_and_repetition_of_keys_are_kept(keys):
    entries = tuple(Section(section, ((key, str(index)),)) for index, (section, key) in enumerate(keys))
    text = write_unit(Unit("a.container", entries))
    assert [(section, key) for section, key, _ in read(text)] == keys
    assert [value for _, _, value in read(text)] == [str(index) for index in range(len(keys))]


def test_all_problems_of_a_unit_are_reported_at_once():
    text = "[Container]\nImage=a\nImage=b\nImagine=c\nHttpProxy=d\n"
    problems = check_unit(parse_unit("a.container", "a.container.j2", text), "a.container.j2", (5, 4))
    assert [(item.code, item.key) for item in problems] == [
        ("unit-repeated", "Container.Image"),
        ("unit-key", "Container.Imagine"),
        ("unit-key", "Container.HttpProxy"),
    ]


def test_a_key_is_refused_by_name_and_version_where_podman_is_too_old():
    unit = parse_unit("a.container", "a.container.j2", "[Container]\nStopTimeout=3\nStopSignal=SIGINT\n")
    assert check_unit(unit, "a.container.j2", (5, 2)) == []
    (problem,) = check_unit(unit, "a.container.j2", (5, 1))
    assert (problem.key, problem.message) == ("Container.StopSignal", "needs Podman 5.2, and this is 5.1")


def test_podman_keys_have_a_minimum_version_and_systemd_keys_have_none():
    for tables in _BY_SUFFIX.values():
        for table in tables.values():
            assert all(key.since >= (4, 4) for key in table.values())
    for table in SYSTEMD.values():
        assert all(key.since == (0, 0) for key in table.values())
