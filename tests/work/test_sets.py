"""A backup whose parts are in a repository: what is listed of it, and how it becomes an archive again."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from contextlib import contextmanager
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as some

from chainsaw.errors import ChainsawError
from chainsaw.host.bundle import reader
from chainsaw.host.bundle.composed import Composed, Tree
from chainsaw.host.bundle.form import ADMIN, Entry, line, order
from chainsaw.host.bundle.writer import Writer
from chainsaw.host.restic.answers import Node
from chainsaw.host.restic.joined import Join, Nodes, Side

TOP = "volumes/data"


def digest(content):
    return hashlib.sha256(content).hexdigest()


def entry(path, kind="file", content=b"", inode=7, **fields):
    hashed = {"sha256": digest(content), "size": len(content)} if kind == "file" else {}
    return replace(Entry(f"{TOP}/{path}".rstrip("/"), kind, 0o640, 33, 34, 5, seen=(inode, 9), **hashed), **fields)


def node(path, kind="file", inode=7, **fields):
    known = {"mode": 0o600, "uid": 1, "gid": 2, "mtime": 6, "ctime": 9, "size": 3, "inode": inode}
    return Node(f"/{TOP}/{path}".rstrip("/"), kind, **{**known, **fields})


def side(*nodes):
    every = [Node("/volumes", "directory", 0o700, ADMIN, ADMIN, 0), node("", "directory", 1), *nodes]
    return Side(Nodes(every), lambda path: f"of {path}", lambda path: f"to {path}")


def joined(listed, now, before=None, **options):
    join = Join(TOP, now, before, options.pop("is_out", lambda path: False), **options)
    return list(join.entries([entry("", "directory", inode=1), *listed]))[1:], join


def test_what_both_have_seen_is_as_it_is_listed():
    listed = [
        entry("a", content=b"abc"),
        entry("b", "directory", inode=8),
        entry("b/c", "symlink", inode=9, target="x"),
    ]
    found, join = joined(listed, side(node("a"), node("b", "directory", 8), node("b/c", "symlink", 9)))
    assert found == listed
    assert (join.again, join.kept) == (0, 0)


def test_what_has_changed_since_is_listed_as_the_snapshot_has_it():
    listed = [entry("a", content=b"abc"), entry("b", "symlink", inode=8, target="x"), entry("c", "directory", inode=9)]
    changed = [node("a", ctime=10), node("b", inode=9), node("c", "directory", 9, ctime=10, mode=0o2770)]
    found, join = joined(listed, side(*changed))
    assert [(one.kind, one.sha256, one.size, one.seen) for one in found] == [
        ("file", f"of /{TOP}/a", 3, ()), ("file", f"of /{TOP}/b", 3, ()), ("directory", "", 0, ()),
    ]  # fmt: skip
    assert [(one.mode, one.uid, one.gid, one.mtime) for one in found[:2]] == [(0o600, 1, 2, 6)] * 2
    assert (found[2].mode, join.again) == (0o2770, 2)


def test_what_only_one_has_is_that_of_the_snapshot():
    found, _ = joined([entry("a"), entry("b/gone")], side(node("a"), node("aa", "symlink"), node("c", "fifo")))
    assert [one.path.rpartition("/")[2] for one in found] == ["a", "aa", "c"]
    assert found[1].target == f"to /{TOP}/aa"


def test_what_belongs_to_no_backup_is_not_listed_and_neither_is_a_socket():
    found, _ = joined([], side(node("cache"), node("s", "socket")), is_out=lambda path: path == "cache")
    assert found == []


def test_what_was_there_before_alone_is_kept():
    listed = [entry("a", content=b"abc"), entry("new and gone", inode=8)]
    found, join = joined(listed, side(), side(node("a"), node("b")))
    assert found == listed[:1]
    assert join.kept == 1


def test_a_further_name_is_one_only_if_the_first_is_the_same_file():
    first, second = entry("a", names=2), Entry(f"{TOP}/b", "link", first=f"{TOP}/a")
    found, _ = joined([first, second], side(node("a"), node("b")))
    assert found == [first, second]
    found, _ = joined([first, second], side(node("a"), node("b", inode=8)))
    assert [(one.kind, one.first) for one in found] == [("file", ""), ("file", "")]
    found, _ = joined([first, second], side(node("a", ctime=10), node("b", ctime=10)))
    assert [one.kind for one in found] == ["file", "file"]


def test_where_there_are_no_containers_all_is_the_admins():
    (found,), _ = joined([], side(node("a", uid=0, gid=0)), has_ids=False)
    assert (found.uid, found.gid) == (ADMIN, ADMIN)
    (found,), _ = joined([], side(node("a", uid=4294967295, gid=0)))
    assert (found.uid, found.gid) == (ADMIN, 0)


def test_a_name_that_restic_cannot_list_is_an_error_if_it_was_changed():
    odd = entry(os.fsdecode(b"no text \xff"))
    found, _ = joined([odd], side(node("no text \ufffd")))
    assert found == [odd]
    with pytest.raises(ChainsawError, match="restic cannot tell what is in it"):
        joined([odd], side(node("no text \ufffd", ctime=10)))


NAMES = some.text(some.sampled_from("ab.-\u00fc\uffff"), min_size=1, max_size=2).filter(lambda name: name.strip("."))
PATHS = some.sets(some.lists(NAMES, min_size=1, max_size=3).map("/".join), max_size=8)


def directories(paths):
    """Return all paths, with the directories that they are in, in the order of a list; what has others in it is one."""
    every = {"/".join(path.split("/")[: count + 1]) for path in paths for count in range(path.count("/") + 1)}
    return {
        path: "directory" if any(other.startswith(f"{path}/") for other in every) else "file"
        for path in sorted(every, key=order)
    }


@given(PATHS, PATHS, PATHS)
def test_the_list_is_that_of_the_snapshots_whatever_was_listed(listed, now, before):
    there, earlier, seen = directories(now), directories(before), directories(listed)
    found, _ = joined(
        [entry(path, kind) for path, kind in seen.items()],
        side(*(node(path, kind) for path, kind in there.items())),
        side(*(node(path, kind) for path, kind in earlier.items())),
    )
    paths = [one.path.removeprefix(f"{TOP}/") for one in found]
    assert paths == sorted(paths, key=order)
    assert set(there) <= set(paths) <= set(there) | (set(seen) & set(earlier))
    assert all(one.kind == there.get(path, earlier.get(path)) for one, path in zip(found, paths, strict=True))


# As an archive again


def tar(*members):
    """Return an archive of tar(5) of paths and their content; of nothing for a directory."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, content in members:
            member = tarfile.TarInfo(path)
            member.type = tarfile.DIRTYPE if content is None else tarfile.REGTYPE
            member.size = len(content or b"")
            archive.addfile(member, io.BytesIO(content or b""))
    return io.BytesIO(stream.getvalue())


