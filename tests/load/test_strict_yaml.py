"""YAML 1.2, read strictly: what is accepted means what YAML 1.2 says, and every place is right."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from chainsaw.errors import ChainsawError, Exit
from chainsaw.load.yaml import read_yaml

SCALARS = [
    *("true", "True", "false", "null", "~", "0", "5", "-5", "+5", "1_000", "017", "08", "0o17", "0x1F", "1.5", "1e3"),
    *("yes", "no", "on", "off", "y", "n", "22:22", "2020-01-01", ".inf", ".nan", "-0x1F", "0b11", "1__0", "0x", "1.10"),
    *("a", "a b", "'a'", '"a"', "''", '"\\n"', "a:b", "a#b", "-", "- a", "[a, b]", "{a: b}", "[]", "{}", "|", ">"),
]
documents = st.one_of(
    st.text(),
    st.text("ab:- \n#'\"{}[],&*!|>%01xe._~?<=", max_size=24),
    st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(SCALARS)), max_size=4).map(
        lambda items: "".join(f"{key}: {value}\n" for key, value in items)
    ),
)


def read(text):
    try:
        return read_yaml("site.yaml", text)
    except ChainsawError as error:
        assert error.exit is Exit.INVALID
        assert error.diagnostics
        return None


def agrees(ours, theirs):
    """Compare with ruamel's safe loader, which knows numbers and dates that are text for chainsaw."""
    if isinstance(ours, dict):
        return (
            isinstance(theirs, dict)
            and len(ours) == len(theirs)
            and all(agrees(one, other) for one, other in zip(ours.values(), theirs.values(), strict=True))
        )
    if isinstance(ours, tuple):
        return isinstance(theirs, list) and all(agrees(one, other) for one, other in zip(ours, theirs, strict=True))
    if isinstance(ours, str) and isinstance(theirs, int | float | datetime.date) and not isinstance(theirs, bool):
        return not ours.isdigit()
    return type(ours) is type(theirs) and ours == theirs


@given(documents)
@example("a: yes\nb: no\nc: 22:22\n")
@example("a: 0x1F\nb: 0o17\nc: 1_000\nd: 1e3\n")
@example("0_")
def test_accepted_texts_have_the_value_that_yaml_defines(text):
    source = read(text)
    assume(source is not None)
    try:
        theirs = YAML(typ="safe", pure=True).load(text)
    except ValueError:  # ruamel takes `._` for a number, and fails to make one of it
        assume(False)
    assert not source.value if theirs is None else agrees(source.value, theirs)


@given(documents)
def test_the_recorded_place_of_every_key_is_right(text):
    source = read(text)
    assume(source is not None)
    for path, (line, column) in source.keys.items():
        shown = source.line(line)[column - 1 :]
        assert shown.startswith((str(path[-1])[:1], "'", '"', "!", "|", ">"))


@pytest.mark.parametrize("word", ["yes", "no", "on", "off", "y", "n", "22:22", "2020-01-01", "1.2.3"])
def test_words_that_yaml_1_1_would_convert_are_text(word):
    assert read_yaml("a.yaml", f"a: {word}\n").value == {"a": word}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a: 1\na: 2\n", "yaml-duplicate"),
        ("a: {b: 1, b: 2}\n", "yaml-duplicate"),
        ("a: &x 1\nb: *x\n", "yaml-anchor"),
        ("a: &x [*x]\n", "yaml-anchor"),
        ("&x a: 1\n", "yaml-key"),
        ("<<: {a: 1}\n", "yaml-key"),
        ("? [a]\n: b\n", "yaml-key"),
        ("a: !env HOME\n", "yaml-tag"),
        ("a: !env {b: 1}\n", "yaml-tag"),
        ("a: !!set {b}\n", "yaml-tag"),
        ("a: !env [b]\n", "yaml-tag"),
        ("%YAML 1.1\n---\na: yes\n", "yaml-directive"),
        ("a: [\n", "yaml-syntax"),
        ("a: 'b\n", "yaml-syntax"),
        ("a: b: c\n", "yaml-syntax"),
        ("a:\n\t- b\n", "yaml-syntax"),
        ("---\na: 1\n---\nb: 2\n", "yaml-syntax"),
        ("a: *x\n", "yaml-syntax"),
        ("a: b\0\n", "yaml-character"),
        ('a: "\\ud83d"\n', "yaml-character"),
        ('"\\ud83d": 1\n', "yaml-character"),
        ("? !0\n: 1\n", "yaml-key"),
        ("!!binary a: 1\n", "yaml-key"),
        ("a: [" + "1," * 40000 + "]", "yaml-size"),
        ("a: " + "[" * 700, "yaml-depth"),
    ],
)
def test_yaml_features_that_are_not_allowed_are_refused(text, code):
    with pytest.raises(ChainsawError) as caught:
        read_yaml("a.yaml", text)
    assert [item.code for item in caught.value.diagnostics] == [code]
    assert code in ("yaml-depth", "yaml-size") or caught.value.diagnostics[0].line


def test_a_bomb_of_aliases_is_refused_at_once():
    lines = [
        "a: &a [x, x, x, x, x, x, x, x, x]",
        *(f"{n}: &{n} [{f'*{p}, ' * 9}]" for p, n in zip("abcdefgh", "bcdefghi", strict=True)),
    ]
    with pytest.raises(ChainsawError) as caught:
        read_yaml("a.yaml", "\n".join(lines))
    assert {item.code for item in caught.value.diagnostics} == {"yaml-anchor"}


def test_all_problems_of_a_file_are_reported():
    with pytest.raises(ChainsawError) as caught:
        read_yaml("a.yaml", "a: 1\na: 2\nb: !x 1\nc: &y 1\n")
    assert [(item.line, item.column, item.code) for item in caught.value.diagnostics] == [
        (2, 1, "yaml-duplicate"),
        (3, 4, "yaml-tag"),
        (4, 4, "yaml-anchor"),
    ]


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n"])
def test_a_file_without_content_has_no_keys(text):
    assert read_yaml("a.yaml", text).value in ({}, None)


@pytest.mark.parametrize("depth", [300, 400, 450, 500])
def test_at_any_depth_a_file_is_read_or_refused(depth):
    source = read("a: " + "[" * depth + "]" * depth)
    assert source is None or source.value
