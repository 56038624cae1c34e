"""What a rehearsed instance is: closed in every variant, for this host alone, whatever its former file says."""

from __future__ import annotations

from pathlib import Path

import pytest

from chainsaw.errors import ChainsawError, Diagnostic
from chainsaw.load.recipe import chosen_options, instance_bundle, with_options
from chainsaw.load.settings import directive_problems
from chainsaw.load.site import load_instance
from chainsaw.load.yaml import read_yaml
from chainsaw.model.names import check_instance
from chainsaw.work.recipes.catalog import read_recipe
from chainsaw.work.restore.closed import closed_recipe, closed_text
from chainsaw.work.restore.drill import Outcome, name_of

RECIPES = Path(__file__).resolve().parents[2] / "recipes"
NAMES = sorted(path.parent.name for path in RECIPES.glob("*/recipe.yaml"))
FILE = """\
recipe: {name}
route:
  - url: https://wiki.example.org/
    timeout: 2m
    allow: [192.0.2.0/24]
  - https://www.example.org/
serving: maintenance
backup: {{every: daily, drill: weekly}}
"""


def variants_of(bundle):
    """Yield a recipe as it is with each option of each of its choices."""
    yield bundle
    settings = {name: item.default for name, item in bundle.recipe.settings.items()}
    for name, options in bundle.recipe.variants.items():
        for option in options:
            yield with_options(bundle, chosen_options(bundle.recipe, {**settings, name: option}))


@pytest.mark.parametrize("name", NAMES)
def test_a_closed_recipe_has_no_timers_and_no_mail_in_any_variant(name):
    bundle = read_recipe(str(RECIPES / name), name)
    closed = closed_recipe(bundle)
    assert closed.digest != bundle.digest
    for variant, former in zip(variants_of(closed), variants_of(bundle), strict=True):
        assert not variant.recipe.timers
        assert "mail" not in variant.recipe.honours
        assert variant.recipe.components.keys() == former.recipe.components.keys()
        assert variant.recipe.volumes == former.recipe.volumes
        assert variant.recipe.probe == former.recipe.probe


@pytest.mark.parametrize("name", NAMES)
def test_its_file_is_for_this_host_alone_and_has_no_network(name):
    closed = closed_recipe(read_recipe(str(RECIPES / name), name))
    text = closed_text(FILE.format(name=name), "drill-wiki", closed)
    file = load_instance("instances/drill-wiki.yaml", text)
    instance, recipe = file.instance, instance_bundle(closed, file.instance).recipe
    assert instance.routes == ("https://drill-wiki.localhost/",)
    assert instance.published.allow == ("127.0.0.1/32", "::1/128")
    assert instance.published.timeout == "2m"
    assert instance.recipe == f"{closed.origin}@{closed.digest[:16]}"
    assert not any(item.has_network(instance.egress) for item in recipe.components.values())
    assert instance.serving == "normal"
    assert instance.backup
    assert (instance.backup.every, instance.backup.drill) == ("never", "never")
    assert (instance.sleep == "never") == (recipe.primary is not None)
    assert not list(directive_problems(file, recipe))


def test_neither_ports_of_the_host_nor_a_mail_server_nor_the_login_of_another_instance_are_taken_over():
    text = (
        "recipe: wordpress\nroute: https://blog.example.org/\nmail: {host: smtp.example.org}\nhost_ports: [993]\n"
        "egress: internet\nsleep: 15m\nauth: {forward: sso}\nsettings: {title: 'no'}\nlanguage: de\n"
    )
    closed = closed_recipe(read_recipe(str(RECIPES / "wordpress"), "wordpress"))
    found = read_yaml("it", closed_text(text, "drill-blog", closed)).value
    assert not {"mail", "host_ports", "auth"} & found.keys()
    assert found["settings"] == {"title": "no"}
    assert (found["language"], found["egress"], found["sleep"]) == ("de", "none", "never")


def test_a_login_of_the_front_stays():
    text = "recipe: wordpress\nroute: https://blog.example.org/\nauth: login\n"
    closed = closed_recipe(read_recipe(str(RECIPES / "wordpress"), "wordpress"))
    assert read_yaml("it", closed_text(text, "drill-blog", closed)).value["auth"] == "login"


@pytest.mark.parametrize("name", ["a", "blog", "a" * 31, f"{'a' * 24}-{'b' * 6}"])
def test_the_name_of_a_drill_is_that_of_an_instance(name):
    assert check_instance(name_of(name)).startswith("drill-a" if name[0] == "a" else "drill-blog")


def test_the_problem_of_an_outcome_is_the_first_error_in_one_line():
    well = Outcome("id", "blog", "/backup", 1)
    assert (well.problem, well.as_dict()["ok"]) == ("", True)
    outcome = Outcome("id", "blog", "/backup", 1)
    outcome.failed(ChainsawError([Diagnostic("a", "a note", severity="note"), Diagnostic("b", "wrong; its log:\n  x")]))
    outcome.failed(OSError(28, "No space left on device"))
    assert (outcome.problem, outcome.as_dict()["ok"]) == ("wrong", False)
