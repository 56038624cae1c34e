"""Repositories damaged by a power cut are repaired, and the damaged one is kept beside them."""

from __future__ import annotations

import os
import re
import time

import pytest

from chainsaw.host import gitrepair
from chainsaw.host.worktree import Worktree

WHO = "admin <admin@box>"
TITLES = ("Dunes", "Hills", "Sea")


@pytest.fixture
def tree(admin):
    """A repository with three commits, each the mark of a generation; the title is the message."""
    tree = Worktree(str(admin.own))
    tree.create()
    for number, title in enumerate(TITLES, 1):
        admin.declare("blog", title)
        commit = tree.commit(f"{title}\n", WHO)
        assert commit
        tree.mark(commit, number)
    return tree


def place_of(admin, name):
    found = admin.git("rev-parse", name).strip()
    place = admin.own / f".git/objects/{found[:2]}/{found[2:]}"
    place.chmod(0o644)
    return place


def branch_of(admin):
    return admin.own / ".git" / admin.git("symbolic-ref", "HEAD").strip()


def newest_empty(admin):
    for name in ("HEAD:instances/blog.yaml", "HEAD:instances", "HEAD^{tree}", "HEAD"):
        place_of(admin, name).write_bytes(b"")


def commit_empty(admin):
    place_of(admin, "HEAD").write_bytes(b"")


def commit_gone(admin):
    place_of(admin, "HEAD").unlink()


def tree_torn(admin):
    place = place_of(admin, "HEAD^{tree}")
    place.write_bytes(place.read_bytes()[:-8])


def file_of_zeros(admin):
    place = place_of(admin, "HEAD:instances/blog.yaml")
    place.write_bytes(bytes(place.stat().st_size))


def branch_gone_too(admin):
    commit_empty(admin)
    branch_of(admin).write_text("")


@pytest.mark.parametrize(
    "damage",
    [newest_empty, commit_empty, commit_gone, tree_torn, file_of_zeros, branch_gone_too],
    ids=lambda it: it.__name__,
)
def test_without_its_newest_commit_a_repository_continues_from_the_previous_one(admin, tree, damage):
    damage(admin)
    (printed,) = gitrepair.repair(tree)
    assert is_sound(admin)
    assert admin.subjects() == ["Hills", "Dunes"]
    assert (
        f"it continues from commit {admin.git('rev-parse', 'HEAD')[:12]}; a copy of the damaged one is in " in printed
    )
    assert tree.marked(2)
    assert tree.marked(3) is None
    assert tree.commit("Again\n", WHO)
    assert "title: Sea" in admin.git("show", "HEAD:instances/blog.yaml")


def branch_empty(admin):
    branch_of(admin).write_text("")


def branch_of_zeros(admin):
    branch_of(admin).write_bytes(bytes(41))


def branch_gone(admin):
    branch_of(admin).unlink()


def head_empty(admin):
    (admin.own / ".git/HEAD").write_text("")


def head_gone(admin):
    (admin.own / ".git/HEAD").unlink()


def index_empty(admin):
    (admin.own / ".git/index").write_text("")


def index_torn(admin):
    (admin.own / ".git/index").write_bytes((admin.own / ".git/index").read_bytes()[:40])


def index_of_zeros(admin):
    (admin.own / ".git/index").write_bytes(bytes(200))


def config_of_zeros(admin):
    (admin.own / ".git/config").write_bytes(bytes(80))


def mark_empty(admin):
    (admin.own / ".git/refs/chainsaw/2").write_text("")


def log_of_zeros(admin):
    with (admin.own / ".git/logs/HEAD").open("ab") as log:
        log.write(bytes(60))
    branch_empty(admin)


