"""The file that `new` writes has exactly the given values, whatever they are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainsaw.load.settings import effective_settings
from chainsaw.load.site import load_instance, problems_in
from chainsaw.model.names import check_text
from chainsaw.work.config.new import instance_text
from chainsaw.work.recipes.catalog import Catalog

ROOT = Path(__file__).resolve().parent.parent.parent
CATALOG = Catalog(str(ROOT / "recipes"))


def is_text(value):
    try:
        return check_text(value) == value
    except ValueError:
        return False


texts = st.text().filter(is_text)
values = st.fixed_dictionaries({}, optional={"title": texts, "tagline": texts, "debug": st.booleans()})


@given(values)
def test_a_value_is_read_back_as_it_was_given(chosen):
    bundle = CATALOG["wordpress"]
    recipe = bundle.recipe
    file = load_instance("instances/blog.yaml", instance_text(recipe, "https://blog.localhost/", chosen))
    assert file.instance.settings == chosen
    assert problems_in(file, bundle) == []
    defaults = {name: setting.default for name, setting in recipe.settings.items()}
    assert effective_settings(recipe, file.instance) == {**defaults, **chosen}


@pytest.mark.parametrize("name", list(CATALOG))
def test_what_stands_in_comments_is_valid_once_it_is_uncommented(name):
    bundle = CATALOG[name]
    recipe = bundle.recipe
    text = instance_text(recipe, "https://blog.localhost/", {})
    lines = [re.sub(r"^# ( *[a-z_]+:)", r"\1", line) for line in text.splitlines()]
    file = load_instance("instances/blog.yaml", "\n".join(lines) + "\n")
    assert problems_in(file, bundle) == []
    assert set(file.instance.settings) == set(recipe.settings)
    honoured = {item for item in recipe.honours if getattr(file.instance, item, None) is not None}
    assert honoured == set(recipe.honours)
