"""A command that is told to end, as by systemd or when a terminal is closed, leaves things in order."""

from __future__ import annotations

import re
import signal
import subprocess
import sys

import pytest

WORK = """
import sys, time
from chainsaw.cli import main as line

def work(**options):
    try:
        print("at work", flush=True)
        time.sleep(60)
    finally:
        {finally_}
        print("in order", flush=True)

line.group.main = work
line.main()
"""


def at_work(finally_="pass", before=()):
    """Return a command that is at work."""
    argv = [*before, sys.executable, "-c", WORK.replace("{finally_}", finally_)]
    running = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    assert running.stdout.readline() == "at work\n"
    return running


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_what_is_told_to_end_leaves_things_in_order(number):
    running = at_work()
    running.send_signal(number)
    assert running.communicate(timeout=20)[0] == "in order\n"
    assert running.returncode == 128 + number


def test_it_is_not_ended_while_it_does_so():
    running = at_work("time.sleep(1)")
    running.terminate()
    for _ in range(3):
        running.terminate()
    assert running.communicate(timeout=20)[0] == "in order\n"


def test_what_it_starts_meanwhile_can_be_told_to_end():
    running = at_work("import subprocess; subprocess.run(['grep', 'SigIgn', '/proc/self/status'])")
    running.terminate()
    (ignored,) = re.findall(r"SigIgn:\s+([0-9a-f]+)", running.communicate(timeout=20)[0])
    assert int(ignored, 16) & (1 << (signal.SIGTERM - 1) | 1 << (signal.SIGHUP - 1)) == 0


def test_what_nohup_ignores_stays_ignored():
    running = at_work(before=("nohup",))
    running.send_signal(signal.SIGHUP)
    with pytest.raises(subprocess.TimeoutExpired):
        running.wait(0.5)
    running.terminate()
    running.communicate(timeout=20)
