"""The steps of a marker run against a server: requests, kept values, and expected answers."""

from __future__ import annotations

import base64
import json
import ssl
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from fake import replaces

from chainsaw.errors import ChainsawError
from chainsaw.host import certificates, files
from chainsaw.host.podman import Podman
from chainsaw.host.podman.placement import VolumeFile
from chainsaw.host.process import Outcome
from chainsaw.host.web import Front
from chainsaw.model.deployment import Deployment, ProbeRequest, SecretFile
from chainsaw.model.route import Route
from chainsaw.model.serve import Put, Request, Run, Step
from chainsaw.model.volume import Ids, Volume
from chainsaw.work.trial.marker import Player

HOST = "notes.example.org"


class Notes(BaseHTTPRequestHandler):
    """A login with the right password gets a token; with the token a note can be written and read."""

    notes: dict[str, str]
    seen: list

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        self.seen.append((self.command, self.path, dict(self.headers), body))
        if self.path == "/app/login":
            right = "Basic " + base64.b64encode(b"kim:very secret").decode()
            self.answer(200 if self.headers.get("Authorization") == right else 401, {"data": [{"token": "t1"}]})
        elif self.headers.get("X-Token") == "t1":
            self.notes[self.path] = body
            self.answer(201, {})
        else:
            self.answer(403, {"error": "no token"})

    def do_GET(self):
        self.seen.append((self.command, self.path, dict(self.headers), ""))
        note = self.notes.get(self.path.split("?")[0])
        self.answer(404 if note is None else 200, {"note": note})

    def answer(self, status, content):
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@contextmanager
def serving(directory):
    """Serve notes with a certificate of the local authority; yield the port and the handler."""
    certificates.make_authority(directory, "test")
    issued = certificates.issue(directory, HOST)
    files.write_atomic(f"{directory}/both.pem", issued.key + issued.chain)
    handler = type("OwnNotes", (Notes,), {"notes": {}, "seen": []})
    server = HTTPServer(("127.0.0.1", 0), handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{directory}/both.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_address[1], handler
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@replaces(Podman)
@dataclass
class Containers:
    """A Podman that records its calls, and returns a given outcome."""

    outcome: Outcome = field(default_factory=lambda: Outcome(0, b"", b""))
    asked: list = field(default_factory=list)

    def exec(self, container, argv, *, env=None, stdin=None, patience=None):
        self.asked.append((container, argv))
        return self.outcome

    def put_file(self, reference, place, content):
        self.asked.append((reference, place, content))


@pytest.fixture
def scene(tmp_path):
    """Yield (player, handler, containers) for an instance at https://notes.example.org/app/."""
    own = Ids(uid=525288, gid=525288)
    deployment = Deployment(
        name="notes",
        recipe="notes",
        version="1-1",
        routes=(Route(host=HOST, path="/app/"),),
        block=524288,
        volumes=(
            Volume(name="data", path=f"{tmp_path}/instances/notes/volumes/data", mode=0o700, ids=own),
            Volume(name="site", path=f"{tmp_path}/public/notes/site", mode=0o755, owner="admin", public="/"),
        ),
        secrets=(SecretFile(path=f"{tmp_path}/secrets/password", key="password", length=24, ids=own),),
        probe=ProbeRequest(path="/app/", status=200),
    )
    secrets = {"password": "very secret"}
    with serving(str(tmp_path)) as (port, handler):
        podman: Any = Containers()
        front = Front(port, str(tmp_path / "ca.pem"))
        yield Player(deployment, {"name": "notes"}, front, podman, secrets.__getitem__, "tools"), handler, podman


def step(**fields):
    return Step(request=Request(**fields))


LOGIN = step(method="POST", path="/login", user="kim", secret="password", keep={"token": "data.0.token"})
WRITE = step(
    method="POST", path="/{{ marker }}", headers={"X-Token": "{{ token }}"}, body="A: {{ marker }}", status=201
)
READ = step(path="/{{ marker }}?of={{ name }}", contains="A: {{ marker }}")


def failure(player, *steps, marker="mark1"):
    with pytest.raises(ChainsawError) as caught:
        player.play(steps, marker)
    (problem,) = caught.value.diagnostics
    assert (problem.code, problem.key) == ("marker", f"marker.write.{len(steps) - 1}")
    return problem.message


def test_what_is_written_is_read_again(scene):
    player, handler, _ = scene
    player.play((LOGIN, WRITE), "mark1")
    player.play((READ,), "mark1")
    assert handler.notes == {"/app/mark1": "A: mark1"}
    assert [(method, path) for method, path, _, _ in handler.seen] == [
        ("POST", "/app/login"),
        ("POST", "/app/mark1"),
        ("GET", "/app/mark1?of=notes"),
    ]
    assert handler.seen[0][2]["Host"] == f"{HOST}:{player.front.port}", "a port that is not the usual one is named"


def test_what_was_not_written_is_not_read(scene):
    player, _, _ = scene
    player.play((LOGIN, WRITE), "mark1")
    assert failure(player, READ, marker="mark2").startswith("GET /app/mark2?of=notes answers 404")


def test_a_wrong_answer_is_reported_with_the_step_and_the_answer(scene):
    player, _, _ = scene
    player.kept["token"] = "forged"
    assert failure(player, LOGIN, step(method="POST", path="/x", headers={"X-Token": "no"})) == (
        'POST /app/x answers 403, not 200:\n  {"error": "no token"}'
    )


def test_an_answer_without_the_expected_text_is_reported(scene):
    player, _, _ = scene
    player.play((LOGIN, WRITE), "mark1")
    other = step(path="/mark1", contains="B: {{ marker }}")
    assert failure(player, other) == 'GET /app/mark1 answers 200, but without \'B: mark1\':\n  {"note": "A: mark1"}'


@pytest.mark.parametrize("where", ["data.1.token", "data.token", "data.0.key", "token", "data.0.token.x"])
def test_a_value_that_is_missing_in_an_answer_is_reported(scene, where):
    player, _, _ = scene
    login = step(method="POST", path="/login", user="kim", secret="password", keep={"token": where})
    assert failure(player, login).startswith(f"the answer has no {where}:\n  ")


def test_a_secret_is_known_in_requests_and_only_there(scene):
    player, handler, podman = scene
    player.play((step(method="POST", path="/login?{{ secret.password | length }}", status=403),), "mark1")
    assert handler.seen[0][1] == "/app/login?11"
    with pytest.raises(ChainsawError):
        player.play((Step(run=Run(component="app", command=("echo", "{{ secret.password }}"))),), "mark1")
    assert podman.asked == []


def test_a_missing_answer_is_a_problem_of_the_step(scene):
    player, _, _ = scene
    player.front = Front(1, player.front.authority)
    assert "GET /app/mark1?of=notes is not answered: " in failure(player, READ)


def test_a_command_is_run_in_its_component(scene):
    player, _, podman = scene
    podman.outcome = Outcome(0, b"it is mark1\n", b"")
    run = Run(component="jobs", command=("find", "{{ marker }}"), contains="{{ marker }}")
    player.play((Step(run=run),), "mark1")
    assert podman.asked == [("notes.jobs", ["find", "mark1"])]
    podman.outcome = Outcome(0, b"nothing", b"")
    assert failure(player, Step(run=run)) == "find in jobs ends well, but without 'mark1':\n  nothing"
    podman.outcome = Outcome(3, b"", b"no such thing")
    assert failure(player, Step(run=run)) == "find in jobs ended with 3: no such thing"


def test_a_file_is_put_as_the_owner_of_the_volume_would(scene, tmp_path):
    player, _, podman = scene
    put = Step(put=Put(volume="data", path="a/b.txt", content="{{ marker }}"))
    player.play((put,), "mark1")
    volume = player.deployment.volumes[0]
    assert podman.asked == [("tools", VolumeFile(volume.path, "a/b.txt", volume.ids, 524288), b"mark1")]
    player.play((Step(put=Put(volume="site", path="b.txt", content="{{ marker }}")),), "mark2")
    assert Path(tmp_path, "public/notes/site/b.txt").read_text() == "mark2"


def test_what_a_template_does_not_know_is_a_problem_and_nothing_is_asked(scene):
    player, handler, _ = scene
    with pytest.raises(ChainsawError, match="'nobody' is undefined"):
        player.play((step(path="/{{ nobody }}"),), "mark1")
    assert handler.seen == []
