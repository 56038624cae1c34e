"""A certificate is yellow when it should have been renewed, and red well before it is lost."""

from __future__ import annotations

import pytest

from chainsaw.checks import certificates
from chainsaw.checks.observed import ShownCertificate
from chainsaw.model.certificate import DAY, Certificate, HostIssuer
from chainsaw.plan.observed import UnitDetails

HOST, NOW = "blog.example.org", 1_800_000_000.0
RENEW = f"chainsaw cert renew {HOST}"
IMPORT = f"chainsaw cert import {HOST} --chain FILE --key FILE"
RELOAD = "systemctl --user reload chainsaw-front"


def recorded(left, life=397, issuer="local", serial="aa"):
    since, until = NOW + (left - life) * DAY, NOW + left * DAY
    return Certificate(host=HOST, issuer=issuer, names=(HOST,), serial=serial, not_before=since, not_after=until)


def shown(left, life=397, serial="aa"):
    return ShownCertificate(NOW + (left - life) * DAY, NOW + left * DAY, serial=serial)


def refused(problem):
    return ShownCertificate(problem=problem, refused=True)


@pytest.mark.parametrize(
    ("issuer", "record", "seen", "state", "words", "hint"),
    [
        ("local", recorded(390), shown(390), "ok", "valid for 390 d more", ""),
        ("local", recorded(390), None, "ok", "valid for 390 d more", ""),
        ("local", None, shown(390), "ok", "valid for 390 d more", ""),
        ("local", recorded(100), shown(100), "warn", "due for renewal", RENEW),
        ("local", recorded(390), shown(200, serial="bb"), "warn", "still shows another one", RELOAD),
        ("local", recorded(390, serial=""), shown(200), "warn", "still shows another one", RELOAD),
        ("local", recorded(390, serial=""), shown(390), "ok", "valid for 390 d more", ""),
        ("local", recorded(6), shown(390), "fail", "valid for 6 d more only", RENEW),
        ("local", recorded(-2), None, "fail", "expired 2 d ago", RENEW),
        ("local", recorded(100), refused("certificate has expired"), "fail", "not valid", RENEW),
        ("local", recorded(390), refused("has expired"), "fail", "not valid: has expired", RELOAD),
        ("local", None, None, "unknown", "not recorded", RENEW),
        ("local", None, ShownCertificate(problem="Connection refused"), "unknown", "not recorded", RENEW),
        ("local", recorded(390, issuer="acme"), None, "unknown", "not recorded", RENEW),
        ("acme", recorded(25, 90, "acme"), shown(25, 90), "ok", "valid for 25 d more", ""),
        ("acme", recorded(22, 90, "acme"), shown(22, 90), "warn", "due for renewal", RENEW),
        ("acme", recorded(6, 90, "acme"), shown(6, 90), "fail", "valid for 6 d more only", RENEW),
        ("acme", recorded(3, 6, "acme"), shown(3, 6), "ok", "valid for 3 d more", ""),
        ("acme", recorded(1.2, 6, "acme"), shown(1.2, 6), "warn", "due for renewal", RENEW),
        ("acme", recorded(0.6, 6, "acme"), shown(0.6, 6), "fail", "only", RENEW),
        ("acme", None, None, "fail", "there is none of the issuer acme yet", f"{RENEW} --force"),
        (
            "acme",
            None,
            refused("self-signed certificate"),
            "fail",
            "browsers are shown a placeholder",
            f"{RENEW} --force",
        ),
        ("acme", recorded(390), shown(390), "fail", "there is none of the issuer acme yet", f"{RENEW} --force"),
        ("files", recorded(40, 397, "files"), shown(40), "warn", "due for renewal", IMPORT),
        ("files", recorded(6, 90, "files"), None, "fail", "only", IMPORT),
        ("files", None, None, "fail", "there is none of the issuer files yet", IMPORT),
    ],
)
def test_a_certificate(issuer, record, seen, state, words, hint):
    found = certificates.certificate(HOST, HostIssuer(issuer=issuer), record, seen, NOW)
    assert (found.state, found.hint, found.name) == (state, hint, f"certificate of {HOST}")
    assert words in found.found


def test_an_authority_that_has_refused_is_asked_again_by_force_only():
    issuer = HostIssuer(issuer="acme")
    found = certificates.certificate(HOST, issuer, recorded(6, 90, "acme"), None, NOW, failing=True)
    assert (found.state, found.hint) == ("fail", f"{RENEW} --force")


@pytest.mark.parametrize(
    ("left", "state", "words"),
    [
        (3650, "ok", "valid for"),
        (366, "ok", "valid for 366 d more"),
        (364, "warn", "ends in 364 d"),
        (29, "fail", "ends in 29 d"),
        (-2, "fail", "ended 2 d ago"),
        (None, "unknown", "cannot be read"),
    ],
)
def test_the_authority_of_this_host_is_yellow_a_year_before_its_end(left, state, words):
    found = certificates.local_authority(None if left is None else NOW + left * DAY, "another one", NOW)
    assert (found.state, found.hint) == (state, "" if state == "ok" else "another one")
    assert words in found.found


UP, DOWN, FAILED = (UnitDetails(state, "") for state in ("active", "inactive", "failed"))


@pytest.mark.parametrize(
    ("timer", "service", "ran", "state", "words"),
    [
        (UP, DOWN, NOW - 1800, "ok", "ran 30 min ago"),
        (UP, DOWN, None, "ok", "has not run yet"),
        (UP, DOWN, NOW + 500, "ok", "ran"),
        (UP, FAILED, NOW - 1800, "warn", "did not renew all that was due"),
        (UP, None, NOW - 3 * DAY, "fail", "has not run for 3 d"),
        (DOWN, DOWN, NOW, "fail", "is inactive: nothing renews certificates"),
        (None, None, None, "fail", "is not there: nothing renews certificates"),
    ],
)
def test_the_timer(timer, service, ran, state, words):
    units = {certificates.TIMER: timer, certificates.SERVICE: service}
    found = certificates.renewal({name: item for name, item in units.items() if item}, ran, NOW)
    assert found.state == state
    assert words in found.found
    assert certificates.renewal(None, ran, NOW).state == "unknown"


def test_while_an_authority_issues_nothing_the_timer_is_yellow():
    units = {certificates.TIMER: UP, certificates.SERVICE: DOWN}
    found = certificates.renewal(units, NOW - 60, NOW, [HOST])
    assert (found.state, found.hint) == ("warn", f"chainsaw cert show {HOST}")
    assert HOST in found.found


def test_a_timer_that_does_not_start_at_boot_is_red():
    units = {certificates.TIMER: UP}
    found = certificates.renewal(units, NOW - 60, NOW, starts=False)
    assert (found.state, found.hint) == ("fail", "chainsaw apply")
    assert "would not start at the next boot" in found.found
