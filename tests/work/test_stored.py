"""Which backups there are: by what name they are found, and what is said of those that cannot be used."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from chainsaw.errors import ChainsawError, Exit
from chainsaw.host.bundle import sealed
from chainsaw.host.store import backups
from chainsaw.work.backup.find import find, find_all, list_backups, made_until, source_of
from chainsaw.work.backup.make import Wanted, back_up, back_up_one
from chainsaw.work.backup.verify import verify
from chainsaw.work.result import Quiet


@pytest.fixture
def saved(blog):
    """The file of a backup of the blog."""
    (index,) = back_up(blog.account, ["blog"], Wanted(), Quiet()).data["backups"]
    return Path(blog.admin.paths.backups_of("blog"), index["file"])


def index_of(file):
    return file.with_name(file.name.replace(".tar.zst", ".json"))


def changed(saved, /, **values):
    """Write other values into the index of a backup."""
    index_of(saved).write_text(json.dumps(json.loads(index_of(saved).read_text()) | values))


def copied(saved, name, at):
    """Make another backup, as far as is listed."""
    known = json.loads(index_of(saved).read_text())
    file = saved.with_name(f"{name}.tar.zst")
    file.write_bytes(saved.read_bytes())
    known["backup"] |= {"id": name, "at": at}
    index_of(file).write_text(json.dumps(known | {"file": file.name}))
    return file


def refused(function, *arguments):
    with pytest.raises(ChainsawError) as caught:
        function(*arguments)
    (problem,) = caught.value.diagnostics
    return problem, caught.value.exit


def test_it_is_found_by_instance_by_its_name_and_by_its_file(blog, saved, monkeypatch):
    monkeypatch.chdir(saved.parent)
    name = saved.name.removesuffix(".tar.zst")
    for word in ("blog", name, str(saved), f"./{saved.name}", saved.name):
        assert find(blog.account, word).path == source_of(blog.account, word, "").path == str(saved)


def test_the_newest_good_one_is_meant(blog, saved):
    newer = copied(saved, "blog-20991201T031500Z-aaaa", 4_000_000_000)
    assert find(blog.account, "blog").path == str(newer)
    newer.write_bytes(b"cut off")
    assert find(blog.account, "blog").path == str(saved)
    problem, _ = refused(find, blog.account, "blog-20991201T031500Z-aaaa")
    assert (problem.code, problem.file) == ("backup", str(newer))
    assert problem.message == f"the file has 7 bytes, and not {saved.stat().st_size}"
    newer.unlink()
    assert refused(find, blog.account, "blog-20991201T031500Z-aaaa")[0].message == "the file is missing"
    (row, _) = list_backups(blog.account, "blog").data["backups"]
    assert (row["id"], row["problem"]) == ("blog-20991201T031500Z-aaaa", "the file is missing")


def test_what_a_restore_was_about_to_replace_is_meant_by_its_own_name_alone(blog, saved):
    by_itself = back_up_one(blog.account, "blog", Wanted(before="restore"), Quiet()).index.backup.id
    assert find(blog.account, "blog").path == str(saved)
    assert find(blog.account, by_itself).index.backup.before == "restore"
    place = blog.admin.paths.backups_of("blog")
    assert f"{place}/{backups.read_backups(blog.admin.paths, 'blog').made[place].id}.tar.zst" == str(saved)


def test_the_backup_of_another_site_is_meant_by_its_own_name_alone(blog, saved):
    other = copied(saved, "blog-20991201T031500Z-aaaa", 4_000_000_000)
    known = json.loads(index_of(other).read_text())
    known["backup"]["site"] = "another"
    index_of(other).write_text(json.dumps(known))
    assert find(blog.account, "blog").path == str(saved)
    assert find(blog.account, "blog-20991201T031500Z-aaaa").path == str(other)


def test_a_name_of_none_is_refused_with_a_suggestion(blog, saved):
    problem, code = refused(find, blog.account, "blgo")
    assert (problem.code, code) == ("no-backup", Exit.MISSING)
    assert problem.message == "no backup 'blgo'; did you mean blog?"
    assert problem.hint == "chainsaw backups lists them; or name a file"


def test_a_file_is_one_that_ends_as_a_backup(blog, saved, tmp_path):
    problem, code = refused(source_of, blog.account, "/etc/hostname", "")
    assert (problem.code, problem.file, code) == ("backup", "/etc/hostname", Exit.INVALID)
    assert problem.message == "a backup is a file that ends with .tar.zst or .tar.zst.age"
    problem, code = refused(source_of, blog.account, str(tmp_path / "none.tar.zst"), "")
    assert (problem.code, problem.message, code) == ("no-backup", "there is no such file", Exit.MISSING)


def test_an_index_that_cannot_be_read_is_a_warning(blog, saved):
    index_of(saved).write_text('{"backup": 5')
    found = find_all(blog.account)
    assert found.stored == ()
    (problem,) = found.problems
    assert (problem.code, problem.severity, problem.file) == ("index", "warning", str(index_of(saved)))
    assert problem.message.startswith("this index cannot be read: ")
    assert problem.hint == "the backup beside it does not need it: chainsaw show FILE"
    assert source_of(blog.account, str(saved), "").path == str(saved)
    index_of(saved).unlink()
    assert refused(find, blog.account, str(saved))[0].message == "the index beside it is missing"


@pytest.mark.parametrize("file", ["../../.ssh/id_ed25519", "/etc/shadow.tar.zst", "photo.jpg"])
def test_an_index_leads_to_no_file_elsewhere(blog, saved, file):
    changed(saved, file=file)
    found = find_all(blog.account)
    assert found.stored == ()
    assert [item.code for item in found.problems] == ["index"]
    assert "it is not the index of a bundle" in found.problems[0].message


def test_what_else_is_in_a_place_is_passed_over(blog, saved):
    (saved.parent / "package.json").write_text('{"name": "x"}')
    (saved.parent / "holiday.tar.zst").write_text("x")
    found = find_all(blog.account)
    assert [item.path for item in found.stored] == [str(saved)]
    assert found.problems == ()


def test_a_place_that_is_not_there_now_is_a_warning(blog, tmp_path):
    place = tmp_path / "usb"
    back_up(blog.account, ["blog"], Wanted(to=(str(place),)), Quiet())
    assert [item.path.rpartition("/")[0] for item in find_all(blog.account).stored] == [str(place)]
    place.rename(tmp_path / "unplugged")
    (problem,) = find_all(blog.account).problems
    assert (problem.code, problem.severity, problem.file) == ("no-place", "warning", str(place))
    assert problem.message == "there is no such directory now"


def test_backups_of_a_removed_instance_are_still_found(blog, saved):
    blog.admin.arrange()
    (row,) = list_backups(blog.account, None).data["backups"]
    assert (row["instance"], row["path"]) == ("blog", str(saved))
    assert list_backups(blog.account, "club").lines == ("there is no backup of club",)


def test_a_time_means_the_newest_one_until_then(blog, saved, monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    for day in ("01", "02"):
        name = f"blog-202601{day}T120000Z-aaaa"
        copied(saved, name, int(time.mktime(time.strptime(f"2026-01-{day} 12:00", "%Y-%m-%d %H:%M"))))
    for text, day in (
        ("2026-01-02", "02"),
        ("2026-01-02 12:00", "02"),
        ("2026-01-02 11:59:59", "01"),
        ("2026-01-01", "01"),
    ):
        assert made_until(blog.account, "blog", text) == f"blog-202601{day}T120000Z-aaaa"
    problem, code = refused(made_until, blog.account, "blog", "2025-12-31")
    assert (problem.code, problem.hint, code) == ("no-backup", "chainsaw backups blog", Exit.MISSING)
    problem, code = refused(made_until, blog.account, "blog", "yesterday")
    assert (problem.code, problem.key, code) == ("time", "--at yesterday", Exit.INVALID)


# verify


def test_what_is_verified_is_recorded(blog, saved):
    done = verify(blog.account, "blog", "", Quiet())
    assert done.data["content"]
    assert f"each of its {done.data['members']} members is as it is listed" in done.lines[0]
    assert list(backups.read_backups(blog.admin.paths, "blog").verified) == [saved.name.removesuffix(".tar.zst")]
    (row,) = list_backups(blog.account, "blog").data["backups"]
    assert row["verified"] is not None


def test_one_that_is_found_damaged_is_none_from_then_on(blog, saved):
    newest = copied(saved, "blog-20990101T000000Z-aaaa", 4_000_000_000)
    newest.write_bytes(saved.read_bytes()[:-9] + b"x" * 9)
    assert find(blog.account, "blog").path == str(newest)
    with pytest.raises(ChainsawError, match="it is damaged"):
        verify(blog.account, "blog", "", Quiet())
    assert find(blog.account, "blog").path == str(saved)
    row, _ = list_backups(blog.account, "blog").data["backups"]
    assert "it is damaged" in row["problem"]


def test_one_that_is_whole_again_counts_again(blog, saved):
    whole = saved.read_bytes()
    saved.write_bytes(whole[:-9] + b"x" * 9)
    with pytest.raises(ChainsawError):
        verify(blog.account, str(saved), "", Quiet())
    assert "it is damaged" in find(blog.account, str(saved)).problem
    saved.write_bytes(whole)
    verify(blog.account, str(saved), "", Quiet())
    assert find(blog.account, "blog").problem == ""


def test_any_byte_that_is_another_is_found(blog, saved):
    whole = saved.read_bytes()
    for place in (20, len(whole) // 2, len(whole) - 1):
        saved.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(ChainsawError, match="cannot be read as a whole: it is damaged"):
            verify(blog.account, str(saved), "", Quiet())
    assert backups.read_backups(blog.admin.paths, "blog").verified == {}


def test_one_in_the_place_of_another_is_found(blog, saved):
    (blog.content / "more").write_text("more")
    (index,) = back_up(blog.account, ["blog"], Wanted(to=(str(saved.parent / "x"),)), Quiet()).data["backups"]
    other = (saved.parent / "x" / index["file"]).read_bytes()
    saved.write_bytes(other)
    changed(saved, bytes=len(other))
    problem, _ = refused(verify, blog.account, str(saved), "", Quiet())
    assert (problem.code, problem.message) == ("backup", "it is not the one that its index describes")
    assert problem.hint == "chainsaw backups blog lists others; chainsaw backup blog makes one"


def test_an_encrypted_one_is_compared_without_its_key(blog, tmp_path):
    secret, public = sealed.new_pair()
    (tmp_path / "key.txt").write_text(secret)
    (index,) = back_up(blog.account, ["blog"], Wanted(recipients=(public,)), Quiet()).data["backups"]
    file = Path(blog.admin.paths.backups_of("blog"), index["file"])
    done = verify(blog.account, "blog", "", Quiet())
    assert not done.data["content"]
    assert "what is in it was not read: --identity FILE reads that, too" in done.lines[0]
    assert verify(blog.account, "blog", str(tmp_path / "key.txt"), Quiet()).data["content"]
    with file.open("r+b") as stream:
        stream.seek(-1, os.SEEK_END)
        last = stream.read(1)
        stream.seek(-1, os.SEEK_END)
        stream.write(bytes([last[0] ^ 1]))
    problem, _ = refused(verify, blog.account, "blog", "", Quiet())
    assert (problem.code, problem.message) == ("backup", "it has changed since it was written")
