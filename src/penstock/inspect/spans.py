"""Which stretch of time a list shows: the last hours or days, or from one moment to another. Pure."""

import dataclasses
import datetime as dt
from collections.abc import Mapping

from penstock.inspect.charts import RANGES
from penstock.inspect.moments import moment_of


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TimeSpan:
    """A stretch of time, in seconds since 1970: from is included, until is not; None for no bound."""

    #: One of charts.RANGES; empty for any other.
    range: str = ""
    since: float | None = None
    until: float | None = None


def span_of(given: Mapping[str, str], now: float) -> TimeSpan:
    """Return the stretch that an address asks for: `since` and `until` win over `range`. Raises SettingsError."""
    since, until = (moment_of(key, given.get(key, ""), now=now) for key in ("since", "until"))
    if since is not None or until is not None:
        return TimeSpan(since=since, until=until)
    range_ = RANGES.get(given.get("range", ""))
    if range_ is None:
        return TimeSpan()
    return TimeSpan(range=given["range"], since=now - range_.step * range_.bars * 60)


def field_text(seconds: float | None) -> str:
    """Return a moment as the field of a form for a date and a time has it, in UTC; empty for None."""
    if seconds is None:
        return ""
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%dT%H:%M:%S")
