"""The backlogs on SQLite: deliver's end. delivery.db is written here, events.db is attached and only read."""

import functools
import itertools
import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from penstock.buffer.group_commit import GroupCommit
from penstock.buffer.lanes import POSITIONS_OF_A_PRIORITY, place
from penstock.buffer.leases import Leases
from penstock.buffer.port import SHARES, Attempt, Lease, Outcome, Priority, ReplayStep, Selection
from penstock.buffer.search import keys_of
from penstock.buffer.shares import Turns
from penstock.buffer.sqlite import DELIVERY, EVENTS, SqliteTransactions, open_writer
from penstock.buffer.sqlite_lanes import SqliteLanes
from penstock.buffer.sqlite_rows import selectable
from penstock.buffer.sqlite_segments import event_at, events_after, first_seq
from penstock.clock import Clock

# Events taken from the log in one lease: enough to keep lanes full, few enough not to delay a verdict.
TAKE_IN_MAX = 500
# Index entries looked at by one round of retention.
SWEPT_MAX = 5_000
READY = """
SELECT position, seq, attempt, first_failed_at FROM waiting
WHERE destination = ? AND priority = ? AND blocked = 0 AND due <= ? ORDER BY due, position LIMIT ?
"""
TALLY = """
INSERT INTO tally VALUES (?, ?, ?) ON CONFLICT (destination, outcome) DO UPDATE SET count = count + excluded.count
"""
MINUTE = """
INSERT INTO minute VALUES (?, ?, ?, 1) ON CONFLICT (destination, minute, outcome) DO UPDATE SET count = count + 1
"""
# How long the figures of a minute are kept.
MINUTES_KEPT = 2 * 24 * 60
REPLAY_TALLY = """
INSERT INTO replay_tally VALUES (?, ?, 1) ON CONFLICT (job, outcome) DO UPDATE SET count = count + 1
"""


