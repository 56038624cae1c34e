"""The admin's files in git: changes are committed, and other work of the admin in the repository is not touched."""

from __future__ import annotations

import subprocess

import pytest

from chainsaw.errors import ChainsawError
from chainsaw.host.worktree import OWN, Worktree

WHO = "admin <admin@box>"


@pytest.fixture
def tree(admin):
    """A repository in which the first instance is committed."""
    tree = Worktree(str(admin.own))
    tree.create()
    admin.declare("blog")
    assert tree.commit("Begin\n", WHO)
    return tree


def test_regenerated_files_are_not_in_the_repository(admin, tree):
    admin.write("schema/site.json", "{}")
    admin.write("instances/blog.yaml.partial", "half of it")
    assert tree.commit("Nothing\n", WHO) is None
    assert admin.git("ls-files").split() == [".gitignore", "instances/blog.yaml"]
    assert admin.git("status", "--porcelain") == ""


def test_a_commit_has_its_message_and_its_author(admin, tree):
    admin.declare("blog", "Walks by the sea")
    message = "apply: blog\n\nblog: wordpress 6.8\n\n# not a comment\n\nGeneration: 2\nResult: done\n"
    commit = tree.commit(message, WHO)
    assert commit == admin.git("rev-parse", "HEAD").strip()
    assert admin.git("log", "-1", "--format=%an <%ae>%n%cn <%ce>%n%B") == f"{WHO}\n{WHO}\n{message}\n"


def test_the_last_generation_that_means_a_commit_is_known(admin, tree, tmp_path):
    assert tree.last_mark() == 0
    head = admin.git("rev-parse", "HEAD").strip()
    for number in (9, 10):
        tree.mark(head, number)
    assert tree.last_mark() == 10
    assert Worktree(str(tmp_path / "elsewhere")).last_mark() == 0


def test_the_git_configuration_of_the_user_does_not_matter(admin, tree, tmp_path):
    hook = admin.write(".git/hooks/pre-commit", "#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    (tmp_path / "home/.gitconfig").write_text(
        "[user]\nname = Kim\nemail = kim@example.org\nuseConfigOnly = true\n"
        "[commit]\ngpgSign = true\nstatus = false\n[log]\nshowSignature = true\n[color]\nui = always\n"
        "[status]\nrelativePaths = true\nshort = true\nbranch = true\n[core]\npager = false\n"
    )
    admin.declare("blog", "Walks by the sea")
    assert tree.commit("More\n", WHO)
    assert [item.subject for item in tree.log([])] == ["More", "Begin"]
    assert tree.log([])[0].who == "admin"


def test_what_the_admin_has_staged_elsewhere_stays_staged(admin, tree):
    admin.declare("club")
    admin.write("README.md", "Ours.\n")
    admin.git("add", "instances/club.yaml", "README.md")
    admin.declare("blog", "Walks by the sea")
    tree.commit("blog\n", WHO, ("instances/blog.yaml",))
    assert admin.changed_by() == ["instances/blog.yaml"]
    assert admin.git("status", "--porcelain").splitlines() == ["A  README.md", "A  instances/club.yaml"]
    tree.commit("all\n", WHO)
    assert admin.changed_by() == ["instances/club.yaml"]
    assert admin.git("status", "--porcelain").splitlines() == ["A  README.md"], "it is none of chainsaw's files"


def test_what_was_applied_is_committed_and_not_what_was_staged_before(admin, tree):
    admin.declare("blog", "Walks in the hills")
    admin.git("add", "instances/blog.yaml")
    admin.declare("blog", "Walks by the sea")
    tree.commit("blog\n", WHO)
    assert "by the sea" in admin.git("show", "HEAD:instances/blog.yaml")
    assert admin.git("status", "--porcelain") == ""


def test_a_deleted_file_is_deleted_in_the_commit(admin, tree):
    admin.retract("blog")
    assert tree.commit("remove: blog\n", WHO)
    assert admin.git("ls-files").split() == [".gitignore", "removed/blog.yaml"]


def test_a_file_that_was_deleted_before_a_commit_is_no_change(admin, tree):
    admin.write("README.md", "Ours.\n")
    assert tree.commit("apply: shop\n", WHO, ("site.yaml", "instances/shop.yaml")) is None
    assert admin.git("status", "--porcelain").splitlines() == ["?? README.md"]