@pytest.fixture
def parts(tmp_path):
    """Return the function that puts a backup together, of a dump and of archives with what is in the volume data."""
    from contextlib import ExitStack

    def put(entries, *archives, dumped=b"dump"):
        out = io.BytesIO()
        with ExitStack() as lists:
            writer = Writer(out, 0, lists, str(tmp_path), {"id": "x"})
            for path in ("secrets", "dumps", "volumes"):
                writer.directory(path)
            head = out.getvalue()
            writer.stream = lists.enter_context(open(os.devnull, "wb"))
            list(writer.parted("dumps/db", ["printf", "dump"]))
            os.mkdir(tmp_path / "tree")
            with (tmp_path / "nothing").open("w+") as since:
                writer.tree(str(tmp_path / "tree"), TOP, 0, (), since=since)
            writer.relist(TOP, entries)
            whole = lists.enter_context((tmp_path / "list").open("w+b"))
            end = writer.total({"id": "x"}, whole)

            @contextmanager
            def dump(component):
                assert component == "db"
                yield io.BytesIO(dumped)

            made = io.BytesIO()
            Composed(head, whole, end, dump, [Tree(archive) for archive in archives]).write(made)
        made.seek(0)
        return reader.check(made)

    return put


def data(*entries):
    return [entry("", "directory"), *entries]


def test_an_archive_is_put_together_as_it_is_listed(parts):
    long = "d/" + "\u00fc" * 120
    listed = data(
        entry("a", content=b"abc"), entry("d", "directory"), entry(long, content=b"x" * 1000),
        Entry(f"{TOP}/e", "link", first=f"{TOP}/a"), entry("l", "symlink", target="/etc/passwd"),
        entry("z", "fifo"),
    )  # fmt: skip
    last = tar(
        ("volumes", None), (TOP, None), (f"{TOP}/a", b"abc"), (f"{TOP}/d", None), (f"{TOP}/{long}", b"x" * 1000),
        (f"{TOP}/e", b"abc"), (f"{TOP}/not listed", b""), (f"{TOP}/z", b""),
    )  # fmt: skip
    known = parts(listed, last)
    assert known["members"] == 13
    assert known["sha256"]


def test_what_the_last_archive_has_not_is_taken_from_the_one_before(parts):
    listed = data(entry("a", content=b"new"), entry("b", content=b"gone"))
    assert parts(listed, tar((f"{TOP}/a", b"new")), tar((f"{TOP}/a", b"old"), (f"{TOP}/b", b"gone")))


@pytest.mark.parametrize(
    ("archive", "options", "message"),
    [
        (tar(), {}, "'volumes/data/a' is listed, and is not there"),
        (tar((f"{TOP}/a", b"ab")), {}, "'volumes/data/a' is listed, and is not there"),
        (tar((f"{TOP}/a", None)), {}, "'volumes/data/a' is listed, and is not there"),
        (tar((f"{TOP}/a", b"abd")), {}, "'volumes/data/a' is not as it is listed"),
        (tar((f"{TOP}/a", b"abc")), {"dumped": b"dum"}, "'dumps/db/00000000' is listed, and is not there"),
        (tar((f"{TOP}/a", b"abc")), {"dumped": b"dumps"}, "'dumps/db' is listed, and is not there"),
        (tar((f"{TOP}/a", b"abc")), {"dumped": b"pmud"}, "'dumps/db/00000000' is not as it is listed"),
    ],
)
def test_a_part_that_is_another_is_found(parts, archive, options, message):
    with pytest.raises(ChainsawError) as caught:
        parts(data(entry("a", content=b"abc")), archive, **options)
    assert message in caught.value.diagnostics[0].message


def test_a_line_of_the_list_is_one_of_a_bundle(parts):
    assert line(entry("a")).startswith('{"path":"volumes/data/a","kind":"file"')
