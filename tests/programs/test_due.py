"""What wakes a sleeping application: when it said that its work is due, and not before."""

from __future__ import annotations

import socket
import time

import pytest
from program import program


def guess(file):
    """Return whether a file keeps a quarter of an hour from now, and that nobody said so."""
    seconds, why = file.read_text().split()
    return why == "unsaid" and abs(int(seconds) - time.time() - 900) < 30


UNITS = ("app@blog.socket", "app@blog.service", "app@blog.cron.service")


@pytest.fixture
def due():
    return program("due")


@pytest.fixture
def started(due, monkeypatch):
    """Return the units that are started, and make the states that systemd reports."""
    found: list[str] = []

    class Run:
        stdout = b""

    def run(argv, **_):
        if argv[2] == "start":
            found.append(argv[-1])
        else:
            Run.stdout = "\n\n".join(found_states).encode()
        return Run

    found_states = ["active", "inactive"]
    monkeypatch.setattr(due.subprocess, "run", run)
    return found, found_states


@pytest.mark.parametrize(("printed", "kept"), [("1764500000\n", "1764500000"), ("", "never"), ("\n", "never")])
def test_an_application_says_when_its_work_is_due(due, tmp_path, printed, kept):
    file = tmp_path / "cron.due"
    due.ask(str(file), str(tmp_path / "lines"), ["printf", printed])
    assert file.read_text() == f"{kept}\n"


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (["echo", "tomorrow"], "no time, but 'tomorrow\\n'"),
        (["echo", "1", "2"], "no time, but '1 2\\n'"),
        (["echo", "-5"], "no time, but '-5\\n'"),
        (["false"], "the command ended with an error"),
        (["sh", "-c", "yes"], "the command ended with an error"),
    ],
)
def test_one_that_does_not_say_it_is_woken_a_quarter_of_an_hour_later(due, tmp_path, capfd, command, why):
    file = tmp_path / "cron.due"
    due.ask(str(file), str(tmp_path / "lines"), command)
    assert guess(file)
    assert capfd.readouterr().err.endswith(f"when its work is due is not known: {why}\n")


def test_what_it_says_beside_its_answer_goes_to_the_socket_for_logs(due, tmp_path):
    lines = str(tmp_path / "lines")
    with socket.socket(socket.AF_UNIX) as relay:
        relay.bind(lines)
        relay.listen()
        due.ask(str(tmp_path / "cron.due"), lines, ["sh", "-c", "echo no such table >&2; echo 5"])
        connection, _ = relay.accept()
        with connection:
            assert connection.recv(100) == b"no such table\n"
            assert connection.recv(100) == b"", "nothing holds it"
    assert (tmp_path / "cron.due").read_text() == "5\n"


@pytest.mark.parametrize(
    ("kept", "wakes"),
    [(-1, True), (600, False), (None, False)],
)
def test_a_sleeper_is_woken_when_its_work_is_due(due, tmp_path, started, kept, wakes):
    file = tmp_path / "cron.due"
    file.write_text("never\n" if kept is None else f"{int(time.time()) + kept}\n")
    due.wake(str(file), *UNITS)
    assert started[0] == (["app@blog.cron.service"] if wakes else [])


def test_a_guess_is_kept_to_as_well(due, tmp_path, started):
    file = tmp_path / "cron.due"
    file.write_text(f"{int(time.time()) - 1} unsaid\n")
    due.wake(str(file), *UNITS)
    assert started[0] == ["app@blog.cron.service"]


@pytest.mark.parametrize("content", [None, "", "x\n"])
def test_one_that_was_not_asked_is_woken_once_and_then_after_a_quarter_of_an_hour(due, tmp_path, started, content):
    file = tmp_path / "cron.due"
    if content is not None:
        file.write_text(content)
    due.wake(str(file), *UNITS)
    due.wake(str(file), *UNITS)
    assert started[0] == ["app@blog.cron.service"]
    assert guess(file)


def test_work_of_one_that_runs_is_done_in_any_case(due, tmp_path, started):
    started[1][1] = "active"
    due.wake(str(tmp_path / "cron.due"), *UNITS)
    assert started[0] == ["app@blog.cron.service"]


@pytest.mark.parametrize("states", [("inactive", "inactive"), ("active", "failed"), ("active", "activating")])
def test_one_that_was_stopped_or_has_failed_is_left_alone(due, tmp_path, started, states):
    started[1][:] = states
    due.wake(str(tmp_path / "cron.due"), *UNITS)
    assert started[0] == []
