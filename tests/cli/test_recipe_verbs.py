"""`chainsaw recipe`: new, lint, docs, guide and test."""

from __future__ import annotations

import json
import os

import pytest

from chainsaw.errors import Exit
from chainsaw.host import facts
from chainsaw.work.recipes.catalog import read_recipe
from chainsaw.work.recipes.shipped import shipped

KINDS = sorted(os.listdir(shipped("quadlets/skeletons")))


@pytest.fixture
def wiki(chainsaw, tmp_path):
    """A recipe made from the skeleton for static files."""
    assert chainsaw("recipe", "new", "wiki", "--from", "static", "--in", str(tmp_path)).code == 0
    return tmp_path / "wiki"


def test_there_is_a_skeleton_for_every_kind_that_may_be_asked_for(chainsaw):
    shown = chainsaw("recipe", "new", "--help").out
    assert f"[{'|'.join(sorted(KINDS))}]" in shown.replace("php|http|static|image", "|".join(sorted(KINDS)))


@pytest.mark.parametrize("kind", KINDS)
def test_a_skeleton_has_no_error_in_it(chainsaw, tmp_path, kind):
    done = chainsaw("recipe", "new", "my-wiki", "--from", kind, "--in", str(tmp_path), "--json")
    assert (done.code, done.err) == (0, "")
    assert done.json["data"]["path"] == str(tmp_path / "my-wiki")
    found = chainsaw("recipe", "lint", str(tmp_path / "my-wiki"), "--json")
    assert (found.code, found.json["data"]["errors"]) == (0, 0)
    assert found.json["data"]["recipe"] == "my-wiki"


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "image"])
def test_a_skeleton_that_works_as_it_is_has_nothing_to_warn_of(chainsaw, tmp_path, kind):
    chainsaw("recipe", "new", "wiki", "--from", kind, "--in", str(tmp_path))
    assert chainsaw("recipe", "lint", str(tmp_path / "wiki")).out == "wiki: 0 errors, 0 warnings\n"


@pytest.mark.parametrize("kind", KINDS)
def test_a_skeleton_has_its_name_everywhere_and_may_be_run(chainsaw, tmp_path, kind):
    files = chainsaw("recipe", "new", "wiki", "--from", kind, "--in", str(tmp_path), "--json").json["data"]["files"]
    assert "recipe.yaml" in files
    for path in files:
        place = tmp_path / "wiki" / path
        assert "NAME" not in place.read_text()
        assert place.stat().st_mode & 0o777 == (0o755 if place.read_text().startswith("#!") else 0o644)


def test_it_says_what_it_wrote_and_what_comes_next(chainsaw, tmp_path):
    done = chainsaw("recipe", "new", "wiki", "--from", "static", "--in", str(tmp_path))
    assert f"wrote {tmp_path}/wiki/recipe.yaml" in done.out.splitlines()
    assert done.out.splitlines()[-1] == f"next: chainsaw recipe lint {tmp_path}/wiki"


def test_it_never_overwrites_a_directory(chainsaw, wiki):
    (wiki / "recipe.yaml").write_text("mine")
    done = chainsaw("recipe", "new", "wiki", "--in", str(wiki.parent))
    assert done.code == Exit.FAILED
    assert "this directory exists already" in done.err
    assert (wiki / "recipe.yaml").read_text() == "mine"


@pytest.mark.parametrize("name", ["Wiki", "1wiki", "../wiki", "", "my wiki", "wiki.", "wi/ki"])
def test_a_name_that_no_recipe_may_have_is_refused(chainsaw, tmp_path, name):
    before = sorted(tmp_path.rglob("*"))
    done = chainsaw("recipe", "new", name, "--in", str(tmp_path), "--json")
    assert done.code == Exit.INVALID
    assert [item["code"] for item in done.json["diagnostics"]] == ["recipe-name"]
    assert sorted(tmp_path.rglob("*")) == before


def test_lint_has_warnings_and_errors(chainsaw, wiki):
    text = (wiki / "recipe.yaml").read_text()
    (wiki / "recipe.yaml").write_text(text.replace("in a few words", "in a few words."))
    done = chainsaw("recipe", "lint", str(wiki))
    assert (done.code, done.out) == (0, "wiki: 0 errors, 1 warning\n")
    assert done.err.startswith("warning: recipes/wiki/recipe.yaml:4:10: summary: ")
    (wiki / "recipe.yaml").write_text(text.replace("license: MIT", "license: see there"))
    done = chainsaw("recipe", "lint", str(wiki))
    assert (done.code, done.out) == (Exit.INVALID, "wiki: 1 error, 0 warnings\n")
    assert done.err.startswith("error: recipes/wiki/recipe.yaml:7:10: license: ")


