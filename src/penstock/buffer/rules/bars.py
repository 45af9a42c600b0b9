"""Bars of a chart over time: how long each is, and what a few of its events say about all of them. Pure."""

from collections.abc import Mapping

#: How much time a bar may stand for: what people read on a clock or a calendar.
STEPS_S = (1, 5, 15, 60, 300, 900, 3_600, 7_200, 21_600, 43_200, 86_400, 7 * 86_400, 28 * 86_400)
BARS_MAX = 60


def step_of(since: float, until: float) -> int:
    """Return how many seconds each bar covers, so that there are BARS_MAX at most."""
    return next((step for step in STEPS_S if _bars(since, until, step) <= BARS_MAX), STEPS_S[-1])


def starts_of(since: float, until: float) -> list[float]:
    """Return when each bar begins, in seconds since 1970, the newest BARS_MAX; each at a full step."""
    step = step_of(since, until)
    first = since // step * step
    return [first + step * number for number in range(_bars(since, until, step))][-BARS_MAX:]


def concluded(total: int, seen: int, fitting: Mapping[str, int]) -> dict[str, float]:
    """Return how many of `total` events stand how, when of `seen` of them so many fit, by how they stand."""
    return {state: total * count / seen for state, count in fitting.items()} if seen else {}


def _bars(since: float, until: float, step: int) -> int:
    return max(1, int(-(-(until - since // step * step) // step)))
