"""An application is told who is logged in only where the front asks everybody, and believes nobody's word elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from chainsaw.load.yaml import read_yaml

RECIPES = Path(__file__).parents[2] / "recipes"
IDENTITIES = {
    path.parent.name: serve["auth"]["identity"]
    for path in sorted(RECIPES.glob("*/recipe.yaml"))
    if "identity" in (serve := read_yaml(path.name, path.read_text()).value["serve"]).get("auth", {})
}
"""How each recipe that can says that it takes who is logged in."""


@pytest.fixture
def site(compiled, tmp_path):
    """Return what compiles a site with one instance of a recipe, with further lines of its file."""

    def made(recipe, *lines):
        file = tmp_path / "config/instances/one.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n".join((f"recipe: {recipe}", "route: https://one.example.org/", *lines)) + "\n")
        (tmp_path / "host.json").write_text('{"users": {"kim": []}}')
        return compiled(tmp_path)

    return made


def configuration(site):
    """Return all that the containers are configured with; headers are written in one way."""
    texts = (artifact.content.decode() for path, artifact in site.tree.items() if path.startswith(("config/", "quad")))
    return "\n".join(texts).lower().replace("_", "-")


def test_there_are_recipes_that_take_a_login():
    assert {"dokuwiki", "mediawiki", "miniflux", "node-red", "radicale"} <= IDENTITIES.keys()


@pytest.mark.parametrize("recipe", IDENTITIES)
def test_without_a_login_an_application_believes_no_header(site, recipe):
    open_to_all, behind = site(recipe), site(recipe, "auth: login")
    name = IDENTITIES[recipe]["user"].lower().replace("_", "-")
    assert name not in configuration(open_to_all)
    assert "$visitor" not in open_to_all.text("nginx/locations/one.params")
    assert f"{IDENTITIES[recipe]['user']} $visitor" in behind.text("nginx/locations/one.params")
    assert configuration(behind) != configuration(open_to_all)


@pytest.mark.parametrize("recipe", IDENTITIES)
def test_the_first_password_of_an_application_is_shown_where_one_logs_in_with_it(site, recipe):
    assert site(recipe).manifest.instances["one"].login[2] == "admin_password"
    assert site(recipe, "auth: login").manifest.instances["one"].login is None


def test_a_form_takes_away_what_an_application_knows_a_visitor_by(site):
    host = site("miniflux", "auth: login").text("nginx/hosts/one.example.org.conf")
    form, rest = host.split("location = /.chainsaw/login {")[1].split("}", 1)
    assert 'add_header Set-Cookie "MinifluxUserSessionID=; Max-Age=0; Path=/; Secure";' in form
    assert "MinifluxUserSessionID" not in rest
