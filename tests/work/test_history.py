"""The history records what was applied, whatever the admin does in the same repository."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from acting import acting

from chainsaw.host.store import generations
from chainsaw.host.worktree import Worktree
from chainsaw.work.history import history as module
from chainsaw.work.history.history import ChangeRecord, changed_between, commit_change, outcomes_of

history = acting(module.history)

CHANGE = ChangeRecord("apply", ("blog",), ("blog: wordpress 1",))


def reported(name=None, limit=20, with_diff=False):
    return history(name, limit, with_diff)


def subjects(name=None):
    return [entry["what"] for entry in reported(name).data["entries"]]


def test_the_first_apply_makes_a_repository(admin):
    admin.declare("blog")
    assert admin.apply() == []
    assert admin.subjects() == ["apply: blog"]
    assert admin.changed_by() == [".gitignore", "instances/blog.yaml"]
    assert oct(admin.own.joinpath(".gitignore").stat().st_mode)[-3:] == "600"


def test_a_commit_says_who_did_what_with_which_outcome_and_why(admin):
    admin.declare("blog")
    admin.declare("club")
    admin.apply(why="Kim asked for it:\nsee the minutes", failed=("club",))
    assert admin.git("log", "-1", "--format=%an <%ae>").strip() == admin.author
    assert admin.git("log", "-1", "--format=%B") == (
        "apply: blog, club\n"
        "\n"
        "blog: wordpress 1\n"
        "club: wordpress 1, failed and rolled back\n"
        "\n"
        "Kim asked for it:\n"
        "see the minutes\n"
        "\n"
        "Generation: 1\n"
        "Result: in part\n\n"
    )
    assert admin.git("log", "-1", "--format=%(trailers:key=Generation,valueonly)").strip() == "1"


def test_what_concerns_no_instance_is_about_the_site(admin):
    admin.write("site.yaml", "timezone: Europe/Vienna\n")
    admin.apply()
    assert admin.subjects() == ["apply: the site"]


def test_an_apply_of_one_instance_leaves_the_edits_of_others_alone(admin):
    for name in ("blog", "club"):
        admin.declare(name)
    admin.apply()
    admin.declare("club", "Not yet")
    admin.declare("blog", "Walks by the sea")
    admin.write("notes/club.md", "- to be told later\n")
    assert admin.apply("blog") == []
    assert admin.changed_by() == ["instances/blog.yaml"]
    assert admin.git("status", "--porcelain").split() == ["M", "instances/club.yaml", "??", "notes/"]
    admin.apply()
    assert admin.changed_by() == ["instances/club.yaml", "notes/club.md"]


def test_staged_changes_of_other_files_are_not_committed(admin):
    admin.declare("blog")
    admin.apply()
    admin.write("README.md", "Ours.\n")
    admin.git("add", "README.md")
    admin.declare("blog", "Walks by the sea")
    admin.apply()
    assert admin.changed_by() == ["instances/blog.yaml"]
    assert admin.git("diff", "--cached", "--name-only").split() == ["README.md"]


def test_a_generation_of_the_same_files_is_recorded_too(admin):
    admin.declare("blog")
    admin.apply()
    admin.apply(version="2", why="The recipe is new")
    assert [entry["details"] for entry in reported("blog").data["entries"]] == [
        ["blog: wordpress 2", "The recipe is new"],
        ["blog: wordpress 1"],
    ]
    assert admin.git("rev-parse", "refs/chainsaw/2", "HEAD").split()[0] == admin.git("rev-parse", "HEAD").strip()
    before = admin.git("rev-parse", "HEAD")
    assert commit_change(admin.account, CHANGE, 2) == []
    assert admin.git("rev-parse", "HEAD") == before, "what only starts a unit again makes no generation"


def conflict(admin):
    admin.git("branch", "other")
    admin.declare("blog", "Walks by the sea")
    admin.git("commit", "-qam", "Sea")
    admin.git("switch", "-q", "other")
    admin.declare("blog", "Walks in the hills")
    admin.git("commit", "-qam", "Hills")
    admin.git("switch", "-q", "-")
    admin.git("merge", "other", check=False)


def everything(admin):
    """Return everything that the admin could lose: files, staged changes and commits."""
    own = {path: path.read_bytes() for path in admin.own.rglob("*") if path.is_file() and ".git" not in path.parts}
    return own, admin.git("diff", "--cached"), admin.git("rev-list", "--all")


def test_while_a_merge_is_under_way_nothing_is_committed(admin):
    admin.declare("blog")
    admin.apply()
    conflict(admin)
    before = everything(admin)
    (warning,) = commit_change(admin.account, CHANGE, 2)
    assert (warning.code, warning.severity) == ("git-busy", "warning")
    assert warning.message == f"a merge is under way in {admin.own}, so the change is not committed"
    assert everything(admin) == before
    admin.declare("blog", "Walks by the sea and in the hills")
    admin.git("commit", "-qam", "Both")
    admin.declare("club")
    assert admin.apply() == []
    assert admin.git("status", "--porcelain") == ""


def test_what_is_committed_on_no_branch_says_how_to_keep_it(admin):
    admin.declare("blog")
    admin.apply()
    branch = admin.git("symbolic-ref", "HEAD").strip()
    tip = admin.git("rev-parse", branch)
    admin.git("switch", "-q", "--detach")
    admin.declare("blog", "Walks by the sea")
    (warning,) = commit_change(admin.account, CHANGE, 2)
    commit = admin.git("rev-parse", "HEAD").strip()
    assert (warning.code, warning.severity) == ("git-detached", "warning")
    assert warning.message.endswith(f"the change is commit {commit[:12]}")
    assert warning.hint == f"git -C {admin.own} switch -c NAME keeps it"
    assert admin.git("rev-parse", branch) == tip
    assert admin.git("rev-parse", "refs/chainsaw/2").strip() == commit, "it is found again, whatever becomes of HEAD"


def test_without_git_there_is_a_warning(admin, gitless):
    admin.declare("blog")
    (warning,) = commit_change(admin.account, CHANGE, 1)
    assert (warning.code, warning.severity, warning.hint) == ("no-git", "warning", "sudo apt install git")
    assert not (admin.own / ".git").exists()


def locked(admin):
    admin.write(".git/index.lock", "")


def lost(admin):
    (admin.own / ".git").rename(admin.own / "kept.git")
    admin.write(".git", "gitdir: /nowhere\n")


FULL = """#!/bin/sh
for word; do
    case $word in add|commit) echo "fatal: unable to write new index file: No space left on device" >&2; exit 128;; esac
