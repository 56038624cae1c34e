"""What nginx is told."""

from __future__ import annotations

import hashlib

import pytest


@pytest.mark.parametrize(
    ("allow", "status"),
    [
        ("*", 204),
        ("kim", 204),
        ("@board", 204),
        ("ann,@board", 204),
        (" ann , kim ", 204),
        ("ann", 401),
        ("@kim", 401),
        ("board", 401),
        ("@boards", 401),
        ("KIM", 401),
        ("", 401),
        (",", 401),
    ],
)
def test_who_may(browser, allow, status):
    browser.log_in()
    reply = browser.check(allow)
    assert (reply.status, reply["X-Chainsaw-User"]) == (status, "kim")


def test_only_a_yes_is_kept(browser):
    assert browser.check()["Cache-Control"] == "no-store"
    assert browser.check()["X-Accel-Expires"] is None
    browser.log_in()
    assert browser.check()["X-Accel-Expires"] == "60"
    assert browser.check()["Cache-Control"] == "private, max-age=60"
    assert browser.check("ann")["Cache-Control"] == "no-store"
    assert browser.check("ann")["X-Accel-Expires"] is None


def test_a_page_never_asks_for_a_password(browser):
    assert browser.check()["WWW-Authenticate"] is None
    reply = browser.check(http_authorization="Basic a2ltOng=")
    assert (reply.status, reply["WWW-Authenticate"]) == (401, None)


def test_clients_are_asked_for_one(browser):
    reply = browser.check(http_x_chainsaw_basic="1")
    assert (reply.status, reply["WWW-Authenticate"]) == (401, 'Basic realm="blog.example.org", charset="UTF-8"')


def test_clients_may_use_it_and_it_is_said_whose_it_is(browser):
    reply = browser.basic()
    assert (reply.status, reply["X-Chainsaw-User"], reply["X-Chainsaw-Basic"]) == (204, "kim", "used")
    assert browser.basic(user="KIM").status == 204
    assert browser.basic(allow="ann").status == 401
    assert browser.basic(password="x").status == 401
    assert browser.basic(user="nobody").status == 401


def test_a_session_is_enough_on_the_paths_of_clients_and_other_schemes_are_the_applications(browser):
    browser.log_in()
    reply = browser.check(http_x_chainsaw_basic="1", http_authorization="Bearer abc")
    assert (reply.status, reply["X-Chainsaw-Basic"]) == (204, None)


def test_a_session_goes_before_a_password_that_a_browser_has_kept(browser):
    browser.log_in()
    reply = browser.basic(user="ann")
    assert (reply.status, reply["X-Chainsaw-User"], reply["X-Chainsaw-Basic"]) == (204, "kim", "used")


def test_with_a_second_factor_only_a_password_for_clients_is_taken(site, browser):
    assert browser.basic("tom").status == 401
    site.users["tom"] = site.user(totp="JBSWY3DPEHPK3PXP", client=site.stored)
    site.users["ann"] = site.user("something else", client=site.stored)
    site.write()
    assert browser.basic("tom").status == 204
    assert browser.basic("ann").status == 204
    assert browser.basic("ann", "something else").status == 401
    assert browser.log_in("ann").status == 403


def test_credentials_that_were_right_are_not_checked_with_each_request(site, browser, monkeypatch):
    asked = []
    passwords = site.app._check._attempts._passwords
    right = passwords.right

    def counted(*words):
        asked.append(words)
        return right(*words)

    monkeypatch.setattr(passwords, "right", counted)
    for _ in range(3):
        assert browser.basic().status == 204
    assert len(asked) == 1
    site.now += 301
    assert browser.basic().status == 204
    assert len(asked) == 2
    site.users["kim"] = site.user("something else")
    site.write()
    assert browser.basic().status == 401
    assert browser.basic(password="something else").status == 204


def test_credentials_that_were_right_are_bounded(site, browser):
    verified = site.app._check._verified
    for number in range(1000):
        verified.add(str(number).encode(), site.now)
    assert len(verified._until) == 256
    assert verified.has(b"999", site.now)
    assert not verified.has(b"0", site.now)


def test_a_busy_service_says_so(site, browser):
    browser.log_in()
    site.app._check._attempts._passwords._patience = 0
    free = site.app._check._attempts._passwords._free
    with free, free:
        assert browser.check().status == browser.basic().status == 204
        browser.jar.clear()
        reply = browser.basic()
        assert (reply.status, reply["Retry-After"], reply["Cache-Control"]) == (503, "1", "no-store")
        reply = browser.log_in()
        assert (reply.status, reply["Retry-After"]) == (503, "1")
    assert browser.basic().status == 204


@pytest.mark.parametrize("path", ["/check", "/.chainsaw/login", "/.chainsaw/logout", "/x"])
@pytest.mark.parametrize("scheme", ["http", "", "HTTPS", "https, http"])
def test_nothing_is_answered_that_did_not_come_over_tls(browser, path, scheme):
    for method in ("GET", "POST"):
        reply = browser.ask(method, path, http_x_forwarded_proto=scheme)
        assert (reply.status, reply.cookies()) == (400, [])


@pytest.mark.parametrize("path", ["/", "/check/", "/.chainsaw", "/.chainsaw/", "/.chainsaw/login/", "/.chainsaw/check"])
def test_other_paths_are_not_there(browser, path):
    assert browser.ask("GET", path).status == 404


@pytest.mark.parametrize(("method", "path"), [("POST", "/check"), ("PUT", "/.chainsaw/login"), ("X", "/check")])
def test_other_methods_are_refused(browser, method, path):
    assert browser.ask(method, path).status == 405


def test_a_request_without_a_host_is_refused(browser):
    assert browser.ask("GET", "/.chainsaw/login", http_host="").status == 400
    assert browser.ask("GET", "/.chainsaw/login", http_host='x"><b>').status == 400


def test_head_has_no_body(browser):
    reply = browser.ask("HEAD", "/.chainsaw/login")
    assert (reply.status, reply.body) == (200, "")


def test_chainsaw_itself_comes_in_and_is_no_user(site, browser):
    word = "w" * 43
    site.write(probe=hashlib.sha256(word.encode()).hexdigest())
    reply = browser.check("", http_x_chainsaw_probe=word)
    assert (reply.status, reply["X-Chainsaw-User"], reply["X-Accel-Expires"]) == (204, None, None)
    assert browser.check(http_x_chainsaw_probe=word + "w").status == 401
    assert browser.check(http_x_chainsaw_probe="").status == 401
    site.write()
    assert browser.check(http_x_chainsaw_probe="").status == 401
