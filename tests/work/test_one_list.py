"""A new kind of resource is added to one list, and inventory, purge, rename and clone all handle it."""

from __future__ import annotations

from pathlib import Path

import pytest

from chainsaw.errors import ChainsawError
from chainsaw.host import files
from chainsaw.host.store import records
from chainsaw.plan import resources
from chainsaw.plan.resources import Resource
from chainsaw.work.inspect import inventory
from chainsaw.work.lifecycle import rename
from chainsaw.work.lifecycle.remove import purge
from chainsaw.work.result import Quiet, Request, Result


def letters_of(subject):
    """Yield the letters of an instance, a kind of resource made up for this test."""
    directory = f"{subject.paths.root}/letters"
    yield Resource(
        "letters",
        f"letters to {subject.name}",
        "purge",
        f"{directory}/{subject.name}",
        elsewhere=lambda new: f"{directory}/{new}",
        renamed="moves",
        cloned=True,
    )


@pytest.fixture
def blog(admin, monkeypatch):
    """An applied blog with a letter, and a letter of no instance."""
    monkeypatch.setattr(resources, "SOURCES", (*resources.SOURCES, letters_of))
    admin.declare("blog")
    admin.generation()
    for name in ("blog", "old"):
        files.write_atomic(f"{admin.paths.root}/letters/{name}/1", b"Dear admin")
    records.write_block(admin.paths, "blog", 589824)
    return admin


def letters(admin):
    return sorted(path.name for path in Path(f"{admin.paths.root}/letters").iterdir())


def test_the_inventory_lists_it(blog, podman, monkeypatch):
    monkeypatch.setattr(inventory, "start_api", lambda: None)
    (row,) = [row for row in inventory.inventory(blog.account, "blog").data["resources"] if row["kind"] == "letters"]
    assert (row["name"], row["removed_by"]) == ("letters to blog", "purge")
    assert row["size"] > 0
    (orphan,) = [row for row in inventory.orphans(blog.account).data["orphans"] if row["kind"] == "letters"]
    assert orphan["path"] == f"{blog.paths.root}/letters/old"


def test_a_purge_deletes_it(blog, podman):
    for name in ("blog", "old"):
        blog.retract("blog") if name == "blog" else None
        blog.arrange()
        purge(blog.account, name, Request((name,)), Quiet())
        assert name not in letters(blog)
    assert letters(blog) == []


def test_a_rename_moves_it_and_overwrites_nothing(blog):
    with pytest.raises(ChainsawError, match="old exists already"):
        rename.rename(blog.account, "blog", "old", Request(("blog",)), Quiet())
    blog.arrange()
    with pytest.raises(ChainsawError, match="is not installed"):
        rename.rename(blog.account, "blog", "club", Request(("blog",)), Quiet())
    assert letters(blog) == ["club", "old"]


def test_a_clone_copies_it(blog, podman, monkeypatch):
    copied = []

    def applied(account, request, report, catalog=None):
        blog.generation()
        return Result({})

    def copy_tree(podman, source, target, start, new_start):
        copied.append((source, target))

    monkeypatch.setattr(rename, "apply", applied)
    monkeypatch.setattr(rename, "copy_tree", copy_tree)
    monkeypatch.setattr(rename, "while_stopped", lambda account, deployment, work, report: work())
    rename.clone(blog.account, "blog", "club", "https://club.example.org/", Request(("blog",)), Quiet())
    assert copied == [(f"{blog.paths.root}/letters/blog", f"{blog.paths.root}/letters/club")]