done
exec /usr/bin/git "$@"
"""


@pytest.fixture
def full_disk(tmp_path, monkeypatch) -> None:
    """A full disk, on which git cannot write objects."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/git").write_text(FULL)
    (tmp_path / "bin/git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")


@pytest.mark.parametrize("mishap", [locked, lost])
def test_a_failed_commit_is_reported_and_nothing_is_lost(admin, mishap):
    admin.declare("blog")
    admin.apply()
    admin.declare("blog", "Walks by the sea")
    mishap(admin)
    before = {path: path.read_bytes() for path in admin.own.rglob("*") if path.is_file()}
    (warning,) = commit_change(admin.account, CHANGE, 2)
    assert (warning.code, warning.severity) == ("git-refused", "warning")
    assert warning.message.startswith("the change could not be committed: ")
    assert warning.hint == f"git -C {admin.own} status"
    assert {path: path.read_bytes() for path in admin.own.rglob("*") if path.is_file()} == before


def test_a_full_disk_damages_no_repository(admin, full_disk):
    admin.declare("blog")
    admin.write(".gitignore", "")
    Worktree(str(admin.own)).create()
    before = {path: path.read_bytes() for path in admin.own.rglob("*") if path.is_file()}
    (warning,) = commit_change(admin.account, CHANGE, 2)
    assert warning.code == "git-refused"
    assert warning.message.endswith("No space left on device")
    assert {path: path.read_bytes() for path in admin.own.rglob("*") if path.is_file()} == before


def cut_off(admin):
    """Damage a commit as a power cut does when it was not synced."""
    head = admin.git("rev-parse", "HEAD").strip()
    (admin.own / f".git/objects/{head[:2]}/{head[2:]}").chmod(0o644)
    (admin.own / f".git/objects/{head[:2]}/{head[2:]}").write_bytes(b"")


