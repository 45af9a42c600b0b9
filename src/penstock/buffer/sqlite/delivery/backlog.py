"""The backlog of one destination on SQLite: deliver's end. Opened by delivery.py."""

import functools
import heapq
import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

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
from penstock.buffer.port.selection import Selection
from penstock.buffer.rules.begin import ALL
from penstock.buffer.rules.lanes import POSITIONS_OF_A_PRIORITY
from penstock.buffer.rules.leases import Leases, within
from penstock.buffer.rules.shares import PriorityTurns
from penstock.buffer.rules.window import Fresh
from penstock.buffer.sqlite.connections import SqliteConnection
from penstock.buffer.sqlite.delivery.endings import Endings
from penstock.buffer.sqlite.delivery.feeds import notes_of, remembered
from penstock.buffer.sqlite.delivery.intake import Intake
from penstock.buffer.sqlite.delivery.ledger import SqliteLedger
from penstock.buffer.sqlite.delivery.put_back import put_back
from penstock.buffer.sqlite.delivery.quiet import Quiet
from penstock.buffer.sqlite.group_commit import Answer, GroupCommit
from penstock.buffer.sqlite.log.segments import Neighbours, event_at
from penstock.buffer.sqlite.rows import count_for_its_replay
from penstock.clock import Clock
from penstock.event import UPSERTS, Event, Lane, Naming, as_became

LOST = "events.db has lost the event: an older copy of the file came back, or a part of it was damaged"
READY = """
SELECT position, seq, attempt, first_failed_at, parked_at, became, job, is_anew, due FROM waiting
WHERE destination = ? AND priority = ? AND blocked = 0 AND due <= ? ORDER BY due, position LIMIT ?
"""
NEXT_READY = "SELECT min(due) FROM waiting WHERE destination = ? AND priority = ? AND blocked = 0"
NEXT_UNPARKED = "SELECT min(due) FROM waiting WHERE destination = ? AND blocked = -1"


class WaitingRow(NamedTuple):
    """An event that waits in the file, and can be handed out."""

    position: int
    seq: int
    attempt: int
    first_failed_at: float | None
    parked_at: float | None
    became: str
    job: int
    is_anew: int
    due: float


Ready = Fresh | WaitingRow


