"""The backlog of one destination on SQLite: deliver's end. Opened by delivery.py."""

import collections
import functools
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from penstock import causes
from penstock.buffer.port.backlog import (
    NOTHING_LEARNED,
    SHARES,
    CallCount,
    Ending,
    Learned,
    Lease,
    Priority,
    ReplayStep,
)
from penstock.buffer.port.outcomes import Attempt, Outcome
from penstock.buffer.port.query import keys_of
from penstock.buffer.port.selection import Selection
from penstock.buffer.rules.begin import ALL
from penstock.buffer.rules.lanes import POSITIONS_OF_A_PRIORITY, place
from penstock.buffer.rules.leases import Leases, within
from penstock.buffer.rules.shares import PriorityTurns
from penstock.buffer.sqlite.connections import SqliteConnection
from penstock.buffer.sqlite.delivery.feeds import Feeds, notes_of, remembered
from penstock.buffer.sqlite.delivery.lanes import SqliteLanes
from penstock.buffer.sqlite.delivery.ledger import SqliteLedger
from penstock.buffer.sqlite.delivery.naming import LaneNames
from penstock.buffer.sqlite.delivery.quiet import Quiet
from penstock.buffer.sqlite.group_commit import Answer, GroupCommit
from penstock.buffer.sqlite.log import epochs
from penstock.buffer.sqlite.log.segments import Neighbours, event_at, events_after
from penstock.buffer.sqlite.rows import count_for_its_replay, selectable, write_attempts
from penstock.clock import Clock
from penstock.event import UPSERTS, Event, Naming, as_became

ENDED = "INSERT INTO outcome VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
LOST = "events.db has lost the event: an older copy of the file came back, or a part of it was damaged"
# Events taken from the log in one lease: enough to keep lanes full, few enough not to delay a verdict.
TAKE_IN_MAX = 500
READY = """
SELECT position, seq, attempt, first_failed_at, parked_at, became FROM waiting
WHERE destination = ? AND priority = ? AND blocked = 0 AND due <= ? ORDER BY due, position LIMIT ?
"""
TALLY = """
INSERT INTO tally VALUES (?, ?, ?) ON CONFLICT (destination, outcome) DO UPDATE SET count = count + excluded.count
"""
NEXT_READY = "SELECT min(due) FROM waiting WHERE destination = ? AND priority = ? AND blocked = 0"
NEXT_UNPARKED = "SELECT min(due) FROM waiting WHERE destination = ? AND blocked = -1"
MINUTE = """
INSERT INTO minute VALUES (?, ?, ?, ?)
ON CONFLICT (destination, minute, outcome) DO UPDATE SET count = count + excluded.count
"""


