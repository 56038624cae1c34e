"""Memory and disk use, measured on this host."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from chainsaw.host import usage

PATIENCE = 20.0


@pytest.fixture
def disk(tmp_path, podman):
    """Return a function that measures paths, in its own user namespace."""

    def measure(*paths, patience=PATIENCE):
        return usage.disk_usage([str(path) for path in paths], ["unshare", "--user"], patience)

    return measure


@pytest.fixture
def pages(tmp_path):
    """Two directories: one with 1 MB below it, one empty."""
    (tmp_path / "pages/deep").mkdir(parents=True)
    (tmp_path / "pages/deep/picture").write_bytes(os.urandom(1_000_000))
    (tmp_path / "empty").mkdir()
    return tmp_path


def test_a_directory_takes_what_its_files_take_on_the_disk(disk, pages):
    found = disk(pages / "pages", pages / "empty", pages / "pages/deep/picture")
    assert 1_000_000 <= found[str(pages / "pages")] < 1_100_000
    assert found[str(pages / "empty")] < 10_000


def test_a_file_alone_can_be_measured(disk, pages):
    (size,) = disk(pages / "pages/deep/picture").values()
    assert size == Path(pages / "pages/deep/picture").stat().st_blocks * 512


def test_what_is_not_there_is_left_out(disk, pages, podman):
    assert list(disk(pages / "gone", pages / "empty")) == [str(pages / "empty")]
    podman.write_text("")
    assert disk(pages / "gone") == {}
    assert disk() == {}
    assert podman.read_text() == "", "for nothing, no program is started"


def test_a_link_takes_nothing_of_what_it_points_to(disk, pages):
    (pages / "link").symlink_to(pages / "pages")
    assert disk(pages / "link")[str(pages / "link")] < 10_000


@pytest.mark.parametrize("name", ["with a blank", "-s", "tab\there", "it's", "Größe"])
def test_a_name_may_be_any(disk, tmp_path, name, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).mkdir()
    assert list(disk(tmp_path / name)) == [str(tmp_path / name)]


def test_files_and_directories_are_counted_by_their_number(pages, podman):
    groups = [[str(pages / "pages/deep"), str(pages / "pages")], [str(pages / "empty"), str(pages / "gone")]]
    found = usage.count(groups, ["unshare", "--user"], PATIENCE)
    assert found.inodes == {groups[0][0]: 2, groups[0][1]: 1, groups[1][0]: 1}
    assert found.bytes.keys() == found.inodes.keys()


def test_what_takes_too_long_to_count_is_left_out(disk, pages, podman):
    program = podman.parent / "programs/unshare"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    assert disk(pages / "pages", patience=0.2) == {}


def test_a_process_takes_memory_and_time():
    assert usage.memory_of([os.getpid()]) > 5_000_000
    before = usage.processor_seconds([os.getpid()])
    while usage.processor_seconds([os.getpid()]) == before:
        pass
    assert usage.processor_seconds([os.getpid()]) > before > 0


def test_a_process_that_has_ended_takes_nothing():
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    assert usage.memory_of([child]) == 0
    assert usage.processor_seconds([child]) == 0
    assert usage.memory_of([]) == usage.processor_seconds([]) == 0


def test_the_memory_of_the_host():
    found = usage.host_memory()
    assert list(found) == ["total", "available", "swap_total", "swap_free"]
    assert found["total"] > found["available"] > 0
    assert found["swap_total"] >= found["swap_free"] >= 0


def test_a_total_counts_nothing_twice_and_is_not_known_if_a_part_is_not(disk, pages):
    inner, outer, missing = (str(pages / name) for name in ("pages/deep", "pages", "gone"))
    counted = disk(inner, outer)
    assert counted[outer] < 10_000, "the rest, behind what is in it"
    assert 1_000_000 <= (usage.total([inner, outer, missing], counted) or 0) < 1_100_000
    assert usage.total([inner, outer], {inner: counted[inner]}) is None
    assert usage.total([missing], {}) is None
