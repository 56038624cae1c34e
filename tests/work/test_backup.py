"""A backup of an instance: how it is made, where it goes, and what keeps one from being made."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from chainsaw.errors import ChainsawError, Exit
from chainsaw.host import disk, files, holder, mounts
from chainsaw.host.bundle import sealed
from chainsaw.host.bundle.sealed import File
from chainsaw.host.store import backups
from chainsaw.model.consistent import Consistent, Hook
from chainsaw.work.backup.bundle import Target, write_bundle
from chainsaw.work.backup.content import content_of
from chainsaw.work.backup.hold import hold
from chainsaw.work.backup.key import make_key
from chainsaw.work.backup.make import Wanted, back_up, recall, sizes
from chainsaw.work.result import Quiet

MIB = 2**20
RECIPIENT = "age1" + "q" * 58


def made(blog, **options):
    """Back it up; return what is said, and the one diagnostic, if there is one."""
    done = back_up(blog.account, ["blog"], Wanted(**options), Quiet())
    return done, *done.diagnostics


def files_in(place):
    return sorted(path.name for path in Path(place).iterdir()) if Path(place).exists() else []


def record(blog):
    return backups.read_backups(blog.admin.paths, "blog")


def test_a_bundle_and_its_index_are_the_admins_alone(blog):
    (done,) = made(blog)
    (index,) = done.data["backups"]
    place = blog.admin.paths.backups_of("blog")
    assert files_in(place) == [f"{index['backup']['id']}.json", index["file"]]
    assert {path.stat().st_mode & 0o777 for path in Path(place).iterdir()} == {0o600}
    assert Path(place).stat().st_mode & 0o777 == 0o700
    assert json.loads((Path(place) / f"{index['backup']['id']}.json").read_text()) == index
    assert index["ending"]["dumps"] == {"db": 100}
    assert index["ending"]["volumes"]["content"]["members"] == 4
    assert done.lines[0].startswith(f"blog is backed up as {index['backup']['id']}: ")
    assert "nothing of it ran" in done.lines[1]
    assert "holds passwords" in done.lines[2]
    assert record(blog).made[place].id == index["backup"]["id"]


def test_it_is_the_same_in_all_places(blog, tmp_path):
    places = (str(tmp_path / "one"), str(tmp_path / "two"))
    made(blog, to=places)
    assert files_in(places[0]) == files_in(places[1])
    for name in files_in(places[0]):
        assert Path(places[0], name).read_bytes() == Path(places[1], name).read_bytes()
    assert set(record(blog).made) == set(places)


def test_a_copy_that_is_another_is_no_backup(blog, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "copyfileobj", lambda source, target, size: target.write(b"another"))
    places = (str(tmp_path / "one"), str(tmp_path / "two"))
    result = back_up(blog.account, ["blog"], Wanted(to=places), Quiet())
    (problem,) = result.diagnostics
    assert (problem.code, problem.key, result.exit) == ("copy", f"blog, {places[1]}", Exit.DEGRADED)
    assert problem.message == "it is not the same as what was copied"
    assert problem.file.startswith(f"{places[1]}/blog-")
    assert files_in(places[1]) == []
    # The first place has its backup, and each is remembered by itself.
    assert len(files_in(places[0])) == 2
    known = record(blog)
    assert (list(known.made), list(known.failed)) == ([places[0]], [places[1]])


def test_a_first_place_that_fails_keeps_no_other_from_its_backup(blog, tmp_path):
    places = (str(tmp_path / "file"), str(tmp_path / "two"))
    Path(places[0]).touch()
    result = back_up(blog.account, ["blog"], Wanted(to=places), Quiet())
    (problem,) = result.diagnostics
    assert (problem.key, result.exit) == (f"blog, {places[0]}", Exit.DEGRADED)
    assert len(files_in(places[1])) == 2
    known = record(blog)
    assert (list(known.made), list(known.failed)) == ([places[1]], [places[0]])


def test_a_place_without_what_was_there_is_not_mounted(blog, tmp_path):
    place = str(tmp_path / "disk")
    made(blog, to=(place,))
    shutil.rmtree(place)
    _, problem = made(blog, to=(place,))
    assert (problem.code, problem.file) == ("not-mounted", place)
    assert problem.message.startswith("no backup is there, not even blog-")
    assert problem.hint == "see whether its disk is mounted; if it is a new one: chainsaw backup blog --accept-shrink"
    assert not os.path.exists(place)
    result = back_up(blog.account, ["blog"], Wanted(to=(place,), shrinks=True), Quiet())
    assert result.exit == Exit.OK


def test_what_is_encrypted_says_nothing_without_the_key(blog, tmp_path):
    secret, public = sealed.new_pair()
    (tmp_path / "key.txt").write_text(f"{secret}\n")
    (done,) = made(blog, recipients=(public,))
    (index,) = done.data["backups"]
    path = f"{blog.admin.paths.backups_of('blog')}/{index['file']}"
    assert path.endswith(".tar.zst.age")
    assert index["recipients"] == [public]
    assert len(done.lines) == 2, "no word of passwords that lie about"
    with pytest.raises(ChainsawError, match="can be read only with the secret part of its key") as caught:
        sealed.check(File(path), 60)
    (problem,) = caught.value.diagnostics
    assert (problem.code, caught.value.exit) == ("encrypted", Exit.INVALID)
    assert problem.hint.endswith("--identity FILE")
    assert sealed.check(File(path, str(tmp_path / "key.txt")), 60)["sha256"] == index["ending"]["sha256"]


def test_a_wrong_key_is_told_apart_from_nothing(blog, tmp_path):
    _, public = sealed.new_pair()
    (tmp_path / "other.txt").write_text(f"{sealed.new_pair()[0]}\n")
    (done,) = made(blog, recipients=(public,))
    path = f"{blog.admin.paths.backups_of('blog')}/{done.data['backups'][0]['file']}"
    with pytest.raises(ChainsawError, match="damaged, or this is not the key that it is encrypted for") as caught:
        sealed.check(File(path, str(tmp_path / "other.txt")), 60)
    damaged, cause = caught.value.diagnostics
    assert (damaged.code, damaged.file, damaged.hint) == ("damaged", path, "chainsaw backups lists others")
    assert cause.code == "program-failed"


@pytest.mark.parametrize(
    ("options", "key", "said"),
    [
        ({"to": ("backups",)}, "--to backups", "a destination is a directory, /mnt/backups, or a repository"),
        ({"to": ("restic:nowhere",)}, "--to restic:nowhere", "a repository is restic:/srv/repository"),
        ({"recipients": ("AGE-SECRET-KEY-1QQ",)}, "--encrypt AGE-SECRET-KEY-1QQ", "is the public part of a key, age1"),
    ],
)
def test_what_is_neither_place_nor_recipient_is_refused_before_anything(blog, options, key, said):
    with pytest.raises(ChainsawError, match=said) as caught:
        made(blog, **options)
    (problem,) = caught.value.diagnostics
    assert (problem.code, problem.key, caught.value.exit) == ("backup-option", key, Exit.INVALID)
    assert record(blog).failed == {}


def test_on_another_host_it_is_only_written_encrypted(blog, tmp_path, monkeypatch):
    monkeypatch.setattr(mounts, "kind_at", lambda path: "nfs4")
    place = str(tmp_path / "far")
    _, problem = made(blog, to=(place,))
    assert (problem.code, problem.file) == ("not-encrypted", place)
    assert problem.message.startswith("it is on another host (nfs4), where others may read it")
    assert problem.hint.startswith("chainsaw backup key makes a key")
    assert files_in(place) == []
    (done,) = made(blog, to=(place,), recipients=(sealed.new_pair()[1],))
    assert len(done.data["backups"]) == 1


def test_a_full_disk_is_found_before_anything_is_written(blog, tmp_path, monkeypatch):
    place = str(tmp_path / "small")
    made(blog, to=(place,))
    before = files_in(place)
    monkeypatch.setattr(disk, "spare_bytes", lambda path: 2**20)
    monkeypatch.setattr(disk, "free_bytes", lambda path: 2**20 + 100)
    _, problem = made(blog, to=(place,))
    assert (problem.code, problem.file) == ("no-space", place)
    assert problem.message == "1.0 MB are free, and 1.1 MB are expected to be needed"
    assert problem.hint.endswith("name another place: --to DIRECTORY")
    assert files_in(place) == before
    assert record(blog).failed[place].why == problem.message
    assert record(blog).made[place].id in before[0], "the last good one is not forgotten"


def test_much_less_data_than_before_is_an_error_unless_it_is_right(blog):
    place = blog.admin.paths.backups_of("blog")
    blog.dumps(3 * MIB)
    made(blog)
    before = files_in(place)
    blog.dumps(MIB)
    _, problem = made(blog)
    assert problem.code == "shrunken"
    assert problem.message.startswith("there is less than half of what the last backup of blog holds: ")
    assert f": {MIB + 8192} bytes, of {3 * MIB + 8192}, " in problem.message
    assert problem.message.endswith(f"{MIB} bytes in dumps/db, of {3 * MIB}")
    assert problem.hint == "if that is right: chainsaw backup blog --accept-shrink"
    assert files_in(place) == before, "nothing is left of it"
    (done,) = made(blog, shrinks=True)
    assert done.exit is Exit.OK
    assert record(blog).failed == {}


def test_a_dump_that_is_empty_is_no_backup(blog):
    blog.dumps(0)
    _, problem = made(blog)
    assert (problem.code, problem.hint) == ("empty-dump", "chainsaw logs blog db")
    assert problem.message == "mariadb-dump in blog.db wrote nothing: a backup of it would be empty"
    assert files_in(blog.admin.paths.backups_of("blog")) == []


def test_a_dump_that_fails_is_no_backup(blog):
    blog.program("mariadb-dump", "echo some; echo gone away >&2; exit 2")
    _, problem = made(blog)
    assert problem.code == "program-failed"
    assert "gone away" in problem.message
    assert files_in(blog.admin.paths.backups_of("blog")) == []


def test_a_database_that_does_not_answer_is_no_backup(blog):
    slow = blog.deployment.model_copy(update={"start_timeout": 1})
    blog.admin.arrange(slow)
    blog.program("mariadb-admin", "echo not yet >&2; exit 1")
    _, problem = made(blog)
    assert problem.code == "not-started"
    assert problem.message.startswith("blog.db does not answer after 1 s: ")


def test_one_that_fails_keeps_no_other_from_its_own(blog):
    text = blog.deployment.model_copy(update={"name": "club", "digest": "0" * 64})
    blog.admin.arrange(text, blog.deployment)
    done = back_up(blog.account, (), Wanted(), Quiet())
    assert done.exit is Exit.DEGRADED
    assert [item["backup"]["instance"] for item in done.data["backups"]] == ["blog"]
    assert {item.key for item in done.diagnostics} == {"club"}


def test_where_nothing_is_applied_there_is_nothing_to_back_up(admin):
    assert back_up(admin.account, (), Wanted(), Quiet()).lines == ("there is no instance to back up",)


def test_what_an_interrupted_one_has_left_is_deleted_by_the_next(blog):
    place = Path(blog.admin.paths.backups_of("blog"))
    place.mkdir(parents=True)
    site = backups.site_id(blog.admin.paths)
    others = (".blog-20261201T031500Z-x7k2.other.partial", f".blog-2-20261201T031500Z-x7k2.{site}.partial")
    for name in (f".blog-20261201T031500Z-x7k2.{site}.partial", *others, "letter.txt"):
        (place / name).touch()
    made(blog)
    kept = [name for name in files_in(place) if not name.startswith("blog-")]
    assert kept == sorted([*others, "letter.txt"])


def test_how_much_there_is_is_shown_without_one(blog, monkeypatch):
    monkeypatch.setattr("chainsaw.host.usage.disk_usage", lambda paths, within, timeout: dict.fromkeys(paths, 5000))
    rows = sizes(blog.account, ["blog"]).data["sizes"]
    assert [(row["what"], row["bytes"]) for row in rows] == [("volumes/content", 5000), ("dumps/db", None)]
    assert files_in(blog.admin.paths.backups_of("blog")) == []


def test_what_is_in_the_places_is_known_again_after_the_record_is_lost(blog):
    made(blog)
    known = record(blog).made
    Path(blog.admin.paths.backup_record("blog")).unlink()
    recall(blog.account, "blog")
    assert record(blog).made == known


def test_a_name_of_the_site_that_is_none_says_what_deleting_it_means(blog):
    Path(blog.admin.paths.site_id).write_text("{}")
    _, problem = made(blog)
    assert (problem.code, problem.file) == ("record", blog.admin.paths.site_id)
    assert problem.hint.startswith(f"rm {blog.admin.paths.site_id}: this site's backups in shared places")


# How files hold still


HOLDS = Consistent(files="quiesced", why="w", quiesce=Hook(component="app", command=("hold-requests",)))


def held(blog, consistent, work=lambda: None):
    report = Quiet()
    return hold(blog.account, blog.deployment, consistent, work, report), report.messages


def test_writes_are_held_while_the_files_are_read(blog, tmp_path):
    blog.units.set("active")
    blog.program("hold-requests", f"touch {tmp_path}/held; echo held; cat > /dev/null; rm {tmp_path}/held")
    seen = []
    found, _ = held(blog, HOLDS, lambda: seen.append((tmp_path / "held").exists()))
    assert (found.way, found.downtime, seen) == ("quiesced", 0.0, [True])
    assert not (tmp_path / "held").exists()


def test_what_cannot_be_held_is_stopped_and_started_again(blog):
    blog.units.set("active")
    blog.program("hold-requests", "echo no such signal >&2; exit 1")
    seen = []
    found, said = held(blog, HOLDS, lambda: seen.append(blog.units.states(["app@blog.service"])))
    assert found.way == "stopped"
    assert found.downtime > 0
    assert seen == [{"app@blog.service": "inactive"}]
    assert blog.units.states(["app@blog.service"]) == {"app@blog.service": "active"}
    assert any(text.startswith("blog is stopped instead: ") and "no such signal" in text for text in said)


def test_what_stops_holding_before_its_time_is_an_error(blog):
    blog.units.set("active")
    blog.program("hold-requests", "echo held; exit 3")

    def work():
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)

    with pytest.raises(ChainsawError, match="has ended before it was told to") as caught:
        held(blog, HOLDS, work)
    assert caught.value.diagnostics[0].code == "not-held"


def test_what_never_says_that_it_holds_is_given_up():
    with pytest.raises(holder.NotHeldError, match=r"cat did not begin within 0\.1 s"), holder.held_by(["cat"], 0.1):
        raise AssertionError


@pytest.mark.parametrize(("state", "way"), [("active", "running"), ("inactive", "resting")])
def test_what_may_be_read_while_it_works_is_never_stopped(blog, state, way):
    blog.units.set(state)
    found, said = held(blog, Consistent(files="running", why="w"))
    assert (found.way, found.downtime, said) == (way, 0.0, [])
    assert blog.units.changed == {}


def test_a_recipe_that_says_nothing_is_stopped_for_a_part(blog):
    blog.units.set("active")
    content = content_of(blog.account, blog.deployment)
    target = Target((blog.admin.paths.backups_of("blog"),), (), {})
    files.make_directory(blog.admin.paths.state)
    quiet = replace(content, consistent=Consistent(files="stopped", why="w"))
    index, _ = write_bundle(blog.account, quiet, target, Quiet())
    assert index.ending.files == "stopped"
    assert index.ending.downtime > 0
    assert blog.units.states(["app@blog.service"]) == {"app@blog.service": "active"}


# The key


def test_a_key_is_added_to_those_that_there_are(blog, podman):
    first = make_key(blog.account, Quiet()).data
    second = make_key(blog.account, Quiet())
    assert second.data["recipients"] == [first["recipient"], second.data["recipient"]]
    assert f"recipients: [{', '.join(second.data['recipients'])}]" in blog.admin.read("site.yaml")
    assert second.data["identity"].startswith("AGE-SECRET-KEY-1")
    assert f"  {second.data['identity']}" in second.lines
    home = Path(blog.admin.paths.home)
    assert not [path for path in home.rglob("*") if path.is_file() and b"AGE-SECRET-KEY" in path.read_bytes()]


def test_a_file_of_the_site_with_a_fault_gets_no_key(blog):
    blog.admin.write("site.yaml", "langauge: de\n")
    with pytest.raises(ChainsawError, match="langauge") as caught:
        make_key(blog.account, Quiet())
    assert "age1" not in blog.admin.read("site.yaml")
    assert caught.value.diagnostics


def test_an_age_that_makes_no_key_is_named(blog):
    blog.program("age-keygen", "echo usage")
    with pytest.raises(ChainsawError, match="age-keygen printed no key") as caught:
        make_key(blog.account, Quiet())
    (problem,) = caught.value.diagnostics
    assert (problem.code, problem.hint) == ("key", "age-keygen")
