"""Sessions: how they begin, last and end."""

from __future__ import annotations

import pytest
from chainsaw_login.sessions import ENDED_PER_USER, SEEN

HOUR, DAY = 3600, 86400


def test_a_session_is_good_for_what_the_user_may(site, browser):
    assert browser.check().status == 401
    assert browser.log_in().status == 303
    reply = browser.check("ann, @board")
    assert (reply.status, reply["X-Chainsaw-User"], reply["X-Chainsaw-Groups"]) == (204, "kim", "board")


def test_its_cookie_lasts_as_long_as_the_browser_or_for_thirty_days(site):
    cookie = site.browser().log_in().cookies()[0]
    assert cookie.startswith("__Host-chainsaw=")
    assert cookie.endswith("; Path=/; Secure; HttpOnly; SameSite=Lax")
    assert site.browser().log_in(keep="1").cookies()[0].endswith("; SameSite=Lax; Max-Age=2592000")


def test_one_that_is_kept_ends_after_thirty_days(site, browser):
    browser.log_in(keep="1")
    site.now += 30 * DAY - 1
    assert browser.check().status == 204
    site.now += 1
    assert browser.check().status == 401


def test_another_ends_after_four_idle_hours(site, browser):
    browser.log_in()
    for _ in range(3):
        site.now += 4 * HOUR - 60
        assert browser.check().status == 204
        site.sleep()
    site.now += 4 * HOUR + 60
    assert browser.check().status == 401


def test_another_ends_after_a_day_in_any_case(site, browser):
    browser.log_in()
    for _ in range(23):
        site.now += HOUR
        assert browser.check().status == 204
    site.now += HOUR
    assert browser.check().status == 401


@pytest.mark.parametrize("change", [{"changed": 1}, {"totp": "JBSWY3DPEHPK3PXP"}, None])
def test_it_ends_with_what_it_was_made_with(site, browser, change):
    browser.log_in()
    if change is None:
        del site.users["kim"]
    else:
        site.users["kim"].update(change)
    site.write()
    assert browser.check().status == 401


def test_it_is_good_on_its_host_alone(site, browser):
    browser.log_in()
    browser.host = "cloud.example.org"
    assert browser.check().status == 401
    browser.host = "BLOG.example.org:443"
    assert browser.check().status == 204


def test_whatever_else_is_in_the_cookie_is_no_session(site, browser):
    browser.log_in()
    good = browser.jar["__Host-chainsaw"]
    form = browser.form().field("token") or ""
    for wrong in ("", "x", good[:-1], good[1:], good + "x", "." + good, form, "x" * 5000, good.replace(".", "..")):
        browser.jar["__Host-chainsaw"] = wrong
        assert browser.check().status == 401
    browser.jar["__Host-chainsaw"] = good
    assert browser.check().status == 204


def test_a_logout_ends_copies_too_and_is_remembered(site, browser):
    browser.log_in(keep="1")
    copy = site.browser()
    copy.jar.update(browser.jar)
    other = site.browser()
    other.log_in(keep="1")
    reply = browser.log_out()
    assert (reply.status, reply["Location"]) == (303, "/.chainsaw/login")
    assert "__Host-chainsaw" not in browser.jar
    assert copy.check().status == 401
    site.wake()
    assert copy.check().status == 401
    assert other.check().status == 204


def test_another_login_ends_the_session_that_the_browser_had(site, browser):
    browser.log_in()
    copy = site.browser()
    copy.jar.update(browser.jar)
    blank = site.browser()
    form = blank.form()
    browser.jar.update(blank.jar)
    assert browser.send(form, user="ann", password="correct horse battery").status == 303
    assert browser.check()["X-Chainsaw-User"] == "ann"
    assert copy.check().status == 401


def test_so_many_logouts_are_remembered_and_then_the_oldest_end_together(site):
    oldest = site.browser()
    oldest.log_in(keep="1")
    copies = []
    for _ in range(ENDED_PER_USER + 8):
        site.now += 1
        one = site.browser()
        one.log_in(keep="1")
        copies.append(dict(one.jar))
        one.log_out()
    ended = site.app.store.section("ended")["kim"]
    assert len(ended["keys"]) == ENDED_PER_USER
    for jar in copies:
        copy = site.browser()
        copy.jar.update(jar)
        assert copy.check().status == 401
    assert oldest.check().status == 401
    site.now += 1
    assert site.browser().log_in().status == 303


def test_what_is_no_longer_of_use_is_forgotten(site, browser):
    browser.log_in()
    site.now += HOUR
    browser.check()
    browser.log_out()
    other = site.browser()
    other.log_in()
    site.now += HOUR
    other.check()
    assert site.app.store.section("seen")
    site.now += 2 * DAY
    site.sleep()
    assert site.app.store.section("seen") == {}
    site.now += 30 * DAY
    site.sleep()
    assert site.app.store.section("ended") == {}


def test_of_many_sessions_the_one_not_seen_for_longest_is_forgotten(site, browser):
    browser.log_in()
    site.app.store.section("seen").update({f"s{number}": site.now - number for number in range(SEEN)})
    site.now += HOUR
    assert browser.check().status == 204
    seen = site.app.store.section("seen")
    assert len(seen) <= SEEN
    assert "s0" in seen
    assert f"s{SEEN - 1}" not in seen
    assert browser.check().status == 204
