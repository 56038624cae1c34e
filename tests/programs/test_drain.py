"""What lets a gate finish what it has accepted: which connections it has accepted, and how long it may take."""

from __future__ import annotations

import signal

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
    monkeypatch.setattr(drain, "send", lambda number, processes: sent.append(number))
    monkeypatch.setattr(drain, "has_connections", lambda table, socket: next(answers))
    drain.drain(SOCKET, 10, "1")
    stop, go = signal.SIGSTOP, signal.SIGCONT
    assert sent == [stop, go, stop, go, stop]


def test_one_whose_connections_do_not_end_is_left_stopped_in_the_end(drain, monkeypatch):
    sent: list[signal.Signals] = []
    monkeypatch.setattr(drain, "processes_of", lambda main: [7])
    monkeypatch.setattr(drain, "send", lambda number, processes: sent.append(number))
    monkeypatch.setattr(drain, "has_connections", lambda table, socket: True)
    drain.drain(SOCKET, 0.05, "1")
    assert sent[-1] is signal.SIGSTOP


def test_where_there_is_no_process_there_is_nothing_to_wait_for(drain):
    drain.drain(SOCKET, 10, "")
