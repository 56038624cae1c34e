"""One login, at the front: the applications whose recipes say so are told who it is, and ask for nothing themselves."""

from __future__ import annotations

import base64
import json
import re
from typing import Any
from urllib.parse import urlencode

import pytest

from .browser import Browser
from .machine import CONFIG, DATA, Machine
from .web import Answer, ask

pytestmark = [pytest.mark.system, pytest.mark.stage("workshop")]

INSTANCES = {"dav": "radicale", "feeds": "miniflux", "wiki": "dokuwiki", "flows": "node-red", "book": "mediawiki"}
DAV, FEEDS, WIKI, FLOWS, BOOK = (f"https://{name}.localhost/" for name in INSTANCES)
PASSWORD = "correct horse battery"
EVENT = "\r\n".join(
    (
        *("BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//chainsaw//EN", "BEGIN:VEVENT", "UID:walk"),
        *("DTSTAMP:20260101T000000Z", "DTSTART:20260101T100000Z", "SUMMARY:A walk", "END:VEVENT", "END:VCALENDAR", ""),
    )
)


@pytest.fixture(scope="module", autouse=True)
def club(machine: Machine) -> None:
    """Have a login before each of them, and users: ann administers, kim does not."""
    for name, recipe in INSTANCES.items():
        machine.declare(name, recipe)
        machine.append(name, "auth: {open: public}" if recipe == "miniflux" else "auth: login")
    machine.append("book", "settings: {profile: private}")
    for name in ("kim", "kim_"):
        machine.admin("chainsaw", "user", "add", name, stdin=f"{PASSWORD}\n")
    machine.admin("chainsaw", "user", "add", "ann", "--group", "admin", stdin=f"{PASSWORD}\n")
    applied = machine.chainsaw("apply").out
    assert applied.count("log in at the front; with which names: chainsaw user list") == len(INSTANCES)
    assert "chainsaw secret show" not in applied


def logged_in(machine: Machine, url: str, user: str) -> Browser:
    browser = Browser(machine)
    assert browser.log_in(url, user, PASSWORD).status == 303
    return browser


def dav(machine: Machine, method: str, path: str, user: str = "", body: str = "", **headers: str) -> Answer:
    """Ask as a program that synchronises calendars."""
    word = base64.b64encode(f"{user}:{PASSWORD}".encode()).decode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    given = {**({"Authorization": f"Basic {word}"} if user else {}), **named}
    return ask(machine.address, machine.authority, method, f"{DAV}{path}", body=body, headers=given)


def hidden(answer: Answer) -> dict[str, str]:
    """Return the hidden fields of the forms of a page."""
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', answer.body))


def test_calendars_belong_to_who_logs_in_at_the_front(machine: Machine) -> None:
    assert dav(machine, "MKCALENDAR", "kim/walks/", "kim").status == 201
    assert dav(machine, "PUT", "kim/walks/one.ics", "kim", EVENT, Content_Type="text/calendar").status == 201
    assert "SUMMARY:A walk" in dav(machine, "GET", "kim/walks/one.ics", "kim", X_Remote_User="ann").body
    assert dav(machine, "GET", "kim/walks/one.ics", "ann", X_Remote_User="kim").status == 403
    assert dav(machine, "GET", "kim/walks/one.ics", X_Remote_User="kim").status == 401


def test_the_page_of_the_calendars_works_with_the_form_of_the_front(machine: Machine) -> None:
    opened = machine.get(f"{DAV}.web/", headers={"Sec-Fetch-Mode": "navigate"})
    assert (opened.status, opened.headers["location"]) == (302, "/.chainsaw/login?to=/.web/")
    assert "www-authenticate" not in opened.headers
    browser = Browser(machine)
    assert browser.log_in(f"{DAV}.web/", "kim", PASSWORD, Sec_Fetch_Mode="navigate").status == 303
    assert "Radicale" in browser.get(f"{DAV}.web/").body
    cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies["dav.localhost"].items())
    asked = '<propfind xmlns="DAV:"><prop><current-user-principal/></prop></propfind>'
    assert "<href>/kim/</href>" in dav(machine, "PROPFIND", "", body=asked, Cookie=cookie).body


def test_a_reader_of_feeds_has_an_account_of_the_same_name(machine: Machine) -> None:
    browser = logged_in(machine, FEEDS, "kim")
    assert browser.get(FEEDS, X_Remote_User="ann").headers["location"] == "/unread"
    token = hidden(browser.get(f"{FEEDS}category/create"))["csrf"]
    assert browser.post(f"{FEEDS}category/save", urlencode({"csrf": token, "title": "Walks"})).status == 302
    assert "Walks" in browser.get(f"{FEEDS}categories").body
    # The next one at the same browser is not taken for the one before.
    browser.log_out(FEEDS)
    browser.log_in(FEEDS, "ann", PASSWORD)
    assert browser.get(FEEDS).headers["location"] == "/unread"
    page = browser.get(f"{FEEDS}categories")
    assert (page.status, "Walks" in page.body) == (200, False)
    query = "SELECT username FROM users JOIN categories ON users.id = user_id WHERE title = 'Walks'"
    assert machine.inside("feeds.app", "psql", "--tuples-only", "--no-align", "--command", query).strip() == "kim"