def test_what_has_not_changed_gets_a_commit_only_if_that_is_asked_for(admin, tree):
    admin.write("README.md", "Ours.\n")
    admin.git("add", "README.md")
    first = admin.git("rev-parse", "HEAD").strip()
    assert tree.commit("Again\n", WHO) is None
    second = tree.commit("apply: blog\n\nGeneration: 2\n", WHO, also_empty=True)
    assert admin.git("log", "--format=%H").split() == [second, first]
    assert admin.git("log", "-1", "--format=%an <%ae>%n%cn <%ce>%n%B") == (
        f"{WHO}\n{WHO}\napply: blog\n\nGeneration: 2\n\n"
    )
    assert admin.changed_by() == []
    assert admin.git("status", "--porcelain").splitlines() == ["A  README.md"]
    assert admin.git("symbolic-ref", "HEAD"), "the branch went along"


def test_what_the_admin_has_git_ignore_is_left_out_and_nothing_else(admin, tree):
    admin.write(".gitignore", "notes/\n*.bak\n")
    admin.write("notes/blog.md", "- a secret\n")
    admin.write("instances/blog.yaml.bak", "")
    admin.declare("club")
    tree.commit("club\n", WHO)
    assert admin.changed_by() == [".gitignore", "instances/club.yaml"]


def test_a_name_is_a_name_and_no_pattern(admin, tree):
    for name in ("instances/*.yaml", "instances/[b]log.yaml", ":(top)x", "instances/ü b.yaml"):
        admin.write(name, "")
    admin.declare("blog", "Walks by the sea")
    tree.commit("stars\n", WHO, ("instances/*.yaml", "instances/ü b.yaml"))
    assert admin.git("show", "--format=", "--name-only", "-z").split("\0") == [
        "instances/*.yaml",
        "instances/ü b.yaml",
        "",
    ]


def test_a_repository_further_up_is_another_one(admin, tmp_path):
    subprocess.run(["git", "init", "--quiet", str(tmp_path / "home")], check=True)
    (admin.own / ".git").mkdir()
    admin.declare("blog")
    for attempt in (lambda tree: tree.commit("Begin\n", WHO), Worktree.obstacle):
        with pytest.raises(ChainsawError):
            attempt(Worktree(str(admin.own)))
    listed = subprocess.run(["git", "-C", str(tmp_path / "home"), "ls-files"], capture_output=True, check=True)
    assert listed.stdout == b""


def test_a_hook_of_another_repository_may_call_chainsaw(admin, tree, tmp_path, monkeypatch):
    other = tmp_path / "pushed.git"
    subprocess.run(["git", "init", "--quiet", "--bare", str(other)], check=True)
    admin.declare("blog", "Walks by the sea")
    with monkeypatch.context() as inside:
        inside.setenv("GIT_DIR", str(other))
        inside.setenv("GIT_INDEX_FILE", str(other / "index"))
        inside.setenv("GIT_WORK_TREE", str(tmp_path))
        assert tree.commit("From a hook\n", WHO)
        assert [item.subject for item in tree.log([])] == ["From a hook", "Begin"]
    assert admin.subjects() == ["From a hook", "Begin"]
    assert not (other / "index").exists()


def test_a_repository_may_be_elsewhere(admin, tree, tmp_path):
    (admin.own / ".git").rename(tmp_path / "elsewhere")
    admin.write(".git", f"gitdir: {tmp_path}/elsewhere\n")
    admin.declare("blog", "Walks by the sea")
    assert tree.commit("Still here\n", WHO)
    assert tree.obstacle() == ""
    assert admin.subjects() == ["Still here", "Begin"]


def two_branches(admin):
    """Let two branches change the same line, and return the name of the other."""
    admin.git("branch", "other")
    admin.declare("blog", "Walks by the sea")
    admin.git("commit", "-qam", "Sea")
    admin.git("switch", "-q", "other")
    admin.declare("blog", "Walks in the hills")
    admin.git("commit", "-qam", "Hills")
    admin.git("switch", "-q", "-")
    return "other"


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (("merge", "other"), "a merge"),
        (("rebase", "other"), "a rebase"),
        (("rebase", "--apply", "other"), "a rebase"),
        (("-c", "sequence.editor=echo break >", "rebase", "-i", "HEAD~1"), "a rebase"),
        (("cherry-pick", "other"), "a cherry-pick"),
        (("revert", "--no-commit", "HEAD"), "a revert"),
    ],
)
def test_what_is_under_way_is_seen(admin, tree, words, name):
    two_branches(admin)
    assert tree.obstacle() == ""
    admin.git(*words, check=False)
    assert tree.obstacle() == name