def test_a_repository_that_a_power_cut_damaged_is_repaired(admin):
    admin.declare("blog")
    admin.apply()
    admin.declare("blog", "Walks in the hills")
    admin.apply()
    cut_off(admin)
    admin.declare("blog", "Walks by the sea")
    (warning,) = commit_change(admin.account, CHANGE, 3)
    assert (warning.code, warning.severity) == ("git-repaired", "warning")
    assert warning.message.startswith(f"the history in {admin.own} was damaged; it continues from commit ")
    assert admin.subjects()[1:] == ["apply: blog"]
    assert admin.git("status", "--porcelain", "--", "instances") == ""
    assert [entry["generation"] for entry in reported().data["entries"]] == [3, 1]
    assert commit_change(admin.account, CHANGE, 3) == []


def test_of_a_damaged_repository_the_history_comes_from_the_generations(admin):
    admin.declare("blog")
    admin.apply()
    cut_off(admin)
    shown = reported()
    assert [(item.code, item.severity) for item in shown.diagnostics] == [("git-damaged", "warning")]
    assert [entry["generation"] for entry in shown.data["entries"]] == [1]


def test_a_stale_git_lock_does_not_block(admin):
    admin.declare("blog")
    admin.apply()
    admin.declare("blog", "Walks by the sea")
    locked(admin)
    os.utime(admin.own / ".git/index.lock", (0, 0))
    (warning,) = commit_change(admin.account, CHANGE, 2)
    assert (warning.code, warning.message) == (
        "git-repaired",
        f"removed {admin.own}/.git/index.lock, a stale lock of git",
    )
    assert len(admin.subjects()) == 2


def test_a_read_only_directory_is_reported(admin):
    for path in sorted(admin.own.rglob("*"), reverse=True):
        path.rmdir()
    admin.own.rmdir()
    os.symlink("/proc/self", admin.own)
    (warning,) = commit_change(admin.account, CHANGE, 1)
    assert (warning.code, warning.severity) == ("git-refused", "warning")


def test_the_newest_entry_comes_first_up_to_the_limit(admin):
    for title in ("One", "Two", "Three"):
        admin.declare("blog", title)
        admin.apply(why=title)
    entries = reported().data["entries"]
    assert [entry["generation"] for entry in entries] == [3, 2, 1]
    assert [entry["details"][-1] for entry in entries] == ["Three", "Two", "One"]
    assert len(reported(limit=2).data["entries"]) == 2
    assert len(reported("blog", limit=1).data["entries"]) == 1
    assert set(entries[0]) == {"at", "who", "what", "details", "commit", "generation", "result"}
    assert abs(entries[0]["at"] - time.time()) < 60
    assert (entries[0]["who"], entries[0]["result"]) == (admin.account.name, "done")


def test_an_entry_is_read_in_lines(admin):
    admin.declare("blog")
    admin.apply(why="For the winter", failed=("blog",))
    stamp = time.strftime("%Y-%m-%d")
    first, *others = reported().lines
    assert first.startswith(stamp)
    assert first.endswith(f"  {admin.account.name}  generation 1  apply: blog, in part")
    assert others == ["    blog: wordpress 1, failed and rolled back", "    For the winter"]


def test_what_was_committed_by_hand_is_part_of_it(admin):
    admin.declare("blog")
    admin.declare("club")
    admin.apply()
    admin.declare("blog", "Walks by the sea")
    admin.git("commit", "-qam", "Title as Kim wants it", "-m", "She has asked twice.")
    assert subjects("blog") == ["Title as Kim wants it", "apply: blog, club"]
    assert subjects("club") == ["apply: blog, club"]
    newest = reported("blog").data["entries"][0]
    assert (newest["who"], newest["generation"], newest["result"]) == ("Kim", None, None)
    assert newest["details"] == ["She has asked twice."]
    assert reported("blog").lines[0].endswith("  Kim  by hand  Title as Kim wants it")
    assert admin.apply() == [], "what is committed already is applied all the same"
    assert subjects("blog")[0] == "apply: blog"


def test_what_chainsaw_commits_without_a_generation_was_not_made_by_hand(admin):
    admin.declare("blog")
    admin.apply()
    admin.write("notes/blog.md", "- the first\n")
    commit_change(admin.account, ChangeRecord("note", ("blog",), ("blog: the first",), files=("notes",)))
    assert reported().lines[0].endswith(f"  {admin.account.name}  note: blog")


def test_names_with_a_common_prefix_are_distinguished(admin):
    for name in ("blog", "blog2", "blog-db", "weblog"):
        admin.declare(name)
        admin.apply(name)
    for name in ("blog", "blog2", "blog-db", "weblog"):
        assert subjects(name) == [f"apply: {name}"]