@pytest.mark.parametrize(
    "damage",
    [
        branch_empty,
        branch_of_zeros,
        branch_gone,
        head_empty,
        head_gone,
        index_empty,
        index_torn,
        index_of_zeros,
        config_of_zeros,
        mark_empty,
        log_of_zeros,
    ],
    ids=lambda it: it.__name__,
)
def test_the_references_to_the_newest_commit_are_restored(admin, tree, damage):
    damage(admin)
    assert len(gitrepair.repair(tree)) == 1
    assert is_sound(admin)
    assert admin.subjects() == ["Sea", "Hills", "Dunes"]
    assert tree.commit("Again\n", WHO) is None, "nothing has changed since"


def test_what_was_damaged_is_kept_as_it_was(admin, tree):
    newest_empty(admin)
    before = contents(admin.own / ".git")
    (printed,) = gitrepair.repair(tree)
    (kept,) = admin.own.glob(".git.broken-*")
    assert printed.endswith(f"is in {kept}")
    assert re.fullmatch(r"\.git\.broken-\d{8}-\d{6}", kept.name)
    assert contents(kept) == before


def contents(directory):
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def test_the_files_of_the_admin_are_left_as_they_are(admin, tree):
    admin.write("site.yaml", "timezone: Europe/Vienna\n")
    admin.write("README.md", "Ours.\n")
    before = {path: path.read_bytes() for path in admin.own.iterdir() if path.is_file()}
    newest_empty(admin)
    gitrepair.repair(tree)
    assert {path: path.read_bytes() for path in admin.own.iterdir() if path.is_file()} == before


def test_settings_and_other_branches_stay(admin, tree):
    admin.git("config", "user.name", "Kim")
    admin.git("branch", "winter", "HEAD~1")
    admin.git("tag", "first", "HEAD~2")
    commit_empty(admin)
    gitrepair.repair(tree)
    assert admin.git("config", "--file", str(admin.own / ".git/config"), "user.name").strip() == "Kim"
    assert admin.git("log", "-1", "--format=%s", "winter").strip() == "Hills"
    assert admin.git("log", "-1", "--format=%s", "first").strip() == "Dunes"


def test_a_head_on_no_branch_stays_on_none(admin, tree):
    admin.git("switch", "-q", "--detach")
    commit_empty(admin)
    gitrepair.repair(tree)
    assert tree.is_detached()
    assert admin.subjects() == ["Hills", "Dunes"]


def test_packed_references_are_checked_too(admin, tree):
    admin.git("pack-refs", "--all")
    commit_empty(admin)
    gitrepair.repair(tree)
    assert is_sound(admin)
    assert admin.subjects() == ["Hills", "Dunes"]
    assert tree.marked(3) is None


def test_where_nothing_is_left_a_new_history_is_started(admin, tree):
    for place in (admin.own / ".git/objects").glob("??/*"):
        place.chmod(0o644)
        place.write_bytes(b"")
    (printed,) = gitrepair.repair(tree)
    assert "it starts again, empty" in printed
    assert is_sound(admin)
    assert tree.commit("Begin\n", WHO)
    assert admin.subjects() == ["Begin"]


@pytest.mark.parametrize("name", ["objects", "refs"])
def test_a_missing_directory_is_created_again(admin, tree, name):
    (admin.own / ".git" / name).rename(admin.own / f"kept-{name}")
    assert gitrepair.repair(tree)
    assert is_sound(admin)
    assert tree.commit("Again\n", WHO) or admin.subjects()


def test_a_sound_repository_is_left_alone(admin, tree):
    before = contents(admin.own / ".git")
    assert gitrepair.repair(tree) == []
    assert contents(admin.own / ".git") == before
    assert list(admin.own.glob(".git.broken-*")) == []


def test_a_repository_that_another_user_wrote_to_is_left_alone(admin, tree, monkeypatch):
    commit_empty(admin)
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    assert gitrepair.repair(tree) == []


def test_a_repository_that_is_elsewhere_is_left_alone(admin, tree, tmp_path):
    commit_empty(admin)
    (admin.own / ".git").rename(tmp_path / "elsewhere")
    admin.write(".git", f"gitdir: {tmp_path}/elsewhere\n")
    assert gitrepair.repair(tree) == []


