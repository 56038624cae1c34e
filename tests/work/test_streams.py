"""Programs in a row: the first that failed is the cause, and none waits for ever."""

from __future__ import annotations

import os
import sys
import time

import pytest

from chainsaw.errors import ChainsawError, Diagnostic
from chainsaw.host import streams

FULL = ["sh", "-c", "head -c 100000 >/dev/null; echo No space left on device >&2; exit 28"]


@pytest.fixture
def out(tmp_path):
    with (tmp_path / "out").open("wb") as file:
        yield file.fileno()


def test_a_disk_that_is_full_is_the_cause_of_what_those_before_it_say(out):
    with (
        pytest.raises(ChainsawError, match="No space left"),
        streams.through([["cat"], ["sh", "-c", "cat || { sleep 0.5; exit 5; }"], FULL], out) as stream,
    ):
        for _ in range(1000):
            stream.write(bytes(10**5))


def test_it_is_the_cause_of_what_a_program_says_that_writes_beside(out):
    with (
        pytest.raises(ChainsawError, match="No space left"),
        streams.through([["cat"], FULL], out) as stream,
    ):
        streams.run_into(["head", "-c", "100M", "/dev/zero"], stream.fileno())


def test_one_that_gives_too_little_is_the_cause_of_what_those_after_it_say():
    chain = [["sh", "-c", "echo some; echo no such key >&2; exit 2"], ["sh", "-c", "cat >/dev/null; sleep 0.2; exit 7"]]
    with pytest.raises(ChainsawError, match="no such key"):
        streams.draw(chain)


def test_a_reader_that_misses_something_is_told_why():
    chain = [["sh", "-c", "sleep 0.1; exec >&-; echo no such key >&2; exit 2"]]
    with pytest.raises(ChainsawError, match="no such key"), streams.tapped(chain, None) as stream:
        assert stream.read() == b""
        raise ValueError


def test_one_that_reads_no_further_and_says_nothing_is_a_failure(out):
    with (
        pytest.raises(ChainsawError, match="ended before it had read all"),
        streams.through([["true"]], out) as stream,
    ):
        for _ in range(1000):
            stream.write(bytes(10**5))


def test_a_stream_that_is_not_read_to_its_end_may_be_left():
    with streams.tapped([["cat", "/dev/zero"], ["cat"]], None, whole=False) as stream:
        assert stream.read(10) == bytes(10)


@pytest.mark.parametrize(
    "chain", [[["sleep", "60"]], [["sleep", "60"], ["cat"]], [["cat", "/dev/zero"], ["sleep", "60"]]]
)
def test_what_moves_no_byte_is_ended(chain):
    began = time.monotonic()
    with pytest.raises(ChainsawError, match=r"moved no byte for 0\.5 seconds"):
        streams.draw(chain, patience=0.5)
    assert time.monotonic() - began < 20


def test_what_moves_slowly_goes_on(out):
    slow = ["sh", "-c", "for i in 1 2 3 4 5; do sleep 0.3; echo $i; done"]
    assert streams.draw([slow, ["cat"]], patience=1) == b"1\n2\n3\n4\n5\n"
    with streams.through([["cat"]], out, patience=0.4) as stream:
        time.sleep(1)
        stream.write(b"x")


def test_what_was_started_is_ended_when_it_is_interrupted(out, tmp_path):
    with pytest.raises(KeyboardInterrupt), streams.through([["sleep", "61.5"]], out):
        raise KeyboardInterrupt
    found = [name for name in os.listdir("/proc") if name.isdigit() and b"61.5" in commands(name)]
    assert found == []


def commands(name):
    try:
        with open(f"/proc/{name}/cmdline", "rb") as file:
            return file.read()
    except OSError:
        return b""


def test_a_program_is_fed_pieces():
    assert streams.pour([["cat"], ["tr", "a", "b"]], [b"a", b"c"]) == b"bc"


def test_a_program_that_is_not_there_ends_those_before_it(out):
    with pytest.raises(ChainsawError, match="/nonexistent is not installed"):
        streams.draw([["cat", "/dev/zero"], ["/nonexistent"]])


def test_what_is_refused_is_the_cause_of_what_is_not_read_any_more():
    """A program that writes on and on ends with SIGPIPE as soon as nobody reads."""
    with (
        pytest.raises(ChainsawError, match="too new"),
        streams.tapped([["yes"]], None) as printed,
    ):
        printed.read(10)
        raise ChainsawError(Diagnostic("newer-backup", "too new"))


def test_of_what_a_program_says_of_itself_the_end_is_kept(monkeypatch):
    monkeypatch.setattr(streams, "KEPT", 1000)
    noise = "import sys; sys.stderr.write('x' * 10_000_000 + ' at last'); sys.exit(2)"
    with pytest.raises(ChainsawError) as caught:
        streams.draw([[sys.executable, "-c", noise]])
    message = caught.value.diagnostics[0].message
    assert message.endswith("at last")
    assert len(message) < 5000


def test_what_a_program_has_left_behind_is_not_waited_for_long():
    began = time.monotonic()
    with pytest.raises(ChainsawError, match="said so"):
        streams.draw([["sh", "-c", "echo said so >&2; sleep 30 & exit 3"]], patience=60)
    assert time.monotonic() - began < 20
