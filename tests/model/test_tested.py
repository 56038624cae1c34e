"""The level of a recipe is the highest up to which every one was passed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from chainsaw.model import tested as model
from chainsaw.model.tested import LEVELS, LevelResult
from chainsaw.work.trial.levels import LEVELS as TRIED

numbers = st.sampled_from(sorted(LEVELS))


def record(levels):
    found = {number: LevelResult(passed=passed, seconds=1.5) for number, passed in levels.items()}
    return model.Tested(
        recipe="demo", version="1-1", digest="0", date="2026-01-01", by="chainsaw 0", host={}, levels=found
    )


@pytest.mark.parametrize(
    ("levels", "level"),
    [
        ({}, 0),
        ({1: True}, 1),
        ({1: False, 2: True}, 0),
        ({1: True, 2: True, 3: False, 4: True}, 2),
        ({1: True, 3: True}, 1),
        ({2: True, 3: True}, 0),
        (dict.fromkeys(LEVELS, True), len(LEVELS)),
    ],
)
def test_a_level_counts_only_if_all_lower_levels_passed(levels, level):
    assert record(levels).level == level


@given(st.dictionaries(numbers, st.booleans()))
def test_the_level_is_the_highest_without_a_gap(levels):
    level = record(levels).level
    assert all(levels.get(number) for number in range(1, level + 1))
    assert not levels.get(level + 1)


@given(st.dictionaries(numbers, st.booleans()), numbers)
def test_one_more_level_that_is_passed_never_lowers_it(levels, number):
    assert record({**levels, number: True}).level >= record(levels).level


@given(st.dictionaries(numbers, st.booleans()))
def test_a_written_record_is_read_back_unchanged(levels):
    assert model.Tested.model_validate_json(record(levels).model_dump_json()) == record(levels)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": 1, "recipe": "demo", "colour": "blue"}'])
def test_an_invalid_record_is_ignored(text):
    with pytest.raises(ValidationError):
        model.Tested.model_validate_json(text)


def test_levels_are_counted_from_one_and_each_is_tried():
    assert list(LEVELS) == list(range(1, len(LEVELS) + 1)) == list(TRIED)
    for meaning in LEVELS.values():
        assert not meaning.endswith(".")
