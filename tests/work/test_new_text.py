"""The file that `new` writes has exactly the given values, whatever they are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from identity import IDENTITY

from chainsaw.load.edit import with_key
from chainsaw.load.recipe import load_recipe
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


REQUIRED = """\
settings:
  motto: {type: string, example: By the sea, help: What stands below., documentation: https://example.org/motto}
  name: {type: string, help: What stands above., documentation: https://example.org/name}
serve: {files: {volume: site}}
volumes: {site: {public: /}}
"""


def test_a_setting_that_must_be_set_is_shown_with_its_example():
    bundle = load_recipe("recipe.yaml", "demo", {"recipe.yaml": (IDENTITY + REQUIRED).encode()}, {})
    lines = instance_text(bundle.recipe, "https://blog.localhost/", {}).splitlines()
    assert '  # motto: "By the sea"' in lines
    assert '  # name: ""' in lines


WORDPRESS = CATALOG["wordpress"].recipe
EDITS = {
    **{("settings", name): values for name, values in (("title", texts), ("tagline", texts), ("debug", st.booleans()))},
    ("timezone",): st.just("Asia/Kolkata"),
    ("language",): st.just("pt"),
    ("upload_limit",): st.just("8M"),
    ("admin", "email"): st.just("kim@example.org"),
    ("mail", "host"): st.just("smtp.example.net"),
}


@st.composite
def edits(draw):
    paths = draw(st.lists(st.sampled_from(list(EDITS)), unique=True))
    return [(path, draw(EDITS[path])) for path in paths]


@given(edits(), st.fixed_dictionaries({}, optional={"title": texts}))
def test_after_any_edits_what_stands_in_comments_can_still_be_uncommented(changes, chosen):
    text = instance_text(WORDPRESS, "https://blog.localhost/", chosen)
    expected = {**load_instance("instances/blog.yaml", text).source.value}
    for path, value in changes:
        text = with_key(text, path, value)
        inner = {**expected.get(path[0], {}), path[-1]: value} if len(path) > 1 else value
        expected = {**expected, path[0]: inner}
    assert load_instance("instances/blog.yaml", text).source.value == expected
    lines = [re.sub(r"^(# )?( *)(# )?([a-z_]+:)", r"\2\4", line) for line in text.splitlines()]
    whole = load_instance("instances/blog.yaml", "\n".join(lines) + "\n").instance
    assert set(whole.settings) == set(WORDPRESS.settings)
    assert {item for item in WORDPRESS.honours if getattr(whole, item, None) is not None} == set(WORDPRESS.honours)
