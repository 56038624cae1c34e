"""What holds for a route: who may visit, what browsers and robots are told; and routes without an instance."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from .machine import CONFIG, DATA, Machine
from .web import connect

pytestmark = [pytest.mark.system, pytest.mark.stage("sites")]

LIMITED = """\
route:
  url: https://blog.localhost/
  allow: [192.0.2.0/24, "2001:db8::/32"]
  robots: none
  hsts: 1d
  timeout: 10m
  headers: {X-Frame-Options: DENY, Referrer-Policy: no-referrer, Permissions-Policy: 'camera=(self "https://a.example")'}
"""
ELSEWHERE = """\
routes:
  https://old.localhost/: {redirect: https://blog.localhost/}
  https://old.localhost/flyer/: {redirect: "https://files.example.net/flyer.pdf?v=2"}
  https://fair.localhost/: {gone: true}
  https://blog.localhost/summer/: {gone: true}
"""


def loaded(machine: Machine, url: str) -> Iterator[None]:
    """Ask for a page without a pause while the block runs; in the end, no request may have failed."""
    script = f"while :; do curl -sko /dev/null -w '%{{http_code}}\\n' {url}; done"
    asking = machine.begin("timeout", "120", "sh", "-c", script)
    yield
    asking.terminate()
    answers = (asking.communicate()[0] or "").split()
    assert len(answers) > 20
    assert set(answers) == {"200"}


@pytest.fixture(scope="module")
def limited(machine: Machine, blog: str, shop: str) -> Iterator[None]:
    """Limit who may visit the blog, and publish routes without an instance; the shop is asked all the time."""
    file, own = f"{CONFIG}/instances/blog.yaml", f"{CONFIG}/site.yaml"
    text = machine.read(file)
    with contextmanager(loaded)(machine, shop):
        machine.write(file, re.sub(r"^route:.*\n", LIMITED, text, flags=re.MULTILINE))
        machine.write(own, ELSEWHERE)
        machine.chainsaw("apply")
        assert machine.plan() == []
    yield
    with contextmanager(loaded)(machine, shop):
        machine.write(file, text)
        machine.root("rm", own)
        machine.chainsaw("apply")
    machine.refuses("https://old.localhost/")


def answered(machine: Machine, url: str) -> str:
    """Return what the machine itself is answered, whatever the status, with its header."""
    return machine.admin("curl", "-sSi", "--cacert", f"{DATA}/front/authority/ca.pem", url)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "index.php",
        "wp-login.php",
        "?p=1",
        "wp-includes/css/buttons.min.css",
        "wp-content/uploads/none.png",
        "no/such/page/",
        "wp-json/",
        "robots.txt",
    ],
)
def test_who_is_not_of_the_networks_gets_nothing_of_it(machine: Machine, limited: None, blog: str, path: str) -> None:
    answer = machine.get(blog + path)
    assert (answer.status, "certain networks" in str(answer.body)) == (403, True)
    here = answered(machine, blog + path)
    assert "certain networks" not in here
    assert "x-robots-tag: none" in here.lower()


def test_an_answer_has_the_headers_of_the_route_in_place_of_those_of_the_application(
    machine: Machine, limited: None, blog: str
) -> None:
    found = answered(machine, f"{blog}wp-login.php").lower()
    assert found.count("x-frame-options:") == 1
    assert "x-frame-options: deny\n" in found
    assert found.count("referrer-policy:") == 1
    assert "referrer-policy: no-referrer\n" in found
    assert "strict-transport-security: max-age=86400\n" in found
    assert 'permissions-policy: camera=(self "https://a.example")\n' in found


def test_robots_are_asked_to_stay_away(machine: Machine, limited: None, blog: str) -> None:
    assert machine.curl(f"{blog}robots.txt") == "User-agent: *\nDisallow: /\n"


def test_the_time_for_a_request_reaches_php(machine: Machine, limited: None) -> None:
    assert "request_terminate_timeout = 600s" in machine.admin(
        "sh", "-c", "cat ~/.local/state/chainsaw/generations/current/config/blog/app/part/php-fpm/fpm.conf"
    )


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("https://old.localhost/", "https://blog.localhost/"),
        ("https://old.localhost/a/b?c=%20", "https://blog.localhost/a/b?c=%20"),
        ("https://old.localhost/flyer/", "https://files.example.net/flyer.pdf?v=2"),
        ("https://old.localhost/flyer/2019/a.pdf", "https://files.example.net/flyer.pdf?v=2"),
        ("https://old.localhost/flyer", "https://files.example.net/flyer.pdf?v=2"),
        ("http://old.localhost/a", "https://old.localhost/a"),
    ],
)
def test_a_route_without_an_instance_leads_elsewhere(machine: Machine, limited: None, asked: str, told: str) -> None:
    answer = machine.get(asked)
    assert (answer.status, answer.headers["location"]) == (301, told)


@pytest.mark.parametrize(
    "url", ["https://fair.localhost/", "https://fair.localhost/a", "https://blog.localhost/summer"]
)
def test_a_route_of_what_is_gone_says_so(machine: Machine, limited: None, url: str) -> None:
    answer = machine.get(url)
    assert (answer.status, "No longer here" in str(answer.body)) == (410, True)


PLACES = [
    "https://www.localhost/",
    "[https://pages.localhost/, https://www.localhost/]",
    "https://pages.localhost/of/the/club/",
    "[https://www.localhost/, https://pages.localhost/, https://www.localhost/former/]",
    '"https://www.localhost/"',
]
"""A host name, another one, a path, and further names, in turn."""


def test_a_site_changes_its_place_and_no_request_of_another_is_lost(machine: Machine, www: str, shop: str) -> None:
    file = f"{CONFIG}/instances/www.yaml"
    text = machine.read(file)
    page = machine.get(www).body
    with contextmanager(loaded)(machine, shop):
        for place in PLACES:
            machine.write(file, re.sub(r"^route:.*\n", f"route: {place}\n", text, flags=re.MULTILINE))
            machine.chainsaw("apply")
            first = re.findall(r"https:[^],\"]+", place)[0]
            assert machine.get(first).body == page
    machine.refuses("https://pages.localhost/")
    assert machine.read(file) == text


HURRIED = """\
recipe: gadget
route: {url: "https://gadget.localhost/", timeout: 4s, websocket_timeout: 3s}
"""
CHAT = b"GET /chat HTTP/1.1\r\nHost: gadget.localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"


@pytest.fixture(scope="module")
def hurried(machine: Machine) -> Iterator[None]:
    """Have an application whose visitors wait for seconds only."""
    machine.write(f"{CONFIG}/instances/gadget.yaml", HURRIED)
    machine.chainsaw("apply")
    yield
    machine.purge("gadget")


def test_a_request_that_takes_longer_than_its_time_ends_with_a_page(machine: Machine, hurried: None) -> None:
    before = time.monotonic()
    answer = machine.get("https://gadget.localhost/thinks")
    assert 4 <= time.monotonic() - before < 8
    assert (answer.status, "Not available at the moment" in answer.body) == (503, True)
    assert "tick" in machine.get("https://gadget.localhost/slow/6").body, "it says something each second"


def test_a_websocket_is_closed_when_nobody_has_said_anything_for_its_time(machine: Machine, hurried: None) -> None:
    with connect(machine.address, machine.authority, "gadget.localhost") as chat:
        chat.sendall(CHAT)
        assert b" 101 " in chat.recv(4096)
        for _ in range(5):
            time.sleep(1)
            chat.sendall(b"Are you there?")
            assert chat.recv(4096) == b"Are you there?"
        before = time.monotonic()
        assert chat.recv(4096) == b""
        assert 2.5 <= time.monotonic() - before < 6
