"""A crowd at a wiki: pages of MediaWiki are kept for strangers alone; nothing of DokuWiki is ever kept."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import unescape
from urllib.parse import urlencode

import pytest

from .browser import Browser
from .machine import DATA, Machine
from .web import Answer

pytestmark = [pytest.mark.system, pytest.mark.stage("workshop")]

WIKI, WALKS = "https://wiki.localhost/", "https://walks.localhost/"
MADE = "<?php\nheader('X-Made: ' . uniqid());\n"
"""Lets each answer say when it was made; both wikis read it with their settings."""
FIELD = re.compile(r"<input [^>]*type=.?hidden[^>]*>")
HIDDEN_FROM_STRANGERS = "board:* @ALL 0\nboard:* @user 8\n"


@pytest.fixture(scope="module", autouse=True)
def wikis(machine: Machine) -> None:
    """Have a MediaWiki in which everybody writes, and a DokuWiki in which the board has pages of its own."""
    machine.declare("wiki", "mediawiki", profile="wiki")
    machine.declare("walks", "dokuwiki")
    machine.chainsaw("apply")
    machine.write(f"{DATA}/instances/wiki/volumes/settings/made.php", MADE)
    machine.inside("walks.app", "sh", "-c", 'cat > "$0"', "/srv/conf/local.php", stdin=MADE)
    machine.inside("walks.app", "sh", "-c", 'cat >> "$0"', "/srv/conf/acl.auth.php", stdin=HIDDEN_FROM_STRANGERS)


def password(machine: Machine, name: str) -> str:
    return machine.chainsaw("secret", "show", name, "admin_password").out.strip()


def made(answer: Answer) -> str:
    return answer.headers["x-made"]


def is_shared(machine: Machine, url: str, **headers: str) -> bool:
    """Return whether two visitors get the same copy of a page that nobody has asked for before."""
    return made(machine.get(url, headers=headers)) == made(machine.get(url, headers=headers))


def hidden(page: Answer) -> dict[str, str]:
    """Return the hidden fields of the forms of a page; the title is that of the form for a search."""
    fields = [dict(re.findall(r'(\w+)="([^"]*)"', tag)) for tag in FIELD.findall(page.body)]
    return {
        field["name"]: unescape(field.get("value", "")) for field in fields if field.get("name", "title") != "title"
    }


# MediaWiki


@pytest.fixture(scope="module")
def admin(machine: Machine) -> Browser:
    """Return a browser in which Admin has filled in the form."""
    browser = Browser(machine)
    form = f"{WIKI}index.php?title=Special:UserLogin"
    said = {**hidden(browser.get(form)), "wpName": "Admin", "wpPassword": password(machine, "wiki")}
    answer = browser.post(form, urlencode(said))
    assert answer.status == 302, answer
    return browser


def send(browser: Browser, title: str, text: str, button: str = "wpSave") -> Answer:
    """Open the form of a page, write a text into it and press a button; return the answer."""
    form = f"{WIKI}index.php?title={title}&action="
    return browser.post(
        f"{form}submit", urlencode({**hidden(browser.get(f"{form}edit")), "wpTextbox1": text, button: "1"})
    )


def write(machine: Machine, title: str, text: str) -> str:
    """Have a page in the wiki; return its address."""
    machine.inside("wiki.app", "php", "/usr/share/mediawiki/maintenance/run.php", "edit", title, stdin=text)
    return f"{WIKI}wiki/{title}"


def test_pages_of_a_wiki_are_kept_for_strangers_and_not_for_its_people(machine: Machine) -> None:
    page = write(machine, "Two", "Two of us")
    assert is_shared(machine, page)
    first = made(machine.get(page))
    for cookie in ("wiki_session=abc", "a=b; wikiUserID=1", "wikiToken=x"):
        assert not is_shared(machine, page, Cookie=cookie), cookie
    assert made(machine.get(page)) == first
    write(machine, "Three", "Written while others read.")
    assert "Written while others read" in machine.get(f"{WIKI}wiki/Three").body


def test_who_logs_in_sees_a_name_and_nobody_else_does(machine: Machine, admin: Browser) -> None:
    known, fresh = write(machine, "Known", "To all"), write(machine, "Fresh", "To all")
    stranger = machine.get(known)
    for page in (known, fresh, known):
        assert '"wgUserName":"Admin"' in admin.get(page).body
        assert made(admin.get(page)) != made(admin.get(page))
        assert "Admin" not in machine.get(page).body
    assert made(machine.get(known)) == made(stranger)


def test_who_writes_without_an_account_sees_it_at_once_and_leaves_no_copy(machine: Machine) -> None:
    page = write(machine, "Sand", "It is white")
    stranger = machine.get(page)
    writer = Browser(machine)
    assert send(writer, "Sand", "It is yellow").status == 302
    for _ in range(2):
        assert "It is yellow" in writer.get(page).body
        assert made(writer.get(page)) != made(writer.get(page))
    assert made(machine.get(page)) == made(stranger)


def test_a_message_to_an_address_is_shown_to_who_wrote_from_there_alone(machine: Machine, admin: Browser) -> None:
    writer, page = Browser(machine), write(machine, "Shells", "By the sea")
    assert send(writer, "Shells", "On the shore").status == 302
    asked = json.loads(writer.get(f"{WIKI}api.php?action=query&meta=userinfo&format=json").body)
    talk = f"User_talk:{asked['query']['userinfo']['name']}"
    assert send(admin, talk, "Which sea?").status == 302
    assert "new message" in writer.get(f"{page}?for=writer").body
    for _ in range(2):
        assert "new message" not in machine.get(f"{page}?for=writer").body
    assert "new message" in writer.get(f"{page}?for=writer").body


@pytest.mark.parametrize("who", ["stranger", "admin"])
def test_what_is_tried_out_in_the_form_is_seen_by_who_writes_it(machine: Machine, admin: Browser, who: str) -> None:
    page = write(machine, f"Tried-{who}", "As it was")
    stranger = machine.get(page)
    writer = admin if who == "admin" else Browser(machine)
    assert "As it will be" in send(writer, f"Tried-{who}", "As it will be", "wpPreview").body
    assert "As it will be" in send(writer, f"Tried-{who}", "As it will be", "wpDiff").body
    assert made(machine.get(page)) == made(stranger)
    for action in ("edit", "submit"):
        form = f"{WIKI}index.php?title=Tried-{who}&action={action}"
        assert "As it will be" not in machine.get(form).body
        assert not is_shared(machine, form)


@pytest.mark.parametrize(
    "path",
    [
        "index.php?title=Special:UserLogin", "wiki/Special:CreateAccount", "index.php?title=Two&act%69on=edit",
        "api.php?action=feedrecentchanges", "api.php?action=query&meta=userinfo", "api.php", "api.php/x",
        "rest.php/v1/page/Two", "rest.php/v1/search/page?q=two", "opensearch_desc.php",
        "index.php?title=Special:RecentChanges&feed=rss", "wiki/Special:NewPages?feed=atom", "wiki/Two?feed=atom",
        "index.php?title=Two&action=history&feed=atom", "index.php?title=Two&fe%65d=rss",
    ],
)  # fmt: skip
def test_forms_feeds_and_what_programs_ask_are_never_shared(machine: Machine, path: str) -> None:
    assert not is_shared(machine, WIKI + path)


@pytest.mark.parametrize(
    "path",
    [
        "wiki/Special:MyPage", "wiki/Special:MyTalk", "wiki/Special:MyContributions", "wiki/Special:MyUploads",
        "wiki/Special:MyPage/common.js", "index.php?title=Special:MyPage&action=edit",
        "index.php?title=Special:MyTalk&action=history", "index.php?title=Special:MyPage&uselang=de",
    ],
)  # fmt: skip
def test_a_page_with_the_address_of_a_visitor_in_it_is_never_shared(machine: Machine, path: str) -> None:
    assert not is_shared(machine, WIKI + path)


@pytest.fixture
def secret(machine: Machine) -> Iterator[str]:
    """Make the wiki private, after strangers have read a page of it; return the address of that page."""
    page = write(machine, "Key", "It is under the stone")
    assert "under the stone" in machine.get(page).body
    machine.chainsaw("config", "set", "wiki", "profile", "private")
    machine.chainsaw("apply", "wiki")
    yield page
    machine.chainsaw("config", "set", "wiki", "profile", "wiki")
    machine.chainsaw("apply", "wiki")


def test_a_wiki_that_became_private_shows_nothing_that_was_kept_before(
    machine: Machine, admin: Browser, secret: str
) -> None:
    assert "under the stone" in admin.get(secret).body
    assert "under the stone" not in machine.get(secret).body
    for path in ("wiki/Two", "index.php?title=Two&action=raw&smaxage=60", "wiki/Special:RecentChanges", "api.php"):
        assert admin.get(WIKI + path).status == 200
        assert not is_shared(machine, WIKI + path), path
    machine.admin("systemctl", "--user", "stop", "app@wiki.service")
    assert "under the stone" not in machine.get(secret).body


# DokuWiki


@pytest.fixture(scope="module")
def walker(machine: Machine) -> Browser:
    """Return a browser in which admin has filled in the form."""
    browser = Browser(machine)
    form = f"{WALKS}start?do=login"
    said = {**hidden(browser.get(form)), "do": "login", "u": "admin", "p": password(machine, "walks")}
    assert "Logged in as" in follow(browser, browser.post(form, urlencode(said))).body
    return browser


def follow(browser: Browser, answer: Answer) -> Answer:
    """Return the page to which an answer leads, which may be itself."""
    return browser.get(answer.headers["location"]) if answer.status == 302 else answer


def fill(browser: Browser, page: str, text: str, button: str) -> Answer:
    """Open the form of a page of DokuWiki, write a text into it and press a button."""
    form = hidden(browser.get(f"{WALKS}{page}?do=edit"))
    sent = urlencode({**form, "wikitext": text, f"do[{button}]": "1"})
    return follow(browser, browser.post(f"{WALKS}{page}", sent))


@pytest.mark.parametrize(
    "path",
    [
        "", "start", "nothing", "start?do=edit", "start?do=login", "start?do=recent", "start?do=media", "feed.php",
        "feed.php?mode=list", "_export/raw/start", "sitemap.xml", "lib/exe/css.php", "lib/exe/js.php",
        "lib/exe/ajax.php", "lib/exe/jsonrpc.php", "lib/exe/manifest.php",
        "lib/exe/fetch.php?media=wiki:dokuwiki-128.png",
    ],
)  # fmt: skip
def test_nothing_of_a_wiki_that_knows_each_visitor_is_ever_shared(machine: Machine, path: str) -> None:
    assert not is_shared(machine, WALKS + path)


def test_the_name_of_who_logs_in_is_shown_to_nobody_else(machine: Machine, walker: Browser) -> None:
    for _ in range(2):
        assert "Logged in as" in walker.get(f"{WALKS}start").body
        assert "Logged in as" not in machine.get(f"{WALKS}start").body


def test_what_is_hidden_from_strangers_stays_so_in_pages_previews_and_feeds(machine: Machine, walker: Browser) -> None:
    assert "under the mat" in fill(walker, "board:key", "It is under the mat", "preview").body
    assert "under the mat" not in machine.get(f"{WALKS}board:key").body
    assert "under the mat" in fill(walker, "board:key", "It is under the mat", "save").body
    for path in ("board:key", "_export/raw/board:key"):
        assert "under the mat" in walker.get(WALKS + path).body, path
        assert "under the mat" not in machine.get(WALKS + path).body, path
    assert "board:key" in walker.get(f"{WALKS}feed.php?mode=list&ns=board").body
    assert "board:key" not in machine.get(f"{WALKS}feed.php?mode=list&ns=board").body


def test_pages_cannot_be_kept_where_the_recipe_does_not_say_which(machine: Machine) -> None:
    machine.append("walks", "cache: 10s")
    try:
        refused = machine.chainsaw("apply", code=5).err
        assert (
            "instances/walks.yaml:3:1: cache: dokuwiki does not say which of its answers are the same for all"
            in refused
        )
    finally:
        machine.declare("walks", "dokuwiki")
    assert not [place for place in kept(machine) if "walks" in place]


def kept(machine: Machine) -> list[str]:
    """Return the directories in which the front keeps answers."""
    return machine.root("sh", "-c", f"ls -d {DATA}/front/buffers/kept.*").split()