class SqliteBacklog:
    """One destination's events without an outcome; see port.Backlog."""

    def __init__(
        self,
        name: str,
        sources: Callable[[], Sequence[str]],
        *,
        group: GroupCommit[SqliteConnection],
        ledger: SqliteLedger,
        quiet: Quiet,
        clock: Clock,
        begin: Callable[[str], str] = lambda _: ALL,
        naming: Callable[[], Naming | None] = lambda: None,
    ) -> None:
        self.name, self.sources, self.clock, self.group, self.ledger = name, sources, clock, group, ledger
        self.feeds, self.names = Feeds(name, sources, begin), LaneNames(name, naming)
        self.leases, self.turns, self.quiet = Leases(), PriorityTurns(), quiet
        self.lanes = SqliteLanes(name, under_way=self.leases.held, clock=clock)
        #: Events no longer under way that must let those in front pass, live or unparked; None: look for all, after a start.
        self.stepping_back: set[int] | None = None
        #: The log has more events than were taken in at once.
        self.is_behind = False
        #: When the next event can be handed out, if nothing else happens; looked up whenever nothing could be.
        self.next_due = float("-inf")

    async def lease(
        self, *, limit: int, lease_s: float, shares: Mapping[Priority, float] | None = None, together: int = 0
    ) -> Sequence[Lease]:
        """Hand out due events, at most one per lane and its followers, of each priority the longest due first."""
        if self.quiet.lasts() and not self.feeds.has_new():
            return ()
        shares, mark = shares or SHARES, self.quiet.mark()
        operation = functools.partial(self._lease, limit=limit, lease_s=lease_s, shares=shares, together=together)
        leases = await self.group.run(operation)
        while self.is_behind and not leases:
            # All that was read so far waits behind somebody; others may stand further back in the log.
            leases = await self.group.run(operation)
        # A lease under way may run out.
        if not leases and not self.leases:
            self.quiet.keep(mark, until=self.next_due)
        return leases

    async def lease_behind(self, lease: Lease, *, limit: int, bytes_max: int) -> Lease:
        """Return a lease again with more followers, of whatever type."""

        def operation(connection: SqliteConnection) -> Lease:
            return self._with_followers(connection, lease, limit=limit, takes=within(bytes_max))

        return await self.group.run(operation)

    async def settle(
        self, *endings: Ending, learned: Learned = NOTHING_LEARNED, calls: Sequence[CallCount] = ()
    ) -> None:
        """Write outcomes and what was learned, and free the lanes."""

        def operation(connection: SqliteConnection) -> Mapping[str, bytes | None]:
            now = self.clock.awake()
            # All of them first: a lost lease must be known before anything is written.
            ended = {self.leases.position(ending.lease, now): ending for ending in endings}
            lanes = self.lanes.waiting(connection, ended)
            self._end(connection, ended, self.clock.now())
            self.lanes.leave(connection, lanes)
            self.ledger.count(connection, calls)
            return self._learn(connection, learned)

        self.ledger.keep(await self._change(operation))
        ended = {ending.lease.token for ending in endings}
        followers = [follower for ending in endings for follower in self.leases.followers(ending.lease)]
        for ending in endings:
            self.leases.end(ending.lease, float("-inf"))
        self._give_back(*(follower for follower in followers if follower.token not in ended))

    async def retry(
        self,
        lease: Lease,
        *,
        at: float,
        first_failed_at: float | None,
        counts: bool,
        attempts: Sequence[Attempt] = (),
        learned: Learned = NOTHING_LEARNED,
    ) -> None:
        """Hand the event out again at `at`, not before."""

        def operation(connection: SqliteConnection) -> Mapping[str, bytes | None]:
            position = self.leases.position(lease, self.clock.awake())
            connection.execute(
                "UPDATE waiting SET due = ?, attempt = ?, first_failed_at = ? WHERE destination = ? AND position = ?",
                [at, lease.attempt + counts, first_failed_at, self.name, position],
            )
            write_attempts(connection, self.name, lease.seq, attempts)
            return self._learn(connection, learned)

        self.ledger.keep(await self._change(operation))
        self._give_back(lease, *self.leases.followers(lease))

    async def park(
        self, lease: Lease, *, since: float, until: float, subjects: Sequence[str], room: int | None = None
    ) -> bool:
        """Take the event out of its lanes until something is learned of one of the subjects, or until `until`."""

        def operation(connection: SqliteConnection) -> bool:
            position = self.leases.position(lease, self.clock.awake())
            has_room = self.lanes.has_room(connection, subjects, room)
            if has_room:
                self.lanes.park(connection, position, since=since, until=until, subjects=subjects)
            return has_room

        if is_parked := await self._change(operation):
            self._give_back(lease, *self.leases.followers(lease))
        return is_parked

    async def wake_all(self) -> None:
        """Let every parked event take its place again."""
        while await self._change(functools.partial(self.lanes.unpark_due, now=float("inf"))):
            pass

    async def replay(self, selection: Selection, *, job: int, limit: int) -> ReplayStep:
        """Put the next dead or rejected events of a selection back behind the live ones of their lanes."""
        operation = functools.partial(self._replay, selection=selection, job=job, limit=limit)
        return await self._change(operation)

    async def remember(self, notes: Mapping[str, object]) -> None:
        """Keep what the destination learned."""

        def operation(connection: SqliteConnection) -> None:
            self._destination(connection)
            kept = json.dumps(self._notes(connection) | dict(notes))
            connection.execute("UPDATE destination SET notes = ? WHERE name = ?", [kept, self.name])

        await self.group.run(operation)

    async def notes(self) -> Mapping[str, object]:
        """Return what `remember` kept."""
        return remembered(await self.group.run(self._notes))

    async def _change(self, operation: Callable[[SqliteConnection], Answer]) -> Answer:
        """Change what waits; whoever looked before or meanwhile may find something now."""
        try:
            return await self.group.run(operation)
        finally:
            self.quiet.end()

    def _lease(
        self,
        connection: SqliteConnection,
        *,
        limit: int,
        lease_s: float,
        shares: Mapping[Priority, float],
        together: int,
    ) -> Sequence[Lease]:
        now, awake = self.clock.steady(), self.clock.awake()
        for position in self.leases.expire(awake):
            self._came_back(position)
        self._step_back(connection)
        self.lanes.unpark_due(connection, now)
        if not self.names.are_new(connection, self.lanes):
            self.is_behind = True
            return ()
        self._take_in(connection, now)
        picked = self.turns.pick(self._ready(connection, now, limit), limit=limit, shares=shares)
        if not picked:
            self.next_due = self._next_due(connection)
        leases = [self._with_upserts(connection, row, awake + lease_s, together=together) for _, row in picked]
        # Events that were not there have ended; whoever waited behind them may be due now.
        self.is_behind = self.is_behind or None in leases
        return [lease for lease in leases if lease is not None]

    def _next_due(self, connection: SqliteConnection) -> float:
        """Return when the next event may be handed out, if nothing else happens; infinity for never."""
        rows = [connection.execute(NEXT_READY, [self.name, priority]).fetchone() for priority in Priority]
        rows.append(connection.execute(NEXT_UNPARKED, [self.name]).fetchone())
        return min((row[0] for row in rows if row[0] is not None), default=float("inf"))

    def _ready(self, connection: SqliteConnection, now: float, limit: int) -> dict[Priority, list[Any]]:
        ready = {}
        for priority in Priority:
            # Leased events stand first in the order of due, and there are never more of them than calls under way.
            rows = connection.execute(READY, [self.name, priority, now, limit + len(self.leases)]).fetchall()
            ready[priority] = [row for row in rows if row[0] not in self.leases][:limit]
        return ready

    def _grant(self, row: Sequence[Any], event: Event, expires_at: float) -> Lease:
        position, seq, attempt, first_failed_at, parked_at, became = row
        return self.leases.grant(
            position,
            event=as_became(event, became),
            seq=seq,
            attempt=attempt,
            first_failed_at=first_failed_at,
            expires_at=expires_at,
            parked_at=parked_at,
        )

    def _with_upserts(
        self, connection: SqliteConnection, row: Sequence[Any], expires_at: float, *, together: int
    ) -> Lease | None:
        """Lease an event, and the upserts right behind one along with it; bury one that the log has lost."""
        position, seq = row[:2]
        if (event := event_at(connection, seq)) is None:
            self._bury_lost(connection, position, seq)
            return None
        first = self._grant(row, event, expires_at)
        if not together or event.type not in UPSERTS or self.lanes.is_awaited(connection, position):
            return first
        return self._with_followers(connection, first, limit=together, takes=lambda event: event.type in UPSERTS)

    def _with_followers(
        self, connection: SqliteConnection, first: Lease, *, limit: int, takes: Callable[[Event], bool]
    ) -> Lease:
        """Lease what stands right behind an event and its followers, up to one that is not taken."""
        now, awake = self.clock.steady(), self.clock.awake()
        run = [self.leases.position(lease, awake) for lease in (first, *first.followers)]
        added, neighbours = list[Lease](), Neighbours(connection)
        for row in itertools.islice(self.lanes.behind(connection, run, now=now), limit):
            event = neighbours.at(row[1])
            # One that the log has lost is buried when it is the first of its lane.
            if event is None or not takes(event):
                break
            added.append(self._grant(row, event, first.expires_at))
        return self.leases.with_followers(first, [*first.followers, *added]) if added else first

    def _end(self, connection: SqliteConnection, ended: Mapping[int, Ending], now: float) -> None:
        """Write the outcomes of events, given by where they wait."""
        rows = [
            (self.name, e.lease.seq, e.outcome, e.reason, now, e.cause, e.notes, e.lease.event.became)
            for e in ended.values()
        ]
        self._write_outcomes(connection, list(ended), rows, now)
        for ending in ended.values():
            write_attempts(connection, self.name, ending.lease.seq, ending.attempts)

    def _bury_lost(self, connection: SqliteConnection, position: int, seq: int) -> None:
        row = (self.name, seq, Outcome.DEAD, LOST, now := self.clock.now(), causes.STORE_MISSING, "", "")
        self._write_outcomes(connection, [position], [row], now)
        self.lanes.leave(connection, self.lanes.waiting(connection, [position]))

    def _write_outcomes(
        self, connection: SqliteConnection, positions: Sequence[int], rows: Sequence[tuple[Any, ...]], now: float
    ) -> None:
        """Write outcomes, of events that wait at these positions, and their sums."""
        for position, row in zip(positions, rows, strict=True):
            if position >= POSITIONS_OF_A_PRIORITY:
                count_for_its_replay(connection, self.name, position, row[2])
        connection.executemany(ENDED, rows)
        for outcome, count in collections.Counter(row[2] for row in rows).items():
            connection.execute(TALLY, [self.name, outcome, count])
            connection.execute(MINUTE, [self.name, int(now // 60), outcome, count])

    def _learn(self, connection: SqliteConnection, learned: Learned) -> Mapping[str, bytes | None]:
        """Change the ledger, and wake who was parked for somebody of whom something is known now."""
        records = self.ledger.learn(connection, learned)
        for subject in [subject for subject, record in records.items() if record is not None]:
            self.lanes.wake(connection, subject, due=self.clock.steady())
        return records

    def _give_back(self, *leases: Lease) -> None:
        for lease in leases:
            self._came_back(self.leases.end(lease, float("-inf")))

    def _came_back(self, position: int) -> None:
        is_passed = position >= POSITIONS_OF_A_PRIORITY or position in self.lanes.passed
        if is_passed and self.stepping_back is not None:
            self.stepping_back.add(position)

    def _step_back(self, connection: SqliteConnection) -> None:
        positions, self.stepping_back = self.stepping_back, set()
        self.lanes.step_back(connection, self.lanes.all_behind(connection) if positions is None else positions)

    def _destination(self, connection: SqliteConnection) -> tuple[int, int, int]:
        select = "SELECT cursor, next_position, received FROM destination WHERE name = ?"
        row = connection.execute(select, [self.name]).fetchone()
        if row is None:
            connection.execute("INSERT INTO destination (name) VALUES (?)", [self.name])
            return 0, 1, 0
        return row[0], row[1], row[2]

    def _notes(self, connection: SqliteConnection) -> dict[str, object]:
        return notes_of(connection, self.name)

    def _take_in(self, connection: SqliteConnection, due: float) -> None:
        """Give new events of the log their places in their lanes."""
        cursor, position, received = self._destination(connection)
        cursor = self.feeds.look(connection, cursor, self.clock.now())
        rows = list(itertools.islice(events_after(connection, cursor), TAKE_IN_MAX))
        self.is_behind = len(rows) == TAKE_IN_MAX
        if not rows:
            return
        epochs.follow(connection)
        keys: list[tuple[str, int]] = []
        named = self.names.reader()
        for seq, event in rows:
            if self.feeds.takes(connection, seq, event.source):
                keys += [(key, seq) for key in keys_of(event)]
                self.lanes.enter(
                    connection, event, named(event), seq=seq, position=place(Priority.LIVE, position), due=due
                )
                position, received = position + 1, received + 1
        connection.executemany("INSERT OR IGNORE INTO found VALUES (?, ?)", sorted(keys))
        connection.execute(
            "UPDATE destination SET cursor = ?, next_position = ?, received = ? WHERE name = ?",
            [rows[-1][0], position, received, self.name],
        )

    def _replay(self, connection: SqliteConnection, *, selection: Selection, job: int, limit: int) -> ReplayStep:
        # What came before the replay says whom a visitor became, and with it the lanes of what is put back.
        self._take_in(connection, self.clock.steady())
        connection.execute("INSERT OR IGNORE INTO replay (job, destination) VALUES (?, ?)", [job, self.name])
        cursor, is_read = connection.execute("SELECT cursor, is_read FROM replay WHERE job = ?", [job]).fetchone()
        rows = [] if is_read else selectable(connection, self.name, selection, after_seq=cursor, limit=limit)
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

    def _put_back(self, connection: SqliteConnection, row: Sequence[Any], *, selection: Selection, job: int) -> bool:
        seq, outcome = row
        event = event_at(connection, seq)
        if event is None or not selection.takes(event):
            return False
        connection.execute("DELETE FROM outcome WHERE destination = ? AND seq = ?", [self.name, seq])
        connection.execute(TALLY, [self.name, outcome, -1])
        _, number, _ = self._destination(connection)
        connection.execute("UPDATE destination SET next_position = ? WHERE name = ?", [number + 1, self.name])
        position = place(Priority.REPLAY, number)
        named, due = self.names.reader()(event), self.clock.steady()
        self.lanes.enter(connection, event, named, seq=seq, position=position, due=due, job=job)
        return True
