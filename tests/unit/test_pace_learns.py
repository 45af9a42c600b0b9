"""How a pace is learned, remembered and forgotten: the figures of deliver/pace.py, each with what it is for."""

import math

import pytest

from penstock.deliver.pace import Pace

NOW, DAY = 1_000_000.0, 86_400.0


def learned(per_s: float, *, ceiling: float = 100.0, measured: float | None = None, **rest) -> Pace:
    """Return a pace that knows where the limit is, and calls as fast as it may."""
    return Pace(
        per_s=per_s,
        ceiling_per_s=ceiling,
        measured_per_s=per_s if measured is None else measured,
        as_of=NOW,
        throttled_at=NOW,
        **rest,
    )


def gained_per_s(pace: Pace) -> float:
    """Return what a second of accepted calls would add to the limit, by what one of them adds."""
    before = pace.per_s
    pace.accepted()
    return (pace.per_s - before) * before


@pytest.mark.parametrize(
    ("pace", "gained"),
    [
        # Below: back to it within twenty seconds, however little is asked of it.
        (learned(50.0), 5.0),
        (learned(97.0, measured=1.0), 5.0),
        # Close to it: hardly, for beyond it is a 429.
        (learned(99.0), 0.05),
        (learned(101.0), 0.05),
        (learned(99.0, measured=99.0 * 0.79), 0.0),
        (learned(100.0, measured=80.0), 0.05),
        # Above it: the limit was raised, and the further that is true, the faster.
        (learned(110.0), 0.5),
        (learned(110.0, measured=80.0), 0.0),
        (learned(300.0), 5.0),
        # Of a small limit a share is next to nothing.
        (learned(3.0, ceiling=2.0), 0.5),
        (learned(9.0, ceiling=2.0), 1.0),
    ],
)
def test_a_second_of_calls_regains_more_the_further_it_is_from_the_limit(pace, gained):
    assert gained_per_s(pace) == pytest.approx(gained, rel=1e-6, abs=1e-9)


def test_the_slowest_pace_regains_a_whole_call_a_second_with_its_first_call():
    pace = Pace(per_s=0.5, as_of=NOW)
    pace.accepted()

    assert pace.per_s == 1.5


def test_a_first_429_takes_a_third_and_one_at_a_known_limit_hardly_anything():
    first, known = Pace(as_of=NOW, measured_per_s=100.0), learned(100.0)
    first.throttled(NOW, 1.0)
    known.throttled(NOW, 1.0)

    assert first.limit == pytest.approx(70.0)
    assert known.limit == pytest.approx(97.0)


@pytest.mark.parametrize(("after_s", "share"), [(0.0, 0.7), (4.9, 0.7), (5.0, 0.97)])
def test_a_429_within_seconds_of_the_last_quiet_was_too_much_again(after_s, share):
    pace = learned(100.0, blocked_until=NOW - after_s)
    pace.throttled(NOW, 1.0)

    assert pace.limit == pytest.approx(share * 100.0)


def test_what_was_sent_in_a_burst_beyond_the_limit_is_not_what_custify_takes():
    pace = learned(100.0, measured=150.0, blocked_until=0.0)
    pace.throttled(NOW, 1.0)

    assert pace.ceiling_per_s == 100.0


def test_a_429_that_comes_a_second_after_the_last_call_is_about_what_was_sent_a_second_ago():
    pace = Pace(as_of=NOW, measured_per_s=100.0)
    pace.throttled(NOW + 1.0, 1.0)

    assert pace.ceiling_per_s == pytest.approx(100.0 / math.e)


def test_nothing_saved_up_is_left_after_a_429_and_what_was_ahead_is_still_owed():
    rich, owing = learned(10.0, tokens=1.0), learned(10.0, tokens=-3.0)
    for pace in (rich, owing):
        pace.throttled(NOW, 0.0)

    assert rich.wait_s(NOW) == pytest.approx(1.0 / rich.limit)
    assert owing.wait_s(NOW) == pytest.approx(4.0 / owing.limit)


def test_the_slowest_pace_is_a_call_in_two_seconds():
    pace = Pace(as_of=NOW)
    pace.throttled(NOW, 1.0)

    assert pace.limit == 0.5


@pytest.mark.parametrize(
    ("limits", "calls"),
    [({"per_s_max": 100.0}, 20), ({"per_s": 100.0, "ceiling_per_s": 100.0}, 3), ({"per_s_max": 2.0}, 1)],
)
def test_after_an_hour_of_silence_few_calls_may_come_at_once_and_fewer_where_the_limit_is_known(limits, calls):
    pace = Pace(**limits, as_of=NOW)

    assert pace.free_calls(NOW) == 1
    assert pace.free_calls(NOW + 3_600.0) == calls


def test_a_limit_that_a_person_sets_while_calls_go_out_begins_with_one_call():
    pace = Pace(as_of=NOW)
    pace.sent(NOW)
    pace.wait_s(NOW)
    pace.per_s_max = 10.0

    assert pace.free_calls(NOW) == 1


