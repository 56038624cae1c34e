"""Logins at the front: who is asked, who gets in, what an application is told, and what never passes port 80."""

from __future__ import annotations

import base64
import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from .browser import SESSION, Browser
from .machine import CONFIG, Machine
from .web import Answer, raw

pytestmark = [pytest.mark.system, pytest.mark.stage("sites")]

MIRROR, GADGET, WWW = "https://mirror.localhost/", "https://gadget.localhost/", "https://www.localhost/"
PASSWORD = "correct horse battery"
BOGUS = {"Cookie": f"{SESSION}=made-up"}
HOSTS = ("mirror", "gadget", "www", "other", "behind", "sso", "blog", "low", "moved", "fair")
ELSEWHERE = """\
routes:
  https://moved.localhost/: {redirect: https://blog.localhost/}
  https://fair.localhost/: {gone: true}
"""


@pytest.fixture(scope="module", autouse=True)
def club(machine: Machine) -> Iterator[None]:
    """Ask for a login before a FastCGI application, an HTTP one, files, and the administration of a blog."""
    machine.declare("mirror", "mirror")
    machine.append("mirror", "auth: {login: [board, ann]}")
    machine.append("www", "auth: login")
    machine.declare("gadget", "gadget", "[https://gadget.localhost/, https://other.localhost/old/]")
    machine.append("gadget", "auth: {open: public}")
    machine.declare("sso", "gadget")
    machine.declare("behind", "gadget")
    machine.append("behind", "auth: {forward: sso}")
    machine.append("blog", "auth: {only: admin}")
    machine.declare("low", "mirror", "https://low.localhost/old/")
    machine.append("low", "auth: login")
    machine.write(f"{CONFIG}/site.yaml", ELSEWHERE)
    refused = machine.chainsaw("apply", code=5)
    assert "mirror.yaml:3:7: auth: nobody could log in: there is no user" in refused.err
    assert "chainsaw user add board" in refused.err
    assert not machine.exists("chainsaw-logins.service")
    for words in (("kim", "--group", "board"), ("ann",), ("tom",)):
        machine.admin("chainsaw", "user", "add", *words, stdin=f"{PASSWORD}\n")
    machine.chainsaw("apply")
    assert machine.plan() == []
    yield
    machine.retract("mirror", "gadget", "behind", "sso", "low")
    machine.root("rm", f"{CONFIG}/site.yaml")
    for name in ("www", "blog"):
        file = f"{CONFIG}/instances/{name}.yaml"
        machine.write(file, re.sub("^auth:.*\n", "", machine.read(file), flags=re.MULTILINE))
    machine.chainsaw("apply")


@pytest.fixture(scope="module")
def kim(machine: Machine) -> Browser:
    """Return the browser of kim, who is logged in at the mirror and at the gadget."""
    browser = Browser(machine)
    for url in (MIRROR, GADGET, WWW):
        assert browser.log_in(url, "kim", PASSWORD).status == 303
    return browser


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def told(answer: Answer) -> dict[str, Any]:
    """Return what the mirror was told: the names of CGI."""
    assert answer.status == 200, answer
    found: dict[str, Any] = json.loads(answer.body)
    return found


@pytest.mark.parametrize(
    "url",
    [
        MIRROR,
        f"{MIRROR}index.php",
        f"{MIRROR}deep/style.css",
        f"{MIRROR}deep/other.php",
        f"{MIRROR}no/such/page",
        f"{MIRROR}.hidden",
        f"{MIRROR}open/page",
        GADGET,
        f"{GADGET}%6fpen/",
        f"{GADGET}open/../secret",
        f"{GADGET}open//secret",
        f"{GADGET}open/..;/secret",
        f"{GADGET}OPEN/",
        WWW,
        f"{WWW}index.html",
        f"{WWW}404.html",
        f"{WWW}none.png",
    ],
)
def test_a_stranger_is_led_to_the_form_and_gets_nothing_else(machine: Machine, url: str) -> None:
    answer = machine.get(url)
    path = "/" + url.split("/", 3)[3]
    assert (answer.status, answer.headers["location"]) == (302, f"/.chainsaw/login?to={path}")
    assert answer.cookies == ()
    assert answer.headers["cache-control"] == "no-store"
    assert "SCRIPT_NAME" not in answer.body


