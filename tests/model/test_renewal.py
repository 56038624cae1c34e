"""When a certificate is asked for, and where: from the ledger and the time alone."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from chainsaw.model.directories import PATIENCE, STAGING, choose
from chainsaw.model.renewal import (
    DAY,
    DELAYS,
    HOUR,
    KEPT,
    LONGEST_WAIT,
    MINUTE,
    OUTAGES,
    STALE,
    Failure,
    Issued,
    Kind,
    Ledger,
    OpenOrder,
    Said,
    Window,
    asks_again,
    due,
    fraction,
    next_attempt,
    renewal_moment,
    with_attempt,
    with_certificate,
    with_failure,
    with_order,
    with_staging,
    with_window,
)
from chainsaw.model.tls import LETSENCRYPT

NOW = 1_800_000_000.0
CA = "https://ca.example/directory"
OTHER = "https://other.example/directory"
times = st.floats(NOW - 3 * 365 * DAY, NOW + 3 * 365 * DAY)
lives = st.sampled_from((160 * HOUR, 45 * DAY, 90 * DAY, 5 * 365 * DAY))


def failure(at=NOW, kind=Kind.SERVER, directory=CA, wait_until=None):
    return Failure(at=at, directory=directory, kind=kind, said=(Said(text="no"),), wait_until=wait_until)


def certificate(at=NOW, life=90 * DAY, name="AQ.Ag"):
    return Issued(certificate=name, directory=CA, at=at, not_before=at - HOUR, not_after=at + life - HOUR)


def window(start, end, told=NOW, name="AQ.Ag", **more):
    return Window(certificate=name, start=start, end=end, told=told, ask_again=told + 6 * HOUR, **more)


def failed(times_, at=NOW, **more):
    ledger = Ledger(host="blog.example.org")
    for _ in range(times_):
        ledger = with_failure(ledger, failure(at, **more))
    return ledger


failures = st.builds(
    failure,
    at=times,
    kind=st.sampled_from(Kind),
    directory=st.sampled_from((CA, OTHER, LETSENCRYPT, STAGING[LETSENCRYPT])),
    wait_until=st.none() | times,
)
windows = st.none() | st.builds(
    lambda start, length, told, ahead: window(start, start + length, told, ahead=ahead),
    times,
    st.floats(-DAY, 60 * DAY),
    times,
    st.floats(-400 * DAY, 400 * DAY),
)
ledgers = st.builds(
    lambda rows, issued, told, staged: Ledger(
        host="a.example", failures=tuple(rows), failed=len(rows), issued=issued, window=told, staged=staged
    ),
    st.lists(failures, max_size=8),
    st.none() | st.builds(certificate, at=times, life=lives),
    windows,
    st.booleans(),
)


@pytest.mark.parametrize(("count", "minutes"), [(0, 0), (1, 1), (2, 10), (3, 100), (4, 1440), (5, 1440), (90, 1440)])
def test_the_wait_after_failures_grows_to_a_day(count, minutes):
    ledger = failed(count)
    assert next_attempt(ledger, NOW) == NOW + minutes * MINUTE
    assert ledger.failed == count
    assert len(ledger.failures) == min(count, KEPT)


@given(ledgers, times)
def test_the_next_attempt_is_never_in_the_past_and_never_too_far_away(ledger, now):
    assert now <= next_attempt(ledger, now) <= now + LONGEST_WAIT


@given(ledgers, times, st.floats(0, 30 * DAY))
def test_waiting_brings_the_next_attempt_nearer(ledger, now, later):
    assume(all(item.at <= now for item in ledger.failures))
    assert next_attempt(ledger, now + later) == max(now + later, next_attempt(ledger, now))


@given(st.integers(1, 9), st.floats(0, 30 * DAY))
def test_what_the_authority_asks_to_wait_is_honoured_if_it_is_longer(count, asked):
    delay = DELAYS[min(count, 4) - 1]
    assert next_attempt(failed(count, wait_until=NOW + asked), NOW) == NOW + max(delay, min(asked, LONGEST_WAIT))


@given(ledgers, failures)
def test_a_failure_is_kept_and_postpones(ledger, item):
    after = with_failure(ledger, item)
    assert after.failed == ledger.failed + 1
    assert after.failures[-1] == item
    assert not after.staged
    assert after.next_attempt >= item.at + MINUTE


@given(ledgers)
def test_a_ledger_is_read_back_as_it_was_written(ledger):
    assert Ledger.model_validate_json(ledger.model_dump_json()) == ledger


@given(ledgers, times, lives)
def test_a_certificate_ends_all_that_was_before(ledger, now, life):
    order = OpenOrder(url="https://ca.example/order/1", directory=CA, key="ab", names=("a.example",), since=now)
    ledger = with_order(with_attempt(ledger, now), order)
    after = with_certificate(ledger, certificate(now, life))
    assert (after.failures, after.failed, after.order, after.window, after.staged) == ((), 0, None, None, False)
    assert now + life / 10 - HOUR <= after.next_attempt < now + life - HOUR
    assert next_attempt(after, now) == now


@given(times, lives, st.text(), times)
def test_without_a_window_a_third_is_left_or_half_of_a_short_life(start, life, seed, now):
    moment = renewal_moment(start, start + life, None, seed, now)
    share = 2 if life < 10 * DAY else 3
    assert moment == pytest.approx(start + life - life / share)


@given(times, st.floats(1, 30 * DAY), st.text(), st.lists(times, min_size=2, max_size=5))
def test_the_moment_in_a_window_is_inside_it_and_stays_the_same(start, length, seed, moments):
    told = window(start, start + length)
    found = {
        renewal_moment(start - 60 * DAY, start + 60 * DAY, told, seed, now) for now in moments if now < start + length
    }
    assert len(found) <= 1
    assert all(start <= moment <= start + length for moment in found)


@given(times, st.floats(0, 400 * DAY), lives)
def test_a_window_that_is_over_means_now(end, ago, life):
    told = window(end - DAY, end)
    now = end + ago
    assert renewal_moment(end - life / 2, end + life / 2, told, "x", now) == now


@given(times, lives, windows, st.text(), times)
def test_no_window_lets_a_certificate_expire(start, life, told, seed, now):
    moment = renewal_moment(start, start + life, told, seed, now)
    assert moment == now or moment <= start + life - life / 10 + 1


@given(times, lives, st.floats(0, DAY), st.text(), times)
def test_a_window_that_ends_before_it_starts_is_none(start, life, back, seed, now):
    told = window(now, now - back)
    assert renewal_moment(start, start + life, told, seed, now) == renewal_moment(start, start + life, None, seed, now)


@given(st.text(), st.text())
def test_a_seed_has_one_number(one, other):
    assert 0 <= fraction(one) < 1
    assert (fraction(one) == fraction(other)) == (one == other)


def test_two_certificates_are_renewed_at_different_moments():
    told = window(NOW, NOW + DAY)
    moments = {renewal_moment(NOW - DAY, NOW + 90 * DAY, told, f"AQ.{number}", NOW) for number in range(100)}
    assert len(moments) == 100


@given(ledgers, times)
def test_an_attempt_is_never_due_before_its_time(ledger, now):
    found = due(ledger, now)
    assert found.why
    assert found.at >= next_attempt(ledger, now) or next_attempt(ledger, now) <= max(now, found.at)


@given(ledgers, st.builds(certificate, at=times, life=lives), windows, st.floats(0, 400 * DAY))
def test_after_its_last_tenth_has_come_a_certificate_waits_for_failures_alone(ledger, issued, told, later):
    now = issued.at + issued.lifetime - issued.lifetime / 10 + later
    window_of_it = told and told.model_copy(update={"ahead": 0.0})
    ledger = ledger.model_copy(update={"issued": issued, "window": window_of_it})
    assert due(ledger, now).at <= next_attempt(ledger, now)


def test_the_reasons_are_in_words():
    ledger = Ledger(host="a.example")
    assert due(ledger, NOW).why == "no authority has issued a certificate yet"
    ledger = with_certificate(ledger, certificate())
    assert due(ledger, NOW).why == "a third of its lifetime is left then"
    assert due(ledger, NOW).at == NOW + 60 * DAY - HOUR
    short = with_certificate(ledger, certificate(life=160 * HOUR))
    assert due(short, NOW).why == "half of its lifetime is left then, which is under 10 days"
    told = with_window(ledger, window(NOW + 50 * DAY, NOW + 52 * DAY))
    assert "a window" in due(told, NOW).why
    assert NOW + 50 * DAY <= told.next_attempt <= NOW + 52 * DAY
    late = NOW + 70 * DAY
    assert due(with_failure(ledger, failure(late)), late).why == "it failed once: no"
    again = with_failure(with_failure(ledger, failure(late)), failure(late, wait_until=late + DAY))
    assert due(again, late).why == "the authority asked to wait: no"
    assert due(failed(3), NOW).why == "it failed 3 times: no"


def test_a_certificate_that_is_to_be_replaced_is_so_within_the_hour_and_not_in_a_loop():
    ledger = with_certificate(Ledger(host="a.example"), certificate())
    told = window(NOW - 2 * DAY, NOW - DAY, explanation="https://ca.example/incident")
    ledger = with_window(ledger, told)
    assert due(ledger, NOW).at == NOW + HOUR
    assert due(ledger, NOW).why == "the authority asks to replace it now (https://ca.example/incident)"
    assert due(ledger, NOW + 2 * HOUR).at == NOW + 2 * HOUR


def test_a_clock_that_is_a_year_ahead_does_not_renew_in_a_loop():
    ahead = NOW + 365 * DAY
    issued = Issued(certificate="AQ.Ag", directory=CA, at=ahead, not_before=NOW, not_after=NOW + 90 * DAY)
    ledger = with_certificate(Ledger(host="a.example"), issued)
    assert ledger.next_attempt == ahead + 9 * DAY
    told = window(NOW + 59 * DAY, NOW + 61 * DAY, ahead, ahead=365 * DAY)
    assert with_window(ledger, told).next_attempt >= ahead + 59 * DAY


def test_a_clock_that_is_a_year_behind_follows_the_window():
    behind = NOW - 365 * DAY
    issued = Issued(certificate="AQ.Ag", directory=CA, at=behind, not_before=NOW, not_after=NOW + 90 * DAY)
    ledger = with_certificate(Ledger(host="a.example"), issued)
    ledger = with_window(ledger, window(NOW + 59 * DAY, NOW + 61 * DAY, behind, ahead=-365 * DAY))
    assert behind + 59 * DAY <= ledger.next_attempt <= behind + 61 * DAY


def test_the_window_is_asked_for_again_when_its_time_has_come():
    ledger = Ledger(host="a.example")
    assert not asks_again(ledger, NOW)
    ledger = with_certificate(ledger, certificate())
    assert asks_again(ledger, NOW)
    ledger = with_window(ledger, window(NOW + 50 * DAY, NOW + 52 * DAY))
    assert not asks_again(ledger, NOW + HOUR)
    assert asks_again(ledger, NOW + 7 * HOUR)
    assert asks_again(ledger, NOW - HOUR)
    assert not asks_again(ledger, NOW + 100 * DAY)
    other = with_window(ledger, window(NOW, NOW + 1, name="AQ.other"))
    assert asks_again(other, NOW + HOUR)
    assert due(other, NOW) == due(with_certificate(ledger, certificate()), NOW)


def test_a_window_that_was_not_told_again_is_forgotten():
    ledger = with_certificate(Ledger(host="a.example"), certificate())
    ledger = with_window(ledger, window(NOW + 80 * DAY, NOW + 81 * DAY))
    assert "a window" in due(ledger, NOW + 6 * HOUR + STALE).why
    for other in (NOW + 6 * HOUR + STALE + 1, NOW - 1):
        assert due(ledger, other).why == "a third of its lifetime is left then"


@given(ledgers, st.sampled_from((CA, LETSENCRYPT)), st.sampled_from(("", OTHER)))
def test_only_a_known_directory_is_asked(ledger, primary, fallback):
    chosen = choose(ledger, primary, fallback)
    assert chosen.directory in {primary, fallback or primary, STAGING.get(primary, primary)}
    assert chosen.staging == (chosen.directory in STAGING.values())
    if not ledger.failures:
        assert chosen.directory == primary
    if not fallback and primary not in STAGING:
        assert chosen.directory == primary


def test_staging_is_tried_after_a_failure_until_it_issues():
    ledger = Ledger(host="a.example")
    assert choose(ledger, LETSENCRYPT).directory == LETSENCRYPT
    ledger = with_failure(ledger, failure(kind=Kind.UNAUTHORIZED, directory=LETSENCRYPT))
    assert choose(ledger, LETSENCRYPT).staging
    ledger = with_failure(ledger, failure(kind=Kind.UNAUTHORIZED, directory=STAGING[LETSENCRYPT]))
    assert choose(ledger, LETSENCRYPT).staging
    ledger = with_staging(ledger, NOW)
    assert choose(ledger, LETSENCRYPT).directory == LETSENCRYPT
    assert (ledger.next_attempt, next_attempt(ledger, NOW)) == (NOW, NOW)
    ledger = with_failure(ledger, failure(kind=Kind.UNAUTHORIZED, directory=LETSENCRYPT))
    assert choose(ledger, LETSENCRYPT).staging
    assert next_attempt(ledger, NOW) == NOW + 100 * MINUTE


@pytest.mark.parametrize("kind", sorted(OUTAGES))
def test_the_fallback_is_asked_after_repeated_outages_and_then_in_turn(kind):
    ledger, asked = Ledger(host="a.example"), []
    for _ in range(7):
        directory = choose(ledger, CA, OTHER).directory
        asked.append(directory)
        ledger = with_failure(ledger, failure(kind=kind, directory=directory))
    assert asked == [CA] * PATIENCE + [OTHER, CA, OTHER, CA]
    assert choose(ledger, CA).directory == CA


def test_the_fallback_is_asked_when_the_staging_directory_is_out_too():
    ledger, asked = Ledger(host="a.example"), []
    for _ in range(4):
        directory = choose(ledger, LETSENCRYPT, OTHER).directory
        asked.append(directory)
        ledger = with_failure(ledger, failure(kind=Kind.NO_NETWORK, directory=directory))
    assert asked == [LETSENCRYPT, STAGING[LETSENCRYPT], STAGING[LETSENCRYPT], OTHER]


@pytest.mark.parametrize("kind", sorted(set(Kind) - OUTAGES))
def test_a_refusal_is_not_taken_to_another_authority(kind):
    assert choose(failed(9, kind=kind), CA, OTHER).directory == CA
