"""Every recipe with a record of passed tests passes them again, each in a machine of its own.

One of them always, a server in Python; `make test-long` runs the others.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from .machine import Machine
from .prove import DRIVER, LAST, prepare, prove, recorded

pytestmark = [pytest.mark.system, pytest.mark.stage("workshop")]

ALWAYS = ("radicale",)


@pytest.fixture(scope="module")
def proof(request: pytest.FixtureRequest, own: Machine) -> dict[str, Any]:
    """Return how the test of a recipe ended, in a machine of its own."""
    return prove(prepare(Machine(own.name)), [request.param])[request.param]


@pytest.mark.parametrize(
    "proof",
    [pytest.param(name, marks=() if name in ALWAYS else pytest.mark.long) for name in recorded()],
    indirect=True,
)
def test_a_recipe_reaches_the_highest_level(proof: dict[str, Any]) -> None:
    assert proof["level"] == LAST, "\n".join(problem["message"] for problem in proof["problems"])
    record = json.loads(proof["record"])
    assert set(record["levels"]) == {str(number) for number in range(1, LAST + 1)}
    assert record["levels"]["3"]["evidence"]["boot"] != record["levels"]["3"]["evidence"]["boot_after"]
    hosts = record["levels"][str(LAST)]["evidence"]
    assert hosts["to"]["driver"] == DRIVER
    assert all(hosts["from"][key] != hosts["to"][key] for key in ("site", "user", "driver"))
    assert hosts["from"]["block"] is None or hosts["from"]["block"] != hosts["to"]["block"]