def is_sound(admin):
    shown = admin.git("fsck", "--no-dangling", "--no-progress", check=False)
    return shown == "" and admin.git("status", "--porcelain", "--untracked-files=no") is not None


LOCKS = ("index.lock", "HEAD.lock", "refs/heads/master.lock", "refs/chainsaw/4.lock", "packed-refs.lock")


def test_locks_from_before_the_boot_are_removed(admin, tree):
    for name in LOCKS:
        os.utime(admin.write(f".git/{name}", ""), (0, 0))
    assert len(gitrepair.release_locks(tree)) == len(LOCKS)
    assert [name for name in LOCKS if (admin.own / ".git" / name).exists()] == []


def test_a_lock_is_somebodys_for_a_while_and_as_long_as_a_git_is_running(admin, tree, monkeypatch):
    lock = admin.write(".git/index.lock", "")
    assert gitrepair.release_locks(tree) == []
    later = time.time() - 60
    os.utime(lock, (later, later))
    monkeypatch.setattr(gitrepair, "_booted_at", lambda: 0.0)
    with monkeypatch.context() as inside:
        inside.setattr(gitrepair, "_git_is_running", lambda path: True)
        assert gitrepair.release_locks(tree) == []
    assert gitrepair.release_locks(tree) == [f"removed {lock}, a stale lock of git"]


def files_of(admin):
    """Return what is in the repository, by path."""
    own = admin.own / ".git"
    return {str(path.relative_to(own)): path.read_bytes() for path in own.rglob("*") if path.is_file()}


def test_a_mistake_in_the_settings_of_git_is_no_damage(admin, tree, tmp_path, monkeypatch):
    settings = tmp_path / "gitconfig"
    settings.write_text("[user\nname = Kim\n")
    before = files_of(admin)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    assert gitrepair.repair(tree) == []
    assert files_of(admin) == before
    assert not list(admin.own.glob(".git.broken-*"))


def test_where_git_does_not_run_nothing_is_repaired(admin, tree, tmp_path, monkeypatch):
    newest_empty(admin)
    before = files_of(admin)
    git = tmp_path / "bin/git"
    git.parent.mkdir()
    git.write_text("#!/bin/sh\nexit 127\n")
    git.chmod(0o755)
    monkeypatch.setenv("PATH", str(git.parent))
    assert gitrepair.repair(tree) == []
    assert files_of(admin) == before


def test_a_repository_with_an_extension_is_not_touched(admin, tree):
    admin.git("config", "extensions.preciousObjects", "true")
    newest_empty(admin)
    before = files_of(admin)
    assert gitrepair.repair(tree) == []
    assert files_of(admin) == before


def test_a_complete_history_is_kept_although_git_complains_of_what_is_in_it(admin, tree):
    parent, content = admin.git("rev-parse", "HEAD").strip(), admin.git("rev-parse", "HEAD^{tree}").strip()
    odd = admin.own.parent / "odd"
    odd.write_text(f"tree {content}\nparent {parent}\nauthor a <a@b> 1 +00000\ncommitter a <a@b> 1 +00000\n\nOdd\n")
    commit = admin.git("hash-object", "-t", "commit", "-w", "--literally", str(odd)).strip()
    admin.git("update-ref", "HEAD", commit)
    gitrepair.repair(tree)
    assert admin.git("rev-parse", "HEAD").strip() == commit
    assert admin.subjects() == ["Odd", "Sea", "Hills", "Dunes"]


def test_locks_behind_a_link_to_another_repository_are_not_removed(admin, tree):
    elsewhere = admin.own.parent / "elsewhere"
    (admin.own / ".git").rename(elsewhere)
    (admin.own / ".git").symlink_to(elsewhere)
    lock = elsewhere / "index.lock"
    lock.write_text("")
    os.utime(lock, (1, 1))
    assert gitrepair.release_locks(tree) == []
    assert lock.exists()
