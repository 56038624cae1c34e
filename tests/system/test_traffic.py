"""What the front writes down of a visit, what is counted of it, and how little of it with privacy: truncate."""

from __future__ import annotations

import base64
import json
import re
import socket
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from ipaddress import ip_network
from typing import Any

import pytest

from .machine import CONFIG, HOME, Machine, wait
from .web import trusting

pytestmark = [pytest.mark.system, pytest.mark.stage("sites")]

GADGET, MIRROR = "https://gadget.localhost/", "https://mirror.localhost/"
HOSTILE = "</script><script>alert(1)</script><img src=https://evil.example/ onerror=alert(1)>\"' {{evil}}"
PAGE = f"{HOME}/traffic.html"
SHORTENING = "^sed -n -E -e s/client:"
"""The process that shortens the addresses in nginx's errors."""


@pytest.fixture(scope="module", autouse=True)
def sites(machine: Machine, www: str) -> Iterator[None]:
    """One site over HTTP, one over FastCGI."""
    with machine.running("gadget", "mirror"):
        yield


@pytest.fixture
def since() -> str:
    return f"--since=@{time.time():.3f}"


def visits(machine: Machine, name: str, since: str, text: str) -> list[str]:
    """Return the lines of an access log that have a text, as soon as there is one."""
    found: list[str] = []

    def arrived() -> bool:
        rows = machine.json("logs", name, "--access", since)["data"]["entries"]
        found[:] = [row["text"] for row in rows if text in row["text"]]
        return bool(found)

    assert wait(arrived, 10), text
    return found


@pytest.mark.parametrize("path", ["?id-1", "index.php?id-2", "a/pretty/page?id-3"])
def test_an_application_that_speaks_fastcgi_gets_the_id_of_the_line(machine: Machine, since: str, path: str) -> None:
    inside = json.loads(machine.get(f"{MIRROR}{path}", headers={"X-Request-Id": "mine"}).body)
    (line,) = visits(machine, "mirror", since, path)
    assert line.endswith(f" cache=- id={inside['HTTP_X_REQUEST_ID']}")
    assert re.search(r" host=mirror\.localhost upstream=[0-9.]+ ", line)


def test_an_application_that_speaks_http_gets_the_id_of_the_line(machine: Machine, since: str) -> None:
    seen = machine.get(f"{GADGET}?id-4", headers={"X-Request-Id": "mine", "X_Request_Id": "mine"}).body
    (line,) = visits(machine, "gadget", since, "?id-4")
    assert re.findall(r"^x.request.id: (.*)$", seen, re.MULTILINE) == [line.rpartition(" id=")[2]]


def test_the_longest_line_is_one_line(machine: Machine, since: str) -> None:
    """Each byte of what a visitor sends is written as four."""
    worst = b"\xff" * 900
    login = base64.b64encode(b"\xff" * 90 + b":x")
    sent = b"GET /?longest" + worst[:450] + b" HTTP/1.1\r\nHost: mirror.localhost\r\nConnection: close\r\n"
    sent += b"User-Agent: " + worst + b"\r\nReferer: " + worst + b"\r\nAuthorization: Basic " + login + b"\r\n\r\n"
    with socket.create_connection((machine.address, 443), timeout=20) as plain:
        secure = trusting(machine.authority).wrap_socket(plain, server_hostname="mirror.localhost")
        with secure:
            secure.sendall(sent)
            assert b" 200 " in secure.recv(4096)
    (line,) = visits(machine, "mirror", since, "?longest")
    assert 3600 < len(f"mirror {line}\n") <= 4096
    assert re.search(r" cache=- id=[0-9a-f]{32}$", line)


def test_the_figures_are_those_of_the_visits(machine: Machine, since: str) -> None:
    for number in range(20):
        headers = {"User-Agent": f"Browser/{number % 4}", "Referer": "https://elsewhere.example/page?secret"}
        machine.get(f"{MIRROR}index.php?token={number}", headers=headers)
    refused = machine.post(f"{MIRROR}large", "x", headers={"User-Agent": "Browser/0", "Content-Length": "99999999999"})
    assert refused.status == 413
    visits(machine, "mirror", since, "/large")
    found: dict[str, Any] = machine.json("traffic", "mirror", since)["data"]
    (mirror,) = found["applications"]
    assert (mirror["requests"], mirror["visitors"], mirror["client_errors"]) == (21, 4, 1)
    assert found["complete"]
    assert found["paths"]["most"][0] == {"path": "/index.php", "requests": 20}
    assert found["referrers"]["most"] == [{"referrer": "https://elsewhere.example/page", "requests": 20}]
    assert 0 <= mirror["p50"] <= mirror["p99"] < 20
    shown = machine.chainsaw("traffic", "mirror", since).out
    assert "secret" not in shown
    assert "token" not in shown
    rows = machine.chainsaw("traffic").out.splitlines()
    assert {"mirror", "www", "blog"} <= {row.split()[0] for row in rows}
    assert rows[-1].endswith(", the oldest line that the journal keeps")


