"""How many events wait to be taken in: counted on from what was counted before, so that no look scans the backlog.

Events are appended and, while they wait, never removed; so a count that was true stays true, and only what came and what
was taken in since has to be read.
"""

import threading
from collections.abc import Sequence

from penstock.buffer.sqlite.connections import SqliteConnection
from penstock.buffer.sqlite.log.segments import last_seq


class Tail:
    """The events of some sources beyond a place in the log. Each event is read twice at most, however often one asks."""

    def __init__(self) -> None:
        self.low = self.high = self.count = 0
        self.looking = threading.Lock()

    def after(self, events: SqliteConnection, cursor: int, sources: Sequence[str]) -> int:
        """Return how many there are behind the cursor."""
        last = last_seq(events)
        with self.looking:
            if cursor < self.low or cursor > self.high or last < self.high:
                self.low = self.high = cursor
                self.count = 0
            came = between(events, self.high, last, sources)
            taken = between(events, self.low, cursor, sources)
            self.count += came - taken
            self.low, self.high = cursor, max(last, cursor)
            return self.count


def between(events: SqliteConnection, low: int, high: int, sources: Sequence[str]) -> int:
    """Return how many events of these sources stand in (low, high]."""
    if low >= high:
        return 0
    marks = ", ".join("?" * len(sources))
    reaching = "coalesce((SELECT min(last_seq) FROM segment WHERE last_seq >= ?1), ?1)"
    overlap = "coalesce(sum(min(last_seq, ?1) - max(last_seq - count, ?2)), 0)"
    between = f"last_seq > ?2 AND last_seq <= {reaching} AND source IN ({marks})"
    row = events.execute(f"SELECT {overlap} FROM segment WHERE {between}", [high, low, *sources]).fetchone()  # noqa: S608
    return int(row[0])
