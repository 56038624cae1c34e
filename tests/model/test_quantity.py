"""Quantities as people read them: short, and never more than there is by much."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainsaw.model.quantity import SPANS, UNITS, bytes_for_people, counted, span_for_people


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (None, "?"),
        (0, "0 B"),
        (1, "1 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (1499, "1 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (1_000_000, "1.0 MB"),
        (9_949_999, "9.9 MB"),
        (9_950_000, "10 MB"),
        (97_300_000, "97 MB"),
        (1_250_000_000, "1.2 GB"),
        (40_000_000_000_000, "40 TB"),
        (5_000_000_000_000_000, "5000 TB"),
    ],
)
def test_a_number_of_bytes_is_shown_with_a_unit(count, shown):
    assert bytes_for_people(count) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-5, "0 s"),
        (0, "0 s"),
        (0.9, "0 s"),
        (1, "1 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1 h"),
        (86_399, "23 h"),
        (86_400, "1 d"),
        (40_000_000, "462 d"),
    ],
)
def test_a_span_is_shown_in_its_largest_unit(seconds, shown):
    assert span_for_people(seconds) == shown


@given(st.integers(0, 10**17))
def test_the_shown_number_is_close_to_the_exact_one(count):
    number, unit = bytes_for_people(count).split()
    assert abs(float(number) * 1000 ** UNITS.index(unit) - count) <= 0.51 * 1000 ** UNITS.index(unit)
    assert re.fullmatch(r"\d(\.\d)?|\d{2,}", number)


@given(st.floats(0, 10**10))
def test_the_shown_span_is_never_longer_than_the_exact_one(seconds):
    number, unit = span_for_people(seconds).split()
    size = {name: size for size, name in SPANS}[unit]
    assert int(number) * size <= seconds < (int(number) + 1) * size


def test_one_has_no_s():
    assert [counted(count, "warning") for count in (0, 1, 2)] == ["0 warnings", "1 warning", "2 warnings"]