class SqliteBacklog:
    """One destination's events without an outcome; see port.Backlog."""

    def __init__(
        self,
        name: str,
        sources: Callable[[], Sequence[str]],
        *,
        group: GroupCommit[SqliteConnection],
        intake: Intake,
        endings: Endings,
        ledger: SqliteLedger,
        quiet: Quiet,
        clock: Clock,
        begin: Callable[[str], str] = lambda _: ALL,
        naming: Callable[[], Naming | None] = lambda: None,
    ) -> None:
        self.name, self.clock, self.group, self.ledger = name, clock, group, ledger
        self.leases, self.turns, self.quiet = Leases(), PriorityTurns(), quiet
        self.intake, self.endings, self.lanes = intake, endings, intake.lanes
        intake.serve(sources, begin=begin, naming=naming, under_way=self.leases.held)
        #: Events no longer under way: they can be handed out again, or must let those in front pass; None: look for all
        #: of the file, after a start.
        self.returned: set[int] | None = None
        #: More is to be looked at, in the log or elsewhere, than was at once.
        self.is_behind = False
        #: When the next event can be handed out, if nothing else happens; looked up whenever nothing could be.
        self.next_due = float("-inf")
        #: Records of those who were leased last, read along with that.
        self.ahead: Mapping[str, bytes | None] = {}

    async def lease(
        self, *, limit: int, lease_s: float, shares: Mapping[Priority, float] | None = None, together: int = 0
    ) -> Sequence[Lease]:
        """Hand out due events, at most one per lane and its followers, of each priority the longest due first."""
        if self.quiet.lasts() and not self.intake.is_told_otherwise():
            return ()
        shares, mark = shares or SHARES, self.quiet.mark()
        operation = functools.partial(self._lease, limit=limit, lease_s=lease_s, shares=shares, together=together)
        leases = await self.group.run(operation)
        while self.is_behind and not leases:
            # All that was read so far waits behind other events; others may stand further back in the log.
            leases = await self.group.run(operation)
        self.ledger.keep_new(self.ahead)
        # A lease under way may run out.
        if not leases and not self.leases:
            self.quiet.keep(mark, until=self.next_due)
        return leases

    async def lease_behind(self, lease: Lease, *, limit: int, bytes_max: int) -> Lease:
        """Return a lease again with more followers, of whatever type."""

        def operation(connection: SqliteConnection) -> Lease:
            self.intake.recover(connection)
            return self._with_followers(connection, lease, limit=limit, takes=within(bytes_max))

        return await self.group.run(operation)

    async def settle(
        self, *endings: Ending, learned: Learned = NOTHING_LEARNED, calls: Sequence[CallCount] = ()
    ) -> None:
        """Write outcomes and what was learned, and free the lanes."""

        def operation(connection: SqliteConnection) -> Mapping[str, bytes | None]:
            now = self.clock.awake()
            self.intake.recover(connection)
            # All of them first: a lost lease must be known before anything is written.
            ended = {self.leases.position(ending.lease, now): ending for ending in endings}
            in_file = self.lanes.waiting(connection, [p for p in ended if p not in self.intake.window])
            self._end(connection, ended, in_file)
            self.endings.count(calls)
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
            position = self._in_file(connection, lease)
            connection.execute(
                "UPDATE waiting SET due = ?, attempt = ?, first_failed_at = ? WHERE destination = ? AND position = ?",
                [at, lease.attempt + counts, first_failed_at, self.name, position],
            )
            self.endings.tried(lease.seq, attempts)
            return self._learn(connection, learned)

        self.ledger.keep(await self._change(operation))
        self._give_back(lease, *self.leases.followers(lease))

    async def park(
        self, lease: Lease, *, since: float, until: float, subjects: Sequence[str], room: int | None = None
    ) -> bool:
        """Take the event out of its lanes until something is learned of one of the subjects, or until `until`."""

        def operation(connection: SqliteConnection) -> bool:
            self.leases.position(lease, self.clock.awake())
            has_room = self.lanes.has_room(connection, subjects, room)
            if has_room:
                position = self._in_file(connection, lease)
                self.lanes.park(connection, position, since=since, until=until, subjects=subjects)
            return has_room

        if is_parked := await self._change(operation):
            self._give_back(lease, *self.leases.followers(lease))
        return is_parked

    async def wake_all(self) -> None:
        """Let every parked event take its place again."""
        while await self._change(functools.partial(self.lanes.unpark_due, now=float("inf"))):
            pass

    async def replay(self, selection: Selection, *, job: int, limit: int, fresh_ids: bool = False) -> ReplayStep:
        """Put the next events of a selection back behind the live ones of their lanes."""

        def operation(connection: SqliteConnection) -> ReplayStep:
            # What came before the replay says who a visitor became, and with it the lanes of what is put back.
            self.intake.take_in(connection)
            self.endings.write(connection)
            return put_back(connection, self.intake, selection, job=job, limit=limit, fresh_ids=fresh_ids)

        return await self._change(operation)

    async def remember(self, notes: Mapping[str, object]) -> None:
        """Keep what the destination learned."""

        def operation(connection: SqliteConnection) -> None:
            connection.execute("INSERT OR IGNORE INTO destination (name) VALUES (?)", [self.name])
            kept = json.dumps(self._notes(connection) | dict(notes))
            connection.execute("UPDATE destination SET notes = ? WHERE name = ?", [kept, self.name])

        await self.group.run(operation)

    async def notes(self) -> Mapping[str, object]:
        """Return what `remember` kept."""
        return remembered(await self.group.run(self._notes))

    async def _change(self, operation: Callable[[SqliteConnection], Answer]) -> Answer:
        """Change what waits; a look that found nothing may find something now."""
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
        self.lanes.look_for_others(connection)
        self.lanes.unpark_due(connection, now)
        if not self.intake.are_named(connection):
            self.is_behind = True
            return ()
        self.intake.take_in(connection)
        picked = self._picked(connection, now, limit, shares)
        if not picked:
            self.next_due = self._next_due(connection)
        leases = [self._leased(connection, each, awake + lease_s, together=together) for each in picked]
        # A lane is called as its record is, mostly; else it is asked for when it is needed.
        lanes = (lane for each in picked if isinstance(each, Fresh) for lane in each.lanes)
        self.ahead = self.ledger.ahead(connection, lanes)
        if len(picked) < limit and self.intake.is_full:
            self.intake.make_room(connection)
        # Events that were not there have ended; those that waited behind them may be due now.
        self.is_behind = self.intake.is_behind or None in leases
        return [lease for lease in leases if lease is not None]

    def _next_due(self, connection: SqliteConnection) -> float:
        """Return when the next event may be handed out, if nothing else happens; infinity for never."""
        if self.lanes.is_empty:
            return self.intake.window.next_due
        rows = [connection.execute(NEXT_READY, [self.name, priority]).fetchone() for priority in Priority]
        rows.append(connection.execute(NEXT_UNPARKED, [self.name]).fetchone())
        due: list[float] = [row[0] for row in rows if row[0] is not None]
        return min([self.intake.window.next_due, *due])

    def _picked(
        self, connection: SqliteConnection, now: float, limit: int, shares: Mapping[Priority, float]
    ) -> list[Ready]:
        """Return what is handed out now: of each priority the longest due, its share of the turns."""
        ready: dict[Priority, Sequence[Ready]] = {}
        for priority in Priority if not self.lanes.is_empty else ():
            # Leased events stand first in the order of due, and there are never more of them than calls under way.
            rows = connection.execute(READY, [self.name, priority, now, limit + len(self.leases)])
            ready[priority] = [row for row in map(WaitingRow._make, rows) if row.position not in self.leases][:limit]
        window = self.intake.window
        fresh = window.pick(now, limit=limit, under_way=self.leases)
        live = heapq.merge(fresh, ready.get(Priority.LIVE, ()), key=_by_due)
        picked = [each for _, each in self.turns.pick(ready | {Priority.LIVE: list(live)}, limit=limit, shares=shares)]
        taken = {each.position for each in picked}
        window.put_back(each.position for each in fresh if each.position not in taken)
        return picked

    def _leased(self, connection: SqliteConnection, ready: Ready, expires_at: float, *, together: int) -> Lease | None:
        """Lease an event, and the upserts right behind one along with it; bury one that the log has lost."""
        event = ready.event if isinstance(ready, Fresh) else event_at(connection, ready.seq)
        if event is None:
            self._bury_lost(connection, ready.position, ready.seq)
            return None
        first = self._grant(ready, event, expires_at)
        if not together or event.type not in UPSERTS or self._is_awaited(connection, ready):
            return first
        return self._with_followers(connection, first, limit=together, takes=lambda event: event.type in UPSERTS)

    def _is_awaited(self, connection: SqliteConnection, ready: Ready) -> bool:
        if isinstance(ready, Fresh):
            return self.lanes.are_awaited(connection, ready.lanes)
        return self.lanes.is_awaited(connection, ready.position)

    def _grant(self, ready: Ready, event: Event, expires_at: float) -> Lease:
        return self.leases.grant(
            ready.position,
            event=as_became(event, ready.became),
            seq=ready.seq,
            attempt=ready.attempt,
            first_failed_at=ready.first_failed_at,
            expires_at=expires_at,
            parked_at=ready.parked_at,
            replay=ready.job,
            is_anew=bool(ready.is_anew),
        )

    def _with_followers(
        self, connection: SqliteConnection, first: Lease, *, limit: int, takes: Callable[[Event], bool]
    ) -> Lease:
        """Lease what stands right behind an event and its followers, up to one that is not taken."""
        run = [self.leases.position(lease, self.clock.awake()) for lease in (first, *first.followers)]
        added = list[Lease]()
        for ready, event in itertools.islice(self._behind(connection, run), limit):
            # One that the log has lost is buried when it is the first of its lane.
            if event is None or not takes(event):
                break
            added.append(self._grant(ready, event, first.expires_at))
        return self.leases.with_followers(first, [*first.followers, *added]) if added else first

    def _behind(self, connection: SqliteConnection, run: Sequence[int]) -> Iterator[tuple[Ready, Event | None]]:
        """Yield what waits for nothing but a run of leased events."""
        if run[0] in self.intake.window:
            yield from ((fresh, fresh.event) for fresh in self.intake.window.behind(run, under_way=self.leases))
            return
        neighbours = Neighbours(connection)
        for row in map(WaitingRow._make, self.lanes.behind(connection, run, now=self.clock.steady())):
            yield row, neighbours.at(row.seq)

    def _in_file(self, connection: SqliteConnection, lease: Lease) -> int:
        """Return where a leased event waits, which has to be in the file. Raises LeaseLost."""
        position = self.leases.position(lease, self.clock.awake())
        self.intake.recover(connection)
        if position in self.intake.window:
            self.intake.write_down(connection, [position])
        return position

    def _end(
        self, connection: SqliteConnection, ended: Mapping[int, Ending], in_file: Mapping[int, Sequence[Lane]]
    ) -> None:
        """Let events go that have an outcome now, given by where they wait."""
        now = self.clock.now()
        for position, ending in ended.items():
            self.endings.add(ending, at=now)
            if ending.company:
                self.intake.sent_for(ending.company, ending.lease.seq)
            if position not in in_file:
                self.intake.ended(position)
            elif position >= POSITIONS_OF_A_PRIORITY:
                count_for_its_replay(connection, self.name, position, ending.outcome)
        self.lanes.leave(connection, in_file)

    def _bury_lost(self, connection: SqliteConnection, position: int, seq: int) -> None:
        self.endings.bury(seq, reason=LOST, cause=causes.STORE_MISSING, at=self.clock.now())
        if position >= POSITIONS_OF_A_PRIORITY:
            count_for_its_replay(connection, self.name, position, Outcome.DEAD)
        self.lanes.leave(connection, self.lanes.waiting(connection, [position]))

    def _learn(self, connection: SqliteConnection, learned: Learned) -> Mapping[str, bytes | None]:
        """Change the ledger, and wake events parked for a person or company that is known now."""
        records = self.ledger.learn(connection, learned)
        for subject in [subject for subject, record in records.items() if record is not None]:
            self.lanes.wake(connection, subject, due=self.clock.steady())
        return records

    def _give_back(self, *leases: Lease) -> None:
        for lease in leases:
            self._came_back(self.leases.end(lease, float("-inf")))

    def _came_back(self, position: int) -> None:
        if self.returned is not None:
            self.returned.add(position)

    def _step_back(self, connection: SqliteConnection) -> None:
        """Let be handed out what came back, or those in front of it."""
        returned, self.returned = self.returned, set()
        if returned is None:
            self.lanes.step_back(connection, self.lanes.all_behind(connection))
            return
        self.intake.window.put_back(returned)
        is_passing = [p for p in returned if p >= POSITIONS_OF_A_PRIORITY or p in self.lanes.passed]
        self.lanes.step_back(connection, is_passing)

    def _notes(self, connection: SqliteConnection) -> dict[str, object]:
        return notes_of(connection, self.name)


def _by_due(ready: Ready) -> tuple[float, int]:
    return ready.due, ready.position
