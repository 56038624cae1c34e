"""`chainsaw search` and `info`: the list of recipes, and the details of one."""

from __future__ import annotations

import pytest
from acting import acting

from chainsaw.errors import ChainsawError, Exit
from chainsaw.model.tested import LEVELS
from chainsaw.work.recipes import install
from chainsaw.work.result import Quiet


def names(done):
    return [item["name"] for item in done.json["data"]["recipes"]]


def test_without_a_word_every_recipe_is_listed(chainsaw):
    done = chainsaw("search", "--json")
    assert (done.code, done.err) == (0, "")
    assert {"radicale", "static", "wordpress"} <= set(names(done))
    assert names(done) == sorted(names(done))


def test_each_recipe_has_a_name_and_a_level(chainsaw):
    for item in chainsaw("search", "--json").json["data"]["recipes"]:
        assert item.keys() == {"name", "title", "summary", "version", "level", "tested"}
        assert item["level"] is None or 0 <= item["level"] <= len(LEVELS)
        assert item["level"] is None or item["tested"]


@pytest.mark.parametrize(
    "words", [("wordpress",), ("WordPress",), ("blogs", "websites"), ("WORD", "press", "blog")], ids=" ".join
)
def test_all_words_must_occur_in_name_title_or_summary_in_any_case(chainsaw, words):
    assert "wordpress" in names(chainsaw("search", *words, "--json"))
    assert "static" not in names(chainsaw("search", *words, "--json"))


def test_words_that_occur_in_different_recipes_find_neither(chainsaw):
    assert names(chainsaw("search", "caldav", "blogs", "--json")) == []


def test_what_is_not_found_is_reported_with_how_to_list_all(chainsaw):
    done = chainsaw("search", "xyzzy", "plugh")
    assert done.code == Exit.MISSING
    assert done.out == ""
    assert "no recipe contains 'xyzzy' and 'plugh'" in done.err
    assert "hint: chainsaw search lists all" in done.err
    assert chainsaw("search", "xyzzy", "--json").json["data"] == {"recipes": []}


def test_a_table_has_a_heading_and_says_what_is_proven(chainsaw):
    heading, *rows = chainsaw("search").out.splitlines()
    assert heading.split() == ["name", "version", "what", "it", "is", "proven"]
    for row in rows:
        assert row[heading.index("proven") :].startswith(("not run by us", "level ", "changed since it was tested"))


def test_info_shows_maintainers_settings_and_permissions(chainsaw):
    shown = chainsaw("info", "wordpress").out
    for text in (
        "  licence         GPL-2.0-or-later",
        "  backup          0 s downtime: the database by its own dump, files while it works\n",
        "                  Posts are in the database, and uploads",
        "  responsible     The chainsaw maintainers, https://",
        "  app             at most 512M of memory",
        "  db              at most 256M of memory",
        "  app             asks for the internet and this host's sites, only if you allow it: To install",
        "  title (string, default 'A new site'): The name of the site.",
        "      https://wordpress.org/documentation/",
        "  timezone: ",
        "works at the root of a host only",
        "shared with whatever else is published at the same host name",
    ):
        assert text in shown, text


def test_info_is_there_for_programs_too(chainsaw):
    data = chainsaw("info", "wordpress", "--json").json["data"]
    assert data.keys() >= {
        "name",
        "version",
        "license",
        "maintainers",
        "level",
        "tested",
        "settings",
        "permissions",
        "notes",
    }
    assert data["settings"]["debug"]["type"] == "boolean"
    assert (data["backup"]["files"], data["backup"]["quiesce"]) == ("running", None)
    assert [item["component"] for item in data["permissions"]] == ["app"]


def test_a_recipe_without_extra_permissions(chainsaw):
    assert "it needs nothing beyond the defaults: no network, no capability, no root" in chainsaw("info", "static").out


def test_a_mistyped_recipe_gets_a_suggestion(chainsaw):
    done = chainsaw("info", "radicle")
    assert done.code == Exit.MISSING
    assert "no recipe 'radicle'; did you mean radicale?" in done.err
    assert done.out == ""


def test_the_name_of_a_recipe_is_completed(program):
    for verb in ("new", "info"):
        done = program(_CHAINSAW_COMPLETE="bash_complete", COMP_WORDS=f"chainsaw {verb} word", COMP_CWORD="2")
        assert "plain,wordpress" in done.out.split()


def test_what_a_recipe_asks_for_is_shown_and_may_be_declined(home):
    asked = []

    def decline(permission_lines):
        asked.extend(permission_lines)
        return False

    with pytest.raises(ChainsawError) as caught:
        acting(install.install)("wordpress", decline, Quiet())
    assert [item.code for item in caught.value.diagnostics] == ["declined"]
    assert "the internet and this host's sites, only if you allow it" in asked[0]
    assert list(home.rglob("recipe.yaml")) == []