def test_what_is_no_recipe_is_reported_with_its_place(chainsaw, wiki):
    (wiki / "recipe.yaml").write_text("format: [\n")
    for verb in ("lint", "docs"):
        done = chainsaw("recipe", verb, str(wiki))
        assert done.code == Exit.INVALID
        assert done.err.startswith("error: recipes/wiki/recipe.yaml:")
    assert chainsaw("recipe", "lint", str(wiki / "nothing")).code == Exit.USAGE


def test_a_report_has_one_name_whether_the_command_succeeds_or_fails(chainsaw, wiki):
    good = chainsaw("recipe", "lint", str(wiki), "--json")
    (wiki / "recipe.yaml").write_text("format: [\n")
    bad = chainsaw("recipe", "lint", str(wiki), "--json")
    assert (good.code, bad.code) == (Exit.OK, Exit.INVALID)
    assert good.json["command"] == bad.json["command"]


def test_its_page_is_markdown_on_standard_output(chainsaw, wiki):
    done = chainsaw("recipe", "docs", str(wiki))
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("# wiki\n")
    assert chainsaw("recipe", "docs", str(wiki), "--json").json["data"]["markdown"].rstrip() == done.out.rstrip()


def test_the_guide_is_the_one_beside_the_recipes(chainsaw):
    with open(f"{shipped('recipes')}/README.md") as file:
        assert chainsaw("recipe", "guide").out == file.read()


@pytest.mark.parametrize("levels", ["0", "10", "3-2", "1-10", "all", "", "1-", "-2", "1-2-3"])
def test_levels_are_a_level_or_a_range_of_them(chainsaw, wiki, levels):
    assert chainsaw("recipe", "test", str(wiki), "--levels", levels).code == Exit.USAGE
    assert not (wiki / "tested.json").exists()


def test_there_is_nothing_to_resume_where_no_test_waits_for_a_reboot(chainsaw, wiki):
    done = chainsaw("recipe", "test", str(wiki), "--resume", "--json")
    assert done.code == Exit.MISSING
    (problem,) = done.json["diagnostics"]
    assert problem["code"] == "no-trial"
    assert problem["hint"] == f"chainsaw recipe test {wiki} --pause; then reboot"


def test_a_test_that_waits_for_a_reboot_is_not_resumed_before_it(chainsaw, wiki, home):
    third = {"passed": True, "seconds": 1, "evidence": {"boot": facts.boot_id()}}
    fields = ("recipe", "version", "digest", "date", "by")
    tested = {**dict.fromkeys(fields, "x"), "host": {}, "levels": {"3": third}}
    trials = home / ".local/state/chainsaw/trials"
    trials.mkdir(parents=True)
    known = {"format": 1, "directory": str(wiki), "marker": "mark1", "tested": tested}
    (trials / "wiki.json").write_text(json.dumps(known))
    done = chainsaw("recipe", "test", str(wiki), "--resume", "--json")
    assert done.code == Exit.INVALID
    assert [item["code"] for item in done.json["diagnostics"]] == ["no-reboot"]
    assert (trials / "wiki.json").exists()


def test_a_test_that_cannot_be_carried_out_leaves_nothing_behind(chainsaw, wiki, home, monkeypatch):
    monkeypatch.setenv("PATH", "")
    done = chainsaw("recipe", "test", str(wiki))
    assert done.code == Exit.HOST
    assert "Podman is not installed" in done.err
    assert [path for path in home.rglob("*wiki*") if path.is_file()] == []
    assert not (wiki / "tested.json").exists()


@pytest.fixture
def podman(tmp_path, monkeypatch):
    """A program called podman that knows its version, and does nothing."""
    program = tmp_path / "bin/podman"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho podman version 5.4.2\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")


def test_a_recipe_that_is_not_well_formed_fails_level_1_and_its_record_says_so(chainsaw, wiki, home, podman):
    text = (wiki / "recipe.yaml").read_text()
    (wiki / "recipe.yaml").write_text(text.replace("license: MIT", "license: see there"))
    done = chainsaw("recipe", "test", str(wiki), "--json")
    assert done.code == Exit.FAILED
    assert done.json["data"]["level"] == 0
    assert [(item["code"], item["key"]) for item in done.json["diagnostics"]] == [("level", "level 1")]
    tested = json.loads((wiki / "tested.json").read_text())
    assert tested["digest"] == read_recipe(str(wiki), "wiki").digest
    assert list(tested["levels"]) == ["1"]
    assert not list((home / ".local/state/chainsaw/trials").iterdir())
    assert chainsaw("recipe", "docs", str(wiki)).out.count("failed") == 1
