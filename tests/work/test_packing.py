"""A tree becomes members of an archive, and a tree again; what packer.py would not write is not taken."""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import os
import struct
import tarfile
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chainsaw.host.bundle import archive as form
from chainsaw.host.bundle.archive import Member, Source
from chainsaw.host.bundle.choice import Choice, patterns
from chainsaw.host.bundle.form import END, FIRST, LIST, Entry, RefusedError, known
from chainsaw.host.bundle.form import line as line_of
from chainsaw.host.bundle.former import SUMMARY, Former, entries
from chainsaw.host.bundle.ledger import Nobody, examine
from chainsaw.host.bundle.packer import Packer
from chainsaw.host.bundle.places import Filling
from chainsaw.host.bundle.unpacker import Unpacker

ME, GROUP = os.getuid(), os.getgid()
DATA = "volumes/data"


def packed(source, former="", *, keeps=False, excludes=()):
    """Return the members of a tree, and the list of them."""
    out, listing = io.BytesIO(), io.StringIO()
    earlier = entries(io.StringIO(former))
    top = os.open(source, os.O_RDONLY)
    try:
        Packer(lambda number: 0, out, listing, Former(earlier, keeps), Choice(patterns(excludes))).pack(top, DATA)
    finally:
        os.close(top)
    return out.getvalue(), listing.getvalue()


def settled(*places):
    """Wait until a change of what is there has another ctime."""
    time.sleep(0.025)


def head(name, size=0, kind="file", link=""):
    return form.header(Member(name, kind, link, size, size))


def member(name, content=b""):
    return head(name, len(content)) + form.padded(content)


def final(listing):
    """Return the lines of an internal list as they are in an archive."""
    return "".join(line_of(known(text)) for text in listing.splitlines() if not text.startswith(SUMMARY))


BACKUP = b'{"format":1}'
BEGIN = member(FIRST, BACKUP)
VOLUMES = BEGIN + head("volumes", kind="directory")
ABOVE = line_of(Entry(FIRST, "file", size=len(BACKUP), sha256=hashlib.sha256(BACKUP).hexdigest()))
ABOVE += line_of(Entry("volumes", "directory", 0o755))


def archive(*streams, listing, facts=None):
    text = (ABOVE + listing).encode()
    end = {"members": text.count(b"\n"), "sha256": hashlib.sha256(text).hexdigest(), **(facts or {})}
    return VOLUMES + b"".join(streams) + member(LIST, text) + member(END, json.dumps(end).encode()) + bytes(1024)


def unpacked(target, stream, room=10**8, count=10**4, only=()):
    """Unpack an archive into a directory; return how many members there are."""
    target.mkdir(exist_ok=True)
    top = os.open(target, os.O_RDONLY | os.O_DIRECTORY)
    try:
        taker = Unpacker(top, ME, ME, room, count, only)
        return examine(Source(io.BytesIO(stream)), taker)["members"]
    finally:
        os.close(top)


def checked(stream):
    """Check an archive; return how many members there are."""
    return examine(Source(io.BytesIO(stream)), Nobody())["members"]


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
    assert unpacked(tmp_path / "out", archive(stream, listing=final(listing))) == 1 + len(listing.splitlines())
    again = tmp_path / "out/volumes/data"
    assert shown(again) == shown(volume)
    assert os.getxattr(again / "empty", "user.note") == b"\0x"
    assert (again / "holes").stat().st_blocks < 2 * 2**20 // 512
    assert (again / "the same").samefile(again / "a directory/deep/größe")


def test_rights_of_others_are_kept_with_ids_of_the_container(tmp_path):
    (tmp_path / "v/d").mkdir(parents=True)
    rights = [(1, 7, 2**32 - 1), (2, 5, 1234), (4, 5, 2**32 - 1), (16, 5, 2**32 - 1), (32, 0, 2**32 - 1)]
    os.setxattr(
        tmp_path / "v/d",
        "system.posix_acl_default",
        struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *right) for right in rights),
    )
    stream, listing = packed(tmp_path / "v")
    unpacked(tmp_path / "out", archive(stream, listing=final(listing)))
    found = os.getxattr(tmp_path / "out" / DATA / "d", "system.posix_acl_default")
    rights[1] = (2, 5, ME)
    assert list(struct.iter_unpack("<HHI", found[4:])) == rights


def test_a_socket_is_left_out_and_a_file_that_runs_as_its_owner_does_not(volume, tmp_path):
    import socket

    (volume / "tool").touch()
    (volume / "tool").chmod(0o6755)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(volume / "s"))
        stream, listing = packed(volume)
    unpacked(tmp_path / "out", archive(stream, listing=final(listing)))
    assert not (tmp_path / "out/volumes/data/s").exists()
    assert (tmp_path / "out/volumes/data/tool").stat().st_mode & 0o7777 == 0o755


