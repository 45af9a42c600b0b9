"""How fast a destination may be called."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.deliver.pace import BURST_S, INCREASE_PER_S, PER_S_MIN, Pace

NOW = 1_000.0


def spend(pace: Pace, *, start: float, seconds: float) -> list[float]:
    """Send as fast as the pace allows; return the times of the calls."""
    now, sent = start, []
    while now < start + seconds and len(sent) < 100_000:
        wait_s = pace.wait_s(now)
        if wait_s > 0:
            now += max(wait_s, 1e-6)
            continue
        pace.sent(now)
        sent.append(now)
    return sent


def test_nothing_limits_until_custify_does():
    assert Pace(as_of=NOW).free_calls(NOW) == math.inf


def test_a_fixed_limit_holds_over_ten_seconds():
    pace = Pace(per_s_max=20.0, as_of=NOW)

    sent = spend(pace, start=NOW, seconds=10.0)

    assert 195 <= len(sent) <= 200 + 20 * BURST_S + 1


def test_calls_that_wait_for_their_turn_together_keep_the_limit():
    pace = Pace(per_s_max=4.0, as_of=NOW)

    turns = []
    for _ in range(6):
        turns.append(NOW + pace.wait_s(NOW))
        pace.sent(turns[-1])

    assert turns == [NOW + i / 4.0 for i in range(6)]
    assert pace.free_calls(NOW + 1.0) == 0


def test_a_429_stops_everybody_for_as_long_as_it_asks():
    pace = Pace(as_of=NOW)
    pace.throttled(NOW, 7.0)

    assert pace.free_calls(NOW + 6.9) == 0
    assert pace.wait_s(NOW) >= 7.0


def test_after_a_429_the_pace_is_a_share_of_what_was_really_sent():
    pace = Pace(as_of=NOW)
    for i in range(300):
        pace.sent(NOW + i / 100)

    pace.throttled(NOW + 3.0, 1.0)

    assert 50 <= pace.limit <= 75


def test_many_429s_of_one_window_lower_the_pace_once():
    pace = Pace(as_of=NOW)
    for i in range(300):
        pace.sent(NOW + i / 100)
    pace.throttled(NOW + 3.0, 1.0)
    once = pace.limit

    for _ in range(31):
        pace.throttled(NOW + 3.1, 1.0)

    assert pace.limit == once


def test_a_second_of_accepted_calls_at_full_pace_raises_the_limit():
    pace = Pace(per_s=10.0, as_of=NOW)

    for _ in range(10):
        pace.accepted()

    assert 0.9 * INCREASE_PER_S < pace.limit - 10.0 <= INCREASE_PER_S


def test_a_limit_that_is_not_tried_stays_what_was_learned():
    pace = Pace(per_s=10.0, as_of=NOW)

    pace.wait_s(NOW + 7_200.0)

    assert pace.limit == 10.0


def test_no_thundering_herd_when_the_wait_is_over():
    pace = Pace(as_of=NOW)
    for i in range(300):
        pace.sent(NOW + i / 100)
    pace.throttled(NOW + 3.0, 60.0)
    learned = pace.limit

    sent = spend(pace, start=NOW + 3.0, seconds=61.0)

    assert 1 <= len(sent) <= learned + INCREASE_PER_S + 1


def test_a_429_after_a_long_silence_is_no_rate_of_nothing():
    pace = Pace()
    pace.sent(now=0.0)
    pace.throttled(now=10_000.0, retry_after_s=1.0)
    pace.accepted()

    assert PER_S_MIN <= pace.limit < math.inf


def test_what_was_learned_from_a_few_calls_holds_for_minutes_and_not_for_hours():
    pace, now = Pace(), 100.0
    pace.sent(now=now)
    pace.throttled(now=now, retry_after_s=1.0)
    while pace.limit < 50.0:
        now += max(1e-9, pace.wait_s(now))
        pace.sent(now)
        pace.accepted()

    assert now - 100.0 < 180.0


@pytest.mark.parametrize("per_s", [0.5, 1.0, 2.6, 6.9, 14.5, 40.0])
def test_a_limit_that_is_used_is_found_to_be_higher_however_small_it_is(per_s):
    pace = Pace(as_of=NOW, per_s=0.97 * per_s, ceiling_per_s=per_s, throttled_at=NOW)
    now = NOW
    while now < NOW + 300.0 and pace.per_s < 2 * per_s + 20:
        now += pace.wait_s(now)
        assert pace.free_calls(now) >= 1
        pace.sent(now)
        # Its answer comes when the next call may nearly be made.
        pace.wait_s(now + 0.9 / pace.limit)
        pace.accepted()

    assert pace.per_s >= 2 * per_s + 20


def test_the_pace_never_stops_altogether():
    pace = Pace(as_of=NOW)
    now = NOW
    for _ in range(50):
        pace.throttled(now, 1.0)
        now += 2.0

    assert pace.limit >= PER_S_MIN


@given(
    st.lists(
        st.tuples(st.sampled_from(["sent", "accepted", "throttled", "look"]), st.floats(0, 1e5), st.floats(0, 1e6)),
        max_size=60,
    )
)
def test_the_pace_always_answers_with_a_finite_wait(steps):
    pace, now = Pace(per_s_max=50.0, as_of=NOW), NOW
    for what, pause_s, retry_after_s in steps:
        now += pause_s
        if what == "sent":
            pace.sent(now)
        elif what == "throttled":
            pace.throttled(now, retry_after_s)
        elif what == "accepted":
            pace.accepted()
        assert 0.0 <= pace.wait_s(now) < math.inf
        assert 0.0 < pace.limit <= 50.0


def test_a_learned_limit_is_news_when_it_has_moved_by_a_tenth():
    pace = Pace()
    assert not pace.is_news
    pace.per_s = 10.0
    assert pace.is_news

    pace.to_notes()
    pace.per_s = 10.9
    assert not pace.is_news
    pace.per_s = 11.5
    assert pace.is_news


def test_after_a_restart_the_limit_and_the_quiet_that_custify_asked_for_are_still_known():
    before = Pace()
    before.sent(0.0)
    before.throttled(1.0, 30.0)
    after = Pace(as_of=2.0)

    after.recall(before.to_notes())

    assert after.per_s == pytest.approx(before.per_s, abs=0.01)
    assert after.wait_s(2.0) >= 29.0
    assert not after.is_news


def test_notes_of_another_time_teach_nothing():
    pace = Pace()

    pace.recall({"pace_per_s": "fast", "blocked_until": None})

    assert (pace.per_s, pace.blocked_until) == (math.inf, 0.0)


def test_the_longer_of_quiet_and_of_the_next_turn_is_waited_for():
    pace = Pace(per_s_max=1.0, as_of=NOW)
    while pace.wait_s(NOW) == 0:
        pace.sent(NOW)
    assert 0 < pace.wait_s(NOW) <= 1.0

    pace.quiet(NOW, 10.0)

    assert pace.wait_s(NOW) == 10.0
