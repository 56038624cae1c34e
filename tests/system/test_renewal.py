"""The timer that renews certificates runs by itself, also what it missed, and its journal has each state once."""

from __future__ import annotations

import json

import pytest

from .machine import CONFIG, HOME, Machine, wait
from .pebble import SITE, age, away, rows, serial, start

pytestmark = [pytest.mark.system, pytest.mark.stage("www")]

WWW = "www.example.org"
TIMER, SERVICE = "chainsaw-certificates.timer", "chainsaw-certificates.service"
STAMP = f"{HOME}/.local/share/systemd/timers/stamp-{TIMER}"
SOON = """\
d=~/.config/systemd/user/chainsaw-certificates.timer.d
mkdir -p $d
printf '[Timer]\\nAccuracySec=1s\\nRandomizedDelaySec=3s\\nOnCalendar=\\nOnCalendar=yearly\\n' > $d/soon.conf
"""


@pytest.fixture(scope="module")
def authority(machine: Machine) -> Machine:
    """Publish a static site at a name of an authority; nothing but a test starts the renewals."""
    start(machine)
    machine.write(f"{CONFIG}/site.yaml", SITE)
    machine.declare("www", "static", f"https://{WWW}/")
    machine.chainsaw("apply")
    machine.admin("systemctl", "--user", "stop", TIMER)
    return machine


def entries(machine: Machine) -> list[str]:
    """Return what the journal has of the runs, oldest first."""
    found = machine.journal(f"--unit={SERVICE}", "--output=cat").splitlines()
    return [line for line in found if line.strip()]


def run(machine: Machine) -> list[str]:
    """Let a day pass, and the service run; return what it wrote down."""
    age(machine, WWW, 1)
    before = entries(machine)
    # So many starts within seconds are not from a timer, and would be refused.
    machine.admin("systemctl", "--user", "reset-failed", SERVICE)
    machine.admin("systemctl", "--user", "start", SERVICE)
    return entries(machine)[len(before) :]


def test_each_state_is_written_down_once(authority: Machine) -> None:
    age(authority, WWW, 89)
    with away(authority):
        first = run(authority)
        assert len(first) == 2, "the problem, and a hint"
        assert "issues no certificate: " in first[0]
        assert run(authority) == []
        assert "cannot be reached" in str(rows(authority)[WWW]["failed"])
    said = json.dumps({"host": f"{WWW}."})
    authority.root("curl", "-fsS", "-d", said, "http://127.0.0.1:8055/set-servfail")
    second = run(authority)
    assert "issues no certificate: " in second[0]
    assert (second[0] != first[0], len(second)) == (True, 2)
    assert run(authority) == []
    authority.root("curl", "-fsS", "-d", said, "http://127.0.0.1:8055/clear-servfail")
    assert [line.partition(", valid until")[0] for line in run(authority)] == [f"{WWW}: renewed"]
    assert run(authority) == []
    assert rows(authority)[WWW]["state"] == "ok"


def test_a_run_that_was_missed_is_made_up_for_after_the_boot(authority: Machine) -> None:
    before = serial(authority, WWW)
    age(authority, WWW, 100)
    authority.admin("sh", "-c", SOON)
    authority.root("systemctl", "stop", "user@1000.service")
    authority.root("touch", "--date=400 days ago", STAMP)
    authority.root("systemctl", "start", "user@1000.service")
    try:
        assert wait(lambda: serial(authority, WWW) not in ("", before), 60)
        assert rows(authority)[WWW]["state"] == "ok"
        assert entries(authority)[-1].startswith(f"{WWW}: renewed, valid until ")
    finally:
        authority.admin("sh", "-c", "rm -r ~/.config/systemd/user/chainsaw-certificates.timer.d")
        authority.admin("systemctl", "--user", "daemon-reload")