def test_a_head_without_a_branch_is_seen(admin, tree):
    assert not tree.is_detached()
    admin.git("switch", "-q", "--detach")
    assert tree.is_detached()


def test_without_a_commit_the_log_is_empty(admin):
    tree = Worktree(str(admin.own))
    assert tree.obstacle() == ""
    assert tree.log([]) == []
    tree.create()
    assert tree.log([]) == []
    assert not tree.is_detached()
    assert tree.commit("Empty\n", WHO, ("site.yaml",), also_empty=True) is None


def test_the_log_has_each_commit_that_changed_a_path_newest_first(admin, tree):
    admin.declare("blog2")
    tree.commit("Two\n\nwith more\nto say\n", WHO)
    admin.git("commit", "-q", "--allow-empty", "-m", "An odd \x1f \x1e one\n\n\x1f")
    admin.declare("blog", "Walks by the sea")
    tree.commit("Three\n", WHO, OWN)
    assert [item.subject for item in tree.log(["instances/blog.yaml"])] == ["Three", "Begin"]
    assert [item.subject for item in tree.log(["instances/blog.yaml"], 1)] == ["Three"]
    assert [item.subject for item in tree.log([])] == ["Three", "An odd \x1f \x1e one", "Two", "Begin"]
    two = tree.log(["instances/blog2.yaml"])[0]
    assert (two.who, two.body, len(two.id)) == ("admin", "with more\nto say", 40)


def test_a_commit_shows_what_it_changed_and_what_it_holds(admin, tree):
    first = admin.git("rev-parse", "HEAD").strip()
    admin.declare("blog", "Walks by the sea")
    admin.declare("club")
    second = tree.commit("Both\n", WHO)
    shown = tree.diff(second, ["instances/blog.yaml"])
    assert "-  title: Walks\n+  title: Walks by the sea" in shown
    assert "club" not in shown
    assert "+++ b/instances/club.yaml" in tree.diff(second, [])
    assert tree.read(first, "instances/blog.yaml").endswith("title: Walks\n")
    assert tree.read(first, "instances/club.yaml") is None
    assert tree.files(second, "instances") == ["instances/blog.yaml", "instances/club.yaml"]
    assert tree.files(first, "removed") == []


def test_a_number_means_a_commit_also_when_no_branch_has_it(admin, tree):
    assert tree.marked(1) is None
    admin.git("switch", "-q", "--detach")
    admin.declare("blog", "Walks by the sea")
    commit = tree.commit("Away\n", WHO)
    tree.mark(commit, 12)
    admin.git("switch", "-q", "-")
    assert tree.marked(12) == commit
    assert "by the sea" in tree.read(commit, "instances/blog.yaml")
    assert admin.git("branch", "--list").split() == ["*", admin.git("symbolic-ref", "--short", "HEAD").strip()]


def test_a_deleted_branch_is_not_recreated_silently(admin, tree):
    (admin.own / ".git" / admin.git("symbolic-ref", "HEAD").strip()).unlink()
    with pytest.raises(ChainsawError) as caught:
        tree.commit("Begin\n", WHO)
    assert caught.value.diagnostics[0].code == "git-damaged"


def test_a_commit_without_its_parent_is_invalid(admin, tree):
    place = admin.git("rev-parse", "HEAD").strip()
    admin.declare("blog", "Walks by the sea")
    tree.commit("More\n", WHO)
    (admin.own / f".git/objects/{place[:2]}/{place[2:]}").unlink()
    admin.declare("blog", "Walks in the hills")
    with pytest.raises(ChainsawError):
        tree.commit("Even more\n", WHO)


def test_what_is_committed_is_brought_to_the_disk(admin, tree, monkeypatch):
    monkeypatch.setenv("GIT_TRACE2_PERF", str(admin.own.parent / "trace"))
    admin.declare("blog", "Walks by the sea")
    commit = tree.commit("More\n", WHO)
    assert commit
    tree.mark(commit, 1)
    trace = (admin.own.parent / "trace").read_text()
    assert trace.count("core.fsync=all") >= 3
