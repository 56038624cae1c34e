"""A choice among the settings may change the recipe itself: the chosen option does, the others do not."""

from __future__ import annotations

import pytest
from identity import IDENTITY

from chainsaw.errors import ChainsawError
from chainsaw.load.recipe import chosen_options, instance_bundle, load_recipe, with_options
from chainsaw.load.site import load_instance
from chainsaw.work.recipes.shipped import shared_parts

RECIPE = f"""{IDENTITY}
settings:
  store:
    type: choice
    options: [files, mariadb, postgres]
    default: files
    help: Where notes are kept.
    documentation: https://example.org/docs
  look:
    type: choice
    options: [plain, fancy]
    default: plain
    help: How it looks.
    documentation: https://example.org/docs
images:
  app: {{shared: php}}
volumes:
  notes: {{}}
components:
  app:
    image: app
    volumes: {{notes: /srv/notes}}
    health: {{command: ["true"]}}
    memory: 64M
serve:
  http: {{}}
variants:
  store:
    mariadb:
      database: mariadb
      volumes: {{notes: null}}
      components: {{app: {{volumes: {{notes: null}}}}}}
    postgres:
      database: postgres
  look:
    fancy:
      components: {{app: {{memory: 128M}}}}
"""


def recipe(text=RECIPE):
    return load_recipe("recipes/demo/recipe.yaml", "demo", {"recipe.yaml": text.encode()}, shared_parts())


def with_settings(bundle, settings):
    file = load_instance("instances/one.yaml", f"recipe: demo\nroute: https://one.localhost/\nsettings: {settings}\n")
    return instance_bundle(bundle, file.instance).recipe


def test_an_option_that_is_not_chosen_changes_nothing():
    bundle = recipe()
    assert with_settings(bundle, "{}") == bundle.recipe
    assert with_settings(bundle, "{store: files, look: plain}") == bundle.recipe
    assert set(bundle.recipe.components) == {"app"}


def test_an_option_that_is_chosen_changes_the_recipe():
    bundle = recipe()
    found = with_settings(bundle, "{store: mariadb}")
    assert set(found.components) == {"app", "db"}
    assert set(found.volumes) == {"database"}
    assert found.components["app"].volumes == {}
    assert found.components["app"].after == ("db",)
    assert found.components["app"].memory == "64M"


def test_several_choices_change_it_together():
    found = with_settings(recipe(), "{store: postgres, look: fancy}")
    assert found.components["app"].memory == "128M"
    assert found.components["app"].volumes == {"notes": "/srv/notes"}
    assert found.components["db"].stop.signal == "SIGINT"


def test_a_choice_leaves_the_recipe_of_other_instances_alone():
    bundle = recipe()
    before = bundle.recipe.model_dump()
    with_settings(bundle, "{store: mariadb, look: fancy}")
    assert bundle.recipe.model_dump() == before
    assert recipe().recipe.model_dump() == before


def test_a_default_may_be_a_choice_that_changes_the_recipe():
    bundle = recipe(RECIPE.replace("default: plain", "default: fancy"))
    assert with_settings(bundle, "{}").components["app"].memory == "128M"
    assert with_settings(bundle, "{look: plain}").components["app"].memory == "64M"


def test_only_options_that_change_something_are_applied():
    bundle = recipe()
    assert chosen_options(bundle.recipe, {"store": "mariadb", "look": "plain"}) == (("store", "mariadb"),)
    assert with_options(bundle, ()) is bundle
    assert with_options(bundle, (("look", "fancy"),)) is with_options(bundle, (("look", "fancy"),))


@pytest.mark.parametrize(
    ("change", "points_at", "code"),
    [
        ("components: {app: {memory: lots}}", "lots", "value-error"),
        ("components: {app: {memroy: 1G}}", "memroy", "unknown-key"),
        ("components: {app: {image: other}}", "other", "undeclared"),
        ("components: {jobs: {image: app}}", "{image: app}", "missing"),
        ("components: {app: {files: {none.conf: /etc/none.conf}}}", "none.conf", "no-file"),
        ("volumes: {notes: {seed: none}}", "none", "no-file"),
        ("name: other", "other", "recipe-name"),
    ],
)
def test_a_problem_in_a_variant_points_at_its_own_line(change, points_at, code):
    text = RECIPE.replace("components: {app: {memory: 128M}}", change)
    bundle = recipe(text)
    with pytest.raises(ChainsawError) as caught:
        with_settings(bundle, "{look: fancy}")
    (problem,) = [item for item in caught.value.diagnostics if item.code == code]
    line = text.splitlines().index(f"      {change}") + 1
    assert (problem.file, problem.line, problem.source) == ("recipes/demo/recipe.yaml", line, f"      {change}")
    assert problem.source[problem.column - 1 :].startswith(points_at)
    assert with_settings(bundle, "{}") == bundle.recipe
