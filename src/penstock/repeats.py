"""Log lines about what may happen to every event: the first of a cause at once, then one for each interval, with a count.

Pure: the caller tells the time, and logs the lines that come of it.
"""

import dataclasses
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

# How long what happens again is only counted.
INTERVAL_S = 60.0

Key = tuple[str, str]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RepeatedLine:
    """What to say: that something happened, how often since the last line, and who was an example."""

    event: str
    level: int
    count: int
    #: The cause, and facts about the last one; never anything that a sender wrote.
    facts: Mapping[str, object]

    def say(self, log: Any) -> None:
        """Write it down with a structlog logger."""
        log.log(self.level, self.event, **self.facts, count=self.count)


class Repeats:
    """Counts by event and cause. Both come from our code, never from a sender: there are few."""

    def __init__(self, *, interval_s: float = INTERVAL_S) -> None:
        self.interval_s = interval_s
        #: When the last line was said, and what happened since.
        self.said_at: dict[Key, float] = {}
        self.unsaid: dict[Key, RepeatedLine] = {}

    def heard(
        self, event: str, *, now: float, cause: str = "", level: int = logging.WARNING, **example: object
    ) -> Sequence[RepeatedLine]:
        """Return the line to say now; none when the same was said less than an interval ago."""
        key = event, cause
        before = self.unsaid[key].count if key in self.unsaid else 0
        facts = {"cause": cause, **example} if cause else example
        self.unsaid[key] = RepeatedLine(event=event, level=level, count=before + 1, facts=facts)
        return self._said([key], now) if now - self.said_at.get(key, float("-inf")) >= self.interval_s else []

    def due(self, now: float) -> Sequence[RepeatedLine]:
        """Return the lines of intervals that are over; a cause of which nothing came meanwhile is news again."""
        over = [key for key, at in self.said_at.items() if now - at >= self.interval_s]
        for key in over:
            del self.said_at[key]
        return self._said([key for key in over if key in self.unsaid], now)

    def rest(self, now: float) -> Sequence[RepeatedLine]:
        """Return all lines that are left, at the end."""
        return self._said(list(self.unsaid), now)

    def _said(self, keys: Iterable[Key], now: float) -> Sequence[RepeatedLine]:
        self.said_at |= dict.fromkeys(keys, now)
        return [self.unsaid.pop(key) for key in keys]
