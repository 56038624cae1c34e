"""An archive that somebody has made or damaged is refused wherever that is, when it is unpacked and when checked."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import struct

import pytest
from test_packing import (
    BEGIN,
    DATA,
    TOP,
    VOLUMES,
    archive,
    checked,
    final,
    head,
    line,
    member,
    packed,
    plain,
    settled,
    shown,
    unpacked,
)

from chainsaw.host.bundle import archive as form
from chainsaw.host.bundle.archive import Member
from chainsaw.host.bundle.form import END, FIRST, LIST, RefusedError

A = "volumes/data/a"
LONG = "volumes/data/" + "x" * 200


def extended(*records):
    """Return an extended header of some records, and the block of an empty file."""
    content = b"".join(form._record(key, value) for key, value in records)
    return form._block(b"././@PaxHeader", (0, 0, 0, len(content), 0), b"x", b"") + form.padded(content)


def sparse(extents, size, content=b"", stored=None):
    mapped = form.map_of(extents, size)
    stored = len(mapped) + len(content) if stored is None else stored
    return form.header(Member(A, "file", "", size, stored, extents=extents)) + mapped + form.padded(content)


MEMBERS = {
    "a key of another kind": extended(("path", LONG.encode()), ("uid", b"0")) + head(A),
    "an attribute in a header": extended(("SCHILY.xattr.user.x", b"0")) + head(A),
    "a path that a short one needs not": extended(("path", A.encode())) + head(A),
    "a path twice": extended(("path", b"/etc"), ("path", LONG.encode())) + head(LONG)[-512:],
    "two headers": extended(("path", LONG.encode())) * 2 + head(LONG)[-512:],
    "a header for all": form._block(b"g", (0, 0, 0, 0, 0), b"g", b""),
    "a size in a header": extended(("size", b"1000")) + head(A),
    "a negative size in a header": extended(("size", b"-1")) + head(A),
    "a long size in a header": extended(("size", b"9" * 4000)) + head(A),
    "a checksum that is none": head(A).replace(b"\0 0", b"\0 1", 1)[:148] + b"0000000 " + head(A)[156:],
    "a user's name": head(A)[:265] + b"root" + head(A)[269:],
    "a directory with content": head("volumes/data/d", 5, "directory") + bytes(512),
    "a link with content": head("volumes/data/l", 5, "symlink", "x") + bytes(512),
    "a link to nothing": head("volumes/data/l", 0, "symlink", ""),
    "a file with a target": head(A, 0, "file", "x"),
    "something after the content": head(A, 1) + b"aa" + bytes(510),
    "rows that overlap": sparse([(0, 8192), (4096, 4096)], 12288, bytes(12288)),
    "rows that fall": sparse([(8192, 4096), (0, 4096)], 12288, bytes(8192)),
    "a row beyond the end": sparse([(8192, 4096)], 8192, bytes(4096)),
    "a row of nothing": sparse([(0, 0)], 8192),
    "a row at an odd place": sparse([(5, 4091)], 8192, bytes(4091)),
    "more than its rows": sparse([(0, 4096)], 8192, bytes(4608)),
    "less than its rows": sparse([(0, 4096)], 8192, bytes(512)),
    "very many rows": sparse([(n * 8192, 4096) for n in range(20_000)], 2**40, b"", 2**30),
    "a file that is too large": sparse([], 2**44 + 1),
    "a map that does not end": form.header(Member(A, "file", "", 5, 2**30, extents=[])) + b"1" * 2**20,
    "a list of its own": member(LIST, b""),
    "an end before the list": member(END, b"{}"),
    "the first once more": member(FIRST, b'{"format":1}'),
    "a list that is a link": head(LIST, 0, "symlink", "/etc/passwd"),
    "a list that is a directory": head(LIST, kind="directory"),
    "below what is its own": head(f"{FIRST}/x", kind="directory"),
    "a name with NUL": extended(("path", b"volumes/data/\0" + b"x" * 100)) + head(A),
    "a link to itself": member(A) + head(A, 0, "link", A),
}


@pytest.mark.parametrize("stream", MEMBERS.values(), ids=MEMBERS)
def test_what_no_packer_writes_is_refused(tmp_path, stream):
    (tmp_path / "beside").write_text("as before")
    whole = archive(TOP, stream, listing=line() + plain())
    with pytest.raises(RefusedError):
        unpacked(tmp_path / "out", whole, 10**8, 1000)
    with pytest.raises(RefusedError):
        checked(whole)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["beside", "out"]


GOOD = archive(TOP, member(A), listing=line() + plain())
RIGHTS = {"system.posix_acl_access": base64.b64encode(struct.pack("<IHHI", 2, 2, 7, 70_000)).decode()}
ENDS = {
    "nothing": b"",
    "zeros": bytes(1024),
    "no first": VOLUMES[len(BEGIN) :] + GOOD[len(VOLUMES) :],
    "another format": member(FIRST, b'{"format":2}') + GOOD[len(BEGIN) :],
    "no format": member(FIRST, b"[]") + GOOD[len(BEGIN) :],
    "a text as format": member(FIRST, b'{"format":"1"}') + GOOD[len(BEGIN) :],
    "one block of zeros": GOOD[:-512],
    "no zeros": GOOD[:-1024],
    "more zeros": GOOD + bytes(512),
    "a member after the end": GOOD[:-1024] + member("volumes/data/x") + bytes(1024),
    "two ends": GOOD[:-1024] + member(END, b"{}") + bytes(1024),
    "a list of another hash": archive(TOP, member(A), listing=line() + plain(), facts={"sha256": "0" * 64}),
    "a list of more": archive(TOP, member(A), listing=line() + plain(), facts={"members": 7}),
    "a line without its end": archive(TOP, member(A), listing=line() + plain()[:-1]),
    "a very long line": archive(TOP, member(A), listing=line() + "x" * (3 << 20) + "\n"),
    "many brackets": archive(TOP, member(A), listing=line() + "[" * 100_000 + "\n"),
    "a key twice": archive(TOP, member(A), listing=line() + plain().replace('"size":0', '"size":0,"size":0')),
    "a key that is not known": archive(TOP, member(A), listing=line() + plain(more=1)),
    "a truth as a number": archive(TOP, member(A), listing=line() + plain(uid=True)),
    "a number with a point": archive(TOP, member(A), listing=line() + plain(uid=0.0)),
    "a time of many nanoseconds": archive(TOP, member(A), listing=line() + plain(mtime=[0, 10**9])),
    "a time that never is": archive(TOP, member(A), listing=line() + plain(mtime=[2**62, 0])),
    "base64 that is none": archive(TOP, member(A), listing=line() + plain(attributes={"user.x": "A"})),
    "base64 of another form": archive(TOP, member(A), listing=line() + plain(attributes={"user.x": "AB=="})),
    "rights of a stranger": archive(TOP, member(A), listing=line() + plain(attributes=RIGHTS)),
    "seen in a list": archive(TOP, member(A), listing=line() + plain(seen=[1, 2], names=1)),
}


@pytest.mark.parametrize("whole", ENDS.values(), ids=ENDS)
def test_what_does_not_begin_or_end_as_a_backup_is_refused(tmp_path, whole):
    with pytest.raises(RefusedError):
        unpacked(tmp_path / "out", whole)
    with pytest.raises(RefusedError):
        checked(whole)


def bundle(volume):
    (volume / "holes").unlink(missing_ok=True)
    with (volume / "holes").open("wb") as file:
        file.truncate(2**20)
        file.seek(2**19)
        file.write(b"some")
    settled()
    first, former = packed(volume)
    (volume / "empty").write_text("no more")
    second, listing = packed(volume, former)
    return archive(first, second, listing=final(listing))


def test_an_archive_that_ends_at_any_block_is_refused(volume):
    whole = bundle(volume)
    checked(whole)
    for end in range(0, len(whole), 512):
        with pytest.raises(RefusedError):
            checked(whole[:end])


def test_any_bit_that_is_another_is_found_or_is_of_what_is_replaced(tmp_path):
    place = tmp_path / "v"
    place.mkdir()
    (place / "a").write_text("content")
    os.link(place / "a", place / "b")
    (place / "größe").symlink_to("a")
    stream, listing = packed(place)
    whole = archive(stream, listing=final(listing))
    for at in range(len(whole)):
        with pytest.raises(RefusedError):
            checked(whole[:at] + bytes([whole[at] ^ (1 << at % 8)]) + whole[at + 1 :])


def test_only_what_is_wanted_is_made(volume, tmp_path):
    stream, listing = packed(volume)
    whole = archive(stream, listing=final(listing))
    unpacked(tmp_path / "one", whole, only=(f"{DATA}/a directory",))
    found = shown(tmp_path / "one" / DATA)
    assert found.keys() == {".", "a directory", "a directory/deep", "a directory/deep/größe"}
    with pytest.raises(OSError, match="ask for both"):
        unpacked(tmp_path / "two", whole, only=(f"{DATA}/the same",))
    with pytest.raises(OSError, match="not in the backup"):
        unpacked(tmp_path / "three", whole, only=(f"{DATA}/none",))


def test_what_a_later_pass_replaces_counts_once(tmp_path):
    content = bytes(100_000)
    digest = hashlib.sha256(content).hexdigest()
    streams = [member(A, content)] * 20
    listing = line() + plain(size=len(content), sha256=digest)
    unpacked(tmp_path / "out", archive(TOP, *streams, listing=listing), 120_000, 4)
    assert json.loads(listing.splitlines()[1])["size"] == (tmp_path / "out" / A).stat().st_size
