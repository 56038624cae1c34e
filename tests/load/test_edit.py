"""A key is set or taken away, and nothing else of what the admin wrote is touched."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainsaw.errors import ChainsawError
from chainsaw.load.edit import with_key, without_key
from chainsaw.load.yaml import read_yaml

FILE = """\
# Ours since 2019.
recipe: wordpress   # the blog
route: https://blog.example.org/
settings:
  # What stands above.
  title: "Walks by the sea"  # since the summer
  tagline: |
    Two lines
    of text
  debug: true
# The end.
"""


def value_of(text):
    return read_yaml("text", text).value


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        (("settings", "title"), "Walks by the lake", "  title: Walks by the lake  # since the summer"),
        (("settings", "debug"), False, "  debug: false"),
        (("settings", "tagline"), "One line: yes", '  tagline: "One line: yes"'),
        (("settings", "posts"), 12, "  posts: 12"),
        (("route",), "https://www.example.org/", "route: https://www.example.org/"),
        (("sleep",), "15m", 'sleep: "15m"'),
        (("memory", "db"), "256M", 'memory:\n  db: "256M"'),
    ],
)
def test_setting_a_key_keeps_every_other_line(path, value, line):
    text = with_key(FILE, path, value)
    assert f"{line}\n" in text
    expected = value_of(FILE)
    place = expected
    for name in path[:-1]:
        place = place.setdefault(name, {})
    place[path[-1]] = value
    assert value_of(text) == expected
    for kept in ("# Ours since 2019.", "# the blog", "# What stands above.", "# The end."):
        assert kept in text


def test_a_new_key_is_added_at_the_end_of_its_mapping():
    text = with_key(FILE, ("settings", "posts"), 12)
    assert "  debug: true\n  posts: 12\n# The end.\n" in text


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        ("", ("recipe",), "recipe: x\n"),
        ("# only a comment\n", ("settings", "a"), "# only a comment\nsettings:\n  a: x\n"),
        ("settings:\nroute: y\n", ("settings", "a"), "settings:\n  a: x\nroute: y\n"),
        ("settings: {}\n", ("settings", "a"), "settings: {a: x}\n"),
        ("settings: {b: 1}  # short\n", ("settings", "a"), "settings: {b: 1, a: x}  # short\n"),
        ("settings: {a: 1, b: 2}\n", ("settings", "a"), "settings: {a: x, b: 2}\n"),
        ("admin: {email: k@e.org}\n", ("admin", "email"), "admin: {email: x}\n"),
        ("a:\n    long: 1\n", ("a", "b"), "a:\n    long: 1\n    b: x\n"),
        ("a: 1", ("b",), "a: 1\nb: x\n"),
        ("a:\n", ("a",), "a: x\n"),
        ("a:\n  b: 1\n", ("a",), "a: x\n"),
    ],
)
def test_the_style_of_the_file_is_kept(text, path, expected):
    assert with_key(text, path, "x") == expected


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        ("a: 1\nb: 2\nc: 3\n", ("b",), "a: 1\nc: 3\n"),
        ("a: 1\ns:\n  # why\n\n  b: 2\n  c: 3\n", ("s", "b"), "a: 1\ns:\n  # why\n\n  c: 3\n"),
        ("a: 1\n# c: 3\nb: 2\n", ("b",), "a: 1\n# c: 3\n"),
        ("a: 1\ns:\n  b: 2\nd: 4\n", ("s", "b"), "a: 1\nd: 4\n"),
        ("s: {a: 1, b: 2}\n", ("s", "a"), "s: {b: 2}\n"),
        ("s: {a: 1, b: 2}\n", ("s", "b"), "s: {a: 1}\n"),
        ("s: {a: 1}\nt: 1\n", ("s", "a"), "t: 1\n"),
        ("a: |\n  one\n  two\n# end\nb: 2\n", ("a",), "# end\nb: 2\n"),
        ("a: 1\n", ("b",), "a: 1\n"),
        ("a: 1\n", ("a", "b"), "a: 1\n"),
        ("a:\nb: 1\n", ("a",), "b: 1\n"),
    ],
)
def test_a_key_is_removed_with_mappings_that_become_empty(text, path, expected):
    assert without_key(text, path) == expected


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        ("a: 1\nb: 2  # two\nc: 3\n", ("b",), "a: 1\n# b: 2  # two\nc: 3\n"),
        ("a: 1\n# why\nb: 2\nc: 3\n", ("b",), "a: 1\n# why\n# b: 2\nc: 3\n"),
        ("s:\n  # why\n  b: 2\n  c: 3\n", ("s", "b"), "s:\n  # why\n  # b: 2\n  c: 3\n"),
        ("s:\n  # why\n  b: 2\nc: 3\n", ("s", "b"), "# s:\n  # why\n  # b: 2\nc: 3\n"),
        ("s:\n#   # why\n  b: 2\n#   c: 3\n", ("s", "b"), "# s:\n#   # why\n#   b: 2\n#   c: 3\n"),
        ("s:\n  b: 2\n  # c: 3\nd: 4\n", ("s", "b"), "# s:\n  # b: 2\n  # c: 3\nd: 4\n"),
        ("s:\n  # why\n  b: 2\n\n  c: 3\nd: 4\n", ("s",), "# s:\n  # why\n  # b: 2\n\n  # c: 3\nd: 4\n"),
        ("s: {b: 2}  # why\nc: 3\n", ("s", "b"), "# s: {b: 2}  # why\nc: 3\n"),
        ("# why\nb: |\n  one\n  # two\nc: 3\n", ("b",), "# why\n# b: |\n#   one\n#   # two\nc: 3\n"),
        ("b:  # why\nc: 3\n", ("b",), "# b:  # why\nc: 3\n"),
    ],
)
def test_what_a_comment_explains_becomes_a_comment(text, path, expected):
    assert without_key(text, path) == expected


@pytest.mark.parametrize("behind", ["  # Two.\n  # b: 2\n", "#   # Two.\n#   b: 2\n"])
def test_a_new_key_stands_behind_the_comments_of_the_mapping_before_it(behind):
    text = f"s:\n  # One.\n  a: 1\n{behind}# t: 3\n"
    assert with_key(text, ("serving",), "stopped") == text.replace("# t", "serving: stopped\n# t")
    assert without_key(with_key(text, ("serving",), "stopped"), ("serving",)) == text


def test_invalid_yaml_is_not_edited():
    for edit in (lambda: with_key("a: [", ("b",), 1), lambda: without_key("a: [", ("b",))):
        with pytest.raises(ChainsawError):
            edit()
    with pytest.raises(ValueError, match="not a mapping"):
        with_key("a: 1\n", ("a", "b"), 1)


VALUES = st.one_of(st.booleans(), st.integers(), st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])))
NAMES = st.sampled_from(["a", "b", "title", "long_name"])


@given(st.lists(st.tuples(NAMES, NAMES, VALUES), max_size=6))
def test_set_values_are_read_back_and_unset_keys_are_removed(edits):
    text, expected = "# first\n\n", dict[str, dict[str, object]]()
    for section, name, value in edits:
        text = with_key(text, (section, name), value)
        expected.setdefault(section, {})[name] = value
        assert value_of(text) == expected
    for section, name, _ in edits:
        text = without_key(text, (section, name))
    assert value_of(text) == {}
    assert text == "# first\n\n"
