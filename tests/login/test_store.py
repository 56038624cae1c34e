"""What is kept while the service sleeps."""

from __future__ import annotations

import json
import os
import stat
import threading

import pytest
from chainsaw_login.store import LATER, SECTIONS, SOON, Store


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state.json"


def test_it_comes_back(path):
    store = Store(path)
    store.section("used")["kim"] = 7
    store.write()
    assert Store(path).section("used") == {"kim": 7}
    assert os.listdir(path.parent) == ["state.json"]


def test_it_is_written_when_it_is_due(path):
    store = Store(path)
    store.flush(100)
    store.touched(100, LATER)
    store.flush(100 + SOON)
    assert not path.exists()
    store.touched(100 + SOON)
    store.flush(100 + SOON + 1)
    assert not path.exists()
    store.flush(100 + SOON + SOON)
    assert path.exists()


def test_at_the_end_all_is_written(path):
    store = Store(path)
    store.flush()
    assert not path.exists()
    store.touched(100, LATER)
    store.flush()
    assert path.exists()


def test_a_clock_that_was_set_back_does_not_put_it_off(path):
    store = Store(path)
    store.touched(10**9)
    store.flush(100)
    assert path.exists()


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"\xff", b'{"format":2}', b'{"format":1}', b" " * (8 * 1024 * 1024 + 1)],
)
def test_a_damaged_file_is_said_and_starts_empty(path, caplog, content):
    path.write_bytes(content)
    store = Store(path)
    assert [store.section(name) for name in SECTIONS] == [{}] * len(SECTIONS)
    assert caplog.text.count("state cannot be read") == 1


def test_a_full_disk_is_said_once_and_stops_nothing(path, caplog, monkeypatch):
    store = Store(path)
    store.section("used")["kim"] = 7

    def full(_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        store.write()
        store.write()
    assert caplog.text.count("state is not kept: No space left on device") == 1
    assert not path.exists()
    store.write()
    assert json.loads(path.read_text())["used"] == {"kim": 7}


def test_a_file_that_is_there_stays_whole_when_the_new_one_cannot_be_written(path, monkeypatch):
    store = Store(path)
    store.write()
    before = path.read_bytes()
    store.section("used")["kim"] = object()
    with pytest.raises(TypeError):
        store.write()
    assert path.read_bytes() == before


def test_a_slow_disk_makes_nobody_wait_but_who_ends(path, monkeypatch):
    store, slow, done = Store(path), threading.Event(), threading.Event()

    def sync(_):
        slow.set()
        assert done.wait(20)

    monkeypatch.setattr(os, "fsync", sync)
    writer = threading.Thread(target=store.write)
    writer.start()
    assert slow.wait(20)
    assert store.lock.acquire(timeout=5)
    store.lock.release()
    store.flush(100)
    ending = threading.Thread(target=store.flush)
    ending.start()
    ending.join(0.05)
    assert ending.is_alive()
    done.set()
    ending.join(20)
    assert path.exists()
    writer.join()


def test_nobody_else_reads_it(path):
    Store(path).write()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
