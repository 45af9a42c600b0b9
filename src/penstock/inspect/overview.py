"""What the figures of the last hour say: charts, the time to drain, and one sentence. Pure."""

import dataclasses
import math
import statistics
from collections.abc import Mapping, Sequence

from penstock.buffer.port.outcomes import Outcome
from penstock.inspect.status import DestinationStatus, Status

CHART_MINUTES, PACE_MINUTES = 60, 5
BAD = (Outcome.DEAD, Outcome.REJECTED)
Minutes = Mapping[int, Mapping[Outcome, int]]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One minute of a chart: two figures and, in percent of the chart's top, how high they stand."""

    minute: int
    low: float
    high: float
    low_height: float
    high_height: float


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """An hour by the minute, the oldest first."""

    bars: Sequence[Bar]
    #: What the top of the chart stands for.
    top: float

    @property
    def is_empty(self) -> bool:
        """Return whether there is nothing to draw."""
        return not any(bar.low or bar.high for bar in self.bars)


def ended_chart(minutes: Minutes, now: int) -> Chart:
    """Return how many events ended in each minute; `low` ended badly, `high` well."""
    figures = {}
    for minute, counts in minutes.items():
        bad = sum(counts.get(outcome, 0) for outcome in BAD)
        figures[minute] = (float(bad), float(sum(counts.values()) - bad))
    return _chart(figures, now, top=max((sum(pair) for pair in figures.values()), default=0.0))


def lag_chart(lags: Mapping[int, Sequence[float]], now: int) -> Chart:
    """Return how long the events of each minute took; `low` is the median, `high` what 95 of 100 stay below."""
    figures = {minute: (statistics.median(found), _high(found)) for minute, found in lags.items() if found}
    return _chart(figures, now, top=max((high for _, high in figures.values()), default=0.0))


def pace_per_s(minutes: Minutes, now_s: float) -> float:
    """Return how many events ended a second, lately: in the minute that runs and the full ones before it."""
    now = int(now_s // 60)
    ended = sum(sum(counts.values()) for minute, counts in minutes.items() if now - PACE_MINUTES < minute <= now)
    return ended / ((PACE_MINUTES - 1) * 60 + max(now_s - now * 60, 1.0))


def drain_s(destination: DestinationStatus, per_s: float) -> float | None:
    """Return how long what waits will take at this pace; None when that cannot be said."""
    if not destination.waiting:
        return 0.0
    if destination.state != "delivering":
        return None
    pace = per_s or destination.limit_per_s or 0.0
    return destination.waiting / pace if pace else None


def verdict(status: Status) -> tuple[str, str]:
    """Return how things stand: good, warn or bad, and the one sentence that says so."""
    for role, found in status.roles.items():
        if found.state != "running":
            return "bad", f"{role} {found.in_words()}. What was accepted is kept."
    if not status.destinations:
        return "warn", "Nothing is set up yet: add a source, then a destination."
    for name, destination in status.destinations.items():
        if destination.state in {"down", "held", "paused", "stopped", "stalled"}:
            return "bad", f"{name} is {destination.state}: {destination.waiting} events wait, none is lost."
    for name, destination in status.destinations.items():
        if destination.state == "throttled":
            return "warn", f"{name}: {destination.reason}; {destination.waiting} events wait, none is lost."
    bad = sum(destination.outcomes.get(outcome, 0) for destination in status.destinations.values() for outcome in BAD)
    waiting = sum(destination.waiting for destination in status.destinations.values())
    if bad:
        return "warn", f"Events are delivered; {bad} did not get through and can be replayed."
    if status.notices:
        return "warn", f"Events are delivered, {waiting} wait; something is amiss, as said below."
    return "good", f"Everything that was received is delivered or on its way; {waiting} events wait."


def _chart(figures: Mapping[int, tuple[float, float]], now: int, *, top: float) -> Chart:
    bars = []
    for minute in range(now - CHART_MINUTES + 1, now + 1):
        low, high = figures.get(minute, (0.0, 0.0))
        heights = [100 * figure / top if top else 0.0 for figure in (low, high)]
        bars.append(Bar(minute=minute, low=low, high=high, low_height=heights[0], high_height=heights[1]))
    return Chart(bars=bars, top=top)


def _high(found: Sequence[float]) -> float:
    return sorted(found)[math.ceil(len(found) * 0.95) - 1]
