"""The file that `new` writes has exactly the given values, whatever they are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from identity import IDENTITY

from chainsaw.load.edit import with_key, without_key
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


KINDS = {
    "string": texts,
    "boolean": st.booleans(),
    "email": st.just("kim@example.org"),
    "size": st.sampled_from(["1M", "2G"]),
}
DIRECTIVES = {
    "timezone": (("timezone",), "Asia/Kolkata"),
    "language": (("language",), "pt"),
    "upload_limit": (("upload_limit",), "8M"),
    "admin": (("admin", "email"), "kim@example.org"),
    "mail": (("mail", "host"), "smtp.example.net"),
}
UNDOCUMENTED = {
    ("serving",): st.just("stopped"),
    ("memory",): st.just("1G"),
}


def values_of(setting):
    """Return what a setting may be."""
    if setting.type == "choice":
        return st.sampled_from(setting.options)
    if setting.type == "integer":
        return st.integers(setting.minimum or 0, setting.maximum or 1000)
    return KINDS[setting.type]


@st.composite
def edits(draw, recipe):
    """Draw the settings that `new` is given, and keys that are set and unset after that, each with its value."""
    settings = {name: values_of(item) for name, item in recipe.settings.items()}
    chosen = draw(st.fixed_dictionaries({}, optional=settings))
    honoured = {path: st.just(value) for name, (path, value) in DIRECTIVES.items() if name in recipe.honours}
    possible = {**{("settings", name): kind for name, kind in settings.items()}, **honoured, **UNDOCUMENTED}
    paths = draw(st.lists(st.sampled_from(list(possible)), max_size=8))
    return chosen, [(path, draw(st.none() | possible[path])) for path in paths]


def edited(value, path, new):
    """Return a mapping with a key path set, or unset for None, without the mappings that this leaves empty."""
    name, rest = path[0], path[1:]
    inner = edited(value.get(name) or {}, rest, new) if rest else new
    others = {key: item for key, item in value.items() if key != name}
    return others if inner is None or (rest and not inner) else {**others, name: inner}


@pytest.mark.parametrize("name", list(CATALOG))
@settings(max_examples=20)
@given(data=st.data())
def test_after_any_edits_what_stands_in_comments_can_still_be_uncommented(name, data):
    bundle = CATALOG[name]
    chosen, changes = data.draw(edits(bundle.recipe))
    text = instance_text(bundle.recipe, "https://blog.localhost/", chosen)
    expected = load_instance("instances/blog.yaml", text).source.value
    for path, value in changes:
        text = without_key(text, path) if value is None else with_key(text, path, value)
        expected = edited(expected, path, value)
    assert load_instance("instances/blog.yaml", text).source.value == expected
    lines = [re.sub(r"^(# )?( *)(# )?([a-z_]+:)", r"\2\4", line) for line in text.splitlines()]
    whole = load_instance("instances/blog.yaml", "\n".join(lines) + "\n").instance
    assert set(whole.settings) == set(bundle.recipe.settings)
    assert {item for item in bundle.recipe.honours if getattr(whole, item, None) is not None} == set(
        bundle.recipe.honours
    )


@pytest.mark.parametrize("name", list(CATALOG))
def test_what_is_set_and_unset_again_leaves_every_line(name):
    recipe = CATALOG[name].recipe
    text = instance_text(recipe, "https://blog.localhost/", {})
    for setting, item in recipe.settings.items():
        path = ("settings", setting)
        assert without_key(with_key(text, path, item.default), path).replace('"', "") == text.replace('"', "")
    assert without_key(with_key(text, ("serving",), "stopped"), ("serving",)) == text
