"""Podman's API through its library, from a socket that answers as Podman 5.4 does."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer
from urllib.parse import unquote

import pytest

from chainsaw.errors import ChainsawError
from chainsaw.host.podman import Podman

ROOT = Path(__file__).resolve().parents[2]
IMAGE = "localhost/chainsaw/mariadb:5e4d"
DIGEST = f"docker.io/library/nginx@sha256:{'a' * 64}"
ANSWERS = {
    f"images/{IMAGE}/json": {"Id": "1", "Size": 143, "Config": {"Volumes": {"/var/lib/mysql": {}}}},
    f"images/{DIGEST}/json": {"Id": "2", "Size": 90, "Config": {"Volumes": None}},
    "containers/json": [
        {
            "Id": "1",
            "Names": ["blog.db"],
            "Status": "healthy",
            "State": "running",
            "Labels": {"chainsaw.instance": "b"},
        },
        {"Id": "2", "Names": ["other"], "Status": "", "State": "exited", "Labels": None},
    ],
    "containers/blog.db/json": {
        "Id": "1",
        "Name": "blog.db",
        "State": {"Health": {"Status": "healthy", "Log": [{"Output": "first"}, {"Output": "well\n"}]}},
    },
    "containers/other/json": {"Id": "2", "Name": "other", "State": {"Health": {"Status": "", "Log": None}}},
    "networks/json": [{"name": "podman"}, {"name": "app@blog"}],
    "volumes/json": [{"Name": "cache"}],
    "containers/blog.db/exec": {"Id": "7"},
    "exec/7/json": {"ExitCode": 3},
}


def frame(stream, text):
    return bytes([stream, 0, 0, 0]) + len(text).to_bytes(4, "big") + text


class Server(ThreadingUnixStreamServer):
    answers: dict[str, object]
    asked: list[str]
    bodies: list[object]


class Service(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self):
        path = unquote(self.path.partition("?")[0])
        self.server.asked.append(path)
        known = self.server.answers.get(path.removeprefix("/v5.4.0/libpod/"))
        if known is None:
            self._answer(404, {"cause": "no such thing", "message": f"{path}: no such thing", "response": 404})
        else:
            self._answer(200, known)

    def do_POST(self):
        self.server.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        if not self.path.endswith("/start"):
            self.do_GET()
            return
        self.send_response(200)
        self.end_headers()
        self.wfile.write(frame(1, b"out\n") + frame(2, b"err\n"))
        self.close_connection = True

    def _answer(self, status, content):
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self):
        return "admin"

    def log_message(self, *_):
        pass


@pytest.fixture
def service(tmp_path):
    """Yield the server behind the socket of a runtime directory."""
    (tmp_path / "podman").mkdir()
    server = Server(str(tmp_path / "podman/podman.sock"), Service)
    server.answers, server.asked, server.bodies = dict(ANSWERS), [], []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def podman(tmp_path):
    return Podman(str(tmp_path), (), ())


def problem(call, *arguments):
    with pytest.raises(ChainsawError) as caught:
        call(*arguments)
    (found,) = caught.value.diagnostics
    return found


def test_of_an_image_the_volumes_and_the_size_are_known_and_one_that_is_not_there_is_left_out(podman, service):
    wanted = [IMAGE, DIGEST, "localhost/none:1"]
    assert podman.declared_volumes(wanted) == {IMAGE: ("/var/lib/mysql",), DIGEST: ()}
    assert podman.image_sizes(wanted) == {IMAGE: 143, DIGEST: 90}


def test_containers_have_a_health_only_if_podman_asks_for_it_and_an_instance_only_if_they_are_of_one(podman, service):
    assert podman.containers() == ["blog.db", "other"]
    assert podman.healths() == {"blog.db": "healthy"}
    assert podman.labelled() == {"blog.db": "b"}
    assert podman.last_check("blog.db") == ("healthy", "well")
    assert podman.last_check("other") is None
    assert podman.last_check("nosuch") is None


def test_a_container_that_ends_between_two_questions_is_left_out(podman, service):
    assert [item["Name"] for item in podman.running("blog.")] == ["blog.db"]
    del service.answers["containers/blog.db/json"]
    assert podman.running("blog.") == []


def test_networks_and_volumes_have_names(podman, service):
    assert podman.networks() == ["app@blog", "podman"]
    assert podman.volumes() == ["cache"]


def test_a_check_runs_in_the_container_and_its_errors_come_last(podman, service):
    assert podman.check("blog.db", ["mariadb-admin", "ping now"]) == (False, "out\nerr")
    assert service.bodies[0]["Cmd"] == ["mariadb-admin", "ping now"]
    service.answers["exec/7/json"] = {"ExitCode": 0}
    assert podman.check("blog.db", ["true"])[0]


def test_a_check_in_a_missing_container_reports_the_error_of_podman(podman, service):
    found = problem(podman.check, "nosuch", ["true"])
    assert found.code == "podman-silent"
    assert "containers/nosuch/json: no such thing" in found.message


def test_without_a_socket_the_reason_and_the_restart_command_are_reported(podman):
    found = problem(podman.networks)
    assert found.code == "podman-silent"
    assert found.message == "Podman's API does not answer: [Errno 2] No such file or directory"
    assert found.hint == "systemctl --user restart podman.socket"


def test_the_reason_is_not_that_of_something_that_went_wrong_before(podman):
    try:
        raise KeyError("before")
    except KeyError:
        assert "No such file or directory" in problem(podman.networks).message


def test_an_answer_that_is_not_json_is_reported(podman, service):
    service.answers["networks/json"] = b"<html>"
    assert problem(podman.networks).code == "podman-silent"


def test_an_unreadable_file_of_connections_is_reported(podman, service, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "containers").mkdir()
    (tmp_path / "containers/podman-connections.json").write_text("{")
    assert problem(podman.networks).code == "podman-silent"


def test_the_library_is_loaded_with_the_first_request():
    code = (
        "import sys, chainsaw.work.apply.apply, chainsaw.host.podman as podman\n"
        "podman.Podman('/run/user/1000', (), ())\n"
        "print(*sys.modules, sep='\\n')"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    imported = set(done.stdout.split())
    assert "chainsaw.host.podman.api" in imported
    assert not imported & {"podman", "requests", "urllib3"}
