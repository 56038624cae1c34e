"""What lets a gate finish what it has accepted: which connections it has accepted, and how long it may take."""

from __future__ import annotations

import os
import signal
import subprocess
import time

import pytest
from program import program

SOCKET = "/home/admin/.local/share/chainsaw/sockets/blog.sock"
HEADING = "Num       RefCount Protocol Flags    Type St Inode Path\n"
LISTENS = f"ffff0001: 00000002 00000000 00010000 0001 01 100 {SOCKET}\n"
WAITS = f"ffff0002: 00000002 00000000 00000000 0001 02     0 {SOCKET}\n"
ACCEPTED = f"ffff0003: 00000003 00000000 00000000 0001 03 101 {SOCKET}\n"
OTHER = (
    f"ffff0004: 00000003 00000000 00000000 0001 03 102 {SOCKET}x\nffff0005: 00000003 00000000 00000000 0001 03 103\n"
)


def soon(happens) -> bool:
    """Return whether something happens within five seconds."""
    deadline = time.monotonic() + 5
    while not happens() and time.monotonic() < deadline:
        time.sleep(0.01)
    return happens()


@pytest.fixture
def drain():
    return program("drain")


@pytest.mark.parametrize(
    ("table", "has"),
    [(LISTENS, False), (LISTENS + WAITS, False), (LISTENS + OTHER, False), (LISTENS + WAITS + ACCEPTED, True)],
)
def test_a_connection_counts_once_it_is_accepted(drain, table, has):
    assert drain.has_connections(HEADING + table, SOCKET) is has


def test_a_gate_with_a_connection_goes_on_and_is_left_stopped_when_it_has_none(drain, monkeypatch):
    sent: list[signal.Signals] = []
    answers = iter([True, True, False])
    monkeypatch.setattr(drain, "processes_of", lambda main: [7])
    monkeypatch.setattr(drain, "is_still", lambda process: True)
    monkeypatch.setattr(drain, "send", lambda number, processes: sent.append(number))
    monkeypatch.setattr(drain, "has_connections", lambda table, socket: next(answers))
    drain.drain(SOCKET, "2", 10, "1")
    stop, go = signal.SIGSTOP, signal.SIGCONT
    assert sent == [stop, go, stop, go, stop]


def test_one_whose_connections_do_not_end_is_left_stopped_in_the_end(drain, monkeypatch):
    sent: list[signal.Signals] = []
    monkeypatch.setattr(drain, "processes_of", lambda main: [7])
    monkeypatch.setattr(drain, "is_still", lambda process: True)
    monkeypatch.setattr(drain, "send", lambda number, processes: sent.append(number))
    monkeypatch.setattr(drain, "has_connections", lambda table, socket: True)
    drain.drain(SOCKET, "2", 0.05, "1")
    assert sent[-1] is signal.SIGSTOP


def test_where_there_is_no_process_there_is_nothing_to_wait_for(drain):
    drain.drain(SOCKET, "2", 10, "")


def test_a_process_is_still_once_a_signal_has_stopped_all_of_it(drain):
    with subprocess.Popen(["sleep", "60"]) as process:
        try:
            assert soon(lambda: drain.state_of(f"/proc/{process.pid}/stat") == "S")
            assert not drain.is_still(process.pid)
            process.send_signal(signal.SIGSTOP)
            assert soon(lambda: drain.is_still(process.pid))
        finally:
            process.kill()
    assert drain.is_still(process.pid), "it has ended"


def test_the_connections_are_those_that_the_container_of_a_conmon_made(drain):
    shell = ["sh", "-c", "sleep 60 & wait"]
    with subprocess.Popen(shell) as conmon:
        try:
            assert soon(lambda: "Path" in drain.connections(str(conmon.pid)))
        finally:
            for process in drain.processes_of(str(conmon.pid)):
                os.kill(process, signal.SIGKILL)
    assert drain.connections(str(conmon.pid)) == ""