def test_what_has_changed_since_is_written_again_and_nothing_else(volume, tmp_path):
    settled()
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
    unpacked(tmp_path / "out", archive(first, second, listing=final(listing)))
    assert shown(tmp_path / "out/volumes/data") == shown(volume)


def test_what_is_gone_since_may_be_kept(volume, tmp_path):
    settled()
    first, former = packed(volume)
    before = shown(volume)
    (volume / "the same").unlink()
    (volume / "a directory/deep/größe").unlink()
    (volume / "a directory/deep").rmdir()
    second, listing = packed(volume, former, keeps=True)
    unpacked(tmp_path / "out", archive(first, second, listing=final(listing)))
    assert shown(tmp_path / "out/volumes/data").keys() == before.keys()
    assert (tmp_path / "out/volumes/data/the same").stat().st_size == 100_000


def test_a_file_that_is_written_while_it_is_read_counts_as_changed(tmp_path, monkeypatch):
    (tmp_path / "volume").mkdir()
    log = tmp_path / "volume/log"
    log.write_bytes(b"x" * 3_000_000)
    read = os.preadv
    settled()

    def reading(*arguments):
        monkeypatch.setattr(os, "preadv", read)
        os.truncate(log, 1000)
        return read(*arguments)

    monkeypatch.setattr(os, "preadv", reading)
    first, former = packed(tmp_path / "volume")
    assert json.loads(former.splitlines()[1])["seen"] == []
    second, listing = packed(tmp_path / "volume", former)
    unpacked(tmp_path / "out", archive(first, second, listing=final(listing)))
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
    unpacked(place / "out", archive(first, second, listing=final(listing)))
    assert shown(place / "out/volumes/data") == shown(place / "one")


TOP = head(DATA, kind="directory")
ROOT = Entry(DATA, "directory", 0o755)
EMPTY = hashlib.sha256().hexdigest()
NOW = [0, 0]


def line(**changed):
    """Return a line of the list: of a directory, or of what is said."""
    found = {"path": DATA, "kind": "directory", "mode": 0o755, "uid": 0, "gid": 0, "mtime": NOW, **changed}
    return json.dumps({key: value for key, value in found.items() if value is not None}, separators=(",", ":")) + "\n"


def plain(path="volumes/data/a", **changed):
    return line(**{"path": path, "kind": "file", "mode": 0o644, "size": 0, "sha256": EMPTY, **changed})


def other(name, kind, size=0):
    """Return a header as tarfile writes it."""
    found = tarfile.TarInfo(name)
    found.type, found.size = kind, size
    return found.tobuf(tarfile.PAX_FORMAT)


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
    "a name that is too long": (member("volumes/data/" + "x" * 300), "too long"),
    "no directory before": (member("volumes/other/x"), "no directory has come before"),
    "below a file": (member("volumes/data/f") + member("volumes/data/f/x"), "no directory has come before"),
    "below a link": (
        head("volumes/data/l", 0, "symlink", "/etc") + member("volumes/data/l/x"),
        "volumes/data/l/x",
    ),
    "below a link that leads up": (
        head("volumes/data/l", 0, "symlink", "..") + member("volumes/data/l/x"),
        "volumes/data/l/x",
    ),
    "a link in place of a volume": (
        head("volumes/data", 0, "symlink", "/") + member("volumes/data/x"),
        "volumes/data/x",
    ),
    "a further name of a file outside": (head("volumes/data/h", 0, "link", "/etc/passwd"), "leads elsewhere"),
    "a further name of a file above": (
        head("volumes/data/h", 0, "link", "volumes/data/../../../etc/passwd"),
        "leads elsewhere",
    ),
    "a further name in another volume": (
        head("volumes/other", kind="directory")
        + member("volumes/other/f")
        + head("volumes/data/h", 0, "link", "volumes/other/f"),
        "elsewhere",
    ),
    "a further name of a secret": (
        head("secrets", kind="directory") + member("secrets/key") + head("volumes/data/h", 0, "link", "secrets/key"),
        "elsewhere",
    ),
    "a further name of a directory": (head("volumes/data/h", 0, "link", "volumes/data"), "no file"),
    "a further name of a link": (
        head("volumes/data/l", 0, "symlink", "/etc/passwd") + head("volumes/data/h", 0, "link", "volumes/data/l"),
        "no file",
    ),
    "a further name of nothing": (head("volumes/data/h", 0, "link", "volumes/data/none"), "no file"),
    "a device": (other("volumes/data/d", tarfile.CHRTYPE), "neither a file"),
    "a disk": (other("volumes/data/d", tarfile.BLKTYPE), "neither a file"),
    "a contiguous file": (other("volumes/data/d", tarfile.CONTTYPE), "neither a file"),
    "a file of an unknown type": (other("volumes/data/d", b"Q"), "neither a file"),
    "a sparse file of GNU": (GNU.tobuf(tarfile.GNU_FORMAT), ""),
    "a header that is too long": (
        other("volumes/data/x", tarfile.XHDTYPE, 2**20) + bytes(3 * 2**20),
        "a header that is too long",
    ),
    "more bytes than it says": (member("volumes/data/x", bytes(2 * 10**6)), "not enough room on the disk"),
    "more members than it says": (b"".join(member(f"volumes/data/{n}") for n in range(200)), "too many members"),
    "a negative size": (head("volumes/data/x").replace(b"00000000000", b"-0000000001", 1), "a header that is none"),
}
"""What somebody puts before the list, and the reason why it is not taken."""


