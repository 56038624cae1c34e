"""Every recipe that says it is proven proves it again, a share of them in each machine."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .machine import Machine
from .prove import prepare, prove, recorded

pytestmark = [pytest.mark.system, pytest.mark.stage("workshop")]

SHARES = 4
CASES = [
    pytest.param(number % SHARES, name, marks=pytest.mark.xdist_group(f"proofs {number % SHARES}"), id=name)
    for number, name in enumerate(recorded())
]


@pytest.fixture(scope="module")
def proofs(request: pytest.FixtureRequest, own: Machine) -> dict[str, dict[str, Any]]:
    """Return how the test of each recipe of a share ended."""
    parameters = [item.callspec.params for item in request.session.items if hasattr(item, "callspec")]
    names = [asked["name"] for asked in parameters if asked.get("proofs") == request.param]
    return prove(prepare(Machine(own.name)), names)


@pytest.mark.parametrize(("proofs", "name"), CASES, indirect=["proofs"])
def test_a_recipe_reaches_the_highest_level(proofs: dict[str, dict[str, Any]], name: str) -> None:
    found = proofs[name]
    assert found["level"] == 8, "\n".join(problem["message"] for problem in found["problems"])
    record = json.loads(found["record"])
    assert set(record["levels"]) == {str(number) for number in range(1, 9)}
    assert record["levels"]["3"]["evidence"]["boot"] != record["levels"]["3"]["evidence"]["boot_after"]
