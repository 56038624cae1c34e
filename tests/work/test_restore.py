"""What is restored: what a backup says at its beginning, and what is refused before anything is touched."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from chainsaw.errors import ChainsawError, Exit
from chainsaw.host.bundle import sealed
from chainsaw.host.bundle.sealed import File, check
from chainsaw.host.bundle.writer import Writer
from chainsaw.model.backup import FORMAT, Ending
from chainsaw.model.consistent import Hook
from chainsaw.work.backup.make import Wanted, back_up
from chainsaw.work.lifecycle import purging
from chainsaw.work.restore import part
from chainsaw.work.restore.part import restore_file, restore_volume
from chainsaw.work.restore.read import read
from chainsaw.work.restore.rebuild import read_site_backup
from chainsaw.work.restore.recover import undo
from chainsaw.work.restore.restore import Choice, restore, run_hook
from chainsaw.work.restore.show import show
from chainsaw.work.restore.stage import Stage
from chainsaw.work.restore.unfinished import Unfinished, mark, marked
from chainsaw.work.result import Quiet, Request, Result


@pytest.fixture
def saved(blog):
    """The file of a backup of the blog."""
    (index,) = back_up(blog.account, ["blog"], Wanted(), Quiet()).data["backups"]
    return str(Path(blog.admin.paths.backups_of("blog"), index["file"]))


def refused(function, *arguments):
    """Return what is said first, and with which exit code."""
    with pytest.raises(ChainsawError) as caught:
        function(*arguments)
    return caught.value.diagnostics[0], caught.value.exit


def written(path, facts, members):
    """Write a bundle with a first member and others that say what they want."""
    with ExitStack() as lists, sealed.sealing(str(path), (), f"{path}.partial", 60) as stream:
        writer = Writer(stream, 10**18, lists, str(path.parent), facts)
        for name, content in members.items():
            writer.directory(name) if content is None else writer.file(name, content)
        writer.end({"id": "x"})
    return str(path)


@pytest.fixture
def rewritten(saved, tmp_path):
    """Return the function that writes the beginning of a backup, with something else in it."""
    kept = read(File(saved))
    facts = kept.backup.model_dump(mode="json", exclude={"format"})
    directories = {"meta": None, "meta/recipe": None, "secrets": None}

    def rewrite(change=None, members=None):
        inside = {name: text for name, text in kept.files.items() if name != "backup.json"} | (members or {})
        for name in inside:
            parents = name.split("/")[:-1]
            directories.update({"/".join(parents[: count + 1]): None for count in range(len(parents))})
        everything = sorted({**directories, **inside}.items(), key=lambda item: item[0].split("/"))
        return written(tmp_path / "other.tar.zst", facts | (change or {}), dict(everything))

    return rewrite


def test_what_it_says_is_what_was_there(blog, saved):
    kept = read(File(saved))
    assert kept.backup.instance == "blog"
    assert kept.bundle.digest == blog.deployment.digest
    assert kept.secrets == {item.key: f"sesame of {item.key}".encode() for item in blog.deployment.secrets}
    assert "recipe: wordpress" in kept.text
    assert kept.notes is None


def test_a_rewritten_one_is_read_like_the_first(rewritten, saved):
    assert read(File(rewritten())).backup == read(File(saved)).backup


@pytest.mark.parametrize(
    "asked",
    [lambda path: read(File(path)), lambda path: read_site_backup(path, ""), lambda path: check(File(path), 60)],
)
def test_what_only_a_newer_chainsaw_knows_says_so(rewritten, monkeypatch, asked):
    path = rewritten()
    monkeypatch.setattr("chainsaw.host.bundle.ledger.FORMAT", FORMAT - 1)
    problem, code = refused(asked, path)
    assert (problem.code, problem.file, code) == ("newer-backup", path, Exit.INVALID)
    assert problem.message == f"it has the format {FORMAT}, and this chainsaw knows {FORMAT - 1}"
    assert problem.hint == "apt upgrade chainsaw on this host, or restore it where chainsaw is newer"


def test_a_recipe_that_only_a_newer_chainsaw_knows_says_so(rewritten):
    path = rewritten(members={"meta/recipe/recipe.yaml": b"name: wordpress\nteleports: true\n"})
    problem, code = refused(read, File(path))
    assert (problem.code, problem.file, code) == ("newer-recipe", path, Exit.INVALID)
    assert problem.message.startswith("this chainsaw does not know its recipe wordpress ")


def test_a_recipe_that_is_another_is_refused(saved, rewritten):
    tested = read(File(saved)).files["meta/recipe/recipe.yaml"] + b"\n# changed\n"
    problem, _ = refused(read, File(rewritten(members={"meta/recipe/recipe.yaml": tested})))
    assert (problem.code, problem.message) == ("bundle", "the recipe in it is not the one that it names")


def test_a_first_member_of_something_else_is_refused(rewritten):
    problem, _ = refused(read, File(rewritten({"id": "../../etc/passwd"})))
    assert problem.code == "bundle"
    assert problem.message.startswith("its first member is not a backup's: ")


def test_what_is_no_archive_is_refused(tmp_path):
    (tmp_path / "photo.tar.zst").write_bytes(b"GIF89a")
    problem, _ = refused(read, File(str(tmp_path / "photo.tar.zst")))
    assert problem.code == "damaged"
    assert problem.message == "it cannot be read as a whole: it is damaged"


def test_a_volume_that_the_instance_has_not_would_be_lost(blog, saved):
    kept = read(File(saved))
    without = blog.deployment.model_copy(update={"volumes": blog.deployment.volumes[1:]})
    ending = Ending(id=kept.backup.id, finished=1, files="running", downtime=0.0)
    problem, _ = refused(Stage(blog.account, without).check, kept, ending)
    assert problem.message == "the instance has no volume content, and the backup has one"
    silent = blog.deployment.model_copy(update={"services": ()})
    problem, _ = refused(Stage(blog.account, silent).check, kept, ending)
    assert problem.message == "the instance has no db that would read what was dumped"
    another = ending.model_copy(update={"id": "blog-20261201T031500Z-x7k2"})
    problem, _ = refused(Stage(blog.account, blog.deployment).check, kept, another)
    assert problem.message == "its end is that of another backup"


def test_what_a_backup_is_is_shown_without_unpacking_it(blog, saved):
    shown = show(blog.account, "blog", "")
    assert shown.lines[0].endswith("blog, WordPress 6.8.12, at https://blog.example.org/")
    assert "recipe: wordpress" in shown.data["instance"]
    Path(saved.replace(".tar.zst", ".json")).unlink()
    assert show(blog.account, saved, "").data["backup"]["instance"] == "blog"


# What is there already


def test_what_was_removed_and_not_purged_is_not_covered(blog, saved):
    blog.admin.retract("blog")
    blog.admin.arrange()
    problem, code = refused(restore, blog.account, saved, Choice(), Quiet())
    assert (problem.code, code) == ("removed", Exit.INVALID)
    assert problem.message == "there is data of blog already, which was removed, or has no file"
    assert problem.hint == "chainsaw rollback blog, or chainsaw remove blog --purge, and then restore it"


def test_what_is_declared_and_not_applied_is_applied_first(blog, saved):
    blog.admin.arrange()
    problem, _ = refused(restore, blog.account, saved, Choice(), Quiet())
    assert (problem.code, problem.hint) == ("not-applied", "chainsaw apply blog")


def test_a_name_that_is_none_is_refused(blog, saved):
    problem, code = refused(restore, blog.account, saved, Choice(name="../x"), Quiet())
    assert (problem.code, code) == ("instance-name", Exit.INVALID)


def test_a_command_of_the_recipe_that_fails_afterwards_is_told(blog, saved):
    kept = read(File(saved))
    hook = Hook(component="app", command=("renew-links", "--all"))
    recipe = kept.bundle.recipe
    hooked = recipe.model_copy(update={"backup": recipe.backup.model_copy(update={"restored": hook})})
    kept = replace(kept, bundle=replace(kept.bundle, recipe=hooked))
    blog.program("renew-links", "echo $1: no database >&2; exit 4")
    problem, _ = refused(run_hook, blog.account, kept, "blog")
    assert (problem.code, problem.hint) == ("restored-hook", "chainsaw logs blog app")
    assert problem.message == "it is restored, but renew-links in blog.app ended with 4: --all: no database"
    blog.program("renew-links", "exit 0")
    run_hook(blog.account, kept, "blog")


def test_what_did_not_end_is_known_until_it_is_undone(blog, monkeypatch):
    mark(blog.account, "blog", "blog-20261201T031500Z-x7k2", None)
    assert marked(blog.admin.paths) == {"blog": Unfinished("blog-20261201T031500Z-x7k2", None)}
    deleted = []
    monkeypatch.setattr("chainsaw.work.restore.recover.purge", lambda account, name, *rest: deleted.append(name))
    report = Quiet()
    undo(blog.account, "blog", report)
    undo(blog.account, "club", report)
    assert deleted == ["blog"]
    assert report.messages == [
        "the restore of blog from blog-20261201T031500Z-x7k2 did not end: it becomes what it was before"
    ]


# Parts


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to others")
def test_a_volume_comes_back_and_what_was_there_is_gone(blog, saved):
    (blog.content / "index.php").write_text("defaced")
    (blog.content / "new").write_text("new")
    done = restore_volume(blog.account, saved, "content", Choice(backs_up=False), Quiet())
    assert (blog.content / "index.php").read_text() == "<?php"
    assert not (blog.content / "new").exists()
    assert marked(blog.admin.paths) == {}
    assert done.lines[0].startswith("the volume content of blog is as it was in blog-")


def test_a_volume_that_there_is_not_is_refused_with_those_that_there_are(blog, saved):
    problem, code = refused(restore_volume, blog.account, saved, "pictures", Choice(), Quiet())
    assert (problem.code, problem.message, problem.file) == ("no-volume", "no volume 'pictures'", saved)
    assert (problem.hint, code) == ("volumes: content, database", Exit.MISSING)


def test_a_volume_that_is_kept_as_a_dump_comes_back_with_all_the_rest(blog, saved):
    problem, code = refused(restore_volume, blog.account, saved, "database", Choice(), Quiet())
    assert (problem.code, problem.file, code) == ("dumped-volume", saved, Exit.INVALID)
    assert problem.message == "the data in database is kept as a dump of db, which belongs to all the rest"
    assert problem.hint.endswith("brings all back, or with --as NAME beside it")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to others")
def test_a_file_comes_back_while_the_application_works(blog, saved):
    (blog.content / "uploads/sea.jpg").unlink()
    restore_file(blog.account, saved, "content/uploads/sea.jpg", Choice(), Quiet())
    assert (blog.content / "uploads/sea.jpg").read_text() == "the sea"
    problem, _ = refused(restore_file, blog.account, saved, "content/uploads/sea.jpg", Choice(), Quiet())
    assert (problem.code, problem.key) == ("not-placed", "uploads/sea.jpg")
    assert "there is something at" in problem.message
    assert "move it away first" in problem.message
    assert (blog.content / "uploads/sea.jpg").read_text() == "the sea"


def test_a_file_that_the_backup_has_not_is_no_damage(blog, saved):
    problem, code = refused(restore_file, blog.account, saved, "content/uploads/sky.jpg", Choice(), Quiet())
    assert (problem.code, problem.file, code) == ("not-in-backup", saved, Exit.MISSING)
    assert problem.message == "it is not in the backup: volumes/content/uploads/sky.jpg"
    assert problem.hint == f"what is in it: cat {saved} | zstd --decompress | tar -t"


@pytest.mark.parametrize("path", ["content", "content/", "content/../../secrets/salt", "content//x"])
def test_a_path_that_leads_elsewhere_is_refused(blog, saved, path):
    problem, code = refused(restore_file, blog.account, saved, path, Choice(), Quiet())
    assert (problem.code, problem.key, code) == ("file-path", path, Exit.INVALID)
    assert problem.hint == "such as uploads/2026/picture.jpg: the volume, and the path in it"


def test_a_database_that_is_open_is_no_file_to_put_back(blog, saved, monkeypatch):
    kept = read(File(saved))
    known = kept.backup.model_copy(update={"sqlite": {"content": ("data/*.db",)}})
    monkeypatch.setattr(part, "read", lambda source: replace(kept, backup=known))
    problem, _ = refused(restore_file, blog.account, saved, "content/data/a.db", Choice(), Quiet())
    assert problem.message == "data/a.db is a database, which the application has open"
    assert problem.hint == f"chainsaw restore {kept.backup.id} --volume content"


# A backup before what is deleted


@pytest.fixture
def deleted(monkeypatch):
    """The names that were deleted for good."""
    gone = []

    def delete(account, name, request, report):
        gone.append(name)
        return Result({"instance": name}, (f"{name} is deleted for good",))

    monkeypatch.setattr(purging, "delete", delete)
    return gone


def purge(blog, backs_up=True):
    return purging.purge(blog.account, "blog", Request(("blog",)), Quiet(), backs_up=backs_up)


def test_what_is_purged_is_kept_and_it_is_said_how_it_comes_back(blog, deleted):
    done = purge(blog)
    assert deleted == ["blog"]
    place, name = blog.admin.paths.backups_of("blog"), done.data["backup"]
    assert done.lines[-1] == f"  it is kept as {place}/{name}.tar.zst: chainsaw restore {name} brings it back"
    assert sealed.check(File(f"{place}/{name}.tar.zst"), 60)["id"] == name


def test_what_cannot_be_backed_up_is_not_deleted(blog, deleted):
    blog.dumps(0)
    with pytest.raises(ChainsawError) as caught:
        purge(blog)
    assert [item.code for item in caught.value.diagnostics] == ["empty-dump", "not-backed-up"]
    assert caught.value.diagnostics[1].message == "blog was not deleted: it could not be backed up before"
    assert caught.value.diagnostics[1].hint == "chainsaw remove blog --purge --no-backup deletes it without"
    assert deleted == []


def test_without_a_backup_none_is_made(blog, deleted):
    assert "backup" not in purge(blog, backs_up=False).data
    assert deleted == ["blog"]
    assert not Path(blog.admin.paths.backups_of("blog")).exists()


def test_its_backups_are_deleted_in_all_places_and_no_others(blog, saved, tmp_path, monkeypatch):
    def delete(account, name, request, report):
        """Delete what says where its backups are, too."""
        os.remove(account.paths.backup_record(name))
        return Result({})

    monkeypatch.setattr(purging, "delete", delete)
    usb = tmp_path / "usb"
    back_up(blog.account, ["blog"], Wanted(to=(str(usb),)), Quiet())
    (usb / "letter.txt").write_text("Dear admin")
    index = json.loads(Path(saved.replace(".tar.zst", ".json")).read_text())
    index["backup"] |= {"id": "club-20261201T031500Z-x7k2", "instance": "club"}
    (usb / "club-20261201T031500Z-x7k2.tar.zst").write_bytes(Path(saved).read_bytes())
    (usb / "club-20261201T031500Z-x7k2.json").write_text(
        json.dumps(index | {"file": "club-20261201T031500Z-x7k2.tar.zst"})
    )
    done = purging.purge_with_backups(blog.account, "blog", Request(("blog",)), Quiet())
    assert len(done.data["backups"]) == 2
    assert sorted(path.name[:6] for path in usb.iterdir()) == ["club-2", "club-2", "letter"]
    assert list(Path(saved).parent.iterdir()) == []