@pytest.mark.parametrize(("stream", "reason"), HOSTILE.values(), ids=HOSTILE)
def test_what_no_packer_writes_is_refused_and_nothing_is_changed_outside(tmp_path, stream, reason):
    (tmp_path / "beside").write_text("as before")
    with pytest.raises((RefusedError, tarfile.TarError, OSError)) as told:
        unpacked(tmp_path / "out", archive(TOP, stream, listing=line()), 10**6, 100)
    assert reason.lower() in str(told.value).lower()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["beside", "out"]
    assert (tmp_path / "beside").read_text() == "as before"


MOVED = (',"uid":0,"gid":0,"mtime":[0,0],"target":"b"', ',"target":"b","uid":0,"gid":0,"mtime":[0,0]')
LISTS = {
    "something is missing": (line() + plain("volumes/data/b"), "missing"),
    "another content": (line() + plain(size=1), "not as it is listed"),
    "another hash": (line() + plain().replace(EMPTY, "0" * 64), "not as it is listed"),
    "another kind": (line() + line(path="volumes/data/a"), "not as it is listed"),
    "a link that it is not": (
        line() + line(path="volumes/data/a", kind="symlink", target="b", mode=None).replace(*MOVED),
        "not as it is listed",
    ),
    "a name that it is not": (
        line() + '{"path":"volumes/data/a","kind":"link","first":"volumes/data"}\n',
        "not as it is",
    ),
    "a file that runs as its owner": (line() + plain(mode=0o4755), "a mode or an owner"),
    "an owner of another instance": (line() + plain(uid=65537), "a mode or an owner"),
    "a negative owner": (line() + plain(gid=-2), "a mode or an owner"),
    "an attribute of the system": (line() + plain(attributes={"security.capability": "AA=="}), "an attribute"),
    "a device": (line() + line(path="volumes/data/a", kind="device"), "neither a file"),
    "a path above": (line() + plain("volumes/data/../a"), "leads elsewhere"),
    "twice the same": (line() + plain() + plain(), "not in its place"),
    "another order": (plain() + line(), "not in its place"),
    "no JSON": ("{\n", "a line of the list that is none"),
    "a list": ("[]\n", "a line of the list that is none"),
    "a text for a number": (line(mode="0"), "a line of the list that is none"),
    "nothing of a key": ('{"path": "volumes/data"}\n', "a line of the list that is none"),
}


@pytest.mark.parametrize(("listing", "reason"), LISTS.values(), ids=LISTS)
def test_what_is_not_as_it_is_listed_is_refused(tmp_path, listing, reason):
    with pytest.raises((RefusedError, OSError), match=reason):
        unpacked(tmp_path / "out", archive(TOP, member("volumes/data/a"), listing=listing))


def test_what_is_not_listed_is_not_kept(tmp_path):
    more = head("volumes/data/more", kind="directory") + member("volumes/data/more/x") + member("volumes/data/z")
    stream = archive(TOP, member("volumes/data/a"), more, listing=line() + plain())
    assert unpacked(tmp_path / "out", stream) == 4
    assert sorted(path.name for path in (tmp_path / "out/volumes/data").rglob("*")) == ["a"]


def test_an_archive_that_ends_early_is_refused_wherever_it_does(volume, tmp_path):
    (volume / "holes").unlink()
    stream, listing = packed(volume)
    whole = archive(stream, listing=final(listing))
    for end in range(0, len(whole) - 1024, 4096):
        with pytest.raises((RefusedError, tarfile.TarError, OSError)):
            unpacked(tmp_path / str(end), whole[:end])


def test_what_is_only_zeros_is_a_hole(tmp_path):
    content = bytes(2 * 2**20) + b"x" * 100 + bytes(2**20)
    with (tmp_path / "file").open("wb") as file:
        file.truncate(len(content))
        filling = Filling(file.fileno())
        for at in range(0, len(content), 2**20):
            filling.write(memoryview(content[at : at + 2**20]))
    assert (tmp_path / "file").read_bytes() == content
    assert (tmp_path / "file").stat().st_blocks * 512 < 2 * 2**20
