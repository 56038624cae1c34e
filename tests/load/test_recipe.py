"""A recipe is a directory: its recipe.yaml, and the files beside it."""

from __future__ import annotations

from pathlib import Path

import pytest
from identity import IDENTITY

from chainsaw.errors import ChainsawError, Exit
from chainsaw.host.files import read_directory
from chainsaw.load.recipe import files_digest, load_recipe
from chainsaw.load.site import load_intent
from chainsaw.work.recipes.catalog import Catalog
from chainsaw.work.recipes.shipped import shared_parts

ROOT = Path(__file__).resolve().parent.parent.parent
SHIPPED = sorted(path.parent.name for path in (ROOT / "recipes").glob("*/recipe.yaml"))


def refused(files):
    with pytest.raises(ChainsawError) as caught:
        load_recipe("recipes/demo/recipe.yaml", "demo", files, shared_parts())
    assert caught.value.exit is Exit.INVALID
    return [item.code for item in caught.value.diagnostics]


def test_a_directory_without_recipe_yaml_is_refused():
    assert refused({"README": b""}) == ["no-recipe-file"]


@pytest.mark.parametrize(
    "path",
    ["../x", "images/../../x", "/etc/x", "a//b", "./a", "a/.", ".git/config", "a/.GIT/hooks/x", "a\nb", "\x1b[2J", "",
     "a/", "\udcff", "x" * 256],
)  # fmt: skip
def test_a_file_that_could_leave_the_directory_is_refused(path):
    assert refused({"recipe.yaml": IDENTITY.encode(), path: b""}) == ["recipe-path"]


def test_a_recipe_that_is_not_utf_8_is_refused():
    assert refused({"recipe.yaml": b"title: Caf\xe9\n"}) == ["yaml-character"]


@pytest.mark.parametrize("name", SHIPPED)
def test_every_name_used_in_a_shipped_recipe_exists(name):
    bundle = load_recipe("recipe.yaml", name, read_directory(str(ROOT / "recipes" / name)), shared_parts())
    assert bundle.recipe.name == name
    for path, content in bundle.below("images").items():
        if content.startswith(b"#!"):
            assert b"\r" not in content, path


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_recipe_says_for_every_setting_where_it_is_documented(name):
    recipe = Catalog(str(ROOT / "recipes"))[name].recipe
    for setting in recipe.settings.values():
        assert setting.help.endswith(".")
        assert setting.documentation.startswith("https://")


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_recipe_gives_a_reason_for_each_capability(name):
    for component in Catalog(str(ROOT / "recipes"))[name].recipe.components.values():
        assert component.user != 0
        for waiver in component.capabilities:
            assert waiver.reason


def test_paths_below_a_directory_are_relative_to_it():
    bundle = load_recipe("recipe.yaml", "wordpress", read_directory(str(ROOT / "recipes/wordpress")), shared_parts())
    assert "Containerfile" in bundle.below("images/app")
    assert bundle.below("images/ap") == {}


def test_a_digest_of_files_depends_on_names_and_content_boundaries():
    contents = [{"a": b"1"}, {"b": b"1"}, {"a": b"2"}, {"a": b"", "b": b"1"}, {"a": b"1", "b": b""}, {"ab": b"1"}]
    assert len({files_digest(files) for files in contents}) == len(contents)
    assert files_digest({"a": b"1", "b": b"2"}) == files_digest({"b": b"2", "a": b"1"})


def test_a_catalog_reads_each_recipe_when_it_is_asked_for():
    catalog = Catalog(str(ROOT / "recipes"))
    assert sorted(catalog) == SHIPPED
    assert len(catalog) == len(SHIPPED)
    assert catalog.bundle("static") is catalog.bundle("static")
    assert catalog.get("no-such-recipe") is None
    with pytest.raises(ChainsawError, match="no recipe 'no-such-recipe'"):
        catalog.bundle("no-such-recipe")


@pytest.mark.parametrize("name", ["blog.yml", "blog.YAML", "blog.Yml"])
def test_a_file_of_an_instance_with_another_ending_is_not_left_out(name):
    with pytest.raises(ChainsawError) as caught:
        load_intent(("site.yaml", None), {f"instances/{name}": "recipe: demo\nroute: https://a.example.org/\n"}, {})
    (problem,) = caught.value.diagnostics
    assert (problem.code, problem.file) == ("misnamed", f"instances/{name}")
    assert problem.hint == f"mv -n 'instances/{name}' 'instances/blog.yaml', beside site.yaml"


@pytest.mark.parametrize("name", ["site.yml", "site.YAML", "site"])
def test_a_file_of_the_site_with_another_ending_is_not_left_out(name):
    for site, hint in ((None, f"mv -n '{name}' 'site.yaml'"), ("sleep: 1h\n", "site.yaml is there, too: delete one")):
        with pytest.raises(ChainsawError) as caught:
            load_intent(("site.yaml", site), {name: ""}, {})
        (problem,) = caught.value.diagnostics
        assert (problem.code, problem.file, problem.hint) == ("misnamed", name, hint)


def test_a_file_without_an_ending_is_told_its_right_name():
    with pytest.raises(ChainsawError) as caught:
        load_intent(("site.yaml", None), {"instances/blog": "recipe: demo\n"}, {})
    assert caught.value.diagnostics[0].hint == "mv -n 'instances/blog' 'instances/blog.yaml', beside site.yaml"


def test_of_two_files_of_one_name_none_is_overwritten():
    text = "recipe: demo\nroute: https://a.example.org/\n"
    with pytest.raises(ChainsawError) as caught:
        load_intent(("site.yaml", None), {"instances/a.yml": text, "instances/a.yaml": text}, {})
    hints = [item.hint for item in caught.value.diagnostics if item.code == "misnamed"]
    assert hints == ["instances/a.yaml is there, too: delete one"]


def test_a_broken_recipe_is_reported_once_for_all_its_instances(tmp_path):
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo/recipe.yaml").write_text("format: 2\n")
    files = {f"instances/{name}.yaml": f"recipe: demo\nroute: https://{name}.example.org/\n" for name in "ab"}
    with pytest.raises(ChainsawError) as caught:
        load_intent(("site.yaml", None), files, Catalog(str(tmp_path)))
    places = [(item.file, item.line, item.key) for item in caught.value.diagnostics]
    assert len(set(places)) == len(places)
    assert {file for file, _, _ in places} == {"recipes/demo/recipe.yaml"}


MARKED = (
    IDENTITY
    + """\
secrets: {password: {help: The first password.}}
images: {app: {shared: base}}
volumes: {data: {}}
components:
  app: {image: app, volumes: {data: /srv}, secrets: [password], health: {command: ["true"]}, memory: 64M}
serve: {http: {}}
marker:
  write: [{STEP}]
  read: [{request: {path: /, contains: "{{ marker }}"}}]
"""
)


@pytest.mark.parametrize(
    ("step", "codes"),
    [
        ("{put: {volume: data, path: a.txt, content: a}}", []),
        ("{put: {volume: date, path: a.txt, content: a}}", ["undeclared"]),
        ("{run: {component: app, command: [a]}}", []),
        ("{run: {component: jobs, command: [a]}}", ["undeclared"]),
        ("{request: {path: /, user: admin, secret: password}}", []),
        ("{request: {path: /, user: admin, secret: passwort}}", ["undeclared"]),
    ],
)
def test_a_marker_names_what_is_declared(step, codes):
    files = {"recipe.yaml": MARKED.replace("{STEP}", step).encode()}
    if codes:
        assert refused(files) == codes
    else:
        assert load_recipe("recipe.yaml", "demo", files, shared_parts()).recipe.marker