@pytest.mark.parametrize("url", [MIRROR, GADGET, f"{GADGET}upload", WWW])
def test_what_is_no_page_is_refused_without_a_form(machine: Machine, url: str) -> None:
    for answer in (
        machine.post(url, "x" * 3_000_000),
        machine.get(url, headers={"Sec-Fetch-Mode": "cors"}),
        machine.get(url, headers={"Connection": "Upgrade", "Upgrade": "websocket", "Sec-Fetch-Mode": "websocket"}),
    ):
        assert answer.status == 401
        assert "www-authenticate" not in answer.headers


def test_who_logs_in_is_where_he_wanted_to_be(machine: Machine) -> None:
    browser = Browser(machine)
    answer = browser.log_in(f"{MIRROR}deep/other.php?a=1&b=2", "kim", PASSWORD)
    assert (answer.status, answer.headers["location"]) == (303, "/deep/other.php?a=1&b=2")
    assert SESSION in browser.cookies["mirror.localhost"]
    assert Browser(machine).log_in(MIRROR, "kim", "wrong " + PASSWORD).status == 403


def test_an_application_is_told_who_it_is_and_nothing_of_the_login(kim: Browser) -> None:
    kim.cookies["mirror.localhost"]["theme"] = "dark"
    seen = told(kim.get(f"{MIRROR}page", Authorization="Bearer of-the-application", X_Chainsaw_Probe="x"))
    assert (seen["REMOTE_USER"], seen["REMOTE_GROUPS"]) == ("kim", "board")
    assert seen["HTTP_COOKIE"].split("; ").count("theme=dark") == 1
    assert "chainsaw" not in seen["HTTP_COOKIE"]
    assert seen["HTTP_AUTHORIZATION"] == "Bearer of-the-application"
    assert "HTTP_X_CHAINSAW_PROBE" not in seen
    kim.cookies["gadget.localhost"]["theme"] = "dark"
    text = kim.get(f"{GADGET}page", Authorization="Bearer of-the-application", X_Chainsaw_Probe="x").body
    assert "x-remote-user: kim\n" in text
    assert "x-remote-groups: board\n" in text
    assert "cookie: theme=dark\n" in text
    assert "authorization: Bearer of-the-application\n" in text
    assert "chainsaw" not in text


@pytest.mark.parametrize("name", ["X-Remote-User", "X-Chainsaw-User", "X-Remote-Groups", "Remote-User", "REMOTE_USER"])
def test_a_visitor_cannot_say_who_he_is(machine: Machine, kim: Browser, name: str) -> None:
    assert "root" not in machine.get(f"{GADGET}open/", headers={name: "root"}).body
    assert machine.get(GADGET, headers={name: "root"}).status == 302
    assert "root" not in kim.get(GADGET, **{name: "root"}).body


def test_a_part_for_all_is_open_and_tells_of_nobody(machine: Machine, kim: Browser) -> None:
    for answer in (machine.get(f"{GADGET}open/page"), kim.get(f"{GADGET}open/page")):
        assert answer.status == 200
        assert "x-remote" not in answer.body
        assert "chainsaw" not in answer.body


