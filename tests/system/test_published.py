"""What holds for a route: who may visit, what browsers and robots are told; and routes without an instance."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from .machine import CONFIG, DATA, Machine

pytestmark = [pytest.mark.system, pytest.mark.stage("sites")]

LIMITED = """\
route:
  url: https://blog.localhost/
  allow: [192.0.2.0/24, "2001:db8::/32"]
  robots: none
  hsts: 1d
  timeout: 10m
  headers: {X-Frame-Options: DENY, Referrer-Policy: no-referrer}
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
