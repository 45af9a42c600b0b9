"""How many events wait to be taken in: counted on from what was counted before, so that no look scans the backlog.

Events are appended and, while they wait, never removed; so a count that was true stays true, and only what came and what
was taken in since has to be read.
"""

import sqlite3
import threading
from collections.abc import Sequence


class Tail:
    """The events of some sources beyond a place in the log. Each event is read twice at most, however often one asks."""

    def __init__(self) -> None:
        self.low = self.high = self.count = 0
        self.looking = threading.Lock()

    def after(self, events: sqlite3.Connection, cursor: int, sources: Sequence[str]) -> int:
        """Return how many there are behind the cursor."""
        last = events.execute("SELECT max(seq) FROM events").fetchone()[0] or 0
        with self.looking:
            if cursor < self.low or cursor > self.high or last < self.high:
                self.low = self.high = cursor
                self.count = 0
            came = _between(events, self.high, last, sources)
            taken = _between(events, self.low, cursor, sources)
            self.count += came - taken
            self.low, self.high = cursor, max(last, cursor)
            return self.count


def _between(events: sqlite3.Connection, low: int, high: int, sources: Sequence[str]) -> int:
    """Return how many events of these sources stand in (low, high]."""
    if low >= high:
        return 0
    marks = ", ".join("?" * len(sources))
    select = f"SELECT count(*) FROM events WHERE seq > ? AND seq <= ? AND source IN ({marks})"  # noqa: S608 - marks
    count: int = events.execute(select, [low, high, *sources]).fetchone()[0]
    return count
