"""Durability: a power cut loses no file that has its name, and leaves no half-written one."""

from __future__ import annotations

import json
import os
import shutil

import pytest

from chainsaw.host import disk, files, process
from chainsaw.host.store import generations, operations, records
from chainsaw.model.artifact import Artifact
from chainsaw.model.deployment import Manifest
from chainsaw.model.paths import Paths
from chainsaw.model.volume import Ids


@pytest.fixture
def paths(tmp_path):
    return Paths.of(str(tmp_path), {})


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Return the syncs and renames in order, by path below the test's directory."""
    done = []
    sync, replace, syncfs = os.fsync, os.replace, disk.sync_file_system

    def shown(path):
        return os.path.relpath(path, tmp_path)

    def fsync(descriptor):
        done.append(f"sync {shown(os.readlink(f'/proc/self/fd/{descriptor}'))}")
        sync(descriptor)

    def named(source, target):
        done.append(f"name {shown(target)}")
        replace(source, target)

    def everything(path):
        done.append("sync everything")
        syncfs(path)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", named)
    monkeypatch.setattr(disk, "sync_file_system", everything)
    return done


def test_a_file_is_on_the_disk_before_its_name_and_the_name_before_anything_else(tmp_path, written):
    files.write_atomic(str(tmp_path / "a/b/file"), b"new")
    assert written == ["sync .", "sync a", "sync a/b/file.partial", "name a/b/file", "sync a/b"]


def test_a_directory_is_known_to_those_above_it(tmp_path, written):
    files.make_directory(str(tmp_path / "a/b/c"))
    assert written == ["sync .", "sync a", "sync a/b"]
    written.clear()
    files.make_directory(str(tmp_path / "a/b/c"))
    assert written == []


def test_a_moved_file_is_deleted_at_its_old_place(tmp_path, written):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "a/file").write_text("")
    files.rename(str(tmp_path / "a/file"), str(tmp_path / "b/file"))
    assert written == ["name b/file", "sync a", "sync b"]
    written.clear()
    files.remove(str(tmp_path / "b/file"))
    assert written == ["sync b"]


def test_a_tree_is_brought_to_the_disk_at_once_and_then_named(tmp_path, paths, written):
    tree = {f"units/{number}": Artifact(f"units/{number}", b"[Unit]\n") for number in range(100)}
    generations.write_generation(paths, Manifest(number=1), tree)
    place = ".local/state/chainsaw/generations"
    assert written[-3:] == ["sync everything", f"name {place}/1", f"sync {place}"]
    assert written.count("sync everything") == 1
    assert len(written) < 15, "the files are not brought to the disk one by one"


def test_several_are_named_after_one_sync(tmp_path, written):
    for name in ("a", "b"):
        (tmp_path / f"{name}.partial").mkdir()
    files.publish(*((str(tmp_path / f"{name}.partial"), str(tmp_path / name)) for name in ("a", "b")))
    assert written == ["sync everything", "name a", "name b", "sync ."]


def test_a_tree_is_renamed_before_it_is_deleted(tmp_path, written, monkeypatch):
    (tmp_path / "static").mkdir()
    (tmp_path / "static/page").write_text("")
    monkeypatch.setattr(shutil, "rmtree", lambda path: written.append(f"delete {os.path.basename(path)}"))
    files.remove_tree(str(tmp_path / "static"))
    assert written == ["name static.partial", "sync .", "delete static.partial", "sync ."]


def test_a_half_deleted_tree_does_not_block(tmp_path):
    for name in ("static.partial", "static"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "page").write_text("")
    files.remove_tree(str(tmp_path / "static"))
    assert os.listdir(tmp_path) == []


def test_a_disk_error_is_reported(tmp_path, monkeypatch):
    class Library:
        """A C library whose sync calls fail."""

        def syncfs(self, descriptor):
            return -1

    import ctypes

    monkeypatch.setattr(ctypes, "CDLL", lambda name, use_errno: Library())
    monkeypatch.setattr(ctypes, "get_errno", lambda: 5)
    with pytest.raises(OSError, match="Input/output error"):
        disk.sync_file_system(str(tmp_path))


@pytest.mark.parametrize("torn", ['{"event": "do', '{"event": "begin"', "\0\0\0\0", '{"format": 1}'])
def test_a_torn_line_of_the_journal_is_passed_over_and_the_next_stands_alone(paths, torn):
    operations.write_begin(paths, 1, 0, ["blog"])
    with open(paths.journal, "a") as journal:
        journal.write(torn)
    assert operations.unfinished(paths) == operations.Unfinished(switch=True, instances=frozenset({"blog"}))
    operations.write_switched(paths, 1)
    operations.write_done(paths, 1, ["blog"])
    assert operations.unfinished(paths) == operations.Unfinished()
    last = (files.read_text(paths.journal) or "").splitlines()[-1]
    assert json.loads(last)["event"] == "done"


def test_lines_of_the_journal_follow_each_other(tmp_path):
    path = str(tmp_path / "state/journal")
    for line in ("one", "two"):
        files.append_line(path, line)
    assert files.read_text(path) == "one\ntwo\n"


def test_a_generation_that_was_never_finished_is_none(paths):
    generations.write_generation(paths, Manifest(number=1), {"a": Artifact("a", b"1")})
    files.write_tree(f"{paths.generations}/2.partial", {"a": Artifact("a", b"2")})
    assert generations.numbers(paths) == [1]
    generations.prune_static(paths)
    generations.write_generation(paths, Manifest(number=2), {"b": Artifact("b", b"2")})
    assert generations.numbers(paths) == [1, 2]
    assert sorted(os.listdir(f"{paths.generations}/2")) == [
        ".written",
        "b",
        "config",
        "intent",
        "manifest.json",
        "quadlets",
        "units",
    ]


def test_an_instance_that_was_half_deleted_has_no_block(paths):
    records.write_block(paths, "blog", 589824)
    os.rename(paths.instance("blog"), f"{paths.instance('blog')}.partial")
    assert records.read_blocks(paths) == {}


def test_what_belongs_to_blocks_is_placed_after_one_sync(tmp_path, written, monkeypatch):
    from chainsaw.host.podman import program
    from chainsaw.host.podman.placement import Placement
    from chainsaw.model.block import Range

    def unpack(argv, within, stdin):
        for name in ("one", "two"):
            (tmp_path / f"{name}.partial").write_text("secret")

    monkeypatch.setattr(process, "run", unpack)
    ranges = [Range("admin", 524288, 65536)]
    user = program.Program(ranges, ranges)
    ids = Ids(uid=524288, gid=524288)
    user.place([Placement(str(tmp_path / name), 0o400, ids, b"secret") for name in ("one", "two")])
    assert written == ["sync everything", "name one", "name two", "sync ."]
