"""A tree becomes members of an archive, and a tree again; what packer.py would not write is not taken."""

from __future__ import annotations

import io
import itertools
import json
import os
import tarfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chainsaw.host.bundle.packer import Entry, Packer, entries
from chainsaw.host.bundle.unpacker import LIST, RefusedError, Unpacker

ME, GROUP = os.getuid(), os.getgid()


def packed(source, former=None, *, keeps=False):
    """Return the members of a tree, and the list of them."""
    out, listing = io.BytesIO(), io.StringIO()
    earlier = entries(io.StringIO(former)) if former is not None else iter(())
    Packer(lambda number: 0, out, listing, earlier, keeps).pack(str(source), "volumes/data")
    return out.getvalue(), listing.getvalue()


def head(name, size=0, kind=tarfile.REGTYPE, link=""):
    member = tarfile.TarInfo(name)
    member.type, member.size, member.linkname = kind, size, link
    return member.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def member(name, content=b""):
    return head(name, len(content)) + content + bytes(-len(content) % 512)


VOLUMES = head("volumes", kind=tarfile.DIRTYPE)


def archive(*streams, listing):
    text = (line(path="volumes") + listing).encode("utf-8", "surrogateescape")
    return VOLUMES + b"".join(streams) + member(LIST, text) + bytes(1024)


def unpacked(target, stream, room=10**8, count=10**4):
    """Unpack an archive into a directory; return how many members there are."""
    target.mkdir(exist_ok=True)
    top = os.open(target, os.O_RDONLY | os.O_DIRECTORY)
    try:
        unpacker = Unpacker(top, ME, ME, room, count)
        unpacker.unpack(io.BytesIO(stream))
        return unpacker.settle()
    finally:
        os.close(top)


def shown(root):
    """Return what there is below a directory: kind and mode, links, size, time, content, target."""
    found = {}
    for path in [root, *root.rglob("*")]:
        known = path.lstat()
        content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        target = os.readlink(path) if path.is_symlink() else ""
        size = 0 if path.is_dir() else known.st_size
        links = 0 if path.is_dir() else known.st_nlink
        found[str(path.relative_to(root))] = (known.st_mode, links, size, known.st_mtime_ns, content, target)
    return found


@pytest.fixture
def volume(volume):
    """Every kind of file, a name that is no text, one that begins as another does, and holes."""
    (volume / os.fsdecode(b"\xff\xfe")).write_text("no text")
    (volume / "a directory-2").mkdir(mode=0o2750)
    with (volume / "holes").open("wb") as file:
        file.truncate(5 * 2**20)
        file.seek(3 * 2**20)
        file.write(b"something")
    return volume


def test_a_tree_is_the_same_in_all_that_it_has(volume, tmp_path):
    os.setxattr(volume / "empty", "user.note", b"\0x")
    stream, listing = packed(volume)
    assert unpacked(tmp_path / "out", archive(stream, listing=listing)) == 1 + len(listing.splitlines())
    again = tmp_path / "out/volumes/data"
    assert shown(again) == shown(volume)
    assert os.getxattr(again / "empty", "user.note") == b"\0x"
    assert (again / "holes").stat().st_blocks < 2 * 2**20 // 512
    assert (again / "the same").samefile(again / "a directory/deep/größe")


def test_a_socket_is_left_out_and_a_file_that_runs_as_its_owner_does_not(volume, tmp_path):
    import socket

    (volume / "tool").touch()
    (volume / "tool").chmod(0o6755)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(volume / "s"))
        stream, listing = packed(volume)
    unpacked(tmp_path / "out", archive(stream, listing=listing))
    assert not (tmp_path / "out/volumes/data/s").exists()
    assert (tmp_path / "out/volumes/data/tool").stat().st_mode & 0o7777 == 0o755


def test_what_has_changed_since_is_written_again_and_nothing_else(volume, tmp_path):
    first, former = packed(volume)
    (volume / "new").write_text("new")
    (volume / "empty").write_text("not any more")
    (volume / "pipe").unlink()
    (volume / "a directory/deep/größe").write_bytes(b"smaller")
    (volume / "holes").unlink()
    (volume / "holes").mkdir()
    (volume / "holes/inside").touch()
    second, listing = packed(volume, former)
    with tarfile.open(fileobj=io.BytesIO(second + bytes(1024))) as written:
        names = written.getnames()
    assert names == [
        *("volumes/data", "volumes/data/a directory/deep/größe", "volumes/data/empty", "volumes/data/holes"),
        *("volumes/data/holes/inside", "volumes/data/new", "volumes/data/the same"),
    ]
    unpacked(tmp_path / "out", archive(first, second, listing=listing))
    assert shown(tmp_path / "out/volumes/data") == shown(volume)


