"""Bars over time: how long each is, what few events say of many, and how it is said."""

import itertools

import pytest

from penstock.buffer.port.search import Histogram
from penstock.buffer.rules.bars import BARS_MAX, STEPS_S, concluded, starts_of, step_of
from penstock.buffer.rules.spread import scattered
from penstock.errors import SettingsError
from penstock.inspect.export import cell
from penstock.inspect.histogram import counted, histogram_chart, said
from penstock.inspect.spans import field_text, span_of

HOUR, DAY = 3_600, 86_400


@pytest.mark.parametrize(
    ("seconds", "step"),
    [
        (30, 1),
        (HOUR, 60),
        (2 * HOUR, 300),
        (DAY, HOUR),
        (7 * DAY, 6 * HOUR),
        (30 * DAY, 12 * HOUR),
        (365 * DAY, 7 * DAY),
    ],
)
def test_a_bar_stands_for_what_people_read_on_a_clock(seconds, step):
    assert step_of(0, seconds) == step


@pytest.mark.parametrize("seconds", [1, 59, 3_601, 86_399, 40 * DAY, 4_000 * DAY, 100_000 * DAY])
@pytest.mark.parametrize("since", [0, 1_700_000_123.5])
def test_bars_are_some_begin_at_full_steps_and_reach_to_the_end(seconds, since):
    step, starts = step_of(since, since + seconds), starts_of(since, since + seconds)

    assert 1 <= len(starts) <= BARS_MAX
    assert step in STEPS_S
    assert all(start % step == 0 for start in starts)
    assert {b - a for a, b in itertools.pairwise(starts)} <= {step}
    assert starts[-1] < since + seconds <= starts[-1] + step


def test_a_few_events_tell_of_all_of_their_bar():
    assert concluded(1_000, 10, {"delivered": 7, "waiting": 1}) == {"delivered": 700, "waiting": 100}
    assert concluded(3, 3, {"delivered": 3}) == {"delivered": 3}
    assert concluded(5, 0, {}) == {}


@pytest.mark.parametrize("period", [2, 3, 5, 10])
@pytest.mark.parametrize("length", [500, 997, 10_000])
def test_what_comes_in_turns_is_met_as_often_as_it_comes(period, length):
    bars = [range(number * length, (number + 1) * length) for number in range(30)]
    some = [scattered(bar, 20, seed=bar[0]) for bar in bars]

    assert all(len(set(each)) == 20 and each == sorted(each) for each in some)
    assert sum(place % period == 0 for each in some for place in each) == pytest.approx(600 / period, abs=50)
    assert scattered(range(7), 60) == list(range(7))


def histogram(*bars, **more) -> Histogram:
    return Histogram(first=0.0, step_s=60, bars=bars, looked_at=3, **more)


def test_a_chart_has_a_colour_for_each_way_events_stand_and_leads_with_the_end():
    chart = histogram_chart(histogram({"waiting": 1.0, "dead": 1.0}, {}, {"delivered": 2.0}))

    assert [each.name for each in chart.series] == ["delivered", "dead", "waiting"]
    assert [bar.total for bar in chart.bars] == [2, 0, 2]
    assert (chart.bars[2].since, chart.bars[2].until, chart.step, chart.form) == (120, 180, "a minute", "second")
    assert said(chart) == "4 events"
    assert histogram_chart(histogram({}, {})) is None


def test_what_is_concluded_says_so():
    chart = histogram_chart(histogram({"delivered": 1_234.5}, {"dead": 0.2}, is_estimated=True))

    assert said(chart).startswith("About 1")
    assert [counted(each.total) for each in chart.series][1] == "below 1"


NOW = 1_700_000_000.0


def test_a_stretch_of_time_is_read_from_an_address():
    assert span_of({}, NOW).since is None
    assert span_of({"range": "24h"}, NOW).since == NOW - DAY
    assert span_of({"range": "nonsense"}, NOW).since is None
    both = span_of({"range": "1h", "since": "2023-11-14T00:00", "until": "2023-11-14T02:00:00+02:00"}, NOW)
    assert (both.range, both.since, both.until) == ("", 1_699_920_000, 1_699_920_000)
    assert field_text(both.since) == "2023-11-14T00:00:00"
    with pytest.raises(SettingsError, match="until"):
        span_of({"until": "05/06/2024"}, NOW)


@pytest.mark.parametrize(
    "begin", ["=", "+", "-", "@", "\t", "\r", "\n", "\0", "\uff1d", "\uff0b", "\uff0d", "\uff20", "  ="]
)
def test_a_text_that_a_spreadsheet_may_take_for_a_formula_has_a_quote_in_front(begin):
    assert cell(f"{begin}1+1") == f"'{begin}1+1"


@pytest.mark.parametrize("value", ["", None, "ana@example.com", "a=b", 0, 200, "2023-11-14T22:13:20.000Z"])
def test_every_other_value_stays_as_it_is(value):
    assert cell(value) == ("" if value is None else str(value))
