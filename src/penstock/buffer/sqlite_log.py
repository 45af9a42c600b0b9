"""The log on SQLite: accept's end. One writer, group commit, bounded by the disk."""

import collections
import shutil
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import msgspec

from penstock.buffer.group_commit import GroupCommit
from penstock.buffer.sqlite import DELIVERY, EVENTS, SqliteTransactions, open_reader, open_writer
from penstock.clock import Clock
from penstock.errors import BufferUnavailable
from penstock.event import Event

# The columns are the fields of Event, in their order.
INSERT = """
INSERT OR IGNORE INTO events
    (source, message_id, type, user_id, anonymous_id, company_id, received_at_ms, request_ip, body)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
COUNT = """
INSERT INTO accepted VALUES (?, ?) ON CONFLICT (source) DO UPDATE SET count = count + excluded.count
"""
# How often the disk and the size of the log are looked at; a disk does not fill faster than the reserve in this time.
LOOK_S = 1.0
# Events removed in one transaction, so that retention never delays an append for long.
PRUNE_EVENTS_MAX = 2_000


class SqliteLog:
    """events.db in a data folder. `open` before use."""

    def __init__(self, data_dir: Path, *, clock: Clock, disk_free_bytes_min: int, waiting_events_max: int) -> None:
        self.data_dir, self.clock = data_dir, clock
        self.disk_free_bytes_min, self.waiting_events_max = disk_free_bytes_min, waiting_events_max
        self.looked_at, self.trouble = float("-inf"), ""
        self.new: collections.Counter[str] = collections.Counter()

    async def open(self) -> None:
        """Open the file, made new if it is not there. Raises BufferUnavailable, SettingsError."""
        self.connection = open_writer(self.data_dir / EVENTS)
        transactions = SqliteTransactions(self.connection, before_commit=self._write_counts)
        self.group: GroupCommit[sqlite3.Connection] = GroupCommit(transactions)

    async def close(self) -> None:
        """Write what is pending and close."""
        await self.group.close()
        self.connection.close()

    async def append(self, events: Sequence[Event]) -> int:
        """Store all events, or none, and return how many were new; see port.Log."""
        if problem := self.problem():
            raise BufferUnavailable(problem)
        rows = [msgspec.structs.astuple(event) for event in events]
        return await self.group.run(lambda connection: self._insert(connection, rows))

    def problem(self) -> str:
        """Return why nothing can be stored now; empty when it can."""
        now = self.clock.now()
        if not 0 <= now - self.looked_at < LOOK_S:
            self.looked_at, self.trouble = now, self._look()
        return self.trouble

    async def prune(self, *, older_than_ms: int, bytes_max: int, destinations: Sequence[str]) -> int:
        """Remove events that have their outcomes: the old ones, and the oldest while the file is too large.

        Removes a bounded number; returns how many. Never one that a destination has not settled.
        """
        floor = self._settled_below(destinations)
        return await self.group.run(
            lambda connection: _prune(connection, floor=floor, older_than_ms=older_than_ms, bytes_max=bytes_max)
        )

    def _insert(self, connection: sqlite3.Connection, rows: Sequence[tuple[object, ...]]) -> int:
        before = connection.total_changes
        connection.executemany(INSERT, rows)
        stored = connection.total_changes - before
        # A request comes from one source: its write key says which.
        self.new[str(rows[0][0])] += stored
        return stored

    def _write_counts(self) -> None:
        if self.new:
            counts, self.new = self.new, collections.Counter()
            self.connection.executemany(COUNT, [item for item in counts.items() if item[1]])

    def _look(self) -> str:
        free = shutil.disk_usage(self.data_dir).free
        if free < self.disk_free_bytes_min:
            return f"{free} bytes are free on the disk, {self.disk_free_bytes_min} are needed"
        with_reader = open_reader(self.data_dir / EVENTS)
        if with_reader is None:
            return ""
        try:
            first, last = with_reader.execute("SELECT min(seq), max(seq) FROM events").fetchone()
        except sqlite3.Error:
            return ""  # being written for the first time
        finally:
            with_reader.close()
        stored = last - first + 1 if last else 0
        return (
            f"{stored} events are stored, {self.waiting_events_max} are allowed"
            if stored >= self.waiting_events_max
            else ""
        )

    def _settled_below(self, destinations: Sequence[str]) -> int | None:
        """Return the place in the log below which every destination has settled everything; None for no bound."""
        reader = open_reader(self.data_dir / DELIVERY)
        floors: list[int] = []
        for name in destinations:
            row = None
            if reader is not None:
                row = reader.execute(
                    "SELECT coalesce((SELECT min(seq) FROM waiting), cursor + 1), cursor + 1 FROM destination"
                    " WHERE name = ?",
                    [name],
                ).fetchone()
            floors.append(min(row) if row else 0)
        if reader is not None:
            reader.close()
        return min(floors, default=None)


def _prune(connection: sqlite3.Connection, *, floor: int | None, older_than_ms: int, bytes_max: int) -> int:
    pages, free, size = (
        connection.execute(f"PRAGMA {p}").fetchone()[0] for p in ("page_count", "freelist_count", "page_size")
    )
    too_large = (pages - free) * size > bytes_max
    bound = connection.execute("SELECT coalesce(max(seq), 0) + 1 FROM events").fetchone()[0] if floor is None else floor
    removed = connection.execute(
        "DELETE FROM events WHERE seq IN (SELECT seq FROM events WHERE seq < ? ORDER BY seq LIMIT ?)"
        " AND (? OR received_at_ms < ?)",
        [bound, PRUNE_EVENTS_MAX, too_large, older_than_ms],
    ).rowcount
    if removed:
        connection.execute(f"PRAGMA incremental_vacuum({PRUNE_EVENTS_MAX})").fetchall()
    return removed
