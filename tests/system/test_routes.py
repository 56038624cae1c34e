"""A site at several host names: the first route is where it is, the others lead there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from .machine import CONFIG, DATA, Machine
from .web import raw

pytestmark = [pytest.mark.system, pytest.mark.stage("sites")]

ROUTES = """\
route:
  - https://blog.localhost/
  - https://www.blog.localhost/
  - https://shop.localhost/old/blog/
"""


@pytest.fixture(scope="module")
def routes(machine: Machine, blog: str, shop: str) -> Iterator[None]:
    """Publish the blog at three routes; give it back its own one afterwards."""
    file = f"{CONFIG}/instances/blog.yaml"
    text = machine.read(file)
    machine.write(file, re.sub(r"^route:.*\n", ROUTES, text, flags=re.MULTILINE))
    machine.chainsaw("apply")
    assert machine.plan() == []
    yield
    machine.write(file, text)
    machine.chainsaw("apply")
    machine.refuses("https://www.blog.localhost/")


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("https://www.blog.localhost/", "https://blog.localhost/"),
        ("https://www.blog.localhost/a/page/?x=1&y=%2F%20b", "https://blog.localhost/a/page/?x=1&y=%2F%20b"),
        ("https://www.blog.localhost/%0d%0aX-Evil:%20yes", "https://blog.localhost/%0d%0aX-Evil:%20yes"),
        ("https://www.blog.localhost//evil.example/", "https://blog.localhost//evil.example/"),
        ("https://shop.localhost/old/blog/feed/?all", "https://blog.localhost/feed/?all"),
        ("https://shop.localhost/old/blog", "https://blog.localhost/"),
        ("http://www.blog.localhost/a?b", "https://www.blog.localhost/a?b"),
    ],
)
def test_the_other_routes_lead_to_the_first(machine: Machine, routes: None, asked: str, told: str) -> None:
    answer = machine.get(asked)
    assert (answer.status, answer.headers["location"]) == (301, told)
    assert "x-evil" not in answer.headers


def test_what_is_published_beside_them_stays_where_it_is(machine: Machine, routes: None, blog: str, shop: str) -> None:
    assert machine.get(blog).status == 200
    assert machine.get(shop).status == 200
    assert machine.get("https://shop.localhost/old/").status == 404, "of the shop itself"


def test_an_absolute_address_in_a_request_leads_nowhere_else(machine: Machine, routes: None) -> None:
    request = b"GET http://evil.example/a HTTP/1.1\r\nHost: www.blog.localhost\r\nConnection: close\r\n\r\n"
    assert b"evil.example/a\r\n" not in raw(machine.address, 80, request)


def test_each_host_name_has_a_certificate_and_is_in_the_inventory(machine: Machine, routes: None) -> None:
    assert machine.exists(f"{DATA}/front/certificates/www.blog.localhost/chain.pem")
    rows = machine.json("inventory", "blog")["data"]["resources"]
    assert "www.blog.localhost" in {row["name"] for row in rows if row["kind"] == "certificate"}
    assert "https://www.blog.localhost" not in machine.chainsaw("plan").err, "no script is there, so none is shared"


def test_the_status_shows_all_of_them(machine: Machine, routes: None) -> None:
    shown = machine.chainsaw("status", "blog").out
    assert "also at      https://shop.localhost/old/blog/, which leads there\n" in shown


def test_a_visit_of_each_route_is_in_the_log_of_the_instance(machine: Machine, routes: None) -> None:
    machine.get("https://www.blog.localhost/?by-www")
    machine.get("https://shop.localhost/old/blog/?by-shop")
    shown = machine.chainsaw("logs", "blog", "--access").out
    assert "?by-www" in shown
    assert "?by-shop" in shown


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
    here = machine.curl(blog + path, "-i")
    assert "certain networks" not in here
    assert "x-robots-tag: none" in here.lower()


def test_an_answer_has_the_headers_of_the_route_in_place_of_those_of_the_application(
    machine: Machine, limited: None, blog: str
) -> None:
    found = machine.curl(f"{blog}wp-login.php", "-i").lower()
    assert found.count("x-frame-options:") == 1
    assert "x-frame-options: deny\r\n" in found
    assert found.count("referrer-policy:") == 1
    assert "referrer-policy: no-referrer\r\n" in found
    assert "strict-transport-security: max-age=86400\r\n" in found


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
