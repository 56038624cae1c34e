"""How the admin's files differ from those of a generation."""

from __future__ import annotations

import pytest
from acting import acting

from chainsaw.errors import ChainsawError, Exit
from chainsaw.host import files
from chainsaw.host.store import generations
from chainsaw.model.artifact import Artifact
from chainsaw.model.deployment import Manifest
from chainsaw.work.history import diff as comparing
from chainsaw.work.history.diff import declared_now, intent_of

diff = acting(comparing.diff)


@pytest.fixture
def applied(admin):
    """An admin who has applied two instances."""
    admin.write("site.yaml", "timezone: Europe/Vienna\n")
    admin.declare("blog")
    admin.declare("club")
    admin.apply()
    return admin


def refused(*arguments):
    with pytest.raises(ChainsawError) as caught:
        diff(*arguments)
    (problem,) = caught.value.diagnostics
    return problem, caught.value.exit


def test_what_is_applied_as_it_is_differs_in_nothing(applied):
    found = diff(None, None)
    assert found.lines == ("nothing differs from generation 1",)
    assert found.data == {"instance": None, "generation": 1, "differs": False, "diff": []}
    assert diff("blog", None).lines == found.lines


def test_a_changed_line_is_shown_as_it_was_and_as_it_is(applied):
    applied.declare("blog", "Walks by the sea")
    found = diff(None, None)
    assert found.data["differs"]
    assert found.lines == (
        "--- instances/blog.yaml (generation 1)",
        "+++ instances/blog.yaml (now)",
        "@@ -1,4 +1,4 @@",
        " recipe: wordpress",
        " route: https://blog.example.org/",
        " settings:",
        "-  title: Walks",
        "+  title: Walks by the sea",
    )
    assert diff("blog", None).lines == found.lines
    assert not diff("club", None).data["differs"]


def test_new_and_deleted_files_differ_as_a_whole(applied):
    applied.declare("shop")
    applied.retract("club")
    shown = diff(None, None).lines
    assert "+recipe: wordpress" in shown
    assert "-recipe: wordpress" in shown
    assert "+++ instances/shop.yaml (now)" in diff("shop", None).lines
    assert "--- instances/club.yaml (generation 1)" in diff("club", None).lines


def test_the_settings_of_the_site_differ_for_each_instance(applied):
    applied.write("site.yaml", "timezone: Europe/Oslo\n")
    for name in (None, "blog"):
        assert "+timezone: Europe/Oslo" in diff(name, None).lines


def test_before_the_first_apply_all_that_is_declared_is_new(admin):
    admin.declare("blog")
    found = diff(None, None)
    assert found.data["generation"] == 0
    assert [line for line in found.lines if line.startswith("+recipe")] == ["+recipe: wordpress"]


def test_an_earlier_generation_can_be_compared_with(applied):
    applied.declare("blog", "Walks by the sea")
    applied.apply()
    assert not diff(None, None).data["differs"]
    found = diff("blog", 1)
    assert found.data["generation"] == 1
    assert "-  title: Walks" in found.lines


def test_git_has_what_is_no_longer_on_the_disk(applied):
    then = intent_of(applied.paths, 1)
    applied.declare("blog", "Walks by the sea")
    applied.retract("club")
    applied.apply()
    files.remove_tree(f"{applied.paths.generations}/1")
    assert (
        intent_of(applied.paths, 1)
        == then
        == {
            "site.yaml": "timezone: Europe/Vienna\n",
            "instances/blog.yaml": then["instances/blog.yaml"],
            "instances/club.yaml": then["instances/club.yaml"],
        }
    )
    assert "-  title: Walks" in diff("blog", 1).lines
    assert "--- instances/club.yaml (generation 1)" in diff("club", 1).lines


def test_a_generation_that_neither_has_is_refused(applied, monkeypatch):
    problem, code = refused(None, 7)
    assert (problem.code, code, problem.hint) == ("no-generation", Exit.MISSING, "chainsaw history")
    assert problem.message == "there is no generation 7; there are: 1"
    applied.apply(version="2")
    files.remove_tree(f"{applied.paths.generations}/1")
    monkeypatch.setenv("PATH", "/nonexistent")
    assert refused(None, 1)[0].message == "there is no generation 1; there are: 2"


def test_a_name_of_no_instance_is_refused_with_a_suggestion(applied):
    problem, code = refused("blgo", None)
    assert (problem.code, code) == ("no-instance", Exit.MISSING)
    assert problem.message == "no instance 'blgo'; did you mean blog?"
    applied.retract("club")
    applied.apply()
    assert diff("club", 1).data["differs"], "it was there then"
    assert refused("club", None)[0].code == "no-instance"


def test_files_that_declare_nothing_do_not_count(applied):
    for name in (".#blog.yaml", "blog.yaml~", "README.md"):
        applied.write(f"instances/{name}", "half of it")
    assert list(declared_now(applied.paths)) == ["instances/blog.yaml", "instances/club.yaml", "site.yaml"]
    assert not diff(None, None).data["differs"]


def test_a_newly_installed_recipe_is_reported(applied):
    paths = applied.paths
    known = applied.known["blog"].model_copy(update={"origin": "chainsaw/wordpress", "digest": "a" * 64})
    manifest = Manifest(number=1, instances={**applied.known, "blog": known})
    generations.write_generation(paths, manifest, {"nginx/nginx.conf": Artifact("nginx/nginx.conf", b"")})
    files.replace_link(paths.recipe_link("chainsaw", "wordpress"), f"wordpress@{'a' * 16}")
    reported = "blog: the recipe chainsaw/wordpress is installed in a version that is not applied"
    assert reported not in diff(None, None).lines
    files.replace_link(paths.recipe_link("chainsaw", "wordpress"), f"wordpress@{'b' * 16}")
    assert reported in diff(None, None).lines
    assert reported in diff("blog", None).lines
    assert reported not in diff("club", None).lines
    assert reported not in diff("blog", 1).lines
