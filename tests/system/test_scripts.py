"""The FastCGI parameters of a script: its path, at the root of a host or below a path, and the client."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from .machine import Machine

pytestmark = [pytest.mark.system, pytest.mark.stage("www")]

CLAIMS = {
    "Client-IP": "192.0.2.7",
    "Forwarded": "for=192.0.2.7",
    "Proxy": "http://192.0.2.7/",
    "Remote-User": "admin",
    "X-Forwarded-For": "192.0.2.7",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Port": "1",
    "X-Forwarded-Prefix": "/evil",
    "X-Forwarded-Proto": "gopher",
    "X-Original-URL": "/evil",
    "X-Real-IP": "192.0.2.7",
    "X-Remote-User": "admin",
}


@pytest.fixture(scope="module", params=["/", "/a/path/"])
def mirror(machine: Machine, request: pytest.FixtureRequest) -> Iterator[str]:
    """Return the URL of a script that prints its parameters."""
    url = f"https://mirror.localhost{request.param}"
    machine.declare("mirror", "mirror", url)
    machine.chainsaw("apply", "mirror")
    yield url
    machine.purge("mirror")


def reported(machine: Machine, url: str, **options: Any) -> dict[str, Any]:
    return dict(json.loads(machine.get(url, **options).body))


@pytest.mark.parametrize(
    ("asked", "script"),
    [("", "index.php"), ("index.php", "index.php"), ("deep/other.php", "deep/other.php"), ("no/such", "index.php")],
)
def test_a_script_knows_where_it_is(machine: Machine, mirror: str, asked: str, script: str) -> None:
    path = mirror.removeprefix("https://mirror.localhost")
    seen = reported(machine, f"{mirror}{asked}?x=1")
    assert seen["file"] == f"/srv/app/{script}"
    assert (seen["SCRIPT_NAME"], seen["REQUEST_URI"]) == (f"{path}{script}", f"{path}{asked}?x=1")
    assert (seen["HTTPS"], seen["SERVER_NAME"], seen["SERVER_PORT"]) == ("on", "mirror.localhost", "443")


def test_files_beside_scripts_are_served_and_their_directory_is_not_listed(machine: Machine, mirror: str) -> None:
    assert machine.get(f"{mirror}deep/style.css").headers["content-type"].startswith("text/css")
    assert "style.css" not in machine.get(f"{mirror}deep/").body


def test_what_a_client_claims_for_itself_does_not_arrive(machine: Machine, mirror: str) -> None:
    seen = reported(machine, mirror, headers={**CLAIMS, "X-Own": "arrives"})
    assert seen["HTTP_X_OWN"] == "arrives"
    claimed = {f"HTTP_{name.upper().replace('-', '_')}" for name in CLAIMS} | {"REMOTE_USER"}
    assert claimed & seen.keys() == set()


def test_a_session_outlives_a_restart(machine: Machine, mirror: str) -> None:
    answer = machine.get(mirror)
    cookie = {"Cookie": answer.headers["set-cookie"].partition(";")[0]}
    assert reported(machine, mirror, headers=cookie)["count"] == 2
    machine.admin("systemctl", "--user", "restart", "app@mirror")
    assert reported(machine, mirror, headers=cookie)["count"] == 3
