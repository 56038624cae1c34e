"""One-time codes, the second factor."""

from __future__ import annotations

import pyotp
from chainsaw_login.attempts import _step
from chainsaw_login.pages import TEXTS

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def wrong(site):
    good = {site.code(steps) for steps in range(-3, 4)}
    return next(code for code in map("{:06}".format, range(9)) if code not in good)


def test_the_password_alone_is_not_enough(site, browser):
    reply = browser.log_in("tom")
    assert reply.status == 200
    assert 'autocomplete="one-time-code"' in reply.body
    assert browser.check().status == 401
    reply = browser.send(reply, code=site.code())
    assert reply.status == 303
    assert browser.check()["X-Chainsaw-User"] == "tom"


def test_it_goes_on_to_where_the_visitor_wanted_and_stays_as_asked(site, browser):
    reply = browser.send(browser.log_in("tom", to="/a", keep="1"), code=site.code())
    assert reply["Location"] == "/a"
    assert reply.cookies()[0].endswith("Max-Age=2592000")


def test_a_code_may_be_one_step_off_and_have_a_space(site, browser):
    for steps, status in ((-2, 403), (2, 403), (-1, 303), (0, 303), (1, 303)):
        code = site.code(steps)
        assert browser.send(browser.log_in("tom"), code=f" {code[:3]} {code[3:]}").status == status
        browser.jar.clear()


def test_a_code_is_used_once(site):
    code = site.code()
    first, second = site.browser(), site.browser("192.0.2.2")
    form = second.log_in("tom")
    assert first.send(first.log_in("tom"), code=code).status == 303
    reply = second.send(form, code=code)
    assert reply.status == 403
    assert TEXTS["en"]["code_wrong"] in reply.body
    site.wake()
    assert second.send(form, code=code).status == 403
    assert second.send(form, code=site.code(-1)).status == 403
    site.now += 30
    assert second.send(form, code=site.code()).status == 303


def test_a_clock_that_was_set_back_locks_nobody_out(site, browser):
    browser.send(browser.log_in("tom"), code=site.code())
    browser.jar.clear()
    site.now -= 86400
    assert browser.send(browser.log_in("tom"), code=site.code()).status == 303


def test_only_codes_that_could_still_be_sent_are_kept(site, browser):
    site.users["ann"] = site.user(totp=SECRET)
    site.write()
    browser.send(browser.log_in("tom"), code=site.code())
    browser.jar.clear()
    site.now += 300
    browser.send(browser.log_in("ann"), code=site.code())
    assert list(site.app.store.section("used")) == ["ann"]


def test_the_ticket_is_for_this_browser_for_five_minutes(site, browser):
    form = browser.log_in("tom")
    other = site.browser()
    blank = other.form()
    ticket = {"ticket": form.field("ticket")}
    assert other.send(blank, code=site.code(), **ticket).status == 403
    site.now += 299
    reply = browser.send(form, code=wrong(site))
    assert reply.status == 403
    assert reply.field("ticket")
    site.now += 1
    reply = browser.send(form, code=site.code())
    assert (reply.status, reply.field("ticket")) == (403, None)


def test_the_ticket_ends_with_a_new_password(site, browser):
    form = browser.log_in("tom")
    site.users["tom"]["changed"] += 1
    site.write()
    assert browser.send(form, code=site.code()).status == 403


def test_a_ticket_is_no_session_and_no_token(site, browser):
    form = browser.log_in("tom")
    browser.jar["__Host-chainsaw"] = form.field("ticket")
    assert browser.check().status == 401
    assert browser.send(form, code=site.code(), token=form.field("ticket")).status == 403
    assert browser.send(form, code=site.code(), ticket=form.field("token")).status == 403
    assert browser.send(form, code=site.code(), ticket="").status == 403


def test_wrong_codes_make_all_addresses_wait_but_not_for_long(site):
    for number in range(5):
        one = site.browser(f"198.51.100.{number}")
        assert one.send(one.log_in("tom"), code=wrong(site)).status == 403
    other = site.browser()
    form = other.log_in("tom")
    reply = other.send(form, code=site.code())
    assert (reply.status, reply["Retry-After"]) == (429, "2")
    site.now += 2
    assert other.send(form, code=site.code()).status == 303


def test_wrong_codes_are_logged_and_counted_as_failures(site, browser, caplog):
    form = browser.log_in("tom")
    assert [browser.send(form, code=wrong(site)).status for _ in range(6)] == [403] * 5 + [429]
    assert "failure address=192.0.2.1 user='tom' instance='blog' what=code count=5" in caplog.text
    assert browser.log_in("kim").status == 429


def test_no_code_is_no_code(site, browser):
    form = browser.log_in("tom")
    assert browser.send(form, code="").status == 403
    assert browser.send(form).status == 403
    assert browser.send(form, code="\u0661" * 6).status == 403


def test_the_codes_are_those_of_the_standard():
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    for at, code in ((59, "287082"), (1111111109, "081804"), (20000000000, "353130")):
        assert pyotp.TOTP(secret).at(at) == code
        assert _step(secret, code, at) == at // 30
