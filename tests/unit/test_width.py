"""How many calls may be under way at once."""

import math

import pytest

from penstock.deliver.width import START, Width


def after(width: Width, *, seconds: float, answers: int) -> Width:
    for _ in range(answers):
        width.answered(seconds, under_way=width.limit)
    return width


def test_it_begins_with_a_few_calls():
    assert Width(calls_max=32).limit == START


def test_it_grows_to_the_setting_while_answers_are_quick():
    assert after(Width(calls_max=32), seconds=0.02, answers=100).limit == 32


def test_it_never_exceeds_the_setting():
    assert Width(calls_max=3).limit == 3


def test_answers_that_take_longer_and_longer_narrow_it():
    width = after(Width(calls_max=64), seconds=0.02, answers=200)

    assert after(width, seconds=0.5, answers=20).limit < 32


def test_a_latency_that_stays_becomes_the_usual_one():
    width = after(Width(calls_max=64), seconds=0.02, answers=200)

    assert after(width, seconds=0.5, answers=500).limit == 64


def test_failures_narrow_it_to_one_call_and_the_first_answers_widen_it_again():
    width = after(Width(calls_max=32), seconds=0.02, answers=100)
    for _ in range(60):
        width.failed()
    assert width.limit == 1

    assert 1 < after(width, seconds=0.02, answers=6).limit < 8


def test_answers_to_few_calls_say_nothing_about_many():
    width = Width(calls_max=64)
    for _ in range(100):
        width.answered(0.02, under_way=1)

    assert width.limit == START


def test_the_first_answer_says_what_is_usual_and_later_ones_move_it_a_little():
    width = Width(calls_max=64)
    width.answered(0.5, under_way=8)
    assert width.usual_s == 0.5

    width.answered(1.5, under_way=8)

    assert width.usual_s == pytest.approx(0.52)


@pytest.mark.parametrize(("under_way", "says_something"), [(3, False), (4, True)])
def test_with_half_of_the_calls_under_way_an_answer_says_something_about_more(under_way, says_something):
    width = Width(calls_max=64)
    width.answered(0.02, under_way=under_way)

    assert (width.calls > START) is says_something


@pytest.mark.parametrize("seconds", [0.0, 1e-12, 0.02, 2.0])
def test_an_answer_within_twice_the_usual_time_widens_it_alike_however_quick_it_is(seconds):
    width = Width(calls_max=64, usual_s=1.05)
    width.answered(seconds, under_way=8)

    assert width.calls == pytest.approx(START + 0.2 * math.sqrt(START))


def test_one_answer_of_a_minute_does_not_close_it():
    width = Width(calls_max=64, usual_s=0.02)
    width.answered(60.0, under_way=8)

    assert width.calls == pytest.approx(START + 0.2 * (0.5 * START + math.sqrt(START) - START))


def test_after_an_outage_it_begins_with_a_few_calls_and_not_with_more_than_it_had():
    wide, narrow = Width(calls_max=64, calls=50.0), Width(calls_max=64, calls=2.0)
    wide.begin_anew()
    narrow.begin_anew()

    assert (wide.limit, narrow.limit) == (START, 2)
