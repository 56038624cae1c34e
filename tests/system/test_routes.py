"""A site at several host names: the first route is where it is, the others lead there."""

from __future__ import annotations

import re
from collections.abc import Iterator

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
    assert machine.exists(f"{DATA}/front/certificates/www.blog.localhost/certificate.pem")
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
