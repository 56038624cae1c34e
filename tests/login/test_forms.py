"""The forms: who may send them, and what the answers carry."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import string
from pathlib import Path

import pytest
from chainsaw_login.pages import STYLE, TEXTS

PAGES = Path(__file__).parents[2] / "quadlets/nginx/pages"
PASSWORD = "correct horse battery"


def policies(reply):
    return dict(one.strip().partition(" ")[::2] for one in reply["Content-Security-Policy"].split(";"))


def test_a_login_leads_to_where_the_visitor_wanted_to_go(browser, quoted):
    for to in ("/notes?a=1&b=2", quoted("/notes?a=1&b=2")):
        reply = browser.log_in(to=to)
        assert (reply.status, reply["Location"]) == (303, "/notes?a=1&b=2")
        browser.jar.clear()
    assert browser.log_in()["Location"] == "/"


def test_a_form_that_was_changed_leads_nowhere_else(browser):
    form = browser.form()
    assert browser.send(form, user="kim", password=PASSWORD, to="//evil.example")["Location"] == "/"


def test_names_are_folded_and_trimmed(browser):
    assert browser.log_in(" Kim ").status == 303


@pytest.mark.parametrize(
    ("user", "password"), [("kim", "x"), ("kim", ""), ("nobody", PASSWORD), ("", ""), ("\0", "\0")]
)
def test_what_is_wrong_is_not_said(browser, user, password):
    reply = browser.log_in(user, password)
    assert reply.status == 403
    assert TEXTS["en"]["wrong"] in reply.body
    assert PASSWORD not in reply.body
    assert "__Host-chainsaw" not in browser.jar


def test_a_form_may_be_sent_again_after_a_typing_error(browser):
    reply = browser.log_in(password="x", to="/a")
    assert reply.field("user") == "kim"
    assert browser.send(reply, user="kim", password=PASSWORD)["Location"] == "/a"


def test_nobody_else_fills_in_the_form_for_a_visitor(site, browser):
    stranger = site.browser()
    form = stranger.form()
    reply = browser.send(form, user="ann", password=PASSWORD)
    assert (reply.status, reply["Location"]) == (403, None)
    assert TEXTS["en"]["stale"] in reply.body
    assert "__Host-chainsaw" not in browser.jar
    browser.form()
    assert browser.send(form, user="ann", password=PASSWORD).status == 403


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"http_origin": "https://blog.example.org", "http_sec_fetch_site": "same-origin"}, 303),
        ({"http_origin": "https://BLOG.example.org:8443"}, 303),
        ({"http_sec_fetch_site": "none"}, 303),
        ({"http_origin": "http://blog.example.org"}, 403),
        ({"http_origin": "https://evil.example"}, 403),
        ({"http_origin": "https://blog.example.org.evil.example"}, 403),
        ({"http_origin": "https://[blog.example.org"}, 403),
        ({"http_origin": "null"}, 403),
        ({"http_sec_fetch_site": "same-site"}, 403),
        ({"http_sec_fetch_site": "cross-site"}, 403),
    ],
)
def test_a_form_comes_from_its_own_page(browser, headers, status):
    reply = browser.send(browser.form(), user="kim", password=PASSWORD, headers=headers)
    assert reply.status == status


@pytest.mark.parametrize("token", ["", "x", "a.b", "x" * 5000])
def test_a_form_needs_its_token(browser, token):
    form = browser.form()
    assert browser.send(form, user="kim", password=PASSWORD, token=token).status == 403


def test_a_form_is_good_for_half_a_day(site, browser):
    form = browser.form()
    site.now += 12 * 3600 - 1
    assert browser.send(form, user="kim", password=PASSWORD).status == 303
    browser.jar.clear()
    form = browser.form()
    site.now += 12 * 3600
    reply = browser.send(form, user="kim", password=PASSWORD, to="/a")
    assert reply.status == 403
    assert reply.field("to") == "/a"
    assert browser.send(reply, user="kim", password=PASSWORD)["Location"] == "/a"


def test_two_tabs_do_not_disturb_each_other(browser):
    first, second = browser.form("/a"), browser.form("/b")
    assert browser.send(second, user="kim", password="x").status == 403
    assert browser.send(first, user="kim", password=PASSWORD)["Location"] == "/a"


def test_what_is_no_form_is_refused(browser):
    form = browser.form()
    body = f"token={form.field('token')}&user=kim"
    assert browser.ask("POST", "/.chainsaw/login", body).status == 400
    kind = "application/x-www-form-urlencoded"
    assert browser.ask("POST", "/.chainsaw/login", "a=" + "x" * 16384, content_type=kind).status == 400
    assert browser.ask("POST", "/.chainsaw/logout", body).status == 400


def test_who_is_logged_in_may_go_on_or_log_out(browser):
    browser.log_in()
    reply = browser.form("/a?b=%22%3E")
    assert reply.status == 200
    assert "You are logged in as kim." in reply.body
    assert '<a href="/a?b=%22%3E">Continue</a>' in reply.body
    assert 'action="/.chainsaw/logout"' in reply.body
    assert browser.check().status == 204
    assert browser.send(reply, "/.chainsaw/logout").status == 303
    assert browser.check().status == 401


def test_nobody_else_logs_a_visitor_out(site, browser):
    browser.log_in()
    form = site.browser().form()
    assert browser.send(form, "/.chainsaw/logout").status == 403
    own = browser.form()
    away = {"http_sec_fetch_site": "cross-site"}
    assert browser.send(own, "/.chainsaw/logout", headers=away).status == 403
    assert browser.ask("GET", "/.chainsaw/logout").status == 200
    assert browser.check().status == 204


def test_a_logout_of_nobody_does_no_harm(browser):
    assert browser.send(browser.form(), "/.chainsaw/logout").status == 303


def test_every_page_may_run_and_be_framed_and_be_kept_nowhere(site, browser):
    pages = [browser.form(), browser.log_in(password="x"), browser.log_in("tom"), browser.log_in(token="x")]
    browser.log_in()
    pages.append(browser.form())
    for page in pages:
        assert page["Content-Type"] == "text/html; charset=utf-8"
        assert page["X-Frame-Options"] == "DENY"
        assert page["Cache-Control"] == "no-store"
        assert page["Referrer-Policy"] == "same-origin"
        assert page["X-Content-Type-Options"] == "nosniff"
        found = policies(page)
        assert found["default-src"] == "'none'"
        assert found["frame-ancestors"] == "'none'"
        assert found["base-uri"] == "'none'"
        assert found["form-action"] == "'self'"
        assert "<script" not in page.body
        style = re.search("<style>(.*)</style>", page.body, re.DOTALL)
        assert style
        digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
        assert found["style-src"] == f"'sha256-{digest}'"
        assert " style=" not in page.body


def test_redirects_are_not_kept_either(browser):
    assert browser.log_in()["Cache-Control"] == "no-store"
    assert browser.log_out()["Cache-Control"] == "no-store"


def test_what_a_visitor_sends_is_text_in_the_page(browser):
    reply = browser.log_in('"><script>alert(1)</script>', "x", to="/%22%3E<script>")
    assert "<script" not in reply.body
    assert "&lt;script&gt;" in reply.body
    assert reply.field("to") == "/%22%3E&lt;script&gt;"


def test_each_field_has_a_label_and_a_purpose(browser):
    for page in (browser.form(), browser.log_in("tom")):
        visible = re.findall(r'<input id="(\w+)"[^>]*>', page.body)
        assert visible
        for name in visible:
            assert f'<label for="{name}">' in page.body
            assert re.search(rf'<input id="{name}"[^>]*autocomplete="', page.body)


@pytest.mark.parametrize("language", sorted(TEXTS))
def test_the_page_is_in_the_language_of_the_site(site, browser, language):
    site.wake(language)
    reply = browser.log_in(password="x")
    assert f'<html lang="{language.replace("_", "-")}">' in reply.body
    assert html.escape(TEXTS[language]["wrong"]) in reply.body


def test_a_language_without_texts_is_english(site, browser):
    site.wake("tlh")
    assert '<html lang="en">' in browser.form().body


def test_there_are_texts_in_the_languages_of_the_fronts_pages():
    assert sorted(TEXTS) == sorted(path.stem for path in PAGES.glob("*.yaml"))
    fields = {"wait": {"seconds"}, "logged_in": {"user"}}
    for texts in TEXTS.values():
        assert list(texts) == list(TEXTS["en"])
        for key, text in texts.items():
            found = {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
            assert found == fields.get(key, set())
            assert text == text.strip() != ""


def test_the_texts_are_written_as_json_writes_them():
    path = Path(__file__).parents[2] / "quadlets/images/login/chainsaw_login/texts.json"
    assert path.read_text() == json.dumps(TEXTS, ensure_ascii=False, indent=2) + "\n"


def test_the_style_is_short():
    assert len(STYLE) < 600