def test_what_is_gone_since_may_be_kept(volume, tmp_path):
    first, former = packed(volume)
    before = shown(volume)
    (volume / "the same").unlink()
    (volume / "a directory/deep/größe").unlink()
    (volume / "a directory/deep").rmdir()
    second, listing = packed(volume, former, keeps=True)
    unpacked(tmp_path / "out", archive(first, second, listing=listing))
    assert shown(tmp_path / "out/volumes/data").keys() == before.keys()
    assert (tmp_path / "out/volumes/data/the same").stat().st_size == 100_000


def test_a_file_that_is_written_while_it_is_read_counts_as_changed(tmp_path, monkeypatch):
    (tmp_path / "volume").mkdir()
    log = tmp_path / "volume/log"
    log.write_bytes(b"x" * 3_000_000)
    read = os.read

    def reading(descriptor, count):
        monkeypatch.setattr(os, "read", read)
        os.truncate(log, 1000)
        return read(descriptor, count)

    monkeypatch.setattr(os, "read", reading)
    first, former = packed(tmp_path / "volume")
    assert json.loads(former.splitlines()[1])["seen"] == []
    second, listing = packed(tmp_path / "volume", former)
    unpacked(tmp_path / "out", archive(first, second, listing=listing))
    assert (tmp_path / "out/volumes/data/log").read_bytes() == b"x" * 1000


NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=20)
TREES = st.recursive(
    st.binary(max_size=2000),
    lambda below: st.dictionaries(NAMES.filter(lambda name: name not in (".", "..")), below, max_size=5),
    max_leaves=20,
)


def grown(root, tree):
    if isinstance(tree, bytes):
        root.write_bytes(tree)
        return
    root.mkdir()
    for name, below in tree.items():
        grown(root / name, below)


numbers = itertools.count()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=st.dictionaries(st.just("x"), TREES), after=st.dictionaries(st.just("x"), TREES))
def test_any_tree_that_becomes_any_other_between_two_looks(tmp_path, before, after):
    place = tmp_path / str(next(numbers))
    place.mkdir()
    grown(place / "one", before)
    first, former = packed(place / "one")
    os.rename(place / "one", place / "former")
    grown(place / "one", after)
    second, listing = packed(place / "one", former)
    unpacked(place / "out", archive(first, second, listing=listing))
    assert shown(place / "out/volumes/data") == shown(place / "one")


DATA = head("volumes/data", kind=tarfile.DIRTYPE)
ROOT = Entry("volumes/data", "directory", 0o755, 0, 0, 0)


def line(**changed):
    return json.dumps({**ROOT.__dict__, **changed}) + "\n"


def plain(path="volumes/data/a", **changed):
    return line(**{"path": path, "kind": "file", "mode": 0o644, "sha256": EMPTY, **changed})


EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
GNU = tarfile.TarInfo("volumes/data/s")
GNU.type = tarfile.GNUTYPE_SPARSE
HOSTILE = {
    "an absolute path": (member("/etc/passwd"), "leads elsewhere"),
    "a path above": (member("volumes/data/../../../x"), "leads elsewhere"),
    "a path above at once": (member("../x"), "leads elsewhere"),
    "a dot": (member("volumes/./data/x"), "leads elsewhere"),
    "two slashes": (member("volumes//data/x"), "leads elsewhere"),
    "a path of many names": (member("a/" * 600 + "b"), "too long"),
    "a long path": (member("volumes/data/" + "/".join(["x" * 250] * 20)), "too long"),
    "a name that is too long": (member("volumes/data/" + "x" * 300), "name too long"),
    "no directory before": (member("volumes/other/x"), "no directory has come before"),
    "below a file": (member("volumes/data/f") + member("volumes/data/f/x"), "no directory has come before"),
    "below a link": (
        head("volumes/data/l", 0, tarfile.SYMTYPE, "/etc") + member("volumes/data/l/x"),
        "volumes/data/l/x",
    ),
    "below a link that leads up": (
        head("volumes/data/l", 0, tarfile.SYMTYPE, "..") + member("volumes/data/l/x"),
        "volumes/data/l/x",
    ),
    "a link in place of a volume": (
        head("volumes/data", 0, tarfile.SYMTYPE, "/") + member("volumes/data/x"),
        "volumes/data/x",
    ),
    "a further name of a file outside": (head("volumes/data/h", 0, tarfile.LNKTYPE, "/etc/passwd"), "leads elsewhere"),
    "a further name of a file above": (
        head("volumes/data/h", 0, tarfile.LNKTYPE, "volumes/data/../../../etc/passwd"),
        "leads elsewhere",
    ),
    "a further name in another volume": (
        head("volumes/other", kind=tarfile.DIRTYPE)
        + member("volumes/other/f")
        + head("volumes/data/h", 0, tarfile.LNKTYPE, "volumes/other/f"),
        "elsewhere",
    ),
    "a further name of a secret": (
        head("secrets", kind=tarfile.DIRTYPE)
        + member("secrets/key")
        + head("volumes/data/h", 0, tarfile.LNKTYPE, "secrets/key"),
        "elsewhere",
    ),
    "a further name of a directory": (head("volumes/data/h", 0, tarfile.LNKTYPE, "volumes/data"), "no file"),
    "a further name of a link": (
        head("volumes/data/l", 0, tarfile.SYMTYPE, "/etc/passwd")
        + head("volumes/data/h", 0, tarfile.LNKTYPE, "volumes/data/l"),
        "no file",
    ),
    "a further name of nothing": (head("volumes/data/h", 0, tarfile.LNKTYPE, "volumes/data/none"), "come before"),
    "a device": (head("volumes/data/d", 0, tarfile.CHRTYPE), "neither a file"),
    "a disk": (head("volumes/data/d", 0, tarfile.BLKTYPE), "neither a file"),
    "a contiguous file": (head("volumes/data/d", 0, tarfile.CONTTYPE), "neither a file"),
    "a file of an unknown type": (head("volumes/data/d", 0, b"Q"), "neither a file"),
    "a sparse file of GNU": (GNU.tobuf(tarfile.GNU_FORMAT), ""),
    "a header that is too long": (
        head("volumes/data/x", 0, tarfile.XHDTYPE)[:124] + b"00010000000\0" + head("x")[136:512] + bytes(3 * 2**20),
        "",
    ),
    "more bytes than it says": (member("volumes/data/x", bytes(2 * 10**6)), "more than it says"),
    "more members than it says": (b"".join(member(f"volumes/data/{n}") for n in range(200)), "more than it says"),
    "a negative size": (head("volumes/data/x", -1), ""),
}
"""What somebody puts before the list, and the reason why it is not taken."""


