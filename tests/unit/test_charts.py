"""What charts show over a range of time."""

import pytest

from penstock.buffer.port.outcomes import Outcome
from penstock.inspect.charts import OTHERS, RANGES, UNKNOWN, compared, ended_chart, lag_chart, named, round_top

HOUR, DAY, MONTH = RANGES["1h"], RANGES["24h"], RANGES["30d"]
#: A minute with which every step begins.
NOW = 720 * 40_000
TAKEN, DEAD = ("web", Outcome.DELIVERED), ("web", Outcome.DEAD)


def names(chart) -> list[str]:
    return [series.name for series in chart.series]


def test_an_hour_has_sixty_bars_and_a_round_top_above_the_busiest():
    chart = ended_chart({NOW: {TAKEN: 3, DEAD: 1}, NOW - 1: {TAKEN: 2}}, HOUR, NOW, split="result")

    assert len(chart.bars) == 60
    assert chart.top == 5
    assert [(stretch.figure, stretch.y, stretch.height) for stretch in chart.bars[-1].stretches] == [
        (1, 80, 20),
        (3, 20, 60),
    ]
    assert [stretch.figure for stretch in chart.bars[-2].stretches] == [0, 2]


@pytest.mark.parametrize("name", RANGES)
def test_every_range_ends_with_the_step_that_is_under_way(name):
    range_ = RANGES[name]
    for now in (NOW, NOW + range_.step // 2, NOW + range_.step - 1):
        chart = ended_chart({NOW: {TAKEN: 7}}, range_, now, split="result")
        assert chart.bars[-1].minute == NOW
        assert sum(stretch.figure for stretch in chart.bars[-1].stretches) == 7


def test_what_is_older_than_the_range_is_not_counted_into_it():
    before = HOUR.since(NOW) - 1

    assert ended_chart({before: {TAKEN: 9}}, HOUR, NOW, split="result").is_empty


def test_nothing_at_all_is_an_empty_chart():
    for split in ("result", "outcome", "source"):
        assert ended_chart({}, HOUR, NOW, split=split).is_empty
    assert lag_chart({}, HOUR, NOW).is_empty


def test_split_by_outcome_each_has_its_colour_in_a_fixed_order():
    chart = ended_chart({NOW: {DEAD: 1, TAKEN: 2, ("api", Outcome.NO_OP): 4}}, HOUR, NOW, split="outcome")

    assert [(series.name, series.total) for series in chart.series] == [("delivered", 2), ("no-op", 4), ("dead", 1)]


def test_split_by_source_the_largest_have_their_own_colour_and_the_others_share_one():
    counts = {(f"s{n}", Outcome.DELIVERED): n for n in range(1, 8)} | {("", Outcome.DEAD): 100}

    chart = ended_chart({NOW: counts}, HOUR, NOW, split="source")

    assert names(chart) == [UNKNOWN, "s7", "s6", "s5", "s4", OTHERS]
    assert chart.series[-1].total == 1 + 2 + 3
    assert sum(stretch.figure for stretch in chart.bars[-1].stretches) == sum(counts.values())


def test_a_lag_is_told_by_its_median_and_by_what_most_stay_below():
    found = {NOW: [1.0] * 95 + [9.0] * 5, NOW - 1: [1.0] * 10 + [9.0]}

    stretches = [[stretch.figure for stretch in bar.stretches] for bar in lag_chart(found, HOUR, NOW).bars[-2:]]

    assert stretches == [[1.0, 9.0], [1.0, 1.0]]


def test_a_lag_stands_as_high_as_its_upper_figure():
    chart = lag_chart({NOW: [1.0] * 10 + [9.0]}, HOUR, NOW)

    assert chart.top == 10
    assert sum(stretch.height for stretch in chart.bars[-1].stretches) == 90


@pytest.mark.parametrize(
    ("figure", "whole", "top"),
    [
        (0, True, 2),
        (2, True, 2),
        (3, True, 5),
        (193, True, 200),
        (200, True, 200),
        (201, True, 500),
        (0.211, False, 0.5),
    ],
)
def test_a_chart_ends_with_a_round_figure(figure, whole, top):
    assert round_top(figure, whole=whole) == pytest.approx(top)


@pytest.mark.parametrize(
    ("here", "there", "said"),
    [
        (12, 10, "12 events ended, 20 % more than in the 24 hours before (10)."),
        (5, 10, "5 events ended, 50 % fewer than in the 24 hours before (10)."),
        (4_470, 50, "4\u202f470 events ended, 89 times as many as in the 24 hours before (50)."),
        (1, 1, "1 event ended, as many as in the 24 hours before."),
        (12_345, 10_000, "12\u202f345 events ended, 23 % more than in the 24 hours before (10\u202f000)."),
        (3, 0, "3 events ended; none in the 24 hours before."),
    ],
)
def test_a_range_is_compared_with_the_one_before(here, there, said):
    steps = {NOW: {TAKEN: here}, DAY.since(NOW) - 1: {TAKEN: there}, DAY.since(NOW, times=2) - 1: {TAKEN: 1_000}}

    assert compared(steps, DAY, NOW) == said


def test_a_month_is_labelled_at_its_quarters():
    ticks = ended_chart({}, MONTH, NOW, split="result").ticks

    assert len(ticks) == 5
    assert ticks[0] == MONTH.since(NOW)
    assert ticks[-1] == NOW


def test_by_name_each_bar_is_shared_out_as_its_sample_is_and_no_event_is_lost():
    steps = {NOW: {TAKEN: 10, DEAD: 1}, NOW - 1: {TAKEN: 3}}

    shared = named(steps, {NOW: {"Used": 2, "Paid": 1}})

    assert shared[NOW] == {("Used", Outcome.DELIVERED): 7, ("Paid", Outcome.DELIVERED): 3, ("Used", Outcome.DEAD): 1}
    chart = ended_chart(shared, HOUR, NOW, split="event")
    assert {series.name: series.total for series in chart.series} == {"Used": 8, "Paid": 3, UNKNOWN: 3}