def test_programs_are_asked_for_a_password_and_the_application_does_not_see_it(machine: Machine) -> None:
    asked = machine.get(f"{MIRROR}dav/")
    assert (asked.status, asked.headers["www-authenticate"]) == (
        401,
        'Basic realm="mirror.localhost", charset="UTF-8"',
    )
    seen = told(machine.get(f"{MIRROR}dav/", headers=basic("kim", PASSWORD)))
    assert seen["REMOTE_USER"] == "kim"
    assert "HTTP_AUTHORIZATION" not in seen
    assert "PHP_AUTH_PW" not in seen
    found = machine.get(f"{GADGET}dav/", headers=basic("kim", PASSWORD))
    assert "x-remote-user: kim\n" in found.body
    assert "authorization" not in found.body
    assert machine.get(f"{MIRROR}dav/", headers=basic("kim", "wrong")).status == 401
    assert machine.get(MIRROR, headers=basic("kim", PASSWORD)).status == 302, "not on the paths of people"


def test_who_is_not_among_those_that_may_is_told_so(machine: Machine) -> None:
    browser = Browser(machine)
    browser.log_in(MIRROR, "tom", PASSWORD)
    answer = browser.get(MIRROR)
    assert (answer.status, "for other people" in answer.body) == (403, True)
    assert machine.get(f"{MIRROR}dav/", headers=basic("tom", PASSWORD)).status == 403
    ann = Browser(machine)
    ann.log_in(MIRROR, "ann", PASSWORD)
    assert told(ann.get(MIRROR))["REMOTE_USER"] == "ann"


def test_who_logs_out_is_out(machine: Machine) -> None:
    browser = Browser(machine)
    browser.log_in(WWW, "ann", PASSWORD)
    session = dict(browser.cookies["www.localhost"])
    assert browser.log_out(WWW).status == 303
    assert browser.get(WWW).status == 302
    browser.cookies["www.localhost"] = session
    assert browser.get(WWW).status == 302, "a copy of the cookie, too: nobody was let in with it in the last minute"


def test_one_address_asks_the_service_only_so_often(machine: Machine, kim: Browser) -> None:
    """The front has the files of a site itself, and the service is asked before each of them."""
    source = machine.newcomer("fd00:0:0:7::1")
    cookie = "; ".join(f"{name}={value}" for name, value in kim.cookies["www.localhost"].items())
    words = ["--http1.1", "--parallel", "--parallel-immediate", "--parallel-max", "100", "-o", "/dev/null"]
    words += ["-w", "%{http_code}\\n", "-H", f"Cookie: {cookie}", "--interface", source.strip("[]")]
    out = machine.admin("curl", "-sk", *words, "--connect-to", f"::{source}:443", f"{WWW}?[1-4000]")
    counted = Counter(out.split())
    assert set(counted) == {"200", "429"} and min(counted.values()) > 500, counted
    assert kim.get(WWW).status == 200, "another address"


def test_a_session_is_for_one_host_alone(kim: Browser, machine: Machine) -> None:
    stolen = Browser(machine, {"gadget.localhost": dict(kim.cookies["mirror.localhost"])})
    assert stolen.get(GADGET).status == 302


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("", 200),
        ("wp-json/", 200),
        ("wp-admin/admin-ajax.php", 400),
        ("wp-admin/", 302),
        ("wp-admin", 302),
        ("WP-admin/", 302),
        ("%77p-admin/index.php", 302),
        ("//wp-admin/index.php", 302),
        ("wp-content/../wp-admin/index.php", 302),
        ("wp-login.php", 302),
        ("wp-login.php/", 302),
        ("xmlrpc.php", 302),
        ("wp-admin/css/common.min.css", 302),
    ],
)
def test_of_a_blog_only_what_is_for_the_admin_is_closed(machine: Machine, blog: str, path: str, status: int) -> None:
    answer = machine.get(blog + path)
    assert answer.status == status
    if status == 302:
        assert answer.headers["location"] == f"/.chainsaw/login?to=/{path}"


@pytest.mark.parametrize("target", ["/wp-login.php#", "/wp-login.php#?x", "/wp-admin/#/../../", "/x#/../wp-login.php"])
def test_what_stands_behind_a_hash_hides_nothing(machine: Machine, blog: str, target: str) -> None:
    words = ["curl", "-sk", "-w", "\n%{http_code}", "--request-target", target, blog]
    for protocol in ("--http1.1", "--http2"):
        page, _, status = machine.admin(*words, protocol).rpartition("\n")
        assert 'name="log"' not in page
        assert status in ("302", "404")


