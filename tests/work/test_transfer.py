"""A copy of a directory has the same attributes, and replaces the old one only when it is complete."""

from __future__ import annotations

import errno
import os
import resource
import subprocess

import pytest

from chainsaw.errors import ChainsawError
from chainsaw.host.copier import Copier
from chainsaw.host.podman import Podman
from chainsaw.host.podman.program import copy_tree
from chainsaw.model.block import SIZE, Range

FIRST, SECOND = 524288, 589824
RANGES = [Range("me", 100000, 65536), Range("me", FIRST, 2 * SIZE)]
INSIDE = 1 + 65536
"""The first id of the first block in Podman's namespace, where the first range comes before it."""
OWNER = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to others")


@pytest.fixture
def keeper(podman):
    return Podman("", RANGES, RANGES)


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
    full = '[ "$2" = -I ] && { echo "No space left on device" >&2; exit 2; }'
    program.write_text(program.read_text().replace('exec "$@"', f'{full}\nexec "$@"'))
    with pytest.raises(ChainsawError, match="No space left on device"):
        copy_tree(keeper, str(volume), str(tmp_path / "copy"), None, None)
    assert not (tmp_path / "copy").exists()


def test_the_holes_of_a_file_stay_holes(keeper, tmp_path):
    root = tmp_path / "volume"
    root.mkdir()
    for name, at in (("end", 0), ("beginning", 1 << 31), ("all", None)):
        with (root / name).open("wb") as file:
            if at is not None:
                file.seek(at)
                file.write(b"x" * 10_000)
            file.truncate(2 << 30 if at != 1 << 31 else at + 10_000)
    copy_tree(keeper, str(root), str(tmp_path / "copy"), None, None)
    for name in ("end", "beginning", "all"):
        known, before = (tmp_path / "copy" / name).stat(), (root / name).stat()
        assert known.st_size == before.st_size
        assert known.st_blocks * 512 < 100_000
    with (tmp_path / "copy/beginning").open("rb") as file:
        file.seek((1 << 31) - 5)
        assert file.read() == bytes(5) + b"x" * 10_000
    assert (tmp_path / "copy/end").open("rb").read(10_005) == b"x" * 10_000 + bytes(5)


def test_a_tree_is_deeper_than_any_path(keeper, tmp_path):
    """An application can make one, step by step."""
    (tmp_path / "volume").mkdir()
    here = os.open(tmp_path / "volume", os.O_DIRECTORY)
    for _ in range(600):
        os.mkdir("d" * 20, dir_fd=here)
        below = os.open("d" * 20, os.O_DIRECTORY, dir_fd=here)
        os.close(here)
        here = below
    os.close(os.open("kept", os.O_CREAT | os.O_WRONLY, 0o600, dir_fd=here))
    os.close(here)
    copy_tree(keeper, str(tmp_path / "volume"), str(tmp_path / "copy"), None, None)
    here, depth = os.open(tmp_path / "copy", os.O_DIRECTORY), 0
    while (names := os.listdir(here)) == ["d" * 20]:
        below, depth = os.open("d" * 20, os.O_DIRECTORY, dir_fd=here), depth + 1
        os.close(here)
        here = below
    os.close(here)
    assert (names, depth) == (["kept"], 600)
    subprocess.run(["rm", "-rf", str(tmp_path / "volume"), str(tmp_path / "copy")], check=True)


def test_no_link_is_followed(keeper, volume, tmp_path):
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/key").write_text("secret")
    (volume / "way").symlink_to(tmp_path / "secret")
    (volume / "key").symlink_to(tmp_path / "secret/key")
    copy_tree(keeper, str(volume), str(tmp_path / "copy"), None, None)
    assert os.readlink(tmp_path / "copy/way") == str(tmp_path / "secret")
    assert (tmp_path / "copy/key").is_symlink()
    os.rename(volume, tmp_path / "real")
    os.symlink(tmp_path / "secret", volume)
    with pytest.raises(ChainsawError, match=r"Not a directory|Too many levels"):
        copy_tree(keeper, str(volume), str(tmp_path / "other"), None, None)


def test_files_with_many_names_need_no_descriptor_each(tmp_path):
    for name in ("volume/sub", "copy"):
        (tmp_path / name).mkdir(parents=True)
    for number in range(200):
        (tmp_path / f"volume/{number}").write_text(str(number))
        os.link(tmp_path / f"volume/{number}", tmp_path / f"volume/sub/{number}")
    (tmp_path / "volume/.links-0").write_text("mine")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 20, hard))
    try:
        Copier(lambda number: number).copy(str(tmp_path / "volume"), str(tmp_path / "copy"))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert shown(tmp_path / "copy") == shown(tmp_path / "volume")
    assert all(os.path.samefile(tmp_path / f"copy/{n}", tmp_path / f"copy/sub/{n}") for n in range(200))


def test_what_cannot_be_read_is_a_failure_and_not_a_hole(keeper, volume, tmp_path, monkeypatch):
    def broken(*_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "lseek", broken)
    (tmp_path / "copy").mkdir()
    with pytest.raises(OSError, match="Input/output error"):
        Copier(lambda number: number).copy(str(volume), str(tmp_path / "copy"))


def test_a_copy_crosses_file_systems(volume, tmp_path, monkeypatch):
    def refused(*_):
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "copy_file_range", refused)
    (tmp_path / "copy").mkdir()
    Copier(lambda number: number).copy(str(volume), str(tmp_path / "copy"))
    assert shown(tmp_path / "copy") == shown(volume)


def test_a_failure_names_the_program_and_not_how_its_namespace_is_entered(keeper, tmp_path):
    with pytest.raises(ChainsawError, match=r"^(?!.*unshare).*copier\.py"):
        copy_tree(keeper, str(tmp_path / "gone"), str(tmp_path / "copy"), None, None)
