"""Failures: who waits, for how long, and what the log says."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from chainsaw_login.failures import ADDRESSES, Levels, counted_as
from hypothesis import given
from hypothesis import strategies as st

WRONG = {"password": "wrong password"}


def fail(browser, times=1, **more):
    return [browser.log_in(**(WRONG | more)).status for _ in range(times)]


def test_five_failures_cost_nothing_and_then_the_waits_grow(site, browser):
    assert fail(browser, 6) == [403] * 5 + [429]
    waits = []
    for _ in range(12):
        reply = browser.log_in(**WRONG)
        assert reply.status == 429
        waits.append(int(reply["Retry-After"]))
        assert f"in {waits[-1]} s" in reply.body
        site.now += waits[-1]
        assert browser.log_in(**WRONG).status == 403
    assert waits[:6] == [2, 4, 8, 16, 32, 64]
    assert max(waits) <= 300
    assert waits[-1] >= 128


def test_the_right_password_waits_as_well_and_is_right_afterwards(site, browser):
    fail(browser, 5)
    assert browser.log_in().status == 429
    site.now += 2
    assert browser.log_in().status == 303


def test_from_another_address_the_right_password_works_during_an_attack(site):
    for number in range(60):
        fail(site.browser(f"198.51.100.{number}"), 2)
    assert site.browser("192.0.2.1").log_in().status == 303
    assert site.browser("203.0.113.7").basic().status == 204


def test_under_attack_an_address_has_one_free_failure_for_this_user(site):
    for number in range(25):
        fail(site.browser(f"198.51.100.{number}"))
    other = site.browser()
    assert fail(other, 2) == [403, 429]
    assert other.log_in(user="ann").status == 303


def test_a_name_that_is_no_users_is_treated_alike(site):
    for number in range(25):
        fail(site.browser(f"198.51.100.{number}"), user="nobody")
    assert fail(site.browser(), 2, user="nobody") == [403, 429]


def test_attempts_that_wait_do_not_count(site, browser):
    fail(browser, 5)
    fail(browser, 50)
    site.now += 2
    assert browser.log_in().status == 303


def test_failures_are_forgotten_one_by_one(site, browser):
    fail(browser, 5)
    site.now += 5 * 300
    assert fail(browser, 6) == [403] * 5 + [429]


def test_failures_are_kept_while_the_service_sleeps(site, browser):
    fail(browser, 5)
    site.sleep()
    assert browser.log_in().status == 429


def test_clients_count_as_well(site, browser):
    assert [browser.basic(password="x").status for _ in range(5)] == [401] * 5
    reply = browser.basic()
    assert (reply.status, reply["WWW-Authenticate"], reply["X-Chainsaw-Wait"]) == (401, None, "2")
    assert reply["Cache-Control"] == "no-store"
    assert browser.log_in().status == 429


def test_credentials_that_were_right_pass_while_others_wait(site, browser):
    assert browser.basic().status == 204
    fail(browser, 5)
    assert browser.basic().status == 204
    assert browser.basic("ann")["X-Chainsaw-Wait"]


def test_a_clock_that_is_set_back_makes_nobody_wait_for_long(site, browser):
    fail(browser, 5)
    site.now -= 10**8
    reply = browser.log_in()
    assert reply.status == 403 or int(reply["Retry-After"]) <= 300


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::9", "2001:db8:1:3::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", "unknown"),
        ("unix:", "unknown"),
        ("1.2.3.4\r\nx", "unknown"),
    ],
)
def test_what_failures_are_counted_under(address, counted):
    assert counted_as(address) == counted


def test_neighbours_in_a_network_of_ipv6_count_as_one(site):
    for number in range(5):
        fail(site.browser(f"2001:db8::{number}"))
    assert site.browser("2001:db8::ffff").log_in().status == 429
    assert site.browser("2001:db8:0:1::1").log_in().status == 303


def test_of_many_addresses_the_least_are_forgotten():
    section: dict[str, Any] = {}
    levels = Levels(section, ADDRESSES)
    for _ in range(9):
        levels.rise("attacker", 0)
    for number in range(3 * ADDRESSES):
        levels.rise(f"a{number}", number / 100)
        assert len(section) <= ADDRESSES
    assert levels.level("attacker", 100) > 5


@given(st.lists(st.floats(0, 10**9), min_size=1, max_size=40))
def test_a_level_is_bounded_whenever_failures_come(times):
    levels = Levels({}, 10)
    for at in times:
        assert 0 < levels.rise("a", at) <= 40
        assert 0 <= levels.wait("a", at) <= 300
        assert levels.wait("a", at + 300) == 0


def test_each_failure_is_one_line(site, caplog):
    caplog.set_level(logging.INFO)
    fail(site.browser("2001:db8::1"), 2)
    assert [one.getMessage() for one in caplog.records] == [
        "failure address=2001:db8::1 user='kim' instance='blog' what=password count=1",
        "failure address=2001:db8::1 user='kim' instance='blog' what=password count=2",
    ]


def test_where_addresses_are_shortened_none_is_written_and_each_counts_alone(site, caplog):
    caplog.set_level(logging.INFO)
    fail(site.browser("192.0.2.77", shown="192.0.2.0"), 5)
    assert site.browser("192.0.2.77", shown="192.0.2.0").log_in().status == 429
    assert site.browser("192.0.2.78", shown="192.0.2.0").log_in().status == 303
    assert "login address=192.0.2.0 user='kim'" in caplog.text
    site.app.store.write()
    assert "192.0.2.7" not in caplog.text + (site.directory / "state.json").read_text()


@given(st.text(max_size=200))
def test_whatever_is_sent_as_a_name_is_one_line_of_the_log(name):
    from chainsaw_login.attempts import Origin, _where

    for word in _where(Origin(name, name, name), name):
        assert word.isascii()
        assert word.isprintable()
        assert len(word) <= 64 * 10 + 2


def test_no_password_is_in_the_log_or_in_what_is_kept(site, browser, caplog):
    caplog.set_level(logging.DEBUG)
    browser.log_in(password="wr0ng-secret")
    browser.log_in(user="s3cret-as-name", password="x")
    browser.basic(password="wr0ng-secret")
    browser.log_in()
    site.app.store.write()
    kept = (site.directory / "state.json").read_text()
    assert "wr0ng" not in kept + caplog.text
    assert "s3cret" not in kept
    assert "correct horse" not in kept + caplog.text
    assert "login address=192.0.2.1 user='kim' instance='blog'" in caplog.text
