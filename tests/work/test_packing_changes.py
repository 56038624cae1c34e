"""Whatever happens to a tree while it is packed, once or several times, its archive is what it says, and comes back."""

from __future__ import annotations

import itertools
import os
import random
import shutil
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_packing import DATA, archive, checked, final, packed, settled, shown, unpacked

from chainsaw.host.bundle.form import RefusedError

NAMES = [b"a", b"b", b"c-1", b"c", b"\xff\xfe", b"x" * 120, "größe".encode(), b"with space", b".hidden"]
CALLS = ("open", "stat", "fstat", "preadv", "listdir", "listxattr", "readlink", "lseek")
OTHERS = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
numbers = itertools.count()


def places(root):
    """Return all paths below a directory, and itself."""
    found = [root]
    for directory, names, files in os.walk(root):
        found += [os.path.join(directory, name) for name in names + files]
    return sorted(found)


def change(root, dice):
    """Do something to a tree."""
    here = dice.choice([path for path in places(root) if os.path.isdir(path) and not os.path.islink(path)])
    path = os.path.join(here, dice.choice(NAMES))
    others = [found for found in places(root) if found != root]
    other = dice.choice(others) if others else path
    what = dice.randrange(12)
    if os.path.islink(path) or (os.path.lexists(path) and not os.path.isfile(path)):
        # To open a pipe would wait for its reader, and to open a link leads elsewhere.
        what = dice.randrange(3, 11)
    with suppress(OSError, shutil.Error):
        if what < 3:
            with open(path, "wb") as file:
                file.write(dice.randbytes(dice.choice([0, 1, 511, 512, 513, 5000])))
        elif what == 3:
            os.mkdir(path, dice.choice([0o755, 0o2750, 0o1777, 0o0]))
        elif what == 4:
            os.symlink(dice.choice([b"a", b"/nowhere", b"\xff", b"y" * 200]), path)
        elif what == 5:
            os.mkfifo(path)
        elif what == 6:
            if os.path.isfile(other) and not os.path.islink(other):
                os.link(other, path)
        elif what == 7:
            os.rename(other, path)
        elif what == 8:
            shutil.rmtree(other) if os.path.isdir(other) and not os.path.islink(other) else os.unlink(other)
        elif what == 9:
            if not os.path.islink(other):
                os.chmod(other, dice.choice([0o600, 0o777, 0o640]))
        elif what == 10:
            os.utime(other, ns=(0, dice.choice([-1, 0, 10**9 - 1, -(10**18), 8**12 * 10**9])), follow_symlinks=False)
        else:
            with open(path, "wb") as file:
                file.truncate(dice.choice([10, 2**20, 2**22]))
                file.seek(2**18)
                file.write(b"z" * dice.choice([0, 10, 70_000]))


def grown(place, dice, count):
    root = os.fsencode(place / str(next(numbers)))
    os.mkdir(root)
    for _ in range(count):
        change(root, dice)
    return root


def same(first, second):
    """Assert that two trees are the same, with which names are of the same file."""
    assert groups(first) == groups(second)
    assert shown(first) == shown(second)


def groups(root):
    found: dict[int, list[str]] = {}
    for path in root.rglob("*"):
        known = path.lstat()
        if known.st_nlink > 1 and path.is_file() and not path.is_symlink():
            found.setdefault(known.st_ino, []).append(str(path.relative_to(root)))
    return sorted(sorted(names) for names in found.values())


class Meddler:
    """Does something to a tree at some of the calls of a packer."""

    def __init__(self, root, dice, patch):
        self.calls, self.is_busy = 0, False
        self.root, self.dice = root, dice
        self.at = {dice.randrange(60) for _ in range(dice.randrange(6))}
        for name in CALLS:
            patch.setattr(os, name, self.meddled(getattr(os, name)))

    def meddled(self, call):
        def calling(*arguments, **options):
            if not self.is_busy:
                self.calls += 1
                self.is_busy = True
                if self.calls in self.at:
                    change(self.root, self.dice)
                self.is_busy = False
            return call(*arguments, **options)

        return calling


@OTHERS
@given(seed=st.integers(0, 2**32), passes=st.integers(1, 3), keeps=st.booleans(), size=st.integers(0, 40))
def test_a_tree_that_changes_while_it_is_packed(tmp_path, seed, passes, keeps, size):
    dice = random.Random(seed)
    root = grown(tmp_path, dice, size)
    streams, listing = [], ""
    for _ in range(passes):
        for _ in range(dice.randrange(8)):
            change(root, dice)
        with pytest.MonkeyPatch.context() as patch:
            Meddler(root, dice, patch)
            stream, listing = packed(root, listing, keeps=keeps)
        streams.append(stream)
    whole = archive(*streams, listing=final(listing))
    out = tmp_path / f"out-{next(numbers)}"
    assert unpacked(out, whole, 10**9) == checked(whole)


@OTHERS
@given(seed=st.integers(0, 2**32), passes=st.integers(1, 3), size=st.integers(0, 40), waits=st.booleans())
def test_a_tree_that_is_held_at_last_is_as_it_was(tmp_path, seed, passes, size, waits):
    dice = random.Random(seed)
    root = grown(tmp_path, dice, size)
    streams, listing = [], ""
    for number in range(passes):
        for _ in range(dice.randrange(8)):
            change(root, dice)
        if waits:
            settled()
        with pytest.MonkeyPatch.context() as patch:
            if number < passes - 1:
                Meddler(root, dice, patch)
            stream, listing = packed(root, listing)
        streams.append(stream)
    whole = archive(*streams, listing=final(listing))
    out = tmp_path / f"out-{next(numbers)}"
    assert unpacked(out, whole, 10**9) == checked(whole)
    same(out / DATA, tmp_path / os.fsdecode(os.path.basename(root)))


