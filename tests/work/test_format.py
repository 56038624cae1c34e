"""Backups of format 1, made once and checked in: whoever has one can always read it, and restore what is in it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from chainsaw.host.bundle import sealed, taking
from chainsaw.host.bundle.sealed import File
from chainsaw.model.backup import DUMPS, VOLUMES, Backup, Ending, Index
from chainsaw.work.backup.make import Wanted, back_up
from chainsaw.work.restore.read import read
from chainsaw.work.result import Quiet

FORMAT = Path(__file__).parent / "format-1"
KEY = str(FORMAT / "key.txt")
FILES = sorted([*FORMAT.glob("*.tar.zst"), *FORMAT.glob("*.tar.zst.age")])
ROOM = 2**30


def identity(file):
    return KEY if file.name.endswith(".age") else ""


def index_of(file):
    return json.loads(file.with_name(f"{file.name.partition('.')[0]}.json").read_text())


@pytest.fixture(params=FILES, ids=lambda file: file.suffixes[-1])
def file(request):
    """A backup, plain and encrypted."""
    return request.param


def test_there_is_one_of_each_kind():
    assert [file.suffixes[-1] for file in FILES] == [".zst", ".age"]


def test_its_index_is_read_and_describes_the_file(file):
    index = Index.model_validate(index_of(file))
    found = sealed.digest_of(str(file))
    assert (index.file, index.bytes, index.sha256) == (file.name, found.bytes, found.sha256)
    assert bool(index.recipients) == (file.suffix == ".age")


def test_its_beginning_is_read(file):
    kept = read(File(str(file), identity(file)))
    assert kept.backup.model_dump(mode="json", exclude_unset=True) == index_of(file)["backup"]
    assert kept.secrets == {name: f"sesame of {name}".encode() for name in ("admin_password", "salt")}
    assert kept.notes == b"- 2026-12-01 Kim: it is new\n"
    assert "title: Walks" in kept.text
    assert kept.bundle.recipe.name == "wordpress"


def test_each_member_is_as_it_is_listed(file):
    known = sealed.check(File(str(file), identity(file)), 60)
    ending = Ending.model_validate({key: value for key, value in known.items() if key != "format"})
    assert ending.model_dump(mode="json", exclude_unset=True) == index_of(file)["ending"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to others")
def test_its_data_is_unpacked(file, tmp_path):
    target = tmp_path / "target"
    target.mkdir()
    taking.unpack(File(str(file), identity(file)), str(target), 524288, ROOM, (DUMPS, VOLUMES), (), 60)
    content = target / "volumes/content"
    assert (target / "dumps/db/00000000").read_bytes() == bytes(100)
    assert (content / "uploads/größe").read_text() == "size"
    assert (content / "uploads/the same").samefile(content / "uploads/sea.jpg")
    assert (content / "latest").readlink() == Path("uploads/sea.jpg")
    assert (content / "pipe").is_fifo()
    holes = (content / "holes").stat()
    assert (holes.st_size, holes.st_blocks * 512 < 2**20) == (2**20 + 3, True)
    page = content / "index.php"
    assert (page.read_text(), page.stat().st_mode & 0o7777) == ("<?php", 0o640)
    assert os.getxattr(page, "user.mark") == b"1"


def keys_in(value):
    """Return the keys of a JSON object, and of those in it, as paths; names of what is kept are no part of that."""
    found = set()
    for key, item in value.items():
        found.add(key)
        if isinstance(item, dict) and key not in ("volumes", "dumps", "shared", "sqlite", "left"):
            found |= {f"{key}.{below}" for below in keys_in(item)}
    return found


def test_todays_backups_say_all_that_those_say(blog):
    """What reads format 1 may rely on each key: none is dropped, and a new one is an addition."""
    (index,) = back_up(blog.account, ["blog"], Wanted(), Quiet()).data["backups"]
    assert keys_in(index_of(FILES[0])) <= keys_in(index)
    first = read(File(f"{blog.admin.paths.backups_of('blog')}/{index['file']}")).files["backup.json"]
    assert keys_in(index_of(FILES[0])["backup"]) <= keys_in(json.loads(first))
    assert Backup.model_validate_json(first).format == 1
