"""The backlogs on SQLite: deliver's end. delivery.db is written here, events.db is attached and only read."""

import functools
import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from penstock.buffer.group_commit import GroupCommit
from penstock.buffer.lanes import lanes_of, names_both
from penstock.buffer.leases import Leases
from penstock.buffer.port import REPLAYABLE, Attempt, Lease, Outcome
from penstock.buffer.sqlite import DELIVERY, EVENTS, SqliteTransactions, open_writer
from penstock.clock import Clock
from penstock.errors import LeaseLost
from penstock.event import Event, Lane, MessageId

# Events taken from the log in one lease: enough to keep lanes full, few enough not to delay a verdict.
TAKE_IN_MAX = 500

EVENT_COLUMNS = "source, message_id, type, user_id, anonymous_id, company_id, received_at_ms, request_ip, body"
UNTAKEN = f"SELECT seq, {EVENT_COLUMNS} FROM log.events WHERE seq > ? ORDER BY seq LIMIT ?"  # noqa: S608
READY = """
SELECT position, seq, attempt, first_failed_at FROM waiting
WHERE destination = ? AND blocked = 0 AND due <= ? ORDER BY due, position LIMIT ?
"""
UNBLOCK = """
UPDATE waiting SET blocked = blocked - 1, due = max(due, ?)
WHERE destination = ? AND position = (SELECT min(position) FROM place WHERE destination = ? AND lane = ?)
"""
TALLY = """
INSERT INTO tally VALUES (?, ?, ?) ON CONFLICT (destination, outcome) DO UPDATE SET count = count + excluded.count
"""


def read_event(row: Sequence[Any]) -> Event:
    """Return the event of EVENT_COLUMNS."""
    source, message_id, type_, user_id, anonymous_id, company_id, received_at_ms, request_ip, body = row
    return Event(
        source=source,
        message_id=MessageId(message_id),
        type=type_,
        user_id=user_id,
        anonymous_id=anonymous_id,
        company_id=company_id,
        received_at_ms=received_at_ms,
        request_ip=request_ip,
        body=body,
    )


class DeliveryStore:
    """delivery.db in a data folder, with the backlogs of all destinations. `open` before use."""

    def __init__(self, data_dir: Path, *, clock: Clock) -> None:
        self.data_dir, self.clock = data_dir, clock

    async def open(self) -> None:
        """Open both files, made new if they are not there. Raises BufferUnavailable, SettingsError."""
        # accept may not have started yet; its file gets its schema here then, and no rows.
        open_writer(self.data_dir / EVENTS).close()
        self.connection = open_writer(self.data_dir / DELIVERY)
        self.connection.execute("ATTACH ? AS log", [f"{(self.data_dir / EVENTS).absolute()}"])
        self.group: GroupCommit[sqlite3.Connection] = GroupCommit(SqliteTransactions(self.connection))

    async def close(self) -> None:
        """Write what is pending and close."""
        await self.group.close()
        self.connection.close()

    def backlog(self, destination: str, sources: Callable[[], Sequence[str]]) -> "SqliteBacklog":
        """Return the backlog of a destination that the named sources are connected to.

        A destination that is new begins with the oldest event still in the log: nothing that was accepted is left out.
        """
        return SqliteBacklog(self, destination, sources)

    async def prune(self) -> int:
        """Remove outcomes and attempts of events that retention took from the log; return how many rows."""
        return await self.group.run(_prune)


