"""The values with which a recipe is tried out, where it has no default."""

from __future__ import annotations

import pytest

from chainsaw.compile.sample import likely_value
from chainsaw.load.settings import value_problem
from chainsaw.model.recipe import Setting


def setting(**fields):
    return Setting(help="It.", documentation="https://example.org/", **fields)


@pytest.mark.parametrize(
    ("fields", "value"),
    [
        ({"type": "string", "example": "By the sea"}, "By the sea"),
        ({"type": "string"}, "text"),
        ({"type": "choice", "options": ("a", "b")}, "a"),
        ({"type": "choice", "options": ("a", "b"), "example": "b"}, "b"),
        ({"type": "boolean"}, True),
        ({"type": "boolean", "example": False}, False),
        ({"type": "integer"}, 1),
        ({"type": "integer", "minimum": 60}, 60),
        ({"type": "integer", "maximum": -1}, -1),
        ({"type": "email"}, "kim@example.org"),
        ({"type": "size"}, "1M"),
    ],
)
def test_a_setting_without_a_default_has_its_example_or_a_value_that_fits(fields, value):
    assert likely_value(setting(**fields)) == value
    assert value_problem(setting(**fields), value) == ""
