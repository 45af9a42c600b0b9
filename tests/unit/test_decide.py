"""What becomes of an event after each answer."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.buffer.port.outcomes import Outcome
from penstock.deliver.decide import Hold, RetryIn, RetryPolicy, Settle, decide
from penstock.destinations.answer import (
    Accepted,
    Barred,
    Down,
    Refused,
    Singled,
    Throttled,
    Unavailable,
    read_answer,
    retry_after_s,
)
from penstock.destinations.plan import Filtered, Unmappable

NOW = 1_700_000_000.0


def verdict(answer, *, attempt=1, failing_for_s=0.0, jitter=1.0):
    """Decide as while nobody sets anything: waits from 1 s to 5 min, for 72 h."""
    return decide(answer, attempt=attempt, failing_for_s=failing_for_s, jitter=jitter, policy=RetryPolicy())


def test_what_custify_took_is_delivered():
    settled = verdict(Accepted(202, "[]"))

    assert (settled.outcome, settled.reason, settled.cause) == (Outcome.DELIVERED, "", "")


def test_what_cannot_be_mapped_is_rejected_with_its_reason():
    assert verdict(Unmappable("no person", "map.no_identity")) == Settle(
        Outcome.REJECTED, "no person", "map.no_identity"
    )


def test_what_is_not_wanted_is_filtered_with_its_reason():
    assert verdict(Filtered("page")) == Settle(Outcome.FILTERED, "page", "filter.type")


def test_being_throttled_waits_as_long_as_custify_asks_and_does_not_count():
    assert verdict(Throttled(7.0, "")) == RetryIn(7.0, counts=False)


def test_a_throttle_without_a_time_waits_ten_seconds():
    assert verdict(Throttled(None, "")) == RetryIn(10.0, counts=False)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    "header", ["1000000000", "9" * 400, "9" * 5_000, "Sat, 01 Jan 2099 00:00:00 GMT", "5\n86400", "5, 1000000000"]
)
def test_a_wait_of_years_is_cut_to_an_hour_where_it_enters(status, header):
    assert read_answer(status, headers={"retry-after": header}, text="", now=NOW).retry_after_s == 3_600.0


def test_the_longest_wait_is_a_setting_and_that_it_was_cut_is_known():
    asked = {"headers": {"retry-after": "120"}, "text": "", "now": NOW}

    assert read_answer(429, **asked) == Throttled(120.0, "")
    assert read_answer(429, **asked, retry_after_s_max=60.0) == Throttled(60.0, "", is_cut=True)


@given(
    st.integers(100, 999),
    st.text()
    | st.from_regex(r"[-+]?[0-9]{1,500}([.,][0-9]*)?")
    | st.from_regex(r"[A-Z][a-z]{2}, [0-9]+ [A-Z][a-z]{2} [0-9]+ .*"),
    st.text() | st.binary().map(lambda raw: raw.decode(errors="replace")),
)
def test_whatever_an_answer_says_it_has_a_name_and_its_wait_is_bounded(status, header, text):
    for body in (text, '{"error' + text):
        answer = read_answer(status, headers={"retry-after": header, "content-type": "text/html"}, text=body, now=NOW)
        wait_s = getattr(answer, "retry_after_s", None)

        assert wait_s is None or 0.0 <= wait_s <= 3_600.0


def test_a_long_wait_is_the_destinations_and_not_the_events():
    assert verdict(Throttled(3_600.0, "")) == RetryIn(10.0, counts=False)


def test_an_outage_that_names_a_time_is_not_tried_before_it():
    assert verdict(Unavailable(503, "", 45.0), jitter=0.0) == RetryIn(45.0, counts=True)


def test_while_no_call_gets_through_an_event_is_retrying_and_grows_no_older():
    assert verdict(Down(503, "down"), failing_for_s=1e9, attempt=1) == Hold(
        "Custify gives no usable answer: 503: down", "custify.unavailable", counts=True
    )
    assert not verdict(Down(503, "down"), attempt=2).counts


def test_a_refusal_of_one_event_ages_and_ends_with_what_was_said():
    refused = Singled(Barred(403, "<h1>Blocked</h1>"), counts=True)

    assert verdict(refused, attempt=3) == RetryIn(8.0, counts=True)
    dead = verdict(refused, attempt=300, failing_for_s=72 * 3600.0)
    assert (dead.outcome, dead.cause) == (Outcome.DEAD, "custify.refused.403")
    assert "Blocked" in dead.reason


def test_the_first_refusal_of_one_event_does_not_count_yet():
    assert verdict(Singled(Barred(403, ""), counts=False)) == RetryIn(2.0, counts=False)
    assert verdict(Singled(Barred(403, ""), counts=False), failing_for_s=10**9) == RetryIn(2.0, counts=False)


@pytest.mark.parametrize(
    ("answer", "cause", "said"),
    [
        (Barred(401, "no"), "custify.key_rejected", "API key with 401: no"),
        (Barred(402, "pay"), "custify.account", "refuses the account with 402: pay"),
        (Barred(451, "no"), "custify.account", "refuses the account with 451: no"),
        (Barred(400, "no"), "custify.route", "does not take calls: 400: no"),
        (Barred(None, "expired", "custify.certificate"), "custify.certificate", "expired"),
        (Barred(405, "no"), "custify.route", "does not take calls: 405: no"),
        (Barred(302, ""), "custify.redirected", "redirect (302)"),
        (Barred(200, "<title>Log in</title>", "custify.not_the_api"), "custify.not_the_api", "“Log in” answers in"),
        (Barred(200, '{"error":"no"}', "custify.error_in_answer"), "custify.error_in_answer", "with an error: no"),
    ],
)
def test_a_hold_says_what_everybody_is_told(answer, cause, said):
    held = verdict(answer, failing_for_s=1e9, attempt=10_000)

    assert isinstance(held, Hold)
    assert (held.cause, held.counts) == (cause, False)
    assert said in held.reason


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_holds_the_destination_and_loses_nothing(status):
    held = verdict(Barred(status, "bad key"), failing_for_s=1e9, attempt=10_000)

    assert isinstance(held, Hold)
    assert "API key" in held.reason


@pytest.mark.parametrize("status", [400, 404, 422])
def test_a_refused_call_is_dead_at_once_with_custifys_answer(status):
    assert verdict(Refused(status, "no such field")) == Settle(
        Outcome.DEAD, f"Custify refused the call with {status}: no such field", f"custify.refused.{status}"
    )


def test_an_outage_is_retried_with_doubling_waits_up_to_five_minutes():
    waits = [verdict(Unavailable(503, ""), attempt=n).delay_s for n in range(1, 12)]

    assert waits == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]


def test_jitter_spreads_the_waits_down_to_one_second():
    assert verdict(Unavailable(None, ""), attempt=8, jitter=0.0).delay_s == 1.0


def test_a_lane_with_a_million_attempts_still_has_a_finite_wait():
    assert verdict(Unavailable(503, ""), attempt=10**6).delay_s == 300.0


def test_after_three_days_of_failing_an_event_is_dead_with_the_last_problem():
    given_up = verdict(Unavailable(503, "down"), attempt=900, failing_for_s=72 * 3600.0)

    assert given_up == Settle(
        Outcome.DEAD, "gave up after 900 attempts; last problem: 503: down", "custify.unavailable"
    )


def test_one_second_before_three_days_it_is_still_retried():
    assert isinstance(verdict(Unavailable(503, "down"), failing_for_s=72 * 3600.0 - 1), RetryIn)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (200, Accepted),
        (202, Accepted),
        (299, Accepted),
        (301, Barred),
        (308, Barred),
        (400, Refused),
        (401, Barred),
        (402, Barred),
        (405, Barred),
        (407, Barred),
        (410, Barred),
        (421, Barred),
        (426, Barred),
        (451, Barred),
        (403, Barred),
        (404, Refused),
        (408, Unavailable),
        (409, Refused),
        (413, Refused),
        (422, Refused),
        (424, Refused),
        # Said of the request and its headers, which are the same for every event: of an account, a proxy or a firewall.
        (406, Barred),
        (411, Barred),
        (412, Barred),
        (415, Barred),
        (417, Barred),
        (418, Barred),
        (423, Barred),
        (428, Barred),
        (440, Barred),
        (444, Barred),
        (460, Barred),
        (463, Barred),
        (495, Barred),
        (496, Barred),
        (498, Barred),
        (499, Barred),
        (425, Unavailable),
        (429, Throttled),
        (500, Unavailable),
        (503, Unavailable),
        (599, Unavailable),
        (199, Unavailable),
    ],
)
def test_every_status_has_one_name(status, kind):
    assert type(read_answer(status, headers={}, text="", now=NOW)) is kind


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        ("-5", 0.0),
        ("Tue, 14 Nov 2023 22:13:50 GMT", 30.0),
        ("Tue, 14 Nov 2023 22:13:10 GMT", 0.0),
        ("soon", None),
        ("", None),
        ("1e5", None),
        ("99999999999999999999999999", math.inf),
        ("1.5", 1.5),
        ("1_000", None),
        ("٣", None),
        ("5\n7", 7.0),
        ("5, 7", 7.0),
        ("Tue, 14 Nov 2023 22:13:50 -0000", 30.0),
        ("Tue, 14 Nov 99999 22:13:50 GMT", None),
        # Not what the RFC says, but what some limiters do.
        ("30s", 30.0),
        ("30 seconds", 30.0),
        ("1700000030", 30.0),
        ("1700000030000", 30.0),
        ("1699999990", 0.0),
        ("1600000000", 1_600_000_000.0),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(header, seconds):
    assert retry_after_s(header, now=NOW) == seconds
