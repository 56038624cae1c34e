"""A bundle holds what is known, what programs print and trees of files, and comes back as it was."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack

import pytest

from chainsaw.errors import ChainsawError
from chainsaw.host import streams
from chainsaw.host.bundle import reader
from chainsaw.host.bundle.writer import PART, PROGRAM, Writer

ZSTD, UNZSTD = ["zstd", "--quiet", "--stdout"], ["zstd", "--quiet", "--decompress", "--stdout"]
NOW = 1_700_000_000 * 10**9
SIZE = PART + 5


def written(path, fill):
    chain = [[*PROGRAM, "check"], ZSTD]
    with ExitStack() as lists, path.open("wb") as out, streams.through(chain, out.fileno()) as stream:
        writer = Writer(stream, NOW, lists, str(path.parent), {"instance": "cloud"})
        fill(writer)
        return writer.end({"instance": "cloud"})


def taken(path, target):
    target.mkdir()
    with path.open("rb") as source:
        words = [str(target), "0", "0", str(10**9), str(10**6)]
        return streams.draw([UNZSTD, [*PROGRAM, "unpack", *words]], source.fileno())


@pytest.fixture
def volume(tmp_path):
    root = tmp_path / "volume"
    root.mkdir()
    (root / "a").write_text("one")
    return root


def fill(volume):
    def filled(writer):
        writer.file("manifest.json", b"{}\n")
        writer.directory("dumps")
        writer.directory("volumes")
        writer.tree(str(volume), "volumes/data", 0, ())
        (volume / "a").write_text("another")
        (volume / "b").write_text("two")
        assert writer.parts("dumps/db", ["head", "-c", str(SIZE), "/dev/zero"]) == SIZE
        writer.tree(str(volume), "volumes/data", 0, ())

    return filled


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to others")
def test_a_bundle_comes_back(tmp_path, volume):
    facts = written(tmp_path / "b.tar.zst", fill(volume))
    out = tmp_path / "out"
    assert json.loads(taken(tmp_path / "b.tar.zst", out)) == facts
    assert sorted(path.name for path in (out / "dumps/db").iterdir()) == ["00000000", "00000001"]
    assert sum(path.stat().st_size for path in (out / "dumps/db").iterdir()) == SIZE
    assert {path.name: path.read_text() for path in (out / "volumes/data").iterdir()} == {"a": "another", "b": "two"}


def test_a_program_that_fails_ends_it(tmp_path, volume):
    def failing(writer):
        writer.directory("dumps")
        writer.parts("dumps/db", ["sh", "-c", "echo some; echo the server is gone >&2; exit 3"])

    with pytest.raises(ChainsawError, match="the server is gone"):
        written(tmp_path / "b.tar.zst", failing)


def test_what_a_program_prints_without_end_is_no_dump(tmp_path, monkeypatch):
    def endless(writer):
        writer.directory("dumps")
        writer.parts("dumps/db", ["cat", "/dev/zero"])

    monkeypatch.setattr("chainsaw.host.bundle.writer.MOST_PRINTED", 3 * PART)
    with pytest.raises(ChainsawError, match="cat printed more than 25165824 bytes, and no end of it is in sight"):
        written(tmp_path / "bundle", endless)


def test_a_tree_that_is_not_there_ends_it(tmp_path):
    with pytest.raises(ChainsawError, match=r"No such file or directory: .*none"):
        written(tmp_path / "b", lambda writer: writer.tree(f"{tmp_path}/none", "volumes/x", 0, ()))


def test_any_byte_that_is_another_is_found(tmp_path, volume):
    written(tmp_path / "b.tar.zst", fill(volume))
    whole = (tmp_path / "b.tar.zst").read_bytes()
    for number in range(40):
        at = number * len(whole) // 40
        (tmp_path / "c").write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
        try:
            taken(tmp_path / "c", tmp_path / f"out-{number}")
        except ChainsawError:
            continue
        assert (tmp_path / f"out-{number}/volumes/data/a").read_text() == "another"


def test_a_program_that_reads_no_further_is_the_cause(tmp_path):
    with (
        (tmp_path / "b").open("wb") as out,
        pytest.raises(ChainsawError, match="full up"),
        streams.through([["cat"], ["sh", "-c", "echo full up >&2; exit 1"]], out.fileno()) as stream,
    ):
        for _ in range(1000):
            stream.write(bytes(10**5))


def test_what_stands_at_its_beginning_is_read_without_the_rest(tmp_path, volume):
    def first_alone(writer):
        writer.directory("meta")
        writer.file("meta/site.yaml", b"{}\n")
        fill(volume)(writer)

    facts = written(tmp_path / "b.tar.zst", first_alone)
    with (tmp_path / "b.tar.zst").open("rb") as file, streams.tapped([UNZSTD], file.fileno(), whole=False) as stream:
        found = reader.leading(stream, ["meta/"], 10**6)
    assert {path: json.loads(content) for path, content in found.items()} == {
        "backup.json": {"format": 1, "instance": "cloud"},
        "meta/site.yaml": {},
    }
    with (tmp_path / "b.tar.zst").open("rb") as file, streams.tapped([UNZSTD], file.fileno()) as stream:
        assert reader.check(stream) == facts
