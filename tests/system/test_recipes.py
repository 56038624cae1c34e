"""Every recipe that says it is proven proves it again; the others say that nobody has run them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .machine import Machine
from .prove import RECIPES, recorded, runnable

pytestmark = pytest.mark.system


@pytest.mark.parametrize("name", recorded())
def test_a_recipe_reaches_the_highest_level(proofs: dict[str, Any], name: str) -> None:
    found = proofs[name]
    assert found["level"] == 8, "\n".join(problem["message"] for problem in found["problems"])
    record = json.loads(found["record"])
    assert set(record["levels"]) == {str(number) for number in range(1, 9)}
    assert record["levels"]["3"]["evidence"]["boot"] != record["levels"]["3"]["evidence"]["boot_after"]


def test_what_nobody_has_run_is_never_said_to_be_proven(machine: Machine) -> None:
    shown = {item["name"]: item for item in machine.json("search")["data"]["recipes"]}
    upstream = {path.parent.name for path in RECIPES.glob("*/recipe.yaml")} - set(runnable())
    assert upstream
    for name in upstream:
        assert shown[name]["level"] is None
        assert "not run by us" in machine.chainsaw("info", name).out


@pytest.mark.parametrize("name", sorted({path.parent.name for path in RECIPES.glob("*/recipe.yaml")} - set(runnable())))
def test_a_recipe_of_an_upstream_image_is_taken_by_the_real_generator(machine: Machine, www: str, name: str) -> None:
    machine.chainsaw("recipe", "lint", f"/usr/share/chainsaw/recipes/{name}")
    done = machine.try_admin(
        "sh", "-c", f'cp -r "/usr/share/chainsaw/recipes/{name}" ~ && chainsaw recipe test ~/{name} --levels 1'
    )
    assert f"{name} " in done.out
    assert "1  ok" in done.out, str(done)
    machine.admin("rm", "-rf", name)
