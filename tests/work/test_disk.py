"""What instances have on the disk: data and caches apart, and how many files."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from chainsaw.checks import amounts
from chainsaw.checks.observed import DiskUse
from chainsaw.work.inspect.disk import disk_use, disk_uses
from chainsaw.work.inspect.inventory import inventory

PATIENCE = 20.0


@pytest.fixture
def blog(admin, goldens, podman, monkeypatch):
    """A blog with 1 MB of data, of which half is public, and 2 MB of caches."""
    monkeypatch.setattr("chainsaw.work.inspect.inventory.start_api", lambda: None)
    paths = admin.paths
    blog = goldens["wordpress"].manifest.instances["blog"]
    volumes = tuple(
        item.model_copy(update={"path": paths.volume("blog", item.name, item.public is not None)})
        for item in blog.volumes
    )
    for place, size in {
        f"{paths.volume('blog', 'database', False)}/ibdata1": 500_000,
        f"{paths.volume('blog', 'content', True)}/deep/picture": 500_000,
        f"{paths.instance('blog')}/run/opcache/one": 2_000_000,
    }.items():
        Path(place).parent.mkdir(parents=True, exist_ok=True)
        Path(place).write_bytes(os.urandom(size))
    return blog.model_copy(update={"volumes": volumes})


def test_data_and_caches_are_counted_apart(admin, blog):
    (use,) = disk_uses(admin.account, ["blog"], PATIENCE).values()
    assert 1_000_000 <= (use.data or 0) < 1_100_000
    assert 2_000_000 <= (use.caches or 0) < 2_100_000
    assert use.bytes == (use.data or 0) + (use.caches or 0)
    # Three files, and the directories: instances/blog, volumes, database, run, opcache, public/blog, content, deep.
    assert use.files == 11


def test_the_size_of_each_volume_is_known_too(admin, blog):
    use, sizes = disk_use(admin.account, blog, PATIENCE)
    assert {"blog": use} == disk_uses(admin.account, ["blog"], PATIENCE)
    assert sizes.keys() == {item.path for item in blog.volumes}
    assert all(500_000 <= size < 600_000 for size in sizes.values()), sizes


def test_what_takes_too_long_is_not_known(admin, blog, podman):
    (podman.parent / "programs/unshare").write_text("#!/bin/sh\nexec sleep 60\n")
    assert disk_uses(admin.account, ["blog"], 0.2) == {"blog": DiskUse(None, None, None)}


def test_one_that_takes_too_long_keeps_no_other_waiting(admin, podman):
    """du is replaced by one that hangs at an instance of this name."""
    names = ("a", "endless", "www", "z")
    for name in names:
        Path(f"{admin.paths.public}/{name}").mkdir(parents=True)
    du = podman.parent / "programs/du"
    du.write_text('#!/bin/sh\ncase "$*" in */endless*) exec sleep 60; esac\nexec /usr/bin/du "$@"\n')
    du.chmod(0o755)
    began = time.monotonic()
    found = disk_uses(admin.account, names, 0.5)
    assert time.monotonic() - began < 5
    assert amounts.uncounted(found) == ["endless"]


def test_an_instance_without_processes_has_no_caches(admin, podman):
    Path(admin.paths.public, "www/site").mkdir(parents=True)
    (use,) = disk_uses(admin.account, ["www"], PATIENCE).values()
    assert (use.caches, use.files) == (0, 2)
    assert disk_uses(admin.account, [], PATIENCE) == {}
    assert disk_uses(admin.account, ["gone"], PATIENCE) == {"gone": DiskUse(0, 0, 0)}, "it was not counted too late"


def test_the_inventory_says_how_much_of_it_are_caches(admin, blog):
    admin.declare("blog")
    admin.generation()
    found = inventory(admin.account, "blog")
    (cache,) = [row for row in found.data["resources"] if row["kind"] == "cache"]
    assert (cache["name"], cache["removed_by"]) == ("run", "purge")
    assert 2_000_000 <= found.data["caches"] == cache["size"] < 2_100_000
    assert found.lines[0].endswith("2.0 MB of it caches")
