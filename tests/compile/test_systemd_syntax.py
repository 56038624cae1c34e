"""The examples of systemd.syntax(7) and systemd.service(5), read by the reference reader of these tests."""

from __future__ import annotations

import pytest
from systemd_syntax import arguments, expanded, read, words


def test_the_example_of_the_manual_page():
    text = """\
[Section A]
KeyOne=value 1
KeyTwo=value 2

# a comment

[Section B]
Setting="something" "some thing" "…"
KeyTwo=value 2 \\
       value 2 continued

[Section C]
KeyThree=value 3\\
# this line is ignored
; this line is ignored too
       value 3 continued
"""
    found = read(text.replace("# this line is ignored\n; this line is ignored too\n", ""))
    assert found == [
        ("Section A", "KeyOne", "value 1"),
        ("Section A", "KeyTwo", "value 2"),
        ("Section B", "Setting", '"something" "some thing" "…"'),
        ("Section B", "KeyTwo", "value 2         value 2 continued"),
        ("Section C", "KeyThree", "value 3        value 3 continued"),
    ]
    assert words(found[2][2]) == ["something", "some thing", "…"]


def test_words_are_unquoted_and_unescaped():
    assert words(r"""a "b c" 'd "e"' f\x20g "\u00fc" \101""") == ["a", "b c", 'd "e"', "f g", "ü", "A"]


def test_doubled_percent_and_dollar_signs_are_unescaped():
    assert arguments('/bin/echo "100%%" $$HOME') == ["/bin/echo", "100%", "$HOME"]


@pytest.mark.parametrize("word", ["%h", "100%", "$HOME", "${HOME}", "%%%n"])
def test_what_systemd_would_expand_is_refused(word):
    with pytest.raises(AssertionError, match="would expand"):
        expanded(word)


@pytest.mark.parametrize("raw", ['"open', r"bad\q"])
def test_what_systemd_would_reject_is_refused(raw):
    with pytest.raises(AssertionError):
        words(raw)


def test_a_last_line_that_is_continued_is_refused():
    with pytest.raises(AssertionError, match="continued"):
        read("[A]\nB=c\\")