def test_programs_that_read_feeds_have_keys_of_their_own(machine: Machine) -> None:
    for headers in ({}, {"X-Remote-User": "kim"}, {"X-Auth-Token": "guessed"}):
        answer = machine.get(f"{FEEDS}v1/me", headers=headers)
        assert (answer.status, "unauthorized" in answer.body.lower()) == (401, True)
    assert machine.get(f"{FEEDS}v1/../settings").status == 302


def test_a_wiki_knows_users_and_groups_of_the_front(machine: Machine) -> None:
    kim, ann = logged_in(machine, WIKI, "kim"), logged_in(machine, WIKI, "ann")
    assert "Logged in as: <bdi>kim</bdi>" in kim.get(f"{WIKI}start", Remote_User="ann", REMOTE_USER="ann").body
    form = hidden(kim.get(f"{WIKI}walks?do=edit"))
    assert kim.post(f"{WIKI}walks", urlencode({**form, "wikitext": "By the sea", "do[save]": "1"})).status == 302
    assert "By the sea" in ann.get(f"{WIKI}walks").body
    assert "\twalks\tkim\t" in machine.inside("wiki.app", "cat", "/srv/data/meta/walks.changes")
    assert "User Manager" in ann.get(f"{WIKI}start?do=admin&page=usermanager").body
    assert "User Manager" not in kim.get(f"{WIKI}start?do=admin&page=usermanager").body


def test_a_profile_of_the_wiki_keeps_a_name_and_no_group_of_the_front(machine: Machine) -> None:
    ann = logged_in(machine, WIKI, "ann")
    token = hidden(ann.get(f"{WIKI}start?do=profile"))["sectok"]
    sent = {"sectok": token, "do": "profile", "save": "1", "fullname": "Ann Bo", "email": "ann@example.org"}
    assert "successfully updated" in ann.post(f"{WIKI}start?do=profile", urlencode(sent)).body
    assert "Logged in as: <bdi>Ann Bo</bdi>" in ann.get(f"{WIKI}start").body
    listed = machine.inside("wiki.app", "cat", "/srv/conf/users.auth.php").splitlines()
    assert [line.rsplit(":", 3)[1:] for line in listed if line.startswith("ann:")] == [
        ["Ann Bo", "ann@example.org", "user"]
    ]
    assert ann.get(f"{WIKI}start?do=logout&sectok={token}").headers["location"] == "/.chainsaw/logout"


def asked(answer: Answer) -> Any:
    """Return what the programming interface of MediaWiki answers."""
    return json.loads(answer.body)


def test_an_encyclopedia_knows_users_and_groups_of_the_front(machine: Machine) -> None:
    kim, ann = logged_in(machine, BOOK, "kim"), logged_in(machine, BOOK, "ann")
    me = f"{BOOK}api.php?format=json&action=query&meta=userinfo|tokens&uiprop=groups"
    mine = asked(kim.get(me, Remote_User="ann", REMOTE_USER="ann"))["query"]
    assert (mine["userinfo"]["name"], "sysop" in mine["userinfo"]["groups"]) == ("Kim", False)
    page = {"format": "json", "title": "Walks", "token": mine["tokens"]["csrftoken"]}
    edited = kim.post(f"{BOOK}api.php", urlencode({**page, "action": "edit", "text": "By the sea"}))
    assert asked(edited)["edit"]["result"] == "Success"
    history = ann.get(f"{BOOK}index.php?title=Walks&action=history").body
    assert (">Kim</bdi>" in history, '"wgUserName":"Ann"' in history) == (True, True)
    assert asked(kim.post(f"{BOOK}api.php", urlencode({**page, "action": "delete"})))["error"]["code"] == (
        "permissiondenied"
    )
    hers = asked(ann.get(me))["query"]
    assert {"sysop", "bureaucrat", "interface-admin"} <= set(hers["userinfo"]["groups"])
    page["token"] = hers["tokens"]["csrftoken"]
    assert asked(ann.post(f"{BOOK}api.php", urlencode({**page, "action": "delete"})))["delete"]["title"] == "Walks"
    # What the front says is not written down.
    seen = asked(kim.get(f"{BOOK}api.php?format=json&action=query&list=users&ususers=Ann&usprop=groups"))
    assert "sysop" not in seen["query"]["users"][0]["groups"]


