"""Mappings laid over each other: the upper one wins, null takes away, and neither of the two is changed."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chainsaw.host.files import read_directory
from chainsaw.load.overlay import PARTS, merged, on_parts, overlay
from chainsaw.load.recipe import load_recipe
from chainsaw.load.source import Source
from chainsaw.load.yaml import read_yaml
from chainsaw.model.recipe import Recipe
from chainsaw.work.recipes.shipped import shared_parts

ROOT = Path(__file__).resolve().parent.parent.parent

words = st.sampled_from("abcd")
scalars = st.integers(0, 3) | st.booleans() | words | st.lists(st.integers(0, 3), max_size=2).map(tuple)


def mappings(*leaves):
    return st.dictionaries(
        words, st.recursive(st.one_of(scalars, *leaves), lambda inner: st.dictionaries(words, inner))
    )


values = mappings()
changes = mappings(st.none())


def leaves(value, path=()):
    """Yield the path and value of all in a mapping that is no mapping with something in it."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
    else:
        yield path, value


def at(value, path):
    for part in path:
        value = value[part]
    return value


def is_there(value, path):
    try:
        at(value, path)
    except (KeyError, TypeError):
        return False
    return True


@given(values)
def test_an_empty_overlay_changes_nothing(value):
    assert merged(value, {}) == value
    assert merged(value, value) == value


@given(values, values)
def test_values_of_the_upper_mapping_win(under, over):
    found = merged(under, over)
    for path, value in leaves(over):
        assert at(found, path) == value or value == {}


@given(values, values)
def test_keys_missing_in_the_upper_mapping_are_kept(under, over):
    found = merged(under, over)
    mentioned = [path for path, _ in leaves(over)]
    for path, value in leaves(under):
        if not any(path[: len(other)] == other[: len(path)] for other in mentioned):
            assert at(found, path) == value


@given(values, changes)
@example({}, {"a": {"b": None}})
def test_null_removes_a_key(under, over):
    found = merged(under, over)
    for path, value in leaves(over):
        if value is None:
            assert not is_there(found, path)
    assert None not in [value for _, value in leaves(found)]


@given(values, changes)
@example({}, {"a": {"b": None}})
def test_applying_an_overlay_twice_is_the_same_as_once(under, over):
    assert merged(merged(under, over), over) == merged(under, over)


@given(values, changes)
def test_merging_changes_neither_of_its_inputs(under, over):
    before = deepcopy((under, over))
    merged(under, over)
    assert (under, over) == before


def test_lists_are_replaced_and_not_joined():
    assert merged({"a": (1, 2)}, {"a": (3,)}) == {"a": (3,)}


FILE = read_yaml(
    "demo.yaml",
    "kind: plain\nvolumes:\n  site: {public: /}\nvariants:\n  fancy:\n    volumes: {site: {public: /site/}}\n",
)


def test_places_come_from_the_upper_mapping_where_it_has_the_key():
    found = overlay(FILE, FILE, ("variants", "fancy"))
    assert found.value["volumes"] == {"site": {"public": "/site/"}}
    assert found.place(("volumes", "site", "public")) == (6, 30)
    assert found.place(("volumes", "site"), at_key=True) == (6, 15)
    assert found.place(("kind",)) == (1, 7)
    assert (found.name, found.text) == (FILE.name, FILE.text)


def test_a_source_is_not_changed_by_an_overlay():
    before = deepcopy(FILE)
    overlay(FILE, FILE, ("variants", "fancy"))
    on_parts(FILE, {})
    assert before == FILE


BLOCKS = {
    "php-fpm": {"components": {"app": {"ready": "notify", "memory": "512M"}}},
    "mariadb": {"volumes": {"database": {}}, "components": {"db": {"image": "db", "memory": "256M"}}},
    "valkey": {"components": {"cache": {"image": "cache", "memory": "96M"}}},
}


def stacked(value):
    return on_parts(Source("recipe.yaml", "", value), BLOCKS).value


def test_a_recipe_is_merged_over_its_building_blocks():
    found = stacked({"runtime": "php-fpm", "components": {"app": {"image": "app", "memory": "1G"}}})
    assert found["components"]["app"] == {"after": (), "image": "app", "ready": "notify", "memory": "1G"}


def test_a_recipe_can_override_a_building_block():
    found = stacked({"database": "mariadb", "volumes": {"database": None}, "components": {"db": {"memory": "1G"}}})
    assert found["volumes"] == {}
    assert found["components"]["db"] == {"image": "db", "memory": "1G"}


def test_a_component_starts_after_those_of_building_blocks_unless_it_has_after():
    own = {"app": {}, "jobs": {"after": ("cache",)}, "cron": {"after": ()}}
    components = stacked({"runtime": "php-fpm", "database": "mariadb", "cache": "valkey", "components": own})[
        "components"
    ]
    waits = {name: item.get("after") for name, item in components.items()}
    assert waits == {"app": ("cache", "db"), "jobs": ("cache",), "cron": (), "db": None, "cache": None}


def test_a_recipe_without_building_blocks_is_unchanged():
    value = {"components": {"app": {"image": "app"}}, "volumes": {"data": {}}}
    assert stacked(value) == {**value, "components": {"app": {"image": "app", "after": ()}}}


@pytest.mark.parametrize("value", [{"components": None}, {"components": ("app",)}, {"components": {"app": None}}])
def test_a_value_that_is_not_a_mapping_is_left_to_the_check(value):
    assert stacked({"database": "mariadb", **value}).keys() >= {"database"}


@given(st.fixed_dictionaries({}, optional={"database": st.just("mariadb"), "cache": st.just("valkey")}), changes)
def test_building_blocks_and_recipes_are_never_changed(named, own):
    before = deepcopy((BLOCKS, named, own))
    stacked({**named, "components": own})
    assert (BLOCKS, named, own) == before


def test_every_key_that_names_a_building_block_is_a_key_of_a_recipe():
    assert set(PARTS) <= set(Recipe.model_fields)


def test_the_files_of_building_blocks_are_added_to_those_of_a_recipe():
    files = read_directory(str(ROOT / "recipes/static"))
    bundle = load_recipe("recipe.yaml", "static", files, shared_parts())
    assert bundle.below("part/mariadb").keys() >= {"part.yaml", "my.cnf"}
    assert {path: content for path, content in bundle.files.items() if not path.startswith("part/")} == files
