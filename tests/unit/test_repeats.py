"""What may happen to every event is said at once, and then counted."""

import logging

import structlog

from penstock.repeats import Repeats


def said(lines):
    return [(line.event, line.facts.get("cause"), line.count, line.facts.get("seq")) for line in lines]


def test_the_first_of_a_cause_is_said_at_once_and_the_others_are_counted():
    repeats = Repeats(interval_s=60.0)

    assert said(repeats.heard("rejected", cause="a", now=0.0, seq="m1")) == [("rejected", "a", 1, "m1")]
    assert said(repeats.heard("rejected", cause="a", now=1.0, seq="m2")) == []
    assert said(repeats.heard("rejected", cause="b", now=1.0, seq="m3")) == [("rejected", "b", 1, "m3")]
    assert said(repeats.heard("buried", cause="a", now=1.0, seq="m4")) == [("buried", "a", 1, "m4")]


def test_once_an_interval_the_count_is_said_with_an_example():
    repeats = Repeats(interval_s=60.0)
    for second in range(50):
        repeats.heard("rejected", cause="a", now=float(second), seq=f"m{second}")

    assert said(repeats.due(59.0)) == []
    assert said(repeats.due(60.0)) == [("rejected", "a", 49, "m49")]
    assert said(repeats.heard("rejected", cause="a", now=70.0, seq="x")) == []
    assert said(repeats.due(120.0)) == [("rejected", "a", 1, "x")]


def test_repeats_that_are_never_asked_for_still_say_no_more_than_one_line_an_interval():
    repeats = Repeats(interval_s=60.0)
    lines = [line for second in range(600) for line in repeats.heard("rejected", cause="a", now=float(second))]

    assert [line.count for line in lines] == [1] + [60] * 9


def test_what_has_been_quiet_for_an_interval_is_news_again():
    repeats = Repeats(interval_s=60.0)
    repeats.heard("rejected", cause="a", now=0.0)

    assert said(repeats.due(60.0)) == []
    assert repeats.said_at == {}
    assert said(repeats.heard("rejected", cause="a", now=61.0)) == [("rejected", "a", 1, None)]


def test_at_the_end_nothing_is_left_unsaid():
    repeats = Repeats(interval_s=60.0)
    for number in range(3):
        repeats.heard("rejected", cause="a", now=0.0, seq=f"m{number}")

    assert said(repeats.rest(5.0)) == [("rejected", "a", 2, "m2")]
    assert said(repeats.rest(5.0)) == []


def test_a_line_is_written_with_its_level_and_without_an_empty_cause():
    with structlog.testing.capture_logs() as logs:
        for line in Repeats().heard("crashed", now=0.0, level=logging.ERROR, at="read:7"):
            line.say(structlog.get_logger())

    assert logs == [{"event": "crashed", "log_level": "error", "at": "read:7", "count": 1}]
