"""A new kind of resource is added to one list, and inventory, purge, rename, clone and backup all handle it."""

from __future__ import annotations

from pathlib import Path

import pytest

from chainsaw.errors import ChainsawError
from chainsaw.host import files
from chainsaw.host.store import records
from chainsaw.model.backup import RECIPE
from chainsaw.model.deployment import Deployment
from chainsaw.plan import resources
from chainsaw.plan.resources import Resource, resources_of
from chainsaw.work.backup.content import content_of
from chainsaw.work.config.on_disk import subject_of
from chainsaw.work.inspect import inventory
from chainsaw.work.lifecycle import rename
from chainsaw.work.lifecycle.remove import purge
from chainsaw.work.result import Quiet, Request, Result

NOT_KEPT = {
    "certificate": "the backup of the site has it, and apply issues one where there is none",
    "cache": "made again by whoever needs it",
    "generated": "compiled from the files by apply",
    "directory": "what components make again, or what a restore or a copy has left",
    "data": "the directories around volumes and secrets, which have entries of their own",
    "block": "ids of this host; a restore takes others",
    "stamp": "when a timer last ran on this host",
    "record": "what this host remembers of backups, which restore reads again from the places",
    "backup": "a backup is no part of another one",
    "static": "exported from the image by apply",
    "image": "built or pulled by apply; its name is in the first member",
    "container": "started by apply",
    "network": "made by apply",
    "socket": "made by systemd",
    "unit": "made by apply",
    "link": "made by apply",
    "host user": "made by setup",
    "history": "what concerns the instance is among the small files",
    "journal": "of this host",
}
"""Kinds of resources that no backup of an instance holds, each with the reason."""


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
        kept_as="meta/letters.txt",
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


@pytest.fixture
def wordpress(blog, goldens):
    """The same with all that a WordPress has."""
    text = goldens["wordpress"].manifest.instances["blog"].model_dump_json()
    blog.arrange(Deployment.model_validate_json(text.replace("/home/admin", blog.paths.home)))
    place = Path(f"{blog.paths.root}/letters/blog")
    (place / "1").unlink()
    place.rmdir()
    place.write_text("Dear admin")
    return blog


def test_a_backup_holds_it(wordpress):
    content = content_of(wordpress.account, wordpress.account.current().instances["blog"])
    assert content.files["meta/letters.txt"] == b"Dear admin"


def test_a_backup_holds_all_data(wordpress):
    """Each resource is kept under a path of its own, or its kind is among those that need not be, or another is."""
    wordpress.write("notes/blog.md", "- Kim knows it\n")
    subject = subject_of(wordpress.paths, "blog", wordpress.account.current())
    found = resources_of(subject)
    kept = [item.kept_as for item in found if item.kept_as]
    assert len(kept) == len(set(kept))
    lost = {item.name for item in found if not item.kept_as and item.kind not in NOT_KEPT}
    assert lost == {
        "removed/blog.yaml",  # A backup is of what is not removed.
        "chainsaw/wordpress",  # The link to the recipe's version for new instances: the instance has its own.
    }
    content = content_of(wordpress.account, wordpress.account.current().instances["blog"])
    held = {*content.files, *content.secrets, *content.volumes}
    assert {path for path in kept if path != RECIPE} <= held
    assert f"{RECIPE}/recipe.yaml" in held
    assert {item.kept_as for item in found if item.kind == "volume"} == set(content.volumes)
    assert len(content.volumes) == 2
    assert len(content.secrets) == 2


def test_no_data_is_among_what_need_not_be_kept():
    assert not {"volume", "secret", "note", "file", "recipe"} & NOT_KEPT.keys()
