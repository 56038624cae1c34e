"""What one host leaves for another one: what is wrong with it is said before anything is restored."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from chainsaw.errors import ChainsawError, Exit
from chainsaw.model.consistent import Consistent
from chainsaw.work.trial import elsewhere, upload

INDEX = {
    "backup": {
        "id": "wiki-20261201T031500Z-x7k2", "site": "abc", "instance": "wiki", "at": 1, "chainsaw": "1", "url": "u",
        "recipe": {"name": "wiki", "origin": "tried/wiki", "version": "1", "digest": "0" * 64, "title": "W"},
    },
    "ending": {"id": "wiki-20261201T031500Z-x7k2", "finished": 1, "files": "running", "downtime": 0},
    "file": "wiki-20261201T031500Z-x7k2.tar.zst", "bytes": 1, "sha256": "0" * 64,
}  # fmt: skip


@pytest.fixture
def scene(tmp_path):
    return SimpleNamespace(name="wiki", place=str(tmp_path), bundle=SimpleNamespace(digest="1" * 64))


def note(scene, **fields):
    known = {"recipe": "wiki", "digest": "1" * 64, "index": INDEX, "host": {"site": "abc"}, **fields}
    text = elsewhere.Handover.model_validate(known).model_dump_json()
    with open(f"{scene.place}/wiki.trial.json", "w") as file:
        file.write(text)


def test_what_was_left_is_read(scene):
    note(scene, marker="word")
    assert elsewhere._read(scene).marker == "word"


def test_where_nothing_was_left_the_command_for_it_is_named(scene):
    with pytest.raises(ChainsawError) as caught:
        elsewhere._read(scene)
    (problem,) = caught.value.diagnostics
    assert (problem.code, problem.file, caught.value.exit) == (
        "no-trial", f"{scene.place}/wiki.trial.json", Exit.MISSING,
    )  # fmt: skip
    assert problem.hint == "on the first host: chainsaw recipe test wiki --hand-over DIRECTORY"


@pytest.mark.parametrize("text", ["{", "[]", '{"format": 1}'])
def test_what_is_no_note_is_refused(scene, text):
    with open(f"{scene.place}/wiki.trial.json", "w") as file:
        file.write(text)
    with pytest.raises(ChainsawError, match="it is no such note"):
        elsewhere._read(scene)


def test_a_backup_of_another_version_proves_nothing_of_this_one(scene):
    note(scene, digest="2" * 64)
    with pytest.raises(ChainsawError, match="of another version of the recipe wiki"):
        elsewhere._read(scene)


@pytest.mark.parametrize(
    ("rules", "found"),
    [
        (None, "files"),
        (Consistent(files="running", why="w"), "files"),
        (Consistent(files="running", why="w", excludes={"files": ("*",)}), "more"),
        (Consistent(files="running", why="w", excludes={"files": ("*",), "more": ("*.bin",)}), None),
    ],
)
def test_a_file_is_uploaded_into_a_volume_whose_files_a_backup_holds(rules, found):
    volumes = [SimpleNamespace(name=name, components=owners) for name, owners in (
        ("data", ("db",)), ("files", ("app",)), ("more", ("app",)),
    )]  # fmt: skip
    services = [SimpleNamespace(component="db", dump=("dump",)), SimpleNamespace(component="app", dump=())]
    scene: Any = SimpleNamespace(
        deployment=lambda name: SimpleNamespace(volumes=volumes, services=services),
        recipe=lambda name: SimpleNamespace(backup=rules),
    )
    volume = upload._volume(scene, "wiki")
    assert (volume.name if volume else None) == found
