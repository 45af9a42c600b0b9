"""The shelf on SQLite: operate's end. Opens both files read-only for each look, and changes nothing."""

import collections
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path

from penstock.buffer.port import SEQ_MAX, Counts, Outcome, Story
from penstock.buffer.sqlite import DELIVERY, EVENTS, snapshot
from penstock.buffer.sqlite_rows import EVENT_COLUMNS, read_story
from penstock.buffer.sqlite_tail import Tail

NOTHING = Counts(received=0, waiting=0, retrying=0, outcomes={}, oldest_received_at_ms=None)
SELECT = f"SELECT seq, {EVENT_COLUMNS} FROM events"  # noqa: S608 - our own constant


class SqliteShelf:
    """Both files of a data folder, to look at; see port.Shelf."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.tails: dict[tuple[str, tuple[str, ...]], Tail] = collections.defaultdict(Tail)

    def accepted(self) -> Mapping[str, int]:
        """Return the number of events ever stored, by source."""
        with snapshot(self.data_dir / EVENTS) as events:
            return dict(events.execute("SELECT source, count FROM accepted")) if events else {}

    def counts(self, destination: str, sources: Sequence[str]) -> Counts:
        """Return the sums for a destination.

        delivery.db is read first, in one snapshot: an event that is taken in meanwhile is then counted once, as not
        yet taken in.
        """
        with snapshot(self.data_dir / DELIVERY) as delivery:
            cursor, received, outcomes, retrying, oldest = _taken(delivery, destination)
        with snapshot(self.data_dir / EVENTS) as events:
            untaken, oldest_untaken = self._untaken(events, destination, cursor, tuple(sources))
        return Counts(
            received=received + untaken,
            waiting=received - sum(outcomes.values()) + untaken,
            retrying=retrying,
            outcomes=outcomes,
            oldest_received_at_ms=min(filter(None, (oldest, oldest_untaken)), default=None),
        )

    def _untaken(
        self, events: sqlite3.Connection | None, destination: str, cursor: int, sources: tuple[str, ...]
    ) -> tuple[int, int | None]:
        if events is None or not sources:
            return 0, None
        untaken = self.tails[destination, sources].after(events, cursor, sources)
        return untaken, _oldest(events, cursor, sources) if untaken else None

    def stories(
        self,
        destination: str,
        *,
        after_seq: int = 0,
        before_seq: int = SEQ_MAX,
        limit: int = 100,
        newest: bool = False,
    ) -> Sequence[Story]:
        """Return events between two places in the log, oldest first; the first `limit`, or the newest."""
        order = "DESC" if newest else "ASC"
        with snapshot(self.data_dir / EVENTS) as events, snapshot(self.data_dir / DELIVERY) as delivery:
            if events is None:
                return ()
            between = f"{SELECT} WHERE seq > ? AND seq < ? ORDER BY seq {order} LIMIT ?"
            rows = events.execute(between, [after_seq, before_seq, limit]).fetchall()
            return [read_story(delivery, destination, row) for row in sorted(rows)]

    def by_minute(self, destination: str, *, since: int) -> Mapping[int, Mapping[Outcome, int]]:
        """Return how many events ended how in each minute."""
        minutes: dict[int, dict[Outcome, int]] = {}
        select = "SELECT minute, outcome, count FROM minute WHERE destination = ? AND minute >= ?"
        with snapshot(self.data_dir / DELIVERY) as delivery:
            for minute, outcome, count in delivery.execute(select, [destination, since]) if delivery else ():
                minutes.setdefault(minute, {})[Outcome(outcome)] = count
        return minutes

    def story(self, destination: str, message_id: str) -> Story | None:
        """Return one event by its message id."""
        with snapshot(self.data_dir / EVENTS) as events, snapshot(self.data_dir / DELIVERY) as delivery:
            row = events.execute(f"{SELECT} WHERE message_id = ?", [message_id]).fetchone() if events else None
            return read_story(delivery, destination, row) if row else None


def _taken(
    delivery: sqlite3.Connection | None, destination: str
) -> tuple[int, int, dict[Outcome, int], int, int | None]:
    """Return the cursor, what was received up to it, how that ended, and how many of the rest failed before."""
    row = None
    if delivery is not None:
        select = "SELECT cursor, received FROM destination WHERE name = ?"
        row = delivery.execute(select, [destination]).fetchone()
    if delivery is None or row is None:
        return 0, 0, {}, 0, None
    tally = delivery.execute("SELECT outcome, count FROM tally WHERE destination = ?", [destination])
    outcomes = {Outcome(outcome): count for outcome, count in tally if count}
    retrying = delivery.execute(
        # Named, for SQLite takes the primary key otherwise and reads the whole backlog.
        "SELECT count(*) FROM waiting INDEXED BY waiting_retrying WHERE destination = ? AND attempt > 1",
        [destination],
    ).fetchone()[0]
    oldest = delivery.execute(
        "SELECT received_at_ms FROM waiting WHERE destination = ? ORDER BY position LIMIT 1", [destination]
    ).fetchone()
    return row[0], row[1], outcomes, retrying, oldest[0] if oldest else None


def _oldest(events: sqlite3.Connection, cursor: int, sources: Sequence[str]) -> int | None:
    """Return when the first event behind the cursor was received."""
    marks = ", ".join("?" * len(sources))
    select = f"SELECT received_at_ms FROM events WHERE seq > ? AND source IN ({marks}) ORDER BY seq LIMIT 1"  # noqa: S608
    row = events.execute(select, [cursor, *sources]).fetchone()
    return row[0] if row else None
