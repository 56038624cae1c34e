"""The program as a process, on a socket that it is given."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[2] / "quadlets/images/login"
LAUNCH = """
import os, pathlib, sys
if sys.argv[1] != "3":
    os.dup2(int(sys.argv[1]), 3)
from chainsaw_login.__main__ import main
sys.exit(main(pathlib.Path(sys.argv[2])))
"""


class Connection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("blog.example.org", timeout=20)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        self.sock.connect(str(self.path))


class Server:
    """The program's files and its socket, as systemd keeps it."""

    def __init__(self, site, directory):
        self.root = directory / "root"
        for name in ("srv/login", "srv/users", "run/secrets"):
            (self.root / name).mkdir(parents=True)
        (self.root / "run/secrets/session_key").write_text("k" * 64 + "\n")
        (self.root / "srv/users/users.json").write_bytes((site.directory / "users.json").read_bytes())
        self.path = directory / "login.sock"
        self.listening = socket.socket(socket.AF_UNIX)
        self.listening.bind(str(self.path))
        self.listening.listen(64)
        self.processes = []

    def start(self, idle=0, **environ):
        number = self.listening.fileno()
        environ = {"LISTEN_FDS": "1", "LOGIN_IDLE_SECONDS": str(idle), "PYTHONDONTWRITEBYTECODE": "1"} | environ
        process = subprocess.Popen(
            [sys.executable, "-c", LAUNCH, str(number), str(self.root)],
            env=os.environ | {"PYTHONPATH": str(PROGRAM)} | environ,
            pass_fds=[number],
            stderr=subprocess.PIPE,
            text=True,
        )
        self.processes.append(process)
        return process

    def ask(self, method="GET", path="/check", body=None, **headers):
        connection = Connection(self.path)
        always = {"Host": "blog.example.org", "X-Forwarded-Proto": "https"}
        always |= dict.fromkeys(("X-Real-IP", "X-Chainsaw-Client"), "192.0.2.1")
        # What is refused for its size may be answered before all of it is sent.
        with suppress(BrokenPipeError):
            connection.request(
                method, path, body, always | {name.replace("_", "-"): text for name, text in headers.items()}
            )
        reply = connection.getresponse()
        reply.read()
        connection.close()
        return reply

    def basic(self, word):
        return self.ask(X_Chainsaw_Basic="1", X_Chainsaw_Allow="*", Authorization=f"Basic {word}")


@pytest.fixture
def server(site, tmp_path):
    made = Server(site, tmp_path)
    yield made
    made.listening.close()
    for process in made.processes:
        process.kill()
        process.communicate()


def test_who_comes_before_it_runs_waits_in_the_queue(server):
    came = []
    visitor = threading.Thread(target=lambda: came.append(server.ask().status))
    visitor.start()
    server.start()
    visitor.join(20)
    assert came == [401]


def test_it_ends_when_nobody_comes_and_keeps_what_it_counted(server):
    process = server.start(idle=1)
    waits = [server.basic("a2ltOng=").headers["X-Chainsaw-Wait"] for _ in range(6)]
    assert [wait is not None for wait in waits] == [False] * 5 + [True]
    assert process.wait(20) == 0
    assert process.stderr
    log = process.stderr.read().splitlines()
    assert len(log) == 5
    assert log[0] == "login: failure address=192.0.2.1 user='kim' instance='' what=client count=1"
    assert (server.root / "srv/login/state.json").exists()
    server.start()
    assert server.basic("a2ltOng=").status == 401
    assert server.ask(path="/.chainsaw/login").status == 200


def test_it_ends_when_told_after_it_has_answered(server):
    process = server.start()
    assert server.ask().status == 401
    came = []
    # A correct password: its check is under way when the signal comes.
    visitor = threading.Thread(target=lambda: came.append(server.basic("a2ltOmNvcnJlY3QgaG9yc2UgYmF0dGVyeQ==").status))
    visitor.start()
    time.sleep(0.005)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    if not came:
        server.start()
    visitor.join(20)
    assert came == [204]


def test_what_is_large_is_refused(server):
    server.start()
    assert server.ask(Cookie="x" * 70_000).status == 431
    kind = {"Content_Type": "application/x-www-form-urlencoded"}
    assert server.ask("POST", "/.chainsaw/login", "a=" + "x" * 20_000, **kind).status == 413
    assert server.ask(Cookie="x" * 30_000).status == 401


def test_many_at_once_are_answered_or_told_to_come_later(server):
    server.start()
    statuses = []
    lock = threading.Lock()

    def visit(number):
        for _ in range(5):
            reply = server.ask(
                X_Chainsaw_Basic="1", Authorization="Basic bm9ib2R5Ong=", X_Real_IP=f"198.51.100.{number}"
            )
            with lock:
                statuses.append(reply.status)

    threads = [threading.Thread(target=visit, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    assert server.ask().status == 401
    for thread in threads:
        thread.join(60)
    assert len(statuses) == 60
    # The name is under attack by then, so that an address that failed has to wait.
    assert set(statuses) <= {401, 503}
    assert 401 in statuses


@pytest.mark.parametrize("environ", [{"LISTEN_FDS": ""}, {"LISTEN_FDS": "2"}, {"LOGIN_IDLE_SECONDS": "soon"}])
def test_without_a_socket_or_with_nonsense_it_says_so(server, environ):
    process = server.start(**environ)
    assert process.wait(20) == 2
    assert process.stderr
    assert process.stderr.read().startswith("login: ")


@pytest.mark.parametrize("key", [None, "short", ""])
def test_without_a_key_it_does_not_start(server, key):
    path = server.root / "run/secrets/session_key"
    path.unlink()
    if key is not None:
        path.write_text(key)
    process = server.start()
    assert process.wait(20) == 2
    assert process.stderr
    assert "k" * 8 not in process.stderr.read()


def test_what_was_counted_is_written_while_it_runs(server):
    process = server.start()
    assert server.basic("a2ltOng=").status == 401
    path = server.root / "srv/login/state.json"
    until = time.monotonic() + 20
    while not path.exists() and time.monotonic() < until:
        time.sleep(0.1)
    (mark,) = json.loads(path.read_text())["addresses"]
    assert "192.0.2.1" not in mark, "what is written tells no address"
    process.kill()
    process.wait()
    server.start()
    waits = [server.basic("a2ltOng=").headers["X-Chainsaw-Wait"] for _ in range(5)]
    assert [wait is not None for wait in waits] == [False] * 4 + [True]