class Loads(HTMLParser):
    """Collects what a browser would load or run for a page."""

    def __init__(self) -> None:
        """Begin with nothing."""
        super().__init__()
        self.loaded: list[str] = []
        self.images = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note where an element comes from."""
        self.images += tag == "img"
        names = ("src",) if tag != "link" else ("src", "href")
        self.loaded += [value or "" for name, value in attrs if name in names and not (value or "").startswith("data:")]


def test_a_page_loads_nothing_and_has_nothing_of_a_visitor_that_acts(machine: Machine, since: str) -> None:
    quoted = HOSTILE.replace(" ", "%20")
    machine.get(f"{MIRROR}{quoted}?hostile", headers={"User-Agent": HOSTILE, "Referer": f"https://x.example/{HOSTILE}"})
    visits(machine, "mirror", since, "?hostile")
    machine.chainsaw("traffic", "--html", PAGE)
    assert machine.root("stat", "-c", "%a %U", PAGE) == "600 admin\n"
    page = machine.read(PAGE)
    assert "default-src 'none'" in page.partition("<script")[0]
    assert "<script>alert" not in page
    assert "<img src=https" not in page
    assert "&lt;img src=https:" in page or "&lt;script&gt;alert" in page, "it is there as text"
    seen = Loads()
    seen.feed(page)
    assert (seen.loaded, seen.images) == ([], 0)
    assert "goaccess" not in machine.admin("podman", "ps", "--all", "--format", "{{.Image}}")


def test_what_cannot_be_written_is_refused_before_anything_is_read(machine: Machine) -> None:
    machine.admin("ln", "-s", f"{CONFIG}/site.yaml", f"{HOME}/link.html")
    for path in (f"{HOME}/link.html", "/etc/traffic.html", f"{HOME}/none/traffic.html"):
        assert machine.json("traffic", "--html", path, code=5)["diagnostics"][0]["code"] == "target"
    assert machine.json("traffic", "--since", "nonsense", code=5)["diagnostics"][0]["code"] == "time"
    assert machine.json("logs", "mirror", "--since", "nonsense", code=5)["diagnostics"][0]["code"] == "time"


def test_with_truncate_no_address_is_written(machine: Machine, www: str) -> None:
    site = f"{CONFIG}/site.yaml"
    before = machine.read(site) if machine.exists(site) else ""
    address = json.loads(machine.get(MIRROR).body)["REMOTE_ADDR"]
    network = str(ip_network(f"{address}/24", strict=False).network_address)
    machine.write(site, f"{before}privacy: truncate\n")
    machine.chainsaw("apply")
    began = f"--since=@{time.time():.3f}"
    assert json.loads(machine.get(f"{MIRROR}?short-1").body)["REMOTE_ADDR"] == network
    assert f"x-forwarded-for: {network}\n" in machine.get(f"{GADGET}?short-2").body
    visits(machine, "mirror", began, "?short-1")
    machine.post(f"{www}?short-3", "x", headers={"Content-Length": "99999999999"})

    def errors() -> str:
        return machine.journal("-o", "cat", began, "CONTAINER_NAME=chainsaw-front", "PRIORITY=3")

    assert wait(lambda: f"client: {network}, server: www.localhost" in errors(), 10), errors()
    # What shortens is started again, and nginx goes on meanwhile.
    machine.root("kill", "-9", machine.root("pgrep", "-f", SHORTENING).strip())
    assert machine.get(www).status == 200
    assert wait(lambda: machine.try_root("pgrep", "-f", SHORTENING).code == 0, 10)
    machine.post(f"{www}?short-4", "x", headers={"Content-Length": "99999999999"})
    assert wait(lambda: "?short-4" in errors(), 10), errors()
    assert address not in machine.journal("-o", "cat", began)
    machine.admin("systemctl", "--user", "restart", "chainsaw-front")
    machine.serves(www, "<")
    machine.write(site, before)
    machine.chainsaw("apply")
    assert json.loads(machine.get(MIRROR).body)["REMOTE_ADDR"] == address
