"""Untested recipes are shown as untested; test_proofs runs the tests of the others."""

from __future__ import annotations

import pytest

from .machine import Machine
from .prove import RECIPES
from .stage import runnable

pytestmark = [pytest.mark.system, pytest.mark.stage("www")]


def test_an_untested_recipe_is_never_shown_as_tested(machine: Machine) -> None:
    shown = {item["name"]: item for item in machine.json("search")["data"]["recipes"]}
    upstream = {path.parent.name for path in RECIPES.glob("*/recipe.yaml")} - set(runnable())
    assert upstream
    for name in upstream:
        assert shown[name]["level"] is None
        assert "not run by us" in machine.chainsaw("info", name).out


@pytest.mark.parametrize("name", sorted({path.parent.name for path in RECIPES.glob("*/recipe.yaml")} - set(runnable())))
def test_a_recipe_of_an_upstream_image_is_accepted_by_the_real_generator(machine: Machine, www: str, name: str) -> None:
    machine.chainsaw("recipe", "lint", f"/usr/share/chainsaw/recipes/{name}")
    done = machine.try_admin(
        "sh", "-c", f'cp -r "/usr/share/chainsaw/recipes/{name}" ~ && chainsaw recipe test ~/{name} --levels 1'
    )
    assert f"{name} " in done.out
    assert "1  ok" in done.out, str(done)
    machine.admin("rm", "-rf", name)