class DeliveryStore:
    """delivery.db in a data folder, with the backlogs of all destinations. `open` before use."""

    def __init__(self, data_dir: Path, *, clock: Clock) -> None:
        self.data_dir, self.clock = data_dir, clock

    async def open(self) -> None:
        """Open both files, made new if they are not there. Raises BufferUnavailable, SettingsError."""
        # accept may not have started yet; its file gets its schema here then, and no rows.
        open_writer(self.data_dir / EVENTS, checked=False).close()
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
        return await self.group.run(functools.partial(_prune, minute=int(self.clock.now() // 60)))


class SqliteBacklog:
    """One destination's events without an outcome; see port.Backlog."""

    def __init__(self, store: DeliveryStore, name: str, sources: Callable[[], Sequence[str]]) -> None:
        self.store, self.name, self.sources, self.clock = store, name, sources, store.clock
        self.leases, self.turns = Leases(), Turns()
        self.lanes = SqliteLanes(name, under_way=self.leases, clock=store.clock)
        #: Replayed events that are no longer under way and must let live ones pass; None: look for all, after a start.
        self.stepping_back: set[int] | None = None
        #: The log has more events than were taken in at once.
        self.is_behind = False

    async def lease(
        self, *, limit: int, lease_s: float, shares: Mapping[Priority, float] | None = None
    ) -> Sequence[Lease]:
        """Hand out due events, at most one per lane, of each priority the longest due first."""
        operation = functools.partial(self._lease, limit=limit, lease_s=lease_s, shares=shares or SHARES)
        leases = await self.store.group.run(operation)
        while self.is_behind and not leases:
            # All that was read so far waits behind somebody; others may stand further back in the log.
            leases = await self.store.group.run(operation)
        return leases

    async def settle(
        self, lease: Lease, outcome: Outcome, *, cause: str = "", reason: str = "", attempts: Sequence[Attempt] = ()
    ) -> None:
        """Write the event's outcome and free its lanes."""

        def operation(connection: sqlite3.Connection) -> None:
            position = self.leases.position(lease, self.clock.now())
            if position >= POSITIONS_OF_A_PRIORITY:
                self._count_for_its_replay(connection, position, outcome)
            self.lanes.leave(connection, position)
            row = [self.name, lease.seq, outcome, reason, self.clock.now(), cause]
            connection.execute("INSERT INTO outcome VALUES (?, ?, ?, ?, ?, ?)", row)
            connection.execute(TALLY, [self.name, outcome, 1])
            connection.execute(MINUTE, [self.name, int(self.clock.now() // 60), outcome])
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
        self._came_back(self.leases.end(lease, float("-inf")))

    async def replay(self, selection: Selection, *, job: int, limit: int) -> ReplayStep:
        """Put the next dead or rejected events of a selection back behind the live ones of their lanes."""
        operation = functools.partial(self._replay, selection=selection, job=job, limit=limit)
        return await self.store.group.run(operation)

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

    def _lease(
        self, connection: sqlite3.Connection, *, limit: int, lease_s: float, shares: Mapping[Priority, float]
    ) -> Sequence[Lease]:
        now = self.clock.now()
        for position in self.leases.expire(now):
            self._came_back(position)
        self._step_back(connection)
        self._take_in(connection, now)
        picked = self.turns.pick(self._ready(connection, now, limit), limit=limit, shares=shares)
        return [self._grant(connection, row, now + lease_s) for _, row in picked]

    def _ready(self, connection: sqlite3.Connection, now: float, limit: int) -> dict[Priority, list[Any]]:
        ready = {}
        for priority in Priority:
            # Leased events stand first in the order of due, and there are never more of them than calls under way.
            rows = connection.execute(READY, [self.name, priority, now, limit + len(self.leases)]).fetchall()
            ready[priority] = [row for row in rows if row[0] not in self.leases][:limit]
        return ready

    def _grant(self, connection: sqlite3.Connection, row: Sequence[Any], expires_at: float) -> Lease:
        position, seq, attempt, first_failed_at = row
        event = event_at(connection, seq)
        assert event is not None, "an event that waits is never removed"
        return self.leases.grant(
            position, event=event, seq=seq, attempt=attempt, first_failed_at=first_failed_at, expires_at=expires_at
        )

    def _came_back(self, position: int) -> None:
        if position >= POSITIONS_OF_A_PRIORITY and self.stepping_back is not None:
            self.stepping_back.add(position)

    def _step_back(self, connection: sqlite3.Connection) -> None:
        positions, self.stepping_back = self.stepping_back, set()
        self.lanes.step_back(connection, self.lanes.all_behind(connection) if positions is None else positions)

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
        rows = list(itertools.islice(events_after(connection, cursor), TAKE_IN_MAX))
        self.is_behind = len(rows) == TAKE_IN_MAX
        if not rows:
            return
        sources = frozenset(self.sources())
        keys: list[tuple[str, int]] = []
        for seq, event in rows:
            if event.source in sources:
                keys += [(key, seq) for key in keys_of(event)]
                self.lanes.enter(connection, event, seq=seq, position=place(Priority.LIVE, position), due=now)
                position, received = position + 1, received + 1
        connection.executemany("INSERT OR IGNORE INTO found VALUES (?, ?)", sorted(keys))
        connection.execute(
            "UPDATE destination SET cursor = ?, next_position = ?, received = ? WHERE name = ?",
            [rows[-1][0], position, received, self.name],
        )

    def _write_attempts(self, connection: sqlite3.Connection, seq: int, attempts: Sequence[Attempt]) -> None:
        connection.executemany(
            "INSERT INTO attempt VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [(self.name, seq, a.at, a.method, a.path, a.status, a.answer, a.duration_ms) for a in attempts],
        )

    def _count_for_its_replay(self, connection: sqlite3.Connection, position: int, outcome: Outcome) -> None:
        select = "SELECT job FROM waiting WHERE destination = ? AND position = ?"
        row = connection.execute(select, [self.name, position]).fetchone()
        if row is not None and row[0]:
            connection.execute(REPLAY_TALLY, [row[0], outcome])

    def _replay(self, connection: sqlite3.Connection, *, selection: Selection, job: int, limit: int) -> ReplayStep:
        connection.execute("INSERT OR IGNORE INTO replay (job, destination) VALUES (?, ?)", [job, self.name])
        cursor = connection.execute("SELECT cursor FROM replay WHERE job = ?", [job]).fetchone()[0]
        rows = selectable(connection, self.name, selection, after_seq=cursor, limit=limit)
        replayed = sum(self._put_back(connection, row, selection=selection, job=job) for row in rows)
        step = ReplayStep(
            replayed=replayed,
            waiting=connection.execute("SELECT count(*) FROM waiting WHERE job = ?", [job]).fetchone()[0],
            is_read=len(rows) < limit,
        )
        connection.execute(
            "UPDATE replay SET cursor = ?, replayed = replayed + ?, is_read = ? WHERE job = ?",
            [rows[-1][0] if rows else cursor, replayed, step.is_read, job],
        )
        return step

    def _put_back(self, connection: sqlite3.Connection, row: Sequence[Any], *, selection: Selection, job: int) -> bool:
        seq, outcome = row
        event = event_at(connection, seq)
        if event is None or not selection.takes(event):
            return False
        connection.execute("DELETE FROM outcome WHERE destination = ? AND seq = ?", [self.name, seq])
        connection.execute(TALLY, [self.name, outcome, -1])
        _, number, _ = self._destination(connection)
        connection.execute("UPDATE destination SET next_position = ? WHERE name = ?", [number + 1, self.name])
        position = place(Priority.REPLAY, number)
        self.lanes.enter(connection, event, seq=seq, position=position, due=self.clock.now(), job=job)
        return True


def _prune(connection: sqlite3.Connection, *, minute: int) -> int:
    connection.execute("DELETE FROM minute WHERE minute < ?", [minute - MINUTES_KEPT])
    oldest = first_seq(connection) or 0
    removed = 0
    for table in ("outcome", "attempt"):
        for (name,) in connection.execute("SELECT name FROM destination").fetchall():
            removed += connection.execute(
                f"DELETE FROM {table} WHERE destination = ? AND seq < ?",  # noqa: S608 - our own names
                [name, oldest],
            ).rowcount
    return removed + _sweep(connection, oldest)


def _sweep(connection: sqlite3.Connection, oldest: int) -> int:
    """Remove index entries of events that are gone, from the next slice of the table; return how many."""
    key, seq = connection.execute("SELECT key, seq FROM found_swept").fetchone()
    rows = connection.execute(
        "SELECT key, seq FROM found WHERE (key, seq) > (?, ?) ORDER BY key, seq LIMIT ?", [key, seq, SWEPT_MAX]
    ).fetchall()
    gone = [row for row in rows if row[1] < oldest]
    connection.executemany("DELETE FROM found WHERE key = ? AND seq = ?", gone)
    reached = rows[-1] if len(rows) == SWEPT_MAX else ("", 0)
    connection.execute("UPDATE found_swept SET key = ?, seq = ?", reached)
    return len(gone)
