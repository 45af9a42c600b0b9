"""What becomes of an event after each answer."""

import pytest

from penstock.buffer.port import Outcome
from penstock.convert.plan import Filtered, Unmappable
from penstock.deliver.answer import Accepted, Barred, Refused, Throttled, Unavailable, read_answer, retry_after_s
from penstock.deliver.decide import Hold, RetryIn, RetryPolicy, Settle, decide

POLICY = RetryPolicy(delay_s_min=1.0, delay_s_max=300.0, give_up_after_s=72 * 3600.0)
NOW = 1_700_000_000.0


def verdict(answer, *, attempt=1, failing_for_s=0.0, jitter=1.0):
    return decide(answer, attempt=attempt, failing_for_s=failing_for_s, jitter=jitter, policy=POLICY)


def test_what_custify_took_is_delivered():
    assert verdict(Accepted(202, "[]")) == Settle(Outcome.DELIVERED)


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


def test_a_throttle_of_years_is_cut_to_a_day():
    assert verdict(Throttled(1e9, "")) == RetryIn(86_400.0, counts=False)


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
        (403, Barred),
        (404, Refused),
        (408, Unavailable),
        (409, Refused),
        (413, Refused),
        (422, Refused),
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
        ("99999999999999999999999999", 1e26),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(header, seconds):
    assert retry_after_s(header, now=NOW) == seconds
