"""Records that are kept between commands: compiled inputs, recipes under test, and digests of directories."""

from __future__ import annotations

import json
import os

import pytest

from chainsaw.errors import ChainsawError
from chainsaw.host import files
from chainsaw.host.store import records
from chainsaw.model.paths import Paths

KNOWN = records.Compiled(7, "digest", {"front": 524288}, "recipes", {"/srv/text": "1"}, (5, 4), (80, 443))


@pytest.fixture
def paths(tmp_path):
    return Paths.of(str(tmp_path), {})


@pytest.fixture
def directory(tmp_path):
    for path in ("a", "b/c", "b/d/e"):
        files.write_atomic(str(tmp_path / "directory" / path), b"1")
    return tmp_path / "directory"


def digest(directory):
    return files.directory_digest(str(directory))


CHANGES = {
    "a file is added": lambda place: (place / "new").write_bytes(b"1"),
    "an empty file is added": lambda place: (place / "b/d/new").touch(),
    "a file is removed": lambda place: (place / "b/c").unlink(),
    "a file is renamed": lambda place: (place / "b/c").rename(place / "b/f"),
    "a file is moved": lambda place: (place / "b/c").rename(place / "b/d/c"),
    "a file is longer": lambda place: (place / "a").write_bytes(b"12"),
    "a file is replaced by one as long": lambda place: files.write_atomic(str(place / "a"), b"2"),
    "a mode is changed": lambda place: (place / "b/d/e").chmod(0o600),
    "a link takes the place of a file": lambda place: files.replace_link(str(place / "a"), "b/c"),
    "a directory is renamed": lambda place: (place / "b").rename(place / "z"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_any_change_below_a_directory_changes_its_digest(directory, change):
    before = digest(directory)
    change(directory)
    assert digest(directory) != before


def test_a_file_that_is_written_in_its_place_and_dated_back_is_noticed(directory):
    before, found = digest(directory), os.stat(directory / "a")
    with (directory / "a").open("r+b") as file:
        file.write(b"2")
    os.utime(directory / "a", ns=(found.st_atime_ns, found.st_mtime_ns))
    assert digest(directory) != before


def test_a_directory_that_nobody_changed_keeps_its_digest(directory):
    before = digest(directory)
    files.read_directory(str(directory))
    assert digest(directory) == before


def test_a_directory_that_is_not_there_has_a_digest_of_its_own(directory, tmp_path):
    assert digest(tmp_path / "none") == digest(tmp_path / "none either") != digest(directory)


def test_what_was_compiled_is_read_again_as_it_was_written(paths):
    assert records.read_compiled(paths) is None
    records.write_compiled(paths, KNOWN)
    assert records.read_compiled(paths) == KNOWN


def test_what_is_known_already_is_not_written_again(paths):
    records.write_compiled(paths, KNOWN)
    file = f"{paths.state}/chainsaw/compiled.json"
    before = os.stat(file)
    records.write_compiled(paths, KNOWN)
    assert os.stat(file).st_ino == before.st_ino


@pytest.mark.parametrize(
    "change",
    [{"format": 2}, {"ports": [80]}, {"ports": 80}, {"podman": "5.4"}, {"generation": None, "inputs": None}],
    ids=str,
)
def test_what_another_version_wrote_is_as_good_as_nothing(paths, change):
    file = f"{paths.state}/chainsaw/compiled.json"
    records.write_compiled(paths, KNOWN)
    content = {**json.loads(files.read_text(file) or ""), **change}
    files.write_atomic(file, json.dumps({key: value for key, value in content.items() if value is not None}).encode())
    assert records.read_compiled(paths) is None


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "null", "7"])
def test_what_is_no_record_is_as_good_as_nothing(paths, text):
    files.write_atomic(f"{paths.state}/chainsaw/compiled.json", text.encode())
    assert records.read_compiled(paths) is None


def write_trial(paths, name, content):
    files.write_atomic(f"{paths.trials}/{name}.json", json.dumps(content).encode())


def test_recipes_that_are_being_tested_are_known_with_their_directories(paths):
    assert records.read_trials(paths) == {}
    write_trial(paths, "wiki", {"format": 1, "directory": "/srv/wiki"})
    write_trial(paths, "my-feeds", {"format": 1, "directory": "/srv/my-feeds", "marker": "mark1"})
    assert records.read_trials(paths) == {"my-feeds": "/srv/my-feeds", "wiki": "/srv/wiki"}


@pytest.mark.parametrize(
    "content", [{}, {"format": 2, "directory": "/srv/wiki"}, {"format": 1, "directory": 7}], ids=str
)
def test_a_trial_of_another_version_is_refused(paths, content):
    write_trial(paths, "wiki", content)
    with pytest.raises(ChainsawError) as caught:
        records.read_trials(paths)
    (problem,) = caught.value.diagnostics
    assert (problem.code, problem.file) == ("bad-record", f"{paths.trials}/wiki.json")


def test_a_trial_that_is_just_being_written_is_not_one_yet(paths):
    files.write_atomic(f"{paths.trials}/wiki.json.partial", b'{"format": 1, "dir')
    assert records.read_trials(paths) == {}