def test_the_history_of_an_instance_continues_after_its_removal(admin):
    admin.declare("blog")
    admin.apply()
    admin.retract("blog")
    admin.apply("blog")
    assert subjects("blog") == ["apply: blog", "apply: blog"]
    assert reported("blog").data["entries"][0]["details"] == ["blog: no longer served"]


def test_old_entries_are_still_shown(admin):
    admin.declare("blog")
    admin.apply()
    stream = "".join(
        f"commit refs/heads/long\ncommitter K <k@example.org> {1900000000 + number} +0000\ndata 1\nx\n"
        f"{'from HEAD' if number == 0 else ''}\n"
        for number in range(1200)
    )
    admin.git("fast-import", "--quiet", stdin=stream)
    admin.git("merge", "-q", "--ff-only", "long")
    assert subjects("blog") == ["apply: blog"]


def test_the_diff_of_an_entry_is_that_of_the_instance(admin):
    admin.declare("blog")
    admin.declare("club")
    admin.apply()
    admin.declare("blog", "Walks by the sea")
    admin.declare("club", "Rowing")
    admin.apply()
    newest, oldest = reported("blog", with_diff=True).data["entries"]
    assert "-  title: Walks\n+  title: Walks by the sea" in newest["diff"]
    assert "Rowing" not in newest["diff"]
    assert "+recipe: wordpress" in oldest["diff"]
    assert "    +  title: Walks by the sea" in reported("blog", with_diff=True).lines
    assert "Rowing" in reported(with_diff=True).data["entries"][0]["diff"]
    assert "diff" not in reported("blog").data["entries"][0]


def test_an_empty_history_is_reported(admin):
    assert reported().lines == ("nothing is recorded yet: chainsaw apply",)
    admin.declare("blog")
    admin.apply()
    assert reported("club").lines == ("nothing is recorded of club",)
    assert reported("club").data == {"instance": "club", "entries": []}


def test_without_git_the_history_comes_from_the_generations(admin, gitless):
    admin.declare("blog")
    admin.apply()
    admin.declare("club")
    admin.apply()
    admin.retract("blog")
    admin.apply()
    shown = reported()
    assert [item.code for item in shown.diagnostics] == ["no-git"]
    assert [(entry["generation"], entry["what"]) for entry in shown.data["entries"]] == [
        (3, "apply: blog"),
        (2, "apply: club"),
        (1, "apply: blog"),
    ]
    assert set(shown.data["entries"][0]) == {"at", "who", "what", "details", "commit", "generation", "result"}
    assert shown.data["entries"][0]["details"] == ["blog: no longer served"]
    assert subjects("club") == ["apply: club"]
    assert len(reported(limit=1).data["entries"]) == 1
    assert reported("blog").lines[0].endswith("  generation 3  apply: blog")


def test_without_a_repository_the_history_comes_from_the_generations(admin):
    admin.declare("blog")
    admin.generation()
    assert subjects() == ["apply: blog"]
    assert reported().diagnostics == ()


def test_what_became_of_each_instance_is_a_line(admin):
    admin.declare("blog")
    manifest = generations.read_manifest(admin.paths, admin.generation(version="6.8"))
    assert outcomes_of(manifest, ["club", "blog"], {"blog": []}) == (
        "blog: wordpress 6.8, failed and rolled back",
        "club: no longer served",
    )


def test_the_diff_of_an_entry_has_what_changed_in_site_yaml(admin):
    """It may be all that changed an instance."""
    admin.write("site.yaml", "language: de\n")
    admin.declare("blog")
    admin.apply()
    admin.write("site.yaml", "language: fr\n")
    admin.apply(version="2")
    newest = reported("blog", with_diff=True).data["entries"][0]
    assert "-language: de" in newest["diff"]
    assert "+language: fr" in newest["diff"]


def test_instances_that_differ_between_generations_are_named(admin):
    admin.declare("blog")
    admin.declare("club")
    first = generations.read_manifest(admin.paths, admin.generation())
    admin.declare("club", "Rowing")
    admin.declare("shop")
    second = generations.read_manifest(admin.paths, admin.generation())
    assert changed_between(None, first) == {"blog", "club"}
    assert changed_between(first, second) == {"club", "shop"}
    assert changed_between(second, first) == {"club", "shop"}
    assert changed_between(first, first) == set()
    assert Path(admin.paths.current).is_symlink()