def test_a_password_for_programs_opens_nothing_else(machine: Machine) -> None:
    for path in ("dav/../page", "dav/%2e%2e/page", "dav//../../page", "dav/..", "dav#/../../page"):
        words = ["curl", "-sk", "-o", "/dev/null", "-w", "%{http_code}", "-u", f"kim:{PASSWORD}"]
        assert machine.admin(*words, "--request-target", f"/{path}", MIRROR) in ("302", "400"), path


def test_a_form_of_another_site_is_not_sent_for_who_is_logged_in(kim: Browser) -> None:
    assert kim.post(MIRROR, "a=1", Sec_Fetch_Site="same-origin").status == 200
    assert kim.post(MIRROR, "a=1", Sec_Fetch_Site="same-site").status == 401
    assert kim.post(MIRROR, "a=1", Sec_Fetch_Site="cross-site").status == 401
    assert kim.get(MIRROR, Sec_Fetch_Site="cross-site").status == 200, "a link"
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade"}
    asked = {"Sec_Fetch_Site": "same-site", "Sec_Fetch_Mode": "websocket", **upgrade}
    assert kim.get(f"{GADGET}page", **asked).status == 401


def test_behind_the_login_the_blog_asks_as_ever(machine: Machine, blog: str) -> None:
    browser = Browser(machine)
    browser.log_in(f"{blog}wp-login.php", "tom", PASSWORD)
    assert 'name="log"' in browser.get(f"{blog}wp-login.php").body


@pytest.mark.parametrize("name", HOSTS)
@pytest.mark.parametrize(
    "path", ["/", "/old/", "/dav/", "/.chainsaw/login", "/.chainsaw/login?to=/", "/.chainsaw/logout"]
)
def test_nothing_of_a_login_passes_port_80(machine: Machine, kim: Browser, name: str, path: str) -> None:
    sent = "user=kim&password=correct+horse+battery&token=x&to=/"
    cookie = f"{SESSION}={kim.cookies['mirror.localhost'][SESSION]}"
    headers = f"Host: {name}.localhost\r\nConnection: close\r\nCookie: {cookie}\r\n"
    headers += "".join(f"{key}: {value}\r\n" for key, value in basic("kim", PASSWORD).items())
    form = f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(sent)}\r\n\r\n{sent}"
    for request in (f"GET {path} HTTP/1.1\r\n{headers}\r\n", f"POST {path} HTTP/1.1\r\n{headers}{form}"):
        answer = raw(machine.address, 80, request.encode()).decode().lower()
        assert answer.startswith("http/1.1 301 ")
        assert f"location: https://{name}.localhost{path}\r\n" in answer
        assert not re.search("set-cookie|www-authenticate|<form|password", answer)


@pytest.mark.parametrize("path", ["/old/", "/old/dav/", "/old/.chainsaw/login"])
def test_an_address_that_only_leads_elsewhere_never_asks(machine: Machine, path: str) -> None:
    answer = machine.get(f"https://other.localhost{path}", headers=basic("kim", PASSWORD))
    assert (answer.status, answer.cookies) == (301, ())
    assert answer.headers["location"].startswith(GADGET)


def test_another_instance_says_who_it_is(machine: Machine) -> None:
    url = "https://behind.localhost/page?a=1&b=2"
    answer = machine.get(url)
    assert answer.status == 302
    assert answer.headers["location"] == (
        "https://sso.localhost/?to=https%3A%2F%2Fbehind.localhost%2Fpage%3Fa%3D1%26b%3D2"
    )
    found = machine.get(url, headers={"Cookie": "club=eve", "X-Remote-User": "root"}).body
    assert "x-remote-user: eve\n" in found
    assert "x-remote-groups: club,board\n" in found


