"""Lets a gate finish what it has accepted before it stops, so that a restart of an application loses no request.

systemd calls this before it stops the gate, with the gate's socket and the seconds for which this may last. A process
that is stopped (SIGSTOP) accepts no connection. When it has none left it is killed as it is; otherwise it goes on, and
is tried again a moment later. What comes meanwhile waits in the socket, for the next gate.

Sources: systemd.service(5), $MAINPID; proc_net_unix(5): the state 03 is a connection that a process has accepted.
"""

import contextlib
import os
import signal
import sys
import time

PAUSE = 0.02
CONNECTED = "03"


def has_connections(table: str, socket: str) -> bool:
    """Return whether a process has accepted a connection at a socket, by the text of /proc/net/unix."""
    lines = [line.split(None, 7) for line in table.splitlines()]
    return any(len(line) == 8 and line[5] == CONNECTED and line[7] == socket for line in lines)


def processes_of(main: str) -> list[int]:
    """Return the processes of the container whose conmon(8) systemd knows."""
    try:
        with open(f"/proc/{main}/task/{main}/children") as file:
            return [int(number) for number in file.read().split()]
    except FileNotFoundError:
        return []


def send(number: signal.Signals, processes: list[int]) -> None:
    """Send a signal to processes; those that have ended meanwhile are no problem."""
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, number)


def drain(socket: str, seconds: float, main: str) -> None:
    """Wait until the gate has no connection, or for some seconds, and leave it stopped."""
    processes, deadline = processes_of(main), time.monotonic() + seconds
    while processes:
        send(signal.SIGSTOP, processes)
        with open("/proc/net/unix") as table:
            if not has_connections(table.read(), socket) or time.monotonic() > deadline:
                return
        send(signal.SIGCONT, processes)
        time.sleep(PAUSE)


if __name__ == "__main__":
    drain(sys.argv[1], float(sys.argv[2]), os.environ.get("MAINPID", ""))