def test_a_quiet_saves_up_no_calls_and_says_nothing_of_how_fast_they_were():
    pace = learned(100.0, measured=60.0, tokens=0.0)
    pace.quiet(NOW, 30.0)
    pace.wait_s(NOW + 30.0)

    assert pace.measured_per_s == 60.0
    assert pace.wait_s(NOW + 30.0) == pytest.approx(0.01)


def test_of_two_waits_the_longer_one_holds():
    pace = Pace(as_of=NOW)
    pace.quiet(NOW, 50.0)
    pace.quiet(NOW + 1.0, 5.0)

    assert pace.blocked_s(NOW + 1.0) == 49.0


def test_after_a_quiet_of_more_than_a_minute_one_read_asks_first():
    pace = Pace(as_of=NOW)
    pace.quiet(NOW, 60.0)
    assert not pace.must_ask

    pace.quiet(NOW, 60.5)
    assert pace.must_ask

    pace.quiet(NOW, 1.0)
    assert pace.must_ask


def test_a_person_ends_a_quiet_and_one_read_asks_whether_that_is_so():
    pace = Pace(as_of=NOW)
    pace.end_quiet(NOW)
    assert not pace.must_ask

    pace.quiet(NOW, 30.0)
    pace.end_quiet(NOW + 29.5)

    assert (pace.blocked_s(NOW + 29.5), pace.must_ask) == (0.0, True)


def test_what_was_learned_is_forgotten_a_day_after_the_last_429():
    pace = learned(10.0)
    pace.wait_s(NOW + DAY)
    assert pace.limit == 10.0

    pace.wait_s(NOW + DAY + 1.0)

    assert (pace.limit, pace.ceiling_per_s) == (math.inf, math.inf)


def test_a_limit_that_is_given_is_as_if_learned_now_unless_it_says_when():
    given, dated = Pace(per_s=10.0, as_of=NOW), Pace(per_s=10.0, throttled_at=NOW - DAY + 5.0, as_of=NOW)
    for pace in (given, dated):
        pace.wait_s(NOW + 10.0)

    assert (given.limit, dated.limit) == (10.0, math.inf)


@pytest.mark.parametrize(("noted", "is_news"), [(9.0, True), (9.1, False), (10.9, False), (11.0, True), (20.0, True)])
def test_a_tenth_more_or_less_is_news(noted, is_news):
    assert Pace(per_s=10.0, noted_per_s=noted).is_news is is_news


def test_that_a_limit_was_forgotten_is_news_too():
    assert Pace(noted_per_s=10.0).is_news is True
    assert Pace().is_news is False


def test_notes_say_the_limit_to_a_hundredth_and_when_it_was_learned():
    assert learned(12.349, blocked_until=5.0).to_notes() == {
        "pace_per_s": 12.34,
        "throttled_at": NOW,
        "blocked_until": 5.0,
    }
    assert Pace(as_of=NOW).to_notes() == {"pace_per_s": None, "throttled_at": None, "blocked_until": 0.0}


def after_a_restart(*, quiet_s_max: float = 3_600.0, **notes) -> Pace:
    pace = Pace(as_of=NOW)
    pace.recall(notes, quiet_s_max=quiet_s_max)
    return pace


@pytest.mark.parametrize(("noted", "limit"), [(20.0, 20.0), (0.1, 0.5), (0, math.inf), (-3.0, math.inf)])
def test_a_limit_comes_back_if_it_is_one_and_never_slower_than_the_slowest(noted, limit):
    assert after_a_restart(pace_per_s=noted).limit == limit


@pytest.mark.parametrize(
    ("learned_at", "believed_s"), [(NOW - DAY + 60.0, 60.0), (None, DAY), ("soon", DAY), (NOW + 10 * DAY, DAY)]
)
def test_a_restart_makes_nothing_learned_last_longer(learned_at, believed_s):
    pace = after_a_restart(pace_per_s=20.0, throttled_at=learned_at)
    pace.wait_s(NOW + believed_s)
    assert pace.limit == 20.0

    pace.wait_s(NOW + believed_s + 1.0)

    assert pace.limit == math.inf


@pytest.mark.parametrize(
    ("left_s", "waits_s", "must_ask"), [(0.5, 0.5, False), (60.0, 60.0, False), (60.5, 0.0, True), (-5.0, 0.0, False)]
)
def test_a_long_quiet_ends_with_a_restart_and_a_short_one_is_waited_out(left_s, waits_s, must_ask):
    pace = after_a_restart(blocked_until=NOW + left_s)

    assert (pace.blocked_s(NOW), pace.must_ask) == (waits_s, must_ask)


def test_no_quiet_of_an_older_version_is_longer_than_what_is_agreed_to():
    assert after_a_restart(blocked_until=NOW + 10**9, quiet_s_max=30.0).blocked_s(NOW) == 30.0


def test_who_was_never_called_has_no_rate_and_nothing_to_wait_for():
    assert (Pace().measured_per_s, Pace().as_of, Pace().blocked_until, Pace().must_ask) == (0.0, 0.0, 0.0, False)