def test_a_service_that_sleeps_wakes_and_without_one_nobody_gets_in(machine: Machine, kim: Browser) -> None:
    unit = "chainsaw-logins.service"
    machine.admin("systemctl", "--user", "stop", unit)
    assert machine.get(MIRROR).status == 302
    assert machine.try_admin("systemctl", "--user", "is-active", unit).out.strip() == "inactive", "nobody was known"
    assert machine.get(MIRROR, headers=BOGUS).status == 302
    assert machine.admin("systemctl", "--user", "is-active", unit).strip() == "active"
    machine.admin("systemctl", "--user", "stop", "chainsaw-logins.socket", unit)
    try:
        answer = machine.get(MIRROR, headers=BOGUS)
        assert (answer.status, "does not answer just now" in answer.body) == (503, True)
        assert machine.get(f"{GADGET}open/").status == 200
        found = machine.json("doctor", code=3)["data"]["checks"]
        assert [item["state"] for item in found if item["name"] == "logins"] == ["fail"]
    finally:
        machine.admin("systemctl", "--user", "start", "chainsaw-logins.socket")
    assert machine.get(MIRROR, headers=BOGUS).status == 302
    assert kim.get(MIRROR).status == 200


def test_it_has_ids_of_its_own_and_little_memory(machine: Machine) -> None:
    machine.get(MIRROR, headers=BOGUS)
    processes = machine.root("sh", "-c", "ps -o user:40,args -C python3 | grep chainsaw_login").strip()
    assert processes.split()[0] in ("chainsaw-logins", str(machine.block("logins") + 1000))
    memory = machine.admin("systemctl", "--user", "show", "-P", "MemoryMax", "chainsaw-logins.service").strip()
    assert int(memory) == 64 * 2**20
    assert "logins" in {item["name"] for item in machine.json("top")["data"]["instances"]}
    unused = machine.json("inventory", "--orphans")["data"]["orphans"]
    assert [item for item in unused if "login" in item["name"]] == []


def test_a_failure_is_logged_with_the_address(machine: Machine) -> None:
    Browser(machine).log_in(MIRROR, "kim", "wrong " + PASSWORD)
    log = machine.admin("journalctl", "--user", "-n", "50", "--no-pager", "CONTAINER_NAME=chainsaw-logins")
    assert re.search(r"login: failure address=[0-9.]+ user='kim' instance='mirror' what=password count=[0-9]+", log)
    assert PASSWORD not in log


def test_who_is_removed_gets_in_no_more(machine: Machine) -> None:
    machine.admin("chainsaw", "user", "add", "eve", stdin=f"{PASSWORD}\n")
    browser = Browser(machine)
    assert browser.log_in(WWW, "eve", PASSWORD).status == 303
    assert browser.get(WWW).status == 200
    machine.chainsaw("user", "remove", "eve")
    # What the front has kept for a minute is forgotten.
    machine.inside_as_root("chainsaw-front", "sh", "-c", "rm -f /run/logins/*")
    assert browser.get(WWW).status == 302
    assert Browser(machine).log_in(WWW, "eve", PASSWORD).status == 403


def test_an_identity_provider_is_enough(machine: Machine) -> None:
    """Nobody has to be a user of the site then, and the service that knows them is not there."""
    for name in ("mirror", "low", "gadget", "www", "blog"):
        file = f"{CONFIG}/instances/{name}.yaml"
        machine.write(file, re.sub("^auth:.*\n", "", machine.read(file), flags=re.MULTILINE))
    machine.chainsaw("apply")
    assert machine.units("chainsaw-logins.s*") == []
    answer = machine.get("https://behind.localhost/")
    assert (answer.status, answer.headers["location"].partition("?")[0]) == (302, "https://sso.localhost/")
    assert "x-remote-user: eve\n" in machine.get("https://behind.localhost/", headers={"Cookie": "club=eve"}).body
