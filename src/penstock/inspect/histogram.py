"""A histogram as a chart: a bar for each stretch of time, a colour for each way events stand. Pure."""

import dataclasses
from collections.abc import Sequence

from penstock.buffer.port.outcomes import Outcome
from penstock.buffer.port.search import Histogram
from penstock.inspect.charts import HEIGHT, Series, Stretch, in_groups, round_top

OPEN = ("waiting", "retrying", "parked")
#: How an event may stand: as people choose it, and as bars are stacked, from below.
STATES = (*OPEN, *(outcome.value for outcome in Outcome))
UPRIGHT = (*(outcome.value for outcome in Outcome), *OPEN)
MINUTE_S, HOUR_S, DAY_S = 60, 3_600, 86_400
UNITS = {1: "second", MINUTE_S: "minute", HOUR_S: "hour", DAY_S: "day", 7 * DAY_S: "week"}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TimeBar:
    """One stretch of time, in seconds since 1970, with a part of a bar for each series."""

    since: float
    until: float
    stretches: Sequence[Stretch]

    @property
    def total(self) -> float:
        """Return how many events came in it."""
        return sum(stretch.figure for stretch in self.stretches)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class HistogramChart:
    """Bars, the oldest first, and what is said beside them."""

    series: Sequence[Series]
    bars: Sequence[TimeBar]
    top: float
    step: str
    total: float
    #: How sure the figures are: "about " where they are concluded from a few events.
    about: str
    #: When the oldest of those events came that were counted; None when none was left out.
    from_at: float | None
    looked_at: int

    @property
    def ticks(self) -> Sequence[float]:
        """Return the moments that are written below: where each quarter begins, and where the last bar ends."""
        quarter = max(1, len(self.bars) // 4)
        return [*(bar.since for bar in self.bars[::quarter][:4]), self.bars[-1].until]

    @property
    def form(self) -> str:
        """Return how its moments are written: as days, by the clock, or with seconds."""
        length = self.bars[-1].until - self.bars[0].since
        return "day" if length > 2 * DAY_S else "clock" if length > 5 * MINUTE_S else "second"


def histogram_chart(found: Histogram) -> HistogramChart | None:
    """Return a histogram as a chart; None where nothing is to be drawn."""
    totals = {state: sum(counts.get(state, 0.0) for counts in found.bars) for state in UPRIGHT}
    there = [state for state in UPRIGHT if totals[state]]
    if not there:
        return None
    top = round_top(max(sum(counts.values()) for counts in found.bars), whole=True)
    bars = [
        TimeBar(
            since=found.first + number * found.step_s,
            until=found.first + (number + 1) * found.step_s,
            stretches=_stacked([counts.get(state, 0.0) for state in there], top),
        )
        for number, counts in enumerate(found.bars)
    ]
    return HistogramChart(
        series=[Series(name=state, colour=state, total=totals[state]) for state in there],
        bars=bars,
        top=top,
        step=_step(found.step_s),
        total=float(sum(totals.values())),
        about="about " if found.is_estimated else "",
        from_at=found.from_at,
        looked_at=found.looked_at,
    )


def said(chart: HistogramChart) -> str:
    """Return how many events there are, in words."""
    return f"{chart.about}{counted(chart.total)} {'event' if chart.total == 1 else 'events'}".capitalize()


def counted(figure: float) -> str:
    """Return a figure as people read it; what is concluded may be less than one."""
    return in_groups(round(figure)) if figure >= 0.5 or not figure else "below 1"


def _stacked(figures: Sequence[float], top: float) -> list[Stretch]:
    stretches, below = list[Stretch](), 0.0
    for figure in figures:
        height = HEIGHT * figure / top
        below += height
        stretches.append(Stretch(figure=figure, y=round(HEIGHT - below, 2), height=round(height, 2)))
    return stretches


def _step(seconds: int) -> str:
    """Return how much time a bar stands for, in words."""
    unit = next(unit for unit in sorted(UNITS, reverse=True) if seconds % unit == 0)
    count = seconds // unit
    return f"{count} {UNITS[unit]}s" if count > 1 else f"{'an' if unit == HOUR_S else 'a'} {UNITS[unit]}"
