"""How many calls may be under way at once."""

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