@OTHERS
@given(seed=st.integers(0, 2**32), size=st.integers(0, 40))
def test_what_is_kept_is_all_that_was_seen_but_for_what_is_in_the_way(tmp_path, seed, size):
    dice = random.Random(seed)
    root = grown(tmp_path, dice, size)
    first, former = packed(root)
    before = set(places(root))
    for _ in range(dice.randrange(8)):
        change(root, dice)
    second, listing = packed(root, former, keeps=True)
    whole = archive(first, second, listing=final(listing))
    out = tmp_path / f"out-{next(numbers)}"
    assert unpacked(out, whole, 10**9) == checked(whole)
    found = {path.replace(os.fsencode(out / DATA), root) for path in places(os.fsencode(out / DATA))}
    assert set(places(root)) <= found <= set(places(root)) | before


def test_a_further_name_is_written_again_with_its_file(tmp_path):
    root = tmp_path / "volume"
    root.mkdir()
    (root / "a").write_text("one")
    os.link(root / "a", root / "b")
    os.link(root / "a", root / "c")
    settled()
    first, former = packed(root)
    (root / "a").write_text("other")
    (root / "c").unlink()
    settled()
    second, listing = packed(root, former, keeps=True)
    whole = archive(first, second, listing=final(listing))
    checked(whole)
    unpacked(tmp_path / "out", whole)
    names = [tmp_path / "out" / DATA / name for name in "abc"]
    assert {path.read_text() for path in names} == {"other"}
    assert len({path.stat().st_ino for path in names}) == 1


def test_what_was_below_a_directory_that_became_a_file_is_not_kept(tmp_path):
    root = tmp_path / "volume"
    (root / "d/e").mkdir(parents=True)
    (root / "d/e/f").touch()
    first, former = packed(root)
    shutil.rmtree(root / "d")
    (root / "d").write_text("a file")
    second, listing = packed(root, former, keeps=True)
    unpacked(tmp_path / "out", archive(first, second, listing=final(listing)))
    assert shown(tmp_path / "out" / DATA) == shown(root)


def test_a_name_that_is_replaced_for_ever_ends_it(tmp_path, monkeypatch):
    (tmp_path / "v").mkdir()
    (tmp_path / "v/x").touch()
    opens = os.open

    def opening(path, flags, *arguments, dir_fd=None, **options):
        if path == "x":
            (tmp_path / "new").touch()
            os.rename(tmp_path / "new", tmp_path / "v/x")
            (tmp_path / f"kept-{next(numbers)}").touch()
        return opens(path, flags, *arguments, dir_fd=dir_fd, **options)

    monkeypatch.setattr(os, "open", opening)
    with pytest.raises(OSError, match="replaced again and again"):
        packed(tmp_path / "v")


def test_a_file_of_16_tb_that_is_a_hole_costs_nothing(tmp_path):
    (tmp_path / "v").mkdir()
    with (tmp_path / "v/big").open("wb") as file:
        file.truncate(2**44 - 4096)
        file.seek(2**40 + 5)
        file.write(b"some")
    stream, listing = packed(tmp_path / "v")
    assert len(stream) < 10**5
    unpacked(tmp_path / "out", archive(stream, listing=final(listing)), 10**6)
    with (tmp_path / "out" / DATA / "big").open("rb") as file:
        file.seek(2**40)
        assert (file.read(9), os.fstat(file.fileno()).st_size) == (bytes(5) + b"some", 2**44 - 4096)


@pytest.mark.parametrize(
    ("excludes", "left"),
    [
        (["cache"], {"data", "data/x", "data/sub", "data/sub/y"}),
        (["cache/*"], {"cache", "data", "data/x", "data/sub", "data/sub/y"}),
        (["data/sub", "cache"], {"data", "data/x"}),
        (["data/*", "cache/none"], {"cache", "cache/c", "data"}),
    ],
)
def test_what_is_excluded_is_left_out(tmp_path, excludes, left):
    root = tmp_path / "v"
    (root / "data/sub").mkdir(parents=True)
    (root / "cache").mkdir()
    for path in ("data/x", "data/sub/y", "cache/c"):
        (root / path).touch()
    stream, listing = packed(root, excludes=excludes)
    unpacked(tmp_path / "out", archive(stream, listing=final(listing)))
    out = tmp_path / "out" / DATA
    assert {str(path.relative_to(out)) for path in out.rglob("*")} == left


def test_what_could_not_be_restored_is_not_packed(tmp_path):
    place = tmp_path / "v"
    place.mkdir()
    inner = os.open(place, os.O_RDONLY)
    for _ in range(510):
        os.mkdir("d", dir_fd=inner)
        below = os.open("d", os.O_RDONLY, dir_fd=inner)
        os.close(inner)
        inner = below
    os.close(inner)
    with pytest.raises(RefusedError, match=f"too long.*{DATA}/d/d"):
        packed(place)