@pytest.mark.parametrize(("stream", "reason"), HOSTILE.values(), ids=HOSTILE)
def test_what_no_packer_writes_is_refused_and_nothing_is_changed_outside(tmp_path, stream, reason):
    (tmp_path / "beside").write_text("as before")
    with pytest.raises((RefusedError, tarfile.TarError, OSError)) as told:
        unpacked(tmp_path / "out", archive(DATA, stream, listing=line()), 10**6, 100)
    assert reason.lower() in str(told.value).lower()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["beside", "out"]
    assert (tmp_path / "beside").read_text() == "as before"


LISTS = {
    "something is missing": (line() + plain("volumes/data/b"), "missing"),
    "another content": (line() + plain(size=1), "not as it is listed"),
    "another hash": (line() + plain().replace(EMPTY, "0" * 64), "not as it is listed"),
    "another kind": (line() + line(path="volumes/data/a"), "not as it is listed"),
    "a link that it is not": (line() + line(path="volumes/data/a", kind="symlink", target="b"), "not as it is listed"),
    "a name that it is not": (line() + line(path="volumes/data/a", kind="link", target="volumes/data"), "not as it is"),
    "a file that runs as its owner": (line() + plain(mode=0o4755), "a mode or an owner"),
    "an owner of another instance": (line() + plain(uid=65536), "a mode or an owner"),
    "a negative owner": (line() + plain(gid=-2), "a mode or an owner"),
    "an attribute of the system": (line() + plain(attributes={"security.capability": "AA=="}), "an attribute"),
    "a device": (line() + line(path="volumes/data/a", kind="device"), "neither a file"),
    "a path above": (line() + plain("volumes/data/../a"), "missing"),
    "twice the same": (line() + plain() + plain(), "missing"),
    "another order": (plain() + line(), "missing"),
    "no JSON": ("{\n", "a line of the list that is none"),
    "a list": ("[]\n", "a line of the list that is none"),
    "a text for a number": (line(mode="0"), "a line of the list that is none"),
    "nothing of a key": ('{"path": "volumes/data"}\n', "a line of the list that is none"),
}


@pytest.mark.parametrize(("listing", "reason"), LISTS.values(), ids=LISTS)
def test_what_is_not_as_it_is_listed_is_refused(tmp_path, listing, reason):
    with pytest.raises((RefusedError, OSError), match=reason):
        unpacked(tmp_path / "out", archive(DATA, member("volumes/data/a"), listing=listing))


def test_what_is_not_listed_is_not_kept(tmp_path):
    more = head("volumes/data/more", kind=tarfile.DIRTYPE) + member("volumes/data/more/x") + member("volumes/data/z")
    stream = archive(DATA, member("volumes/data/a"), more, listing=line() + plain())
    assert unpacked(tmp_path / "out", stream) == 3
    assert sorted(path.name for path in (tmp_path / "out/volumes/data").rglob("*")) == ["a"]


def test_an_archive_that_ends_early_is_refused_wherever_it_does(volume, tmp_path):
    (volume / "holes").unlink()
    stream, listing = packed(volume)
    whole = archive(stream, listing=listing)
    for end in range(0, len(whole) - 1024, 4096):
        with pytest.raises((RefusedError, tarfile.TarError, OSError)):
            unpacked(tmp_path / str(end), whole[:end])
