"""Lets a gate finish what it has accepted before it stops, so that a restart of an application loses no request.

systemd calls this before it stops the gate, with the gate's socket, the unit whose processes connect to it, the seconds
for which this may last, and the unit of the application. When that has crashed there is nothing to wait for. A process
that is stopped (SIGSTOP) accepts no connection. When it has none left it is killed as it is; otherwise it goes on, and
is tried again a moment later. What comes meanwhile waits in the socket, for the next gate.

Sources: systemd.service(5), $MAINPID; proc_net_unix(5): the state 03 is a connection that a process has accepted, and
the kernel lists it in the network namespace of the one that connected; proc_pid_stat(5), state.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time

PAUSE = 0.02
BLINK = 0.001
CONNECTED = "03"
STILL = "TZX"
"""Stopped by a signal, or dead."""


def has_connections(table: str, socket: str) -> bool:
    """Return whether a process has accepted a connection at a socket, by the text of /proc/net/unix."""
    lines = [line.split(None, 7) for line in table.splitlines()]
    return any(len(line) == 8 and line[5] == CONNECTED and line[7] == socket for line in lines)


def main_of(unit: str) -> str:
    """Return the first process of a unit, 0 when it has none."""
    asked = ["/usr/bin/systemctl", "--user", "show", "-P", "MainPID", unit]
    return subprocess.run(asked, stdout=subprocess.PIPE, check=True).stdout.decode().strip()


def connections(client: str) -> str:
    """Return the table of the connections that were made by the container of a conmon; nothing when it has ended."""
    for process in processes_of(client):
        with contextlib.suppress(OSError), open(f"/proc/{process}/net/unix") as table:
            return table.read()
    return ""


def processes_of(main: str) -> list[int]:
    """Return the processes of the container whose conmon(8) systemd knows."""
    try:
        with open(f"/proc/{main}/task/{main}/children") as file:
            return [int(number) for number in file.read().split()]
    except FileNotFoundError:
        return []


def is_still(process: int) -> bool:
    """Return whether no thread of a process runs any more; the signal alone does not mean that it does not."""
    try:
        threads = [f"/proc/{process}/task/{thread}/stat" for thread in os.listdir(f"/proc/{process}/task")]
        return all(state_of(thread) in STILL for thread in threads)
    except (FileNotFoundError, ProcessLookupError):
        return True


def state_of(place: str) -> str:
    """Return the state that a stat file of /proc names, after the name of the program in parentheses."""
    with open(place) as file:
        return file.read().rpartition(")")[2].split()[0]


def send(number: signal.Signals, processes: list[int]) -> None:
    """Send a signal to processes; those that have ended meanwhile are no problem."""
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, number)


def drain(socket: str, client: str, seconds: float, main: str) -> None:
    """Wait until the gate has no connection, or for some seconds, and leave it stopped."""
    processes, deadline = processes_of(main), time.monotonic() + seconds
    while processes:
        send(signal.SIGSTOP, processes)
        while not all(is_still(process) for process in processes) and time.monotonic() < deadline:
            time.sleep(BLINK)
        if not has_connections(connections(client), socket) or time.monotonic() > deadline:
            return
        send(signal.SIGCONT, processes)
        time.sleep(PAUSE)


if __name__ == "__main__":
    patience = float(sys.argv[3]) if main_of(sys.argv[4]) != "0" else 0.0
    drain(sys.argv[1], main_of(sys.argv[2]), patience, os.environ.get("MAINPID", ""))