class SqliteBacklog:
    """One destination's events without an outcome; see port.Backlog."""

    def __init__(self, store: DeliveryStore, name: str, sources: Callable[[], Sequence[str]]) -> None:
        self.store, self.name, self.sources, self.clock = store, name, sources, store.clock
        self.leases = Leases()

    async def lease(self, *, limit: int, lease_s: float) -> Sequence[Lease]:
        """Hand out due events, at most one per lane, the longest due first."""
        return await self.store.group.run(functools.partial(self._lease, limit=limit, lease_s=lease_s))

    async def settle(
        self, lease: Lease, outcome: Outcome, *, reason: str = "", attempts: Sequence[Attempt] = ()
    ) -> None:
        """Write the event's outcome and free its lanes."""

        def operation(connection: sqlite3.Connection) -> None:
            position = self.leases.position(lease, self.clock.now())
            self._leave_lanes(connection, position)
            row = [self.name, lease.seq, outcome, reason, self.clock.now()]
            connection.execute("INSERT INTO outcome VALUES (?, ?, ?, ?, ?)", row)
            connection.execute(TALLY, [self.name, outcome, 1])
            self._write_attempts(connection, lease.seq, attempts)

        await self.store.group.run(operation)
        self.leases.end(lease, float("-inf"))

    async def retry(
        self, lease: Lease, *, at: float, first_failed_at: float | None, counts: bool, attempts: Sequence[Attempt] = ()
    ) -> None:
        """Hand the event out again at `at`, not before."""

        def operation(connection: sqlite3.Connection) -> None:
            position = self.leases.position(lease, self.clock.now())
            connection.execute(
                "UPDATE waiting SET due = ?, attempt = ?, first_failed_at = ? WHERE destination = ? AND position = ?",
                [at, lease.attempt + counts, first_failed_at, self.name, position],
            )
            self._write_attempts(connection, lease.seq, attempts)

        await self.store.group.run(operation)
        self.leases.end(lease, float("-inf"))

    async def replay(self, seqs: Sequence[int]) -> int:
        """Put dead or rejected events back at the end of their lanes."""
        return await self.store.group.run(lambda connection: self._replay(connection, seqs))

    async def remember(self, notes: Mapping[str, object]) -> None:
        """Keep what the destination learned."""

        def operation(connection: sqlite3.Connection) -> None:
            self._destination(connection)
            kept = json.dumps(self._notes(connection) | dict(notes))
            connection.execute("UPDATE destination SET notes = ? WHERE name = ?", [kept, self.name])

        await self.store.group.run(operation)

    async def notes(self) -> Mapping[str, object]:
        """Return what `remember` kept."""
        return await self.store.group.run(self._notes)

    def _lease(self, connection: sqlite3.Connection, *, limit: int, lease_s: float) -> Sequence[Lease]:
        now = self.clock.now()
        self.leases.expire(now)
        self._take_in(connection, now)
        # Leased events stand first in the order of due, and there are never more of them than calls under way.
        ready = connection.execute(READY, [self.name, now, limit + len(self.leases)]).fetchall()
        free = [row for row in ready if row[0] not in self.leases][:limit]
        return [self._grant(connection, row, now + lease_s) for row in free]

    def _grant(self, connection: sqlite3.Connection, row: Sequence[Any], expires_at: float) -> Lease:
        position, seq, attempt, first_failed_at = row
        select = f"SELECT {EVENT_COLUMNS} FROM log.events WHERE seq = ?"  # noqa: S608 - our own constant
        event = read_event(connection.execute(select, [seq]).fetchone())
        return self.leases.grant(
            position, event=event, seq=seq, attempt=attempt, first_failed_at=first_failed_at, expires_at=expires_at
        )

    def _destination(self, connection: sqlite3.Connection) -> tuple[int, int, int]:
        select = "SELECT cursor, next_position, received FROM destination WHERE name = ?"
        row = connection.execute(select, [self.name]).fetchone()
        if row is None:
            connection.execute("INSERT INTO destination (name) VALUES (?)", [self.name])
            return 0, 1, 0
        return row[0], row[1], row[2]

    def _notes(self, connection: sqlite3.Connection) -> dict[str, object]:
        row = connection.execute("SELECT notes FROM destination WHERE name = ?", [self.name]).fetchone()
        return dict(json.loads(row[0])) if row else {}

    def _take_in(self, connection: sqlite3.Connection, now: float) -> None:
        """Give new events of the log their places in their lanes."""
        cursor, position, received = self._destination(connection)
        rows = connection.execute(UNTAKEN, [cursor, TAKE_IN_MAX]).fetchall()
        if not rows:
            return
        sources = frozenset(self.sources())
        for row in rows:
            event = read_event(row[1:])
            if event.source in sources:
                self._enqueue(connection, event, seq=row[0], position=position, due=now)
                position, received = position + 1, received + 1
        connection.execute(
            "UPDATE destination SET cursor = ?, next_position = ?, received = ? WHERE name = ?",
            [rows[-1][0], position, received, self.name],
        )

    def _enqueue(self, connection: sqlite3.Connection, event: Event, *, seq: int, position: int, due: float) -> None:
        lanes = lanes_of(
            event,
            linked_user=self._linked_user(connection, event),
            is_waiting=lambda lane: self._is_waiting(connection, lane),
        )
        blocked = sum(self._is_waiting(connection, lane) for lane in lanes)
        connection.execute(
            "INSERT INTO waiting (destination, position, seq, lanes, blocked, due, received_at_ms)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            [self.name, position, seq, json.dumps(lanes), blocked, due, event.received_at_ms],
        )
        connection.executemany("INSERT INTO place VALUES (?, ?, ?)", [(self.name, lane, position) for lane in lanes])
        if names_both(event):
            connection.execute(
                "INSERT INTO link VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET user_id = excluded.user_id"
                " WHERE user_id <> excluded.user_id",
                [self.name, event.anonymous_id, event.user_id],
            )

    def _linked_user(self, connection: sqlite3.Connection, event: Event) -> str:
        if event.user_id or not event.anonymous_id:
            return ""
        select = "SELECT user_id FROM link WHERE destination = ? AND anonymous_id = ?"
        row = connection.execute(select, [self.name, event.anonymous_id]).fetchone()
        return str(row[0]) if row else ""

    def _is_waiting(self, connection: sqlite3.Connection, lane: Lane) -> bool:
        select = "SELECT 1 FROM place WHERE destination = ? AND lane = ? LIMIT 1"
        return connection.execute(select, [self.name, lane]).fetchone() is not None

    def _leave_lanes(self, connection: sqlite3.Connection, position: int) -> None:
        """Take an event that led all its lanes away; the next of each moves up."""
        where = [self.name, position]
        select = "SELECT lanes FROM waiting WHERE destination = ? AND position = ?"
        row = connection.execute(select, where).fetchone()
        if row is None:
            raise LeaseLost(f"position {position} has its outcome already")
        connection.execute("DELETE FROM waiting WHERE destination = ? AND position = ?", where)
        for lane in json.loads(row[0]):
            place = [self.name, lane, position]
            connection.execute("DELETE FROM place WHERE destination = ? AND lane = ? AND position = ?", place)
            connection.execute(UNBLOCK, [self.clock.now(), self.name, self.name, lane])

    def _write_attempts(self, connection: sqlite3.Connection, seq: int, attempts: Sequence[Attempt]) -> None:
        connection.executemany(
            "INSERT INTO attempt VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [(self.name, seq, a.at, a.method, a.path, a.status, a.answer, a.duration_ms) for a in attempts],
        )

    def _replay(self, connection: sqlite3.Connection, seqs: Sequence[int]) -> int:
        replayed = 0
        _, position, _ = self._destination(connection)
        for seq in seqs:
            row = connection.execute(
                "SELECT outcome FROM outcome WHERE destination = ? AND seq = ?", [self.name, seq]
            ).fetchone()
            select = f"SELECT {EVENT_COLUMNS} FROM log.events WHERE seq = ?"  # noqa: S608 - our own constant
            event = connection.execute(select, [seq]).fetchone()
            if row is None or row[0] not in REPLAYABLE or event is None:
                continue
            connection.execute("DELETE FROM outcome WHERE destination = ? AND seq = ?", [self.name, seq])
            connection.execute(TALLY, [self.name, row[0], -1])
            self._enqueue(connection, read_event(event), seq=seq, position=position + replayed, due=self.clock.now())
            replayed += 1
        connection.execute("UPDATE destination SET next_position = ? WHERE name = ?", [position + replayed, self.name])
        return replayed


def _prune(connection: sqlite3.Connection) -> int:
    oldest = connection.execute("SELECT coalesce(min(seq), 0) FROM log.events").fetchone()[0]
    removed = 0
    for table in ("outcome", "attempt"):
        for (name,) in connection.execute("SELECT name FROM destination").fetchall():
            removed += connection.execute(
                f"DELETE FROM {table} WHERE destination = ? AND seq < ?",  # noqa: S608 - our own names
                [name, oldest],
            ).rowcount
    return removed
