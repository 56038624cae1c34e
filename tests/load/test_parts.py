"""A building block brings all that a recipe needs of it: its files, its health, and how its data is kept."""

from __future__ import annotations

import re
from typing import get_args

import pytest
from identity import IDENTITY

from chainsaw.errors import ChainsawError
from chainsaw.load.recipe import load_part, load_recipe
from chainsaw.model.recipe import Recipe
from chainsaw.work.recipes.shipped import shared_files, shared_parts

PARTS = shared_parts()
CALLED = {"runtime": "app", "database": "db", "cache": "cache"}
"""What the component of a building block is called, by the key that names the block."""

RECIPE = (
    IDENTITY
    + """\
images:
  app: {shared: php}
components:
  app:
    image: app
    health: {command: ["true"]}
    memory: 64M
serve:
  fastcgi: {root: /srv/app}
"""
)


def named_by(key):
    """Return the building blocks that a key of a recipe may name."""
    (words,) = [item for item in get_args(Recipe.model_fields[key].annotation) if item is not type(None)]
    return get_args(words)


BLOCKS = [(key, name) for key in CALLED for name in named_by(key)]
every = pytest.mark.parametrize(("key", "name"), BLOCKS, ids=lambda value: value)
stored = pytest.mark.parametrize(("key", "name"), [(key, name) for key, name in BLOCKS if key != "runtime"])


def with_block(key, name):
    """Return a small recipe that uses a building block."""
    return load_recipe("recipe.yaml", "demo", {"recipe.yaml": f"{RECIPE}{key}: {name}\n".encode()}, PARTS).recipe


def brought(name):
    return load_part(name, PARTS[name]).recipe


def test_every_building_block_is_one_that_a_recipe_may_name():
    assert sorted(name for _, name in BLOCKS) == sorted(PARTS)


@every
def test_it_has_a_title_and_gives_a_valid_recipe(key, name):
    part = load_part(name, PARTS[name])
    assert part.name == name
    assert part.documentation.startswith("https://")
    assert set(brought(name)["components"]) == {CALLED[key]}
    assert CALLED[key] in with_block(key, name).components


@every
def test_all_of_its_files_are_there_and_each_is_mounted(key, name):
    mounted = with_block(key, name).components[CALLED[key]].files
    assert sorted(mounted) == sorted(f"part/{name}/{path}" for path in PARTS[name] if path != "part.yaml")


@every
def test_its_images_are_shared_by_all_recipes(key, name):
    for image in brought(name).get("images", {}).values():
        assert image.keys() == {"shared"}
        assert image["shared"] in shared_files().images


@stored
def test_it_has_a_health_check_and_notifies_systemd_when_ready(key, name):
    component = with_block(key, name).components[CALLED[key]]
    assert component.health is not None
    assert component.ready == "notify"


@stored
def test_what_holds_data_can_be_dumped_and_restored(key, name):
    component = with_block(key, name).components[CALLED[key]]
    assert bool(component.dump) == bool(component.restore) == bool(component.volumes)
    assert bool(component.volumes) == (key == "database")


@every
def test_it_asks_for_no_privilege_and_no_network(key, name):
    component = with_block(key, name).components[CALLED[key]]
    assert component.user != 0
    assert component.capabilities == ()
    assert component.egress is None


@every
def test_it_uses_no_secret(key, name):
    recipe = with_block(key, name)
    component = recipe.components[CALLED[key]]
    assert recipe.secrets == {}
    assert component.secrets == ()
    words = [*component.environment, *component.environment.values(), *component.command]
    assert not [word for word in words if re.search(r"(?i)password|secret|token|passwd", word)]


@stored
def test_it_starts_before_the_app_by_default(key, name):
    assert with_block(key, name).components["app"].after == (CALLED[key],)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("format: 1\nname: x\n", "missing"),
        ("name: [\n", "yaml-syntax"),
        ("colour: blue\n", "unknown-key"),
    ],
)
def test_a_faulty_building_block_is_reported_with_its_place(text, code):
    with pytest.raises(ChainsawError) as caught:
        load_part("x", {"part.yaml": text.encode()})
    assert code in [item.code for item in caught.value.diagnostics]
    assert {item.file for item in caught.value.diagnostics} == {"parts/x/part.yaml"}