def test_who_logs_out_at_the_front_has_left_the_encyclopedia(machine: Machine) -> None:
    browser = logged_in(machine, BOOK, "kim")
    page = browser.get(f"{BOOK}wiki/Special:Preferences").body
    assert ('href="/.chainsaw/logout"' in page, "Special:UserLogout" in page) == (True, False)
    browser.log_out(BOOK)
    assert browser.get(f"{BOOK}wiki/Special:Preferences").status == 302
    browser.log_in(BOOK, "ann", PASSWORD)
    assert '"wgUserName":"Ann"' in browser.get(f"{BOOK}wiki/Special:Preferences").body


def test_programs_of_an_encyclopedia_come_with_the_password_of_the_front(machine: Machine) -> None:
    def whoami(**headers: str) -> Answer:
        return machine.get(f"{BOOK}api.php?format=json&action=query&meta=userinfo", headers=headers)

    word = base64.b64encode(f"kim:{PASSWORD}".encode()).decode()
    assert asked(whoami(Authorization=f"Basic {word}"))["query"]["userinfo"]["name"] == "Kim"
    assert whoami(REMOTE_USER="kim").status == 401


def test_two_names_of_the_front_never_become_one_in_an_encyclopedia(machine: Machine) -> None:
    page = logged_in(machine, BOOK, "kim_").get(f"{BOOK}wiki/Special:Preferences")
    assert (page.status, '"wgUserName":"Kim"' in page.body, "valid username" in page.body) == (400, False, True)


def test_the_editor_of_flows_opens_as_who_logs_in(machine: Machine) -> None:
    kim = logged_in(machine, FLOWS, "kim")
    settings = kim.get(f"{FLOWS}settings", X_Remote_User="ann", Sec_Fetch_Mode="cors")
    assert json.loads(settings.body)["user"] == {"username": "kim", "permissions": "*"}
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec_WebSocket_Version": "13"}
    upgrade |= {"Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    assert kim.get(f"{FLOWS}comms", **upgrade).status == 101
    assert Browser(machine).get(f"{FLOWS}comms", **upgrade, Sec_Fetch_Mode="websocket").status == 401
    machine.inside("flows.app", "node-red-user", "kim", "read", stdin="of no use\n")
    assert json.loads(kim.get(f"{FLOWS}settings").body)["user"]["permissions"] == "read"
    assert kim.post(f"{FLOWS}flows", "[]", Content_Type="application/json").status == 401


SPELLINGS = [
    "login",
    "index.php/login",
    "INDEX.PHP/login",
    "Login",
    "index.php/admin/tools",
    "index.php/x/../login",
    "index.phplogin",
    "index.php//login",
]


def test_what_is_for_the_admin_alone_is_closed_however_it_is_written(machine: Machine) -> None:
    """Shaarli reads what stands behind the name of its script."""
    machine.declare("links", "shaarli")
    machine.append("links", "auth: {only: admin}")
    machine.chainsaw("apply")
    links = "https://links.localhost/"
    assert machine.get(links).status == 200
    for spelling in SPELLINGS:
        answer = machine.get(links + spelling)
        assert (answer.status, answer.headers["location"].partition("?")[0]) == (302, "/.chainsaw/login"), spelling
    ann = logged_in(machine, f"{links}login", "ann")
    assert 'name="password"' in ann.get(f"{links}login").body, "it asks for its own password, too"


def test_without_a_login_no_application_believes_a_header_even_past_the_front(machine: Machine) -> None:
    for name in INSTANCES:
        file = f"{CONFIG}/instances/{name}.yaml"
        machine.write(file, re.sub("^auth:.*\n", "", machine.read(file), flags=re.MULTILINE))
    machine.chainsaw("apply")
    said = {"X-Remote-User": "kim", "Remote-User": "kim"}

    def past_the_front(name: str, path: str) -> str:
        words = [word for header, value in said.items() for word in ("-H", f"{header}: {value}")]
        socket = f"{DATA}/sockets/{name}.sock"
        return machine.root("curl", "-sS", "-i", "--unix-socket", socket, *words, f"http://{name}.localhost{path}")

    assert past_the_front("dav", "/kim/walks/one.ics").startswith("HTTP/1.0 401 ")
    assert past_the_front("flows", "/settings").startswith("HTTP/1.1 401 ")
    feeds = past_the_front("feeds", "/")
    assert feeds.startswith("HTTP/1.1 200 ")
    assert 'name="password"' in feeds
    assert machine.get(f"{DAV}kim/walks/one.ics", headers=said).status == 401
    assert machine.get(f"{FLOWS}settings", headers=said).status == 401
    assert 'name="password"' in machine.get(FEEDS, headers=said).body
    for name in ("Remote-User", "REMOTE_USER", "Remote-Groups"):
        who = asked(
            machine.get(f"{BOOK}api.php?format=json&action=query&meta=userinfo", headers={**said, name: "admin"})
        )
        assert who["error"]["code"] == "readapidenied"
    page = machine.get(f"{WIKI}walks", headers=said).body
    assert ("By the sea" in page, "Logged in as" in page) == (True, False)
