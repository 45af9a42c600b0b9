"""What the figures say of now."""

import pytest

from penstock.buffer.port.outcomes import Outcome
from penstock.inspect.overview import drain_s, pace_per_s, verdict
from penstock.inspect.status import DestinationStatus, Status

NOW = 1_000


def destination(**facts) -> DestinationStatus:
    known = {
        "received": 10, "waiting": 0, "retrying": 0, "parked": 0, "calls": {}, "shadow_calls": {}, "outcomes": {}, "oldest_waiting_s": None, "state": "delivering",
        "reason": "", "cause": "", "limit_per_s": None,
    }  # fmt: skip
    return DestinationStatus(**known | facts)


def test_the_pace_is_that_of_the_last_five_minutes():
    minutes = {NOW - minute: {("web", Outcome.DELIVERED): 60} for minute in range(10)}

    assert pace_per_s(minutes, NOW * 60 + 59.999) == pytest.approx(1.0, rel=0.01)
    assert pace_per_s({}, NOW * 60) == 0.0


def test_the_time_to_drain_follows_the_pace_else_what_custify_allows():
    assert drain_s(destination(waiting=120), 2.0) == 60
    assert drain_s(destination(waiting=120, limit_per_s=4.0), 0.0) == 30
    assert drain_s(destination(), 0.0) == 0


def test_it_cannot_be_said_when_a_held_or_silent_destination_is_drained():
    assert drain_s(destination(waiting=5, state="held"), 2.0) is None
    assert drain_s(destination(waiting=5), 0.0) is None


@pytest.mark.parametrize(
    ("facts", "mood", "words"),
    [
        ({}, "good", "0 events wait"),
        ({"outcomes": {"dead": 2}}, "warn", "2 did not get through"),
        ({"state": "held", "waiting": 3}, "bad", "held: 3 events wait, none is lost"),
        ({"state": "down", "waiting": 3}, "bad", "not reached: 3 events wait, none is lost"),
        (
            {"state": "throttled", "waiting": 3, "reason": "Custify asked us to wait until 12:00:00 UTC"},
            "warn",
            "custify: Custify asked us to wait until 12:00:00 UTC; 3 events wait, none is lost.",
        ),
    ],
)
def test_one_sentence_says_how_things_stand(facts, mood, words):
    said = verdict(Status(version="0", accepted={}, destinations={"custify": destination(**facts)}))

    assert said[0] == mood
    assert words in said[1]


def test_of_several_destinations_the_worst_is_named_whatever_the_others_do():
    stand = {
        "first": destination(state="throttled", reason="Custify asked us to wait", waiting=1),
        "second": destination(state="held", waiting=3),
    }

    assert verdict(Status(version="0", accepted={}, destinations=stand)) == (
        "bad",
        "second is held: 3 events wait, none is lost.",
    )
