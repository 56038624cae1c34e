"""Templates: strict, sandboxed, and true to their lines in what they complain of."""

from __future__ import annotations

import json
import resource
import signal
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chainsaw.compile import bounds
from chainsaw.compile.template import php, render
from chainsaw.errors import ChainsawError, Exit


def problem(text, **context):
    with pytest.raises(ChainsawError) as caught:
        render("page.j2", text, context)
    assert caught.value.exit is Exit.INVALID
    (found,) = caught.value.diagnostics
    assert found.code == "template"
    return found


def test_an_undefined_name_is_reported_with_its_line():
    found = problem("first\n{{ titel }}\n")
    assert found.render() == (
        "page.j2:2:1: 'titel' is undefined; chainsaw recipe guide, chapter 6, lists all names\n  {{ titel }}\n  ^"
    )


def test_a_syntax_error_is_reported_with_its_line():
    found = problem("first\nsecond\n{% if %}\n")
    assert found.location() == "page.j2:3:1"
    assert found.message.startswith("not a valid template: ")


@pytest.mark.parametrize(
    "text",
    [
        "{{ ''.__class__ }}",
        "{{ 1 / 0 }}",
        "{{ 'a' + 1 }}",
        "{{ '{}'.format() }}",
        "{{ '{a}'.format() }}",
        "{{ 'a'.encode('no-such-encoding') }}",
        "{{ [1] | map(nothing=1) | list }}",
        "{% include 'other' %}",
        "{{ 'x' | nosuchfilter }}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    ],
)
def test_every_error_in_a_template_is_reported_with_its_line(text):
    assert problem(f"first\n{text}\n").location() == "page.j2:2:1"


def test_values_of_other_types_are_written_as_they_are():
    assert render("page.j2", "{{ number }} {{ flag | lower }}", {"number": 5, "flag": True}) == "5 true"


def test_values_of_several_lines_are_allowed_in_files_that_ask_for_them():
    assert render("page.j2", "{{ value }}", {"value": "a\nb"}, one_line_values=False) == "a\nb"


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_output_of_the_json_filter_is_read_back_by_a_json_reader(value):
    assert json.loads(render("page.j2", "{{ value | json }}", {"value": value}, one_line_values=False)) == value


def php_string(literal):
    """Return what PHP makes of a single-quoted literal (php.net, Strings): only \\\\ and \\' are escapes."""
    assert literal[0] == literal[-1] == "'"
    found, inner = "", iter(literal[1:-1])
    for character in inner:
        assert character != "'", f"the literal ends early: {literal}"
        if character == "\\":
            following = next(inner)
            found += following if following in "\\'" else f"\\{following}"
        else:
            found += character
    return found


@given(st.text())
@example("it's")
@example("\\")
@example("\\'")
@example("'; system('reboot'); '")
def test_output_of_the_php_filter_is_read_back_by_a_php_reader(value):
    assert php_string(php(value)) == value


@pytest.mark.parametrize(("value", "literal"), [(True, "true"), (False, "false"), (-5, "-5"), (None, "''")])
def test_the_php_filter_writes_numbers_and_booleans_bare(value, literal):
    assert php(value) == literal


@pytest.mark.parametrize(
    "template", ["{{ settings.titel }}", "{{ settings.titel | json }}", "{{ settings.titel | php }}"]
)
def test_a_mistyped_key_is_reported_with_a_suggestion(template):
    with pytest.raises(ChainsawError, match=r"there is no .titel.; did you mean title\?"):
        render("page.j2", template, {"settings": {"title": "Walks"}})


def test_a_secret_cannot_be_used_as_a_value():
    with pytest.raises(ChainsawError, match="a secret is the file /run/secrets/<name>, never a value"):
        render("page.j2", "{{ secret.admin_password }}", {})


ENDLESS = {
    "loops": "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
    "calls": "{% macro a() %}{{ a() }}{{ a() }}{% endmacro %}{{ a() }}",
    "doubling": "{% set x = 'x' %}" + "{% set x = x ~ x %}" * 40 + "{{ x }}",
    "product": "{{ 'x' * 1000000000 }}",
    "width": "{{ '%1000000000d' % 1 }}{{ '{:1000000000}'.format(1) }}",
    "filter": "{{ 'a' | center(1000000000) }}",
    "power": "{{ 9 ** 9 ** 9 }}",
    "numbers": "{% set x = 99 %}" + "{% set x = x * x %}" * 40 + "{{ x }}",
    "range": "{{ range(1000000000) | list }}",
    "brackets": "{{" + "(" * 5000 + "1" + ")" * 5000 + "}}",
}


@pytest.mark.parametrize("text", ENDLESS.values(), ids=ENDLESS.keys())
def test_a_template_that_would_take_for_ever_or_all_memory_is_an_error(text, monkeypatch):
    monkeypatch.setattr(bounds, "SECONDS", 0.5)
    before = resource.getrlimit(resource.RLIMIT_AS)
    began = time.monotonic()
    with pytest.raises(ChainsawError) as caught:
        render("a.j2", text, {})
    assert time.monotonic() - began < 5
    assert [item.code for item in caught.value.diagnostics] == ["template"]
    assert resource.getrlimit(resource.RLIMIT_AS) == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_a_product_of_ordinary_numbers_is_calculated():
    assert render("a.j2", "{{ megabytes * 1048576 }}{{ '-' * 3 }}", {"megabytes": 64}) == "67108864---"


def test_all_templates_of_an_instance_have_a_limit_together(monkeypatch):
    monkeypatch.setattr(bounds, "SECONDS", 0.3)
    monkeypatch.setattr(bounds, "TOGETHER", 0.5)
    began = time.monotonic()
    with bounds.together():
        for _ in range(20):
            with pytest.raises(ChainsawError, match="all templates of an instance"):
                render("a.j2", ENDLESS["loops"], {})
    assert time.monotonic() - began < 3
    assert render("a.j2", "{{ 1 }}", {}) == "1"


def test_templates_that_are_quick_do_not_use_it_up(monkeypatch):
    monkeypatch.setattr(bounds, "TOGETHER", 2.0)
    with bounds.together():
        assert [render("a.j2", "{{ i }}", {"i": i}) for i in range(100)] == [str(i) for i in range(100)]
