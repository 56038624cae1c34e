"""What a rolled back instance keeps in its own file: its recipe's version, and what site.yaml said then."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chainsaw.errors import ChainsawError
from chainsaw.host import files
from chainsaw.host.account import Account
from chainsaw.load.recipe import load_recipe
from chainsaw.load.settings import directive_problems
from chainsaw.load.site import load_instance, load_site
from chainsaw.model.paths import Paths
from chainsaw.plan.observed import EMPTY
from chainsaw.work.inspect.inventory import unused_recipes
from chainsaw.work.lifecycle.pinned import pin_directives, pin_recipe
from chainsaw.work.recipes.catalog import Catalog
from chainsaw.work.recipes.installed import pinned_version, store_recipe
from chainsaw.work.recipes.shipped import shared_parts

TEXT = "recipe: dokuwiki\nroute: https://wiki.example.org/\n"


@pytest.fixture
def paths(tmp_path):
    return Paths.of(str(tmp_path), {})


@pytest.fixture
def versions(paths):
    """Two installed versions of a recipe; the second is the newest."""
    first = Catalog()["dokuwiki"]
    changed = {**first.own_files, "recipe.yaml": first.own_files["recipe.yaml"] + b"\n# changed\n"}
    second = load_recipe("recipes/dokuwiki/recipe.yaml", "dokuwiki", changed, shared_parts(), first.origin)
    for bundle in (first, second):
        store_recipe(paths, bundle)
    return first, second


def ran(bundle):
    """Return the origin and the digest of a recipe that ran."""
    return bundle.origin, bundle.digest


def test_the_recipe_stays_at_its_version_when_another_is_installed(paths, versions):
    first, second = versions
    catalog = Catalog(paths=paths)
    assert catalog["dokuwiki"].digest == second.digest
    text, notes = pin_recipe(paths, catalog, "wiki", TEXT, *ran(first))
    kept = f"dokuwiki@{first.digest[:16]}"
    assert text == TEXT.replace("dokuwiki", kept)
    assert notes == (
        f"the recipe is {kept}, as it was then; to follow it again: chainsaw config set wiki recipe dokuwiki",
    )
    assert catalog[kept].digest == first.digest
    assert catalog[f"chainsaw/{kept}"].digest == first.digest
    assert pin_recipe(paths, catalog, "wiki", text, *ran(second)) == (text, ()), "it stands there already"


def test_a_recipe_that_is_the_same_is_followed(paths, versions):
    assert pin_recipe(paths, Catalog(paths=paths), "wiki", TEXT, *ran(versions[1])) == (TEXT, ())
    assert pin_recipe(paths, Catalog(paths=paths), "wiki", TEXT, "", versions[0].digest) == (TEXT, ())


def test_a_version_that_is_gone_is_an_error(paths, versions):
    first, _ = versions
    files.remove_tree(paths.installed(first.origin, first.digest))
    with pytest.raises(ChainsawError) as caught:
        pin_recipe(paths, Catalog(paths=paths), "wiki", TEXT, *ran(first))
    (problem,) = caught.value.diagnostics
    assert problem.code == "version-missing"
    assert f"in version {first.digest[:16]}, which is no longer on this host" in problem.message
    assert f"dokuwiki@{first.digest[:16]}" not in Catalog(paths=paths)
    text, notes = pin_recipe(paths, Catalog(paths=paths), "wiki", TEXT, *ran(first), runs=False)
    assert text == TEXT
    assert notes == (f"the recipe is the present one: version {first.digest[:16]} is no longer on this host",)


def test_of_two_sources_with_the_same_recipe_the_one_that_ran_is_named(paths, versions):
    first, second = versions
    for bundle in (first, second):
        store_recipe(paths, replace(bundle, origin="club/dokuwiki"))
    text, _ = pin_recipe(paths, Catalog(paths=paths), "wiki", TEXT.replace("dokuwiki", "club/dokuwiki"), *ran(first))
    assert f"recipe: club/dokuwiki@{first.digest[:16]}" in text


def test_a_version_that_a_file_names_is_kept(paths, versions):
    first, _ = versions
    account = Account("kim", 1000, paths, "/run/user/1000")
    place = paths.installed(first.origin, first.digest)
    assert place in unused_recipes(account, EMPTY)
    files.write_atomic(paths.removed_file("wiki"), TEXT.replace("dokuwiki", f"dokuwiki@{first.digest[:16]}").encode())
    files.write_atomic(paths.instance_file("other"), TEXT.encode())
    assert pinned_version(paths, "wiki") == first.digest[:16]
    assert place not in unused_recipes(account, EMPTY)


def test_an_unknown_version_is_no_recipe(paths, versions):
    assert f"dokuwiki@{'0' * 16}" not in Catalog(paths=paths)
    assert f"wordpress@{versions[0].digest[:16]}" not in Catalog(paths=paths)


@pytest.mark.parametrize(
    ("then", "now", "added"),
    [
        ("sleep: 15m\n", "sleep: 1h\n", 'sleep: "15m"\n'),
        (None, "sleep: 1h\n", "sleep: never\n"),
        ("language: de\n", None, "language: de\n"),
        (None, "language: de\n", "language: en\n"),
        ("language: de\n", "language: de\ntimezone: Europe/Vienna\n", "timezone: UTC\n"),
        (None, "admin:\n  email: kim@example.org\n", "admin:\n  email: admin@wiki.example.org\n"),
        ("language: de\n", "# unchanged\nlanguage: de\n", ""),
    ],
)
def test_directives_of_the_site_that_have_changed_stand_in_its_own_file(then, now, added):
    catalog = Catalog()
    text, notes = pin_directives(catalog, "wiki", TEXT, load_site("site.yaml", then), load_site("site.yaml", now))
    honoured = added and (added.startswith("sleep") or added.partition(":")[0] in catalog["dokuwiki"].recipe.honours)
    assert text == TEXT + (added if honoured else "")
    assert len(notes) == bool(honoured)


STATIC = "recipe: static\nroute: https://www.example.org/\n"


@pytest.mark.parametrize(
    ("then", "now", "added"),
    [
        ("upload_limit: 1M\n", None, 'upload_limit: "1M"\n'),
        (None, "upload_limit: 1M\n", 'upload_limit: "64M"\n'),
        (None, "language: de\n", "language: en\n"),
        ("disk: 1G\n", "disk: 2G\n", 'disk: "1G"\n'),
    ],
)
def test_what_the_front_does_for_each_recipe_is_kept_too(then, now, added):
    sites = (load_site("site.yaml", then), load_site("site.yaml", now))
    text, notes = pin_directives(Catalog(), "www", STATIC, *sites)
    assert text == STATIC + added
    assert len(notes) == 1
    file = load_instance("instances/www.yaml", text)
    assert list(directive_problems(file, Catalog()["static"].recipe)) == [], "chainsaw takes what it wrote"


def test_a_default_that_is_written_down_since_is_no_change():
    sites = (load_site("site.yaml", None), load_site("site.yaml", "upload_limit: 64M\n"))
    assert pin_directives(Catalog(), "www", STATIC, *sites) == (STATIC, ())


def test_ports_are_those_of_the_site(paths):
    sites = (load_site("site.yaml", None), load_site("site.yaml", "ports: {https: 8443}\n"))
    said = ("the ports are those of site.yaml now, which are the same for all",)
    assert pin_directives(Catalog(), "www", STATIC, *sites) == (STATIC, said)


def test_what_the_file_says_itself_is_not_touched():
    sites = (load_site("site.yaml", "sleep: 15m\n"), load_site("site.yaml", "sleep: 1h\n"))
    assert pin_directives(Catalog(), "wiki", f"{TEXT}sleep: 30m\n", *sites) == (f"{TEXT}sleep: 30m\n", ())


def test_mail_that_there_was_not_cannot_be_said():
    catalog = Catalog()
    text = "recipe: wordpress\nroute: https://blog.example.org/\n"
    now = load_site("site.yaml", "mail:\n  host: mail.example.org\n")
    unchanged, notes = pin_directives(catalog, "blog", text, load_site("site.yaml", None), now)
    assert (unchanged, notes) == (
        text,
        ("mail is that of site.yaml now: there was none then, and a file cannot say so",),
    )
    back, notes = pin_directives(catalog, "blog", text, now, load_site("site.yaml", None))
    assert "mail:\n  host: mail.example.org\n" in back
    assert len(notes) == 1
