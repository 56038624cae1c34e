"""A public host for a year: three applications at five names, an authority that comes and goes, a move, and a crowd."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator

import pytest

from .chromium import Chromium, browsing, install
from .machine import CONFIG, Machine, wait
from .pebble import SITE, age, away, rows, serial, start

pytestmark = [pytest.mark.system, pytest.mark.stage("sites"), pytest.mark.long]

BLOG = """\
recipe: wordpress
route: [https://blog.club.example.org/, https://www.club.example.org/, https://club.example.org/]
settings: {title: Walks by the sea}
"""
MOVED = BLOG.replace("[", "[https://news.club.example.org/, ")
WIKI = "recipe: dokuwiki\nroute: https://wiki.club.example.org/\nauth: {login: [board]}\n"
DAV = "recipe: radicale\nroute: https://dav.club.example.org/\nauth: login\n"
HOSTS = [
    "blog.club.example.org",
    "club.example.org",
    "dav.club.example.org",
    "wiki.club.example.org",
    "www.club.example.org",
]
TIMER = "chainsaw-certificates.service"


@pytest.fixture(scope="module")
def password(machine: Machine) -> Iterator[str]:
    """Publish it all; return the password of kim, who is of the board."""
    install(machine, "testssl.sh", "bsdextrautils", "bind9-host")
    for name, text in (("blog", BLOG), ("wiki", WIKI), ("dav", DAV)):
        machine.write(f"{CONFIG}/instances/{name}.yaml", text)
    machine.retract("www", "shop")
    said = machine.chainsaw("user", "add", "kim", "--group", "board").out
    # At first without an authority, as images come from the internet, where the names of this one are not known.
    machine.chainsaw("apply")
    start(machine)
    machine.write(f"{CONFIG}/site.yaml", SITE)
    done = machine.chainsaw("apply")
    assert done.err == "", done.err
    yield next(line.removeprefix("password: ") for line in said.splitlines() if line.startswith("password: "))


def states(machine: Machine) -> dict[str, object]:
    """Return the state of each certificate of the authority."""
    return {host: row["state"] for host, row in rows(machine).items() if row["issuer"] == "acme"}


def status(machine: Machine, url: str, *words: str) -> str:
    """Return the status of an answer, for somebody who trusts the authority."""
    return machine.root("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", *words, url)


def test_five_names_have_certificates(machine: Machine, password: str) -> None:
    assert states(machine) == dict.fromkeys(HOSTS, "ok")
    assert all("Pebble" in serial(machine, host) for host in HOSTS)
    assert status(machine, "https://blog.club.example.org/") == "200"
    assert (
        status(machine, "https://www.club.example.org/a?b=1") == status(machine, "https://club.example.org/") == "301"
    )
    assert status(machine, "https://wiki.club.example.org/") == "302"
    assert status(machine, "https://dav.club.example.org/kim/") == "401"
    assert status(machine, "https://dav.club.example.org/kim/", "-u", f"kim:{password}", "-X", "PROPFIND") == "207"
    assert machine.plan() == []


def test_an_idle_run_renews_nothing_and_a_due_one_all(machine: Machine, password: str) -> None:
    before = [serial(machine, host) for host in HOSTS]
    machine.admin("systemctl", "--user", "start", TIMER)
    assert [serial(machine, host) for host in HOSTS] == before
    # The authority, which has a clock of its own, suggests none of it: the last tenth of the time is not waited for.
    for host in HOSTS:
        age(machine, host, 82)
    machine.admin("systemctl", "--user", "start", TIMER)
    assert not set(before) & {serial(machine, host) for host in HOSTS}
    assert states(machine) == dict.fromkeys(HOSTS, "ok")


def test_a_month_without_an_authority_is_seen_and_harms_nobody(machine: Machine, password: str) -> None:
    before = [serial(machine, host) for host in HOSTS]
    with away(machine):
        seen, codes = [], []
        for days in (62, 10, 10, 6):
            for host in HOSTS:
                age(machine, host, days)
            machine.try_admin("systemctl", "--user", "start", TIMER)
            assert [serial(machine, host) for host in HOSTS] == before
            assert status(machine, "https://blog.club.example.org/") == "200"
            seen.append(states(machine)["blog.club.example.org"])
            codes.append(machine.chainsaw("list", code=None).code)
        assert codes == [0, 0, 0, 3]
        assert seen == ["ok", "warn", "warn", "fail"]
        assert "blog.club.example.org" in machine.chainsaw("doctor", code=3).out
    # It is asked again when the time for that has come.
    for host in HOSTS:
        age(machine, host, 1)
    machine.admin("systemctl", "--user", "start", TIMER)
    assert states(machine) == dict.fromkeys(HOSTS, "ok")
    assert not set(before) & {serial(machine, host) for host in HOSTS}


@pytest.mark.parametrize("host", HOSTS)
def test_tls_is_graded_a_plus(machine: Machine, password: str, host: str) -> None:
    """By the rules of SSL Labs; browsers are told to use https alone for half a year by now."""
    ca, found = "--add-ca=/usr/local/share/ca-certificates/pebble.crt", f"/tmp/{host}.json"
    words = ["testssl", "--quiet", "--color=0", "--warnings=off", ca, f"--jsonfile={found}", f"https://{host}/"]
    done = machine.try_root(*words)
    told = {row["id"]: row["finding"] for row in json.loads(machine.read(found))}
    assert told.get("overall_grade") == "A+", (told, done.out[-3000:])


@pytest.fixture(scope="module")
def browser(machine: Machine, password: str) -> Iterator[Chromium]:
    with browsing(machine) as found:
        yield found


def test_a_browser_shows_the_blog_without_a_complaint(browser: Chromium) -> None:
    assert browser.open("https://www.club.example.org/") == "https://blog.club.example.org/"
    assert "Walks by the sea" in browser.text
    assert browser.run("return document.images.length + document.styleSheets.length") > 0
    assert browser.console() == []


def test_who_logs_in_once_is_known_to_the_wiki(browser: Chromium, password: str) -> None:
    at = browser.open("https://wiki.club.example.org/doku.php?id=start")
    assert at.startswith("https://wiki.club.example.org/.chainsaw/login?to=")
    browser.fill("user", "kim")
    browser.fill("password", password)
    browser.press("button, input[type=submit]")
    assert wait(lambda: browser.run("return location.pathname + location.search") == "/doku.php?id=start", 20)
    assert "wiki" in browser.run("return document.title").lower()
    assert browser.console() == []
    browser.open("https://dav.club.example.org/")
    assert browser.run("return location.pathname") == "/.chainsaw/login"
    assert browser.console() == []


def test_a_site_moves_and_the_former_name_leads_there(machine: Machine, browser: Chromium, password: str) -> None:
    machine.write(f"{CONFIG}/instances/blog.yaml", MOVED)
    machine.chainsaw("apply")
    assert states(machine) == dict.fromkeys([*HOSTS, "news.club.example.org"], "ok")
    assert browser.open("https://blog.club.example.org/?s=world").startswith("https://news.club.example.org/")
    assert "blog.club.example.org" not in browser.run("return document.documentElement.outerHTML")
    assert browser.console() == []


def test_a_crowd_comes(machine: Machine, password: str) -> None:
    """Of eight households, with as many pages as one may ask for."""
    words = ["--parallel", "--parallel-immediate", "--parallel-max", "60", "-o", "/dev/null", "-w", "%{http_code}\\n"]
    asking = []
    for number in range(8):
        at = machine.newcomer(f"fd00:0:0:{number}::1")
        source = ["--interface", at.strip("[]"), "--connect-to", f"::{at}:443"]
        asking.append(machine.begin("curl", "-s", *words, *source, "https://news.club.example.org/?n=[1-4]#[1-120]"))
    answers = [answer for one in asking for answer in one.communicate(timeout=120)[0].split()]
    assert Counter(answers) == {"200": 8 * 480}
    assert states(machine) == dict.fromkeys([*HOSTS, "news.club.example.org"], "ok")
