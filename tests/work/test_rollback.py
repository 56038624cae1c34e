"""rollback: which generation it returns to, which files it changes, and that it loses none."""

from __future__ import annotations

import pytest
from acting import acting

from chainsaw.errors import ChainsawError, Exit
from chainsaw.host import files
from chainsaw.work.lifecycle import rollback as returning
from chainsaw.work.result import Quiet, Request, Result

rollback = acting(returning.rollback)


def dry(name=None, number=None):
    """Return the plan of a rollback, without what apply would do: this host has no user manager."""
    request = Request((name,) if name else (), dry_run=True, command="rollback")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(returning, "apply", lambda account, request, report: Result({"texts": dict(request.texts)}))
        return rollback(name, number, request, Quiet())


def refused(name=None, number=None, force=False):
    """Return the problems of a rollback; it always fails, because this host has no user manager."""
    request = Request((name,) if name else (), force=force, command="rollback")
    with pytest.raises(ChainsawError) as caught:
        rollback(name, number, request, Quiet())
    return [item.code for item in caught.value.diagnostics], caught.value


def to(number, *paths):
    return number, paths


def where(plan):
    return plan.data["returned_to"], plan.data["files"]


@pytest.fixture
def applied(admin):
    """An admin who has applied two instances, and then one of them twice in another way."""
    admin.declare("blog", "One")
    admin.declare("club", "Rowing")
    admin.apply()
    for title in ("Two", "Three"):
        admin.declare("blog", title)
        admin.apply("blog")
    return admin


def test_it_returns_to_the_generation_before_the_last_change(applied):
    assert where(dry()) == to(2, "instances/blog.yaml")
    assert where(dry("blog")) == to(2, "instances/blog.yaml")
    assert dry().lines == ("would change instances/blog.yaml",)


def test_it_passes_over_generations_in_which_an_instance_was_the_same(applied):
    applied.declare("club", "Sailing")
    applied.apply("club")
    assert where(dry("blog")) == to(2, "instances/blog.yaml")
    assert where(dry("club")) == to(3, "instances/club.yaml")
    assert where(dry()) == to(3, "instances/club.yaml")


def test_what_another_chainsaw_made_of_the_same_is_nothing_to_go_back_to(applied):
    """After an upgrade the same file and the same recipe compile to other units."""
    applied.apply("blog", version="2")
    assert where(dry("blog")) == to(2, "instances/blog.yaml")


def test_it_returns_to_the_given_generation(applied):
    assert where(dry("blog", 1)) == to(1, "instances/blog.yaml")
    assert dry("club", 1).lines == ("your files would not change",)


def test_later_instances_are_removed_and_removed_ones_restored(applied):
    applied.declare("shop")
    applied.retract("club")
    applied.apply()
    assert where(dry()) == to(3, "instances/club.yaml", "instances/shop.yaml")
    assert where(dry("club")) == to(3, "instances/club.yaml")


def test_what_was_removed_long_ago_comes_back_from_where_its_file_is_kept(applied):
    applied.retract("club")
    applied.apply()
    for number in (1, 2, 3):
        files.remove_tree(f"{applied.paths.generations}/{number}")
    assert where(dry("club")) == to(0, "instances/club.yaml")


def test_a_generation_that_only_git_has_will_do(applied):
    files.remove_tree(f"{applied.paths.generations}/1")
    assert where(dry("blog", 1)) == to(1, "instances/blog.yaml")
    note = "blog: the recipe is the present one: of generation 1 only your files are known"
    assert note in dry("blog", 1).lines


@pytest.mark.parametrize(
    ("name", "number", "message"),
    [
        (None, 9, "there is no generation 9; there are: 1, 2, 3"),
        ("club", None, "there is no earlier generation of club to return to"),
        ("shop", 1, "shop did not exist in generation 1"),
    ],
)
def test_without_an_earlier_generation_there_is_an_error(applied, name, number, message):
    applied.declare("shop")
    problems, error = refused(name, number)
    assert (problems, error.exit, str(error)) == (["no-generation"], Exit.MISSING, message)
    assert error.diagnostics[0].hint.startswith("chainsaw history")


def test_a_name_of_no_instance_is_refused_with_a_suggestion(applied):
    problems, error = refused("blgo")
    assert (problems, error.exit) == (["no-instance"], Exit.MISSING)
    assert "did you mean blog?" in str(error)


def test_the_first_generation_has_none_before_it(admin):
    admin.declare("blog")
    admin.apply()
    assert str(refused()[1]) == "there is no earlier generation to return to"


def test_a_dry_run_changes_nothing(applied):
    before = applied.git("rev-list", "--all")
    applied.declare("blog", "Not yet applied")
    dry()
    assert "Not yet applied" in applied.read("instances/blog.yaml")
    assert applied.git("rev-list", "--all") == before


