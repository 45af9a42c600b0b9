"""What becomes of an event that nobody was called for: it waits for somebody, for a moment, or ends."""

import pytest

from penstock import causes
from penstock.buffer.port.backlog import Lease
from penstock.buffer.port.outcomes import Outcome
from penstock.deliver.decide import Park, RetryIn, RetryPolicy, Settle, decide
from penstock.destinations.answer import (
    Barred,
    Recognised,
    Refused,
    Singled,
    Stuck,
    Suspicious,
    Unavailable,
    Unjudged,
    Unknown,
)
from penstock.destinations.plan import Unmappable
from penstock.event import Event, MessageId

POLICY = RetryPolicy(park_s=100.0, look_again_s=30.0, visitor_s=50.0, visitor_events_max=7)


def verdict(said, *, policy: RetryPolicy = POLICY, **how):
    return decide(said, **{"attempt": 1, "failing_for_s": 0.0, "jitter": 1.0} | how, policy=policy)


@pytest.mark.parametrize(("parked_for_s", "wait_s"), [(0.0, 30.0), (60.0, 30.0), (80.0, 20.0), (99.0, 1.0)])
def test_an_event_of_an_unknown_person_is_parked_until_custify_is_asked_again_or_its_time_is_over(parked_for_s, wait_s):
    assert verdict(Unknown(("user:ana",)), parked_for_s=parked_for_s) == Park(wait_s, ("user:ana",))


def test_an_event_that_was_never_parked_has_all_of_its_time():
    impatient = RetryPolicy(park_s=20.0, look_again_s=30.0)

    assert verdict(Unknown(("user:ana",)), policy=impatient) == Park(20.0, ("user:ana",))


def test_by_default_custify_is_asked_again_each_hour():
    assert verdict(Unknown(("user:ana",)), policy=RetryPolicy()) == Park(3_600.0, ("user:ana",))


def test_when_its_time_is_over_an_event_of_an_unknown_person_is_dead():
    dead = verdict(Unknown(("user:ana",)), parked_for_s=100.0)

    assert (dead.outcome, dead.cause) == (Outcome.DEAD, causes.PERSON_UNKNOWN)
    assert "does not know the person" in dead.reason


@pytest.mark.parametrize("parked_for_s", [0.0, 49.5])
def test_a_visitors_event_waits_for_the_rest_of_its_time_where_there_is_room(parked_for_s):
    parked = verdict(Unmappable("nobody", causes.ANONYMOUS, "a1"), parked_for_s=parked_for_s)

    assert (parked.delay_s, parked.subjects, parked.room) == (50.0 - parked_for_s, ("anon:a1",), 7)
    assert (parked.otherwise.outcome, parked.otherwise.cause) == (Outcome.REJECTED, causes.ANONYMOUS)


def test_without_a_sign_in_of_the_visitor_in_time_the_event_is_rejected():
    ended = verdict(Unmappable("nobody", causes.ANONYMOUS, "a1"), parked_for_s=50.0)

    assert (ended.outcome, ended.cause) == (Outcome.REJECTED, causes.ANONYMOUS)


def test_a_policy_that_names_no_time_lets_no_event_wait_for_a_visitor():
    nobody = Unmappable("nobody", causes.ANONYMOUS, "a1")

    assert verdict(nobody, policy=RetryPolicy()).outcome == Outcome.REJECTED


@pytest.mark.parametrize(("said", "wait_s"), [(Recognised(), 0.0), (Suspicious(), 5.0), (Unjudged("slow"), 5.0)])
def test_what_must_only_wait_a_moment_comes_no_closer_to_its_end(said, wait_s):
    assert verdict(said, attempt=1_000, failing_for_s=1e9) == RetryIn(wait_s, counts=False)


def test_an_event_whose_own_step_never_ends_is_dead_and_says_so():
    assert verdict(Stuck("convert took 10 s")) == Settle(
        Outcome.DEAD, "Penstock gave it up before any call: convert took 10 s", causes.STUCK
    )


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (Barred(403, "no"), "custify.refused.403"),
        (Barred(200, "<title>Blocked</title>", causes.NOT_THE_API), causes.NOT_THE_API),
        (Refused(404, "no"), "custify.refused.404"),
    ],
)
def test_an_event_that_was_given_up_alone_has_the_cause_of_what_it_was_answered(answer, cause):
    dead = verdict(Singled(answer, counts=True), failing_for_s=1e9)

    assert (dead.outcome, dead.cause) == (Outcome.DEAD, cause)


def test_an_outage_that_names_no_time_adds_nothing_to_a_short_wait():
    hasty = RetryPolicy(delay_s_min=0.25)

    assert verdict(Unavailable(503, ""), policy=hasty, jitter=0.0) == RetryIn(0.25, counts=True)


def lease(*, parked_at: float | None, became: str = "") -> Lease:
    event = Event(
        message_id=MessageId("m1"), type="track", user_id="", anonymous_id="a1", company_id="", request_ip="",
        source="web", received_at_ms=0, body=b"{}", became=became,
    )  # fmt: skip
    return Lease(event=event, seq=1, attempt=1, first_failed_at=None, token=1, expires_at=0.0, parked_at=parked_at)


def test_how_long_an_event_was_parked_begins_with_the_first_time():
    assert POLICY.waited_s(lease(parked_at=None), 1_000.0) == 0.0
    assert POLICY.waited_s(lease(parked_at=400.0), 1_000.0) == 600.0


def test_what_a_visitor_waited_for_a_sign_in_is_not_counted_against_the_wait_for_the_person():
    assert POLICY.waited_s(lease(parked_at=400.0, became="user:ana"), 1_000.0) == 550.0
