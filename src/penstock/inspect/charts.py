"""What charts show: how events ended, and how long they took, over a range of time. Pure."""

import collections
import dataclasses
import math
import statistics
from collections.abc import Callable, Mapping, Sequence

from penstock.buffer.port.outcomes import Outcome
from penstock.buffer.port.shelf import EndedAs

#: How events ended in each step of a range: by the first of its minutes since 1970.
Counted = Mapping[int, Mapping[EndedAs, int]]
BAD = (Outcome.DEAD, Outcome.REJECTED)
# Sources that have a colour of their own; the others share one.
SOURCES_MAX, OTHERS, UNKNOWN = 5, "all others", "not known"
#: The split by the names of events: for it, `named` makes the figures.
NAMED = "event"
HEIGHT = 100
# So many times as much is no longer said in percent.
TIMES = 4
# No line is broken there.
NARROW = "\u202f"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """How much time a chart shows, up to now."""

    words: str
    before: str
    #: Minutes of a bar, and how many bars.
    step: int
    bars: int

    def since(self, now: int, *, times: int = 1) -> int:
        """Return the first minute of the range that ends with the step of `now`; of `times` such ranges in a row."""
        return now - now % self.step - (times * self.bars - 1) * self.step


RANGES = {
    "1h": Range(words="last hour", before="the hour before", step=1, bars=60),
    "24h": Range(words="24 hours", before="the 24 hours before", step=15, bars=96),
    "7d": Range(words="7 days", before="the 7 days before", step=120, bars=84),
    "30d": Range(words="30 days", before="the 30 days before", step=720, bars=60),
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """One colour of a bar: its figure, and where it stands in a chart that is 100 high."""

    figure: float
    y: float
    height: float


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One step of a chart, a stretch for each of its series."""

    minute: int
    stretches: Sequence[Stretch]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """What one colour stands for."""

    name: str
    colour: str
    total: float = 0.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Figures over time, the oldest first."""

    series: Sequence[Series]
    bars: Sequence[Bar]
    #: What the top of the chart stands for: a round figure.
    top: float

    @property
    def is_empty(self) -> bool:
        """Return whether there is nothing to draw."""
        return not any(stretch.figure for bar in self.bars for stretch in bar.stretches)

    @property
    def ticks(self) -> Sequence[int]:
        """Return the minutes that are written below: the first of each quarter, and the last."""
        quarter = len(self.bars) // 4
        return [*(bar.minute for bar in self.bars[::quarter][:4]), self.bars[-1].minute]


def ended_chart(steps: Counted, range_: Range, now: int, *, split: str) -> Chart:
    """Return how many events ended in each step of a range, split by result, outcome or source."""
    first = range_.since(now)
    shown = {minute: counts for minute, counts in steps.items() if first <= minute <= now}
    series, name_of = SPLITS[split](shown)
    totals = collections.Counter[str]()
    figures: dict[int, list[float]] = {}
    for minute, counts in shown.items():
        by_name = collections.Counter[str]()
        for ended, count in counts.items():
            by_name[name_of(ended)] += count
        totals.update(by_name)
        figures[minute] = [float(by_name[each.name]) for each in series]
    counted = [dataclasses.replace(each, total=totals[each.name]) for each in series]
    return _chart(figures, counted, range_, now, whole=True)


def named(steps: Counted, names: Mapping[int, Mapping[str, int]]) -> Counted:
    """Return how events ended with their names in the place of sources: each step shared out as a sample of it was.

    Roll-ups by name would make each event dearer, and a sender decides how many names there are.
    """
    shared: dict[int, dict[EndedAs, int]] = {}
    for minute, counts in steps.items():
        sample = names.get(minute) or {"": 1}
        own = collections.Counter[EndedAs]()
        for (_, outcome), count in counts.items():
            own.update({(name, outcome): share for name, share in _shared_out(count, sample).items()})
        shared[minute] = dict(own)
    return shared


def _shared_out(count: int, sample: Mapping[str, int]) -> dict[str, int]:
    """Return a count in whole parts that are as a sample was; what is left over goes to its most frequent."""
    of = sum(sample.values())
    shares = {name: count * each // of for name, each in sample.items()}
    shares[max(sample, key=lambda name: sample[name])] += count - sum(shares.values())
    return {name: share for name, share in shares.items() if share}


def lag_chart(lags: Mapping[int, Sequence[float]], range_: Range, now: int) -> Chart:
    """Return how long the events of each step took: the median, and what 95 of 100 stay below."""
    figures = {minute: [statistics.median(found), _high(found)] for minute, found in lags.items() if found}
    series = [Series(name="median", colour="accent"), Series(name="95 of 100 below", colour="soft")]
    stacked = {minute: [low, high - low] for minute, (low, high) in figures.items()}
    chart = _chart(stacked, series, range_, now, whole=False)
    bars = [
        dataclasses.replace(bar, stretches=_figured(bar.stretches, figures.get(bar.minute, [0.0, 0.0])))
        for bar in chart.bars
    ]
    return dataclasses.replace(chart, bars=bars)


def compared(steps: Counted, range_: Range, now: int) -> str:
    """Return how many events ended in a range, beside the range before, as a sentence."""
    first = range_.since(now)
    ended = {minute: sum(counts.values()) for minute, counts in steps.items() if minute <= now}
    here = sum(count for minute, count in ended.items() if minute >= first)
    there = sum(count for minute, count in ended.items() if range_.since(now, times=2) <= minute < first)
    said = f"{in_groups(here)} event{'' if here == 1 else 's'} ended"
    if not there:
        return f"{said}; none in {range_.before}."
    percent = round(100 * (here - there) / there)
    if not percent:
        return f"{said}, as many as in {range_.before}."
    beside = f"{range_.before} ({in_groups(there)})"
    if here >= TIMES * there:
        return f"{said}, {in_groups(here // there)} times as many as in {beside}."
    return f"{said}, {abs(percent)} % {'more' if percent > 0 else 'fewer'} than in {beside}."


def in_groups(count: int) -> str:
    """Return a count as people read large ones: in groups of three digits."""
    return f"{count:,}".replace(",", NARROW)


def round_top(figure: float, *, whole: bool) -> float:
    """Return the next of 1, 2, 5, 10, 20, … that is not below a figure; half of it is written beside the middle."""
    least = 2.0 if whole else 0.001
    scale = 10.0 ** math.floor(math.log10(max(figure, least)))
    return next(scale * n for n in (1.0, 2.0, 5.0, 10.0) if scale * n >= max(figure, least))


def _by_result(_: Counted) -> tuple[list[Series], Callable[[EndedAs], str]]:
    good, bad = Series(name="well", colour="good"), Series(name="did not get through", colour="bad")
    return [bad, good], lambda ended: bad.name if ended[1] in BAD else good.name


def _by_outcome(steps: Counted) -> tuple[list[Series], Callable[[EndedAs], str]]:
    there = {outcome for counts in steps.values() for _, outcome in counts}
    series = [Series(name=o.value, colour=o.value) for o in sorted(there, key=list(Outcome).index)]
    return series, lambda ended: ended[1].value


def _by_source(steps: Counted) -> tuple[list[Series], Callable[[EndedAs], str]]:
    totals = collections.Counter[str]()
    for counts in steps.values():
        for (source, _), count in counts.items():
            totals[source or UNKNOWN] += count
    own = [name for name, _ in totals.most_common(SOURCES_MAX)]
    series = [Series(name=name, colour=f"c{n}") for n, name in enumerate(own)]
    if len(totals) > len(own):
        series.append(Series(name=OTHERS, colour="soft"))
    return series, lambda ended: (ended[0] or UNKNOWN) if (ended[0] or UNKNOWN) in own else OTHERS


SPLITS: Mapping[str, Callable[[Counted], tuple[list[Series], Callable[[EndedAs], str]]]] = {
    "result": _by_result,
    "outcome": _by_outcome,
    "source": _by_source,
    NAMED: _by_source,
}


def _chart(
    figures: Mapping[int, Sequence[float]], series: Sequence[Series], range_: Range, now: int, *, whole: bool
) -> Chart:
    """Return figures as bars, the first series at the bottom."""
    top = round_top(max((sum(each) for each in figures.values()), default=0.0), whole=whole)
    first, nothing = range_.since(now), [0.0] * len(series)
    minutes = range(first, first + range_.bars * range_.step, range_.step)
    bars = [Bar(minute=minute, stretches=_stacked(figures.get(minute, nothing), top)) for minute in minutes]
    return Chart(series=series, bars=bars, top=top)


def _stacked(figures: Sequence[float], top: float) -> list[Stretch]:
    stretches, below = list[Stretch](), 0.0
    for figure in figures:
        height = HEIGHT * figure / top
        below += height
        stretches.append(Stretch(figure=figure, y=round(HEIGHT - below, 2), height=round(height, 2)))
    return stretches


def _figured(stretches: Sequence[Stretch], figures: Sequence[float]) -> list[Stretch]:
    return [dataclasses.replace(stretch, figure=figure) for stretch, figure in zip(stretches, figures, strict=True)]


def _high(found: Sequence[float]) -> float:
    return sorted(found)[math.ceil(len(found) * 0.95) - 1]