def test_a_host_on_which_nothing_can_run_keeps_its_files(applied):
    applied.retract("club")
    applied.apply()
    for name, number in ((None, None), ("blog", 1), ("club", None)):
        before = applied.git("status", "--porcelain")
        assert refused(name, number)[1].exit is Exit.HOST
        assert "Three" in applied.read("instances/blog.yaml")
        assert not (applied.own / "instances/club.yaml").exists()
        assert "Rowing" in applied.read("removed/club.yaml")
        assert applied.git("status", "--porcelain") == before == ""


def test_changes_that_were_never_applied_are_committed_before_they_are_overwritten(applied):
    applied.declare("blog", "Written last night")
    applied.declare("club", "Written last night")
    applied.write("README.md", "Ours.\n")
    refused("blog")
    assert applied.subjects()[0] == "keep: the site"
    assert applied.changed_by() == ["instances/blog.yaml"], "nothing happens to the other one"
    assert "Written last night" in applied.git("show", "HEAD:instances/blog.yaml")
    assert "Written last night" in applied.read("instances/club.yaml")


def test_changes_that_were_committed_by_hand_are_safe_already(applied):
    applied.declare("blog", "Written last night")
    applied.git("commit", "-qam", "Last night")
    refused("blog")
    assert applied.subjects()[0] == "Last night"


def test_changes_that_cannot_be_kept_are_not_overwritten(applied, monkeypatch):
    applied.declare("blog", "Written last night")
    with monkeypatch.context() as without:
        without.setenv("PATH", "/nonexistent")
        problems, error = refused()
        assert (problems, error.exit) == (["unapplied"], Exit.INVALID)
        assert error.diagnostics[0].file.endswith("instances/blog.yaml")
        assert "chainsaw diff" in error.diagnostics[0].hint
        assert refused(force=True)[1].exit is Exit.HOST, "with --force it is not that which stops it"
    (applied.own / ".git/index.lock").write_text("")
    assert refused()[0] == ["unapplied"]
    assert "Written last night" in applied.read("instances/blog.yaml")


def test_changes_that_were_never_applied_are_kept_by_a_repository_that_had_to_be_repaired(applied):
    applied.declare("blog", "Written last night")
    commit = applied.git("rev-parse", "HEAD").strip()
    place = applied.own / ".git/objects" / commit[:2] / commit[2:]
    place.chmod(0o600)
    place.write_bytes(b"")
    problems, error = refused()
    assert error.exit is Exit.HOST, f"it is not these changes that stop it: {problems}"
    assert "Written last night" in applied.git("show", "HEAD:instances/blog.yaml")


def test_a_merge_that_is_under_way_is_not_overwritten(applied):
    applied.git("switch", "-qc", "other", "HEAD~1")
    applied.declare("blog", "Other")
    applied.git("commit", "-qam", "Other")
    applied.git("merge", "-q", "@{-1}", check=False)
    assert refused("blog")[0] == ["unapplied"]
    assert "<<<<<<<" in applied.read("instances/blog.yaml")


def test_a_dry_run_plans_with_the_files_of_then(applied):
    plan = dry("blog", 1)
    assert plan.data["texts"] == {"instances/blog.yaml": applied.read("instances/blog.yaml").replace("Three", "One")}
    applied.retract("club")
    applied.apply()
    assert set(dry("club").data["texts"]) == {"instances/club.yaml"}


def test_an_instance_takes_the_directives_of_then_into_its_own_file(admin):
    admin.write("site.yaml", "language: de\n")
    admin.declare("blog", "One")
    admin.apply()
    admin.write("site.yaml", "language: fr\ntimezone: Europe/Paris\n")
    admin.declare("blog", "Two")
    admin.apply()
    plan = dry("blog")
    text = plan.data["texts"]["instances/blog.yaml"]
    assert "title: One" in text
    assert "language: de\n" in text
    assert "timezone: UTC\n" in text
    assert plan.lines[1:] == (
        "blog: timezone stands in its own file, as it was then: site.yaml has changed since; "
        "to follow it again: chainsaw config unset blog timezone",
        "blog: language stands in its own file, as it was then: site.yaml has changed since; "
        "to follow it again: chainsaw config unset blog language",
    )
    everything = dry(None, 1)
    assert everything.data["texts"] == {
        "instances/blog.yaml": admin.read("instances/blog.yaml").replace("Two", "One"),
        "site.yaml": "language: de\n",
    }, "with site.yaml as it was then, nothing needs to stand twice"


def test_files_that_declare_nothing_stay(applied):
    applied.write("instances/.#blog.yaml", "half of it")
    assert where(dry()) == to(2, "instances/blog.yaml")
