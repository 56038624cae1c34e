"""A copy of a directory has the same attributes, and replaces the old one only when it is complete."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from chainsaw.errors import ChainsawError
from chainsaw.host.podman import Podman
from chainsaw.host.transfer import copy_tree
from chainsaw.model.block import SIZE, Range

FIRST, SECOND = 524288, 589824
RANGES = [Range("me", 100000, 65536), Range("me", FIRST, 2 * SIZE)]
INSIDE = 1 + 65536
"""The first id of the first block in Podman's namespace, where the first range comes before it."""
OWNER = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to others")


@pytest.fixture
def keeper(podman):
    return Podman("", RANGES, RANGES)


@pytest.fixture
def volume(tmp_path):
    """A directory with every kind of file."""
    root = tmp_path / "volume"
    (root / "a directory/deep").mkdir(parents=True)
    (root / "a directory/deep/größe").write_bytes(os.urandom(100_000))
    (root / "a directory/deep/größe").chmod(0o640)
    os.link(root / "a directory/deep/größe", root / "the same")
    (root / "nowhere").symlink_to("../nowhere")
    (root / "empty").touch(mode=0o755)
    (root / ("long" * 50)).write_text("a name that an old archive does not hold")
    os.mkfifo(root / "pipe")
    os.utime(root / "empty", ns=(0, 981173106_123456789))
    (root / "a directory").chmod(0o1777)
    return root


def shown(root):
    """Return what there is below a directory: kind, mode, links, owner, size, time and content."""
    found = {}
    for path in sorted(root.rglob("*")):
        known = path.lstat()
        content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        target = os.readlink(path) if path.is_symlink() else ""
        size = 0 if path.is_dir() else known.st_size
        fields = (known.st_mode, known.st_uid, known.st_gid, size, known.st_mtime_ns, content, target)
        found[str(path.relative_to(root))] = fields
    return found


def test_a_copy_is_the_same_in_all_that_it_has(keeper, volume, tmp_path):
    copy_tree(keeper, str(volume), str(tmp_path / "copy"), None, None)
    assert shown(tmp_path / "copy") == shown(volume)
    assert os.path.samefile(tmp_path / "copy/the same", tmp_path / "copy/a directory/deep/größe")
    assert not os.path.samefile(tmp_path / "copy/the same", volume / "the same")


def test_attributes_of_files_are_copied(keeper, volume, tmp_path):
    os.setxattr(volume / "empty", "user.colour", b"green")
    copy_tree(keeper, str(volume), str(tmp_path / "copy"), None, None)
    assert os.getxattr(tmp_path / "copy/empty", "user.colour") == b"green"


@OWNER
def test_owners_in_one_block_become_owners_in_the_other_and_others_stay(keeper, volume, tmp_path):
    others = {"empty": 0, "pipe": INSIDE - 1, "nowhere": INSIDE + SIZE}
    own = {"the same": INSIDE, "a directory": INSIDE + 1000, "a directory/deep": INSIDE + SIZE - 1}
    for path, uid in {**own, **others}.items():
        os.chown(volume / path, uid, uid, follow_symlinks=False)
    copy_tree(keeper, str(volume), str(tmp_path / "copy"), FIRST, SECOND)
    found = {path: (tmp_path / "copy" / path).lstat() for path in {**own, **others}}
    assert {path: item.st_uid for path, item in found.items()} == {
        **{path: uid + SIZE for path, uid in own.items()},
        **others,
    }
    assert all(item.st_gid == item.st_uid for item in found.values())


def test_the_old_content_is_deleted(keeper, volume, tmp_path):
    for name in ("copy", "copy.partial"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "of before").touch()
    copy_tree(keeper, str(volume), str(tmp_path / "copy"), None, None)
    assert not (tmp_path / "copy/of before").exists()
    assert not (tmp_path / "copy.partial").exists()


def test_the_old_content_is_kept_until_the_copy_is_complete(keeper, volume, tmp_path):
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy/of before").touch()
    with pytest.raises(ChainsawError):
        copy_tree(keeper, str(volume / "gone"), str(tmp_path / "copy"), None, None)
    assert os.listdir(tmp_path / "copy") == ["of before"]


def test_a_copy_that_does_not_fit_is_a_failure(keeper, volume, tmp_path, podman):
    program = podman.parent / "programs/unshare"
    full = '[ "$2" = -x ] && { echo "No space left on device" >&2; exit 2; }'
    program.write_text(program.read_text().replace('exec "$@"', f'{full}\nexec "$@"'))
    with pytest.raises(ChainsawError, match="No space left on device"):
        copy_tree(keeper, str(volume), str(tmp_path / "copy"), None, None)
    assert not (tmp_path / "copy").exists()


def test_a_sparse_file_is_read_as_what_it_is(keeper, tmp_path):
    root = tmp_path / "volume"
    root.mkdir()
    subprocess.run(["truncate", "--size=5M", str(root / "sparse")], check=True)
    copy_tree(keeper, str(root), str(tmp_path / "copy"), None, None)
    assert Path(tmp_path / "copy/sparse").read_bytes() == bytes(5 << 20)
