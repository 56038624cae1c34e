"""Each directory of tests/errors is a faulty site, and what chainsaw says of it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from chainsaw.errors import ChainsawError, in_file_order
from chainsaw.load.check import _PHRASES

ROOT = Path(__file__).resolve().parent.parent.parent
CASES = sorted((ROOT / "tests/errors").iterdir())

ELSEWHERE = {}
"""Codes that no faulty text leads to, each with the test that does."""


def refused(case, compiled):
    """Return the error with which a case is refused."""
    with pytest.raises(ChainsawError) as caught:
        compiled(case)
    return caught.value


def test_a_faulty_site_is_refused_with_what_is_expected(faulty, compiled, update):
    error = refused(faulty, compiled)
    found = "\n".join(item.render() for item in error.diagnostics) + f"\nexit: {error.exit.value}\n"
    if update:
        (faulty / "expected.err").write_text(found)
    assert found == (faulty / "expected.err").read_text()


def test_every_problem_says_where_it_is_and_shows_the_line(faulty, compiled):
    for item in refused(faulty, compiled).diagnostics:
        if item.file.endswith((".yaml", ".j2", ".conf")) and item.code != "instance-name" and "unit-" not in item.code:
            assert re.match(r"[a-z/.A-Z0-9_-]+:[0-9]+:[0-9]+: .", item.headline()), item
            assert item.source or item.code == "missing", item
            assert len(item.source) >= item.column - 1, item
        assert item.file or item.code == "block-overlap", item


def test_all_problems_are_told_in_the_order_of_the_files(compiled):
    error = refused(ROOT / "tests/errors/several-faults-in-several-files", compiled)
    assert error.diagnostics == in_file_order(error.diagnostics)
    assert {item.file for item in error.diagnostics} == {
        "site.yaml",
        *(f"instances/{name}.yaml" for name in ("blog", "club", "www", "zoo")),
    }
