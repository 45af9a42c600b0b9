"""Who stands where in which lane, on SQLite: the tables `waiting`, `place` and `parked` of one destination.

`blocked` of a waiting event counts those of its lanes in which it may not move: an event stands in front, or one
behind is under way already (a replayed event that was leased before a live one came, or one that passed while this one
was parked). An event with 0 can be leased; -1 says that it is parked and stands in no lane.
"""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from penstock.buffer.port.backlog import Priority
from penstock.buffer.rules.lanes import (
    POSITIONS_OF_A_PRIORITY,
    VISITOR,
    VISITOR_EVENTS_MAX,
    became,
    companies_of,
    lanes_of,
)
from penstock.buffer.rules.window import Fresh
from penstock.buffer.sqlite.connections import SqliteConnection
from penstock.buffer.sqlite.delivery.ties import Ties
from penstock.clock import Clock
from penstock.errors import LeaseLost
from penstock.event import Event, Lane, Named

PARKED = -1
# Where there was no room for a visitor's event, it is not looked for again so soon: it is counted.
FULL_S = 1.0
# Greater than any character, so that a range takes in everything that begins with a text.
LAST = "\U0010ffff"
# Parked events that take their places again in one step.
UNPARKED_AT_ONCE = 1_000
PASSED_ON = "UPDATE waiting SET blocked = blocked - 1, due = max(due, ?) WHERE destination = ? AND position = ?"
BEHIND = "SELECT position FROM place WHERE destination = ? AND lane = ? AND position > ? ORDER BY position LIMIT 1"
IN_FRONT = """
SELECT position FROM place WHERE destination = ? AND lane = ? AND position < ? ORDER BY position DESC LIMIT ?
"""
ALL_BEHIND = """
SELECT position, seq, attempt, first_failed_at, parked_at, became, job, is_anew, due, lanes
FROM place JOIN waiting USING (destination, position)
WHERE destination = ? AND lane = ? AND position > ? ORDER BY position
"""


class SqliteLanes:
    """The lanes of one destination. Every method runs inside a transaction of the writer."""

    def __init__(
        self,
        destination: str,
        *,
        under_way: Collection[int],
        clock: Clock,
        stands_elsewhere: Callable[[Lane], bool] = lambda _: False,
        bring: Callable[[SqliteConnection, Sequence[Lane]], None] = lambda *_: None,
    ) -> None:
        self.name, self.under_way, self.clock, self.ties = destination, under_way, clock, Ties(destination)
        #: Whether events stand in a lane that are not written down; and what writes those of some lanes down.
        self.stands_elsewhere, self.bring = stands_elsewhere, bring
        #: True: no event waits in the file; False: some may.
        self.is_empty = False
        #: Positions under way behind an event that waits; few, and most of the time none.
        self.passed: set[int] = set()
        #: How many events are parked for visitors: as counted last, with those since; None: not counted yet.
        self.parked_since_counted: int | None = None
        #: Until when no room is looked for, for there was none.
        self.full_until = float("-inf")

    def enter(
        self,
        connection: SqliteConnection,
        event: Event,
        named: Named,
        *,
        seq: int,
        position: int,
        due: float,
        job: int = 0,
    ) -> None:
        """Give an event its place in its lanes; those of a later priority step back, and visitors it names wake."""
        fresh = Fresh(seq, event, *self.read(connection, named), due)
        self.stand(connection, fresh, position=position, job=job)
        self.note(connection, named, seq)

    def stand(self, connection: SqliteConnection, fresh: Fresh, *, position: int, job: int = 0) -> None:
        """Write down an event, and where it stands."""
        self.is_empty = False
        priority = position // POSITIONS_OF_A_PRIORITY
        connection.execute(
            "INSERT INTO waiting (destination, position, seq, lanes, blocked, due, received_at_ms, priority, job, became)"
            " VALUES (?, ?, ?, ?, 0, ?, ?, ?, ?, ?)",
            [
                self.name,
                position,
                fresh.seq,
                json.dumps(fresh.lanes),
                fresh.due,
                fresh.event.received_at_ms,
                priority,
                job,
                fresh.became,
            ],
        )
        self._take_places(connection, position, fresh.lanes)

    def note(self, connection: SqliteConnection, named: Named, seq: int) -> None:
        """Note what an event ties together; events of visitors who are known now wake."""
        for visitor in self.ties.note(connection, named, seq):
            self.wake(connection, visitor, due=self.clock.steady())

    def enter_again(self, connection: SqliteConnection, named: Named, *, position: int, seq: int) -> None:
        """Give an event that waits its place once more: who it is about is read in another way now."""
        select = "SELECT lanes, blocked FROM waiting WHERE destination = ? AND position = ?"
        text, blocked = connection.execute(select, [self.name, position]).fetchone()
        held = json.loads(text)
        lanes, person = self.read(connection, named)
        self.ties.note(connection, named, seq, only_new=True)
        is_moved = blocked != PARKED and held != list(lanes)
        if is_moved:
            self._vacate(connection, position, held)
        self._name(connection, position, lanes, person)
        if is_moved:
            self._stand(connection, position, lanes)

    def read(self, connection: SqliteConnection, named: Named) -> tuple[tuple[Lane, ...], Lane]:
        """Return the lanes of an event that comes now, and the person its visitor became."""
        tied = self.ties.reader(connection)
        lanes = lanes_of(named, tied=tied, is_waiting=lambda lane: self._is_waited_for(connection, lane))
        return lanes, became(named, tied)

    def look_for_others(self, connection: SqliteConnection) -> None:
        """Find out whether anybody waits in the file."""
        if not self.is_empty:
            select = "SELECT 1 FROM waiting WHERE destination = ? LIMIT 1"
            self.is_empty = connection.execute(select, [self.name]).fetchone() is None

    def are_taken(self, connection: SqliteConnection, lanes: Sequence[Lane]) -> bool:
        """Return whether any event's place in one of some lanes is written down."""
        return not self.is_empty and any(self._first(connection, lane) is not None for lane in lanes)

    def leave(self, connection: SqliteConnection, leaving: Mapping[int, Sequence[Lane]]) -> None:
        """Take leased events out of their lanes and away; the next of each lane moves up."""
        if not leaving:
            return
        connection.executemany(
            "DELETE FROM waiting WHERE destination = ? AND position = ?",
            [(self.name, position) for position in leaving],
        )
        self._leave_places(connection, leaving)

    def waiting(self, connection: SqliteConnection, positions: Iterable[int]) -> dict[int, Sequence[Lane]]:
        """Return the lanes of some events. Raises LeaseLost if one of them has its outcome already."""
        found = {position: self._lanes(connection, position) for position in positions}
        for position, lanes in found.items():
            if lanes is None:
                raise LeaseLost(f"position {position} has its outcome already")
        return {position: lanes for position, lanes in found.items() if lanes is not None}

    def has_room(self, connection: SqliteConnection, subjects: Sequence[str], room: int | None) -> bool:
        """Return whether one more event may be parked for visitors, of which there may be `room`, and for this one."""
        if room is None:
            return True
        now = self.clock.steady()
        if self.full_until > now:
            return False
        if self.parked_since_counted is None or self.parked_since_counted >= room:
            self.parked_since_counted = self._count_parked(connection, VISITOR, VISITOR + LAST, room)
        self.full_until = now + FULL_S if self.parked_since_counted >= room else now
        self.parked_since_counted += 1
        return self.full_until <= now and all(
            self._count_parked(connection, subject, subject + "\0", VISITOR_EVENTS_MAX) < VISITOR_EVENTS_MAX
            for subject in subjects
        )

    def park(
        self, connection: SqliteConnection, position: int, *, since: float, until: float, subjects: Sequence[str]
    ) -> None:
        """Take a leased event out of its lanes, without an end. Raises LeaseLost.

        That of a visitor whose person is known meanwhile goes back to its place at once.
        """
        leaving = self.waiting(connection, [position])
        self._leave_places(connection, leaving)
        connection.execute(
            "UPDATE waiting SET blocked = ?, due = ?, parked_at = coalesce(parked_at, ?)"
            " WHERE destination = ? AND position = ?",
            [PARKED, until, since, self.name, position],
        )
        rows = [(self.name, subject, position) for subject in subjects]
        connection.executemany("INSERT OR IGNORE INTO parked VALUES (?, ?, ?)", rows)
        if any(subject.startswith(VISITOR) and self._became(connection, subject) for subject in subjects):
            self._unpark(connection, position, due=self.clock.steady())

    def wake(self, connection: SqliteConnection, subject: str, *, due: float) -> None:
        """Let all events parked for a subject take their places again."""
        if self.is_empty:
            return
        select = "SELECT position FROM parked WHERE destination = ? AND subject = ? ORDER BY position"
        for (position,) in connection.execute(select, [self.name, subject]).fetchall():
            self._unpark(connection, position, due=due)

    def unpark_due(self, connection: SqliteConnection, now: float) -> int:
        """Let events whose time is over take their places again, up to a number; return how many did."""
        if self.is_empty:
            return 0
        select = "SELECT position FROM waiting WHERE destination = ? AND blocked = -1 AND due <= ? LIMIT ?"
        rows = connection.execute(select, [self.name, now, UNPARKED_AT_ONCE]).fetchall()
        for (position,) in rows:
            self._unpark(connection, position, due=self.clock.steady())
        return len(rows)

    def is_awaited(self, connection: SqliteConnection, position: int) -> bool:
        """Return whether an event is parked until something is learned of the person or company of a lane."""
        return self.are_awaited(connection, self._lanes(connection, position) or ())

    def are_awaited(self, connection: SqliteConnection, lanes: Sequence[Lane]) -> bool:
        """Return the same of these lanes."""
        # Lanes of people and companies are named as the ledger names its subjects.
        return not self.is_empty and any(self._is_parked_for(connection, lane) for lane in lanes)

    def behind(self, connection: SqliteConnection, run: Sequence[int], *, now: float) -> Iterator[Sequence[Any]]:
        """Yield events that wait for nothing but a run of leased ones, and for those yielded before them, in order.

        Each comes as position, seq, attempt, first_failed_at, parked_at, became, job, is_anew and due.
        """
        lanes = self._lanes(connection, run[0])
        together, known = set(run), set[Lane]()
        if not lanes:
            return
        for *row, due, text in connection.execute(ALL_BEHIND, [self.name, lanes[0], run[-1]]):
            position, own = row[0], json.loads(text)
            is_like = position // POSITIONS_OF_A_PRIORITY == run[0] // POSITIONS_OF_A_PRIORITY and due <= now
            is_free = all(self._is_next(connection, lane, position, together, is_known=lane in known) for lane in own)
            if position in self.under_way or not is_like or not is_free:
                return
            yield [*row, due]
            together.add(position)
            known.update(own)

    def step_back(self, connection: SqliteConnection, positions: Iterable[int]) -> None:
        """Let those in front pass events that are no longer under way: after a retry, a lost lease, a crash."""
        for position in positions:
            self.passed.discard(position)
            for lane in self._lanes(connection, position) or ():
                first = self._first(connection, lane)
                if first is not None and first != position:
                    self._count_again(connection, first)
            self._count_again(connection, position)

    def all_behind(self, connection: SqliteConnection) -> list[int]:
        """Return the positions of all events that may stand wrong after a crash, when none is under way any more.

        Those of a later priority that could be leased, and those that were parked with the events that passed them.
        """
        later = "SELECT position FROM waiting WHERE destination = ? AND priority > ? AND blocked = 0"
        found = [row[0] for row in connection.execute(later, [self.name, Priority.LIVE])]
        awake = "SELECT position FROM waiting WHERE destination = ? AND parked_at IS NOT NULL AND blocked <> -1"
        for (position,) in connection.execute(awake, [self.name]).fetchall():
            lanes = self._lanes(connection, position) or ()
            behind = (connection.execute(BEHIND, [self.name, lane, position]).fetchone() for lane in lanes)
            found += [position, *(row[0] for row in behind if row)]
        return found

    def _unpark(self, connection: SqliteConnection, position: int, *, due: float) -> None:
        lanes: Sequence[Lane] = self._lanes(connection, position) or ()
        connection.execute("DELETE FROM parked WHERE destination = ? AND position = ?", [self.name, position])
        update = "UPDATE waiting SET due = ? WHERE destination = ? AND position = ?"
        connection.execute(update, [due, self.name, position])
        if lanes and lanes[0].startswith(VISITOR):
            # Who the visitor became is known now, or not at all.
            lanes, person = self.read(connection, Named(visitor=lanes[0], companies=companies_of(lanes)))
            self._name(connection, position, lanes, person)
        self._stand(connection, position, lanes)

    def _stand(self, connection: SqliteConnection, position: int, lanes: Sequence[Lane]) -> None:
        update = "UPDATE waiting SET blocked = 0 WHERE destination = ? AND position = ?"
        connection.execute(update, [self.name, position])
        self._take_places(connection, position, lanes)

    def _became(self, connection: SqliteConnection, visitor: str) -> Lane:
        return became(Named(visitor=visitor), self.ties.reader(connection))

    def _name(self, connection: SqliteConnection, position: int, lanes: Sequence[Lane], person: Lane) -> None:
        update = "UPDATE waiting SET lanes = ?, became = ? WHERE destination = ? AND position = ?"
        connection.execute(update, [json.dumps(lanes), person, self.name, position])

    def _count_parked(self, connection: SqliteConnection, first: str, end: str, limit: int) -> int:
        select = "SELECT 1 FROM parked WHERE destination = ? AND subject >= ? AND subject < ? LIMIT ?"
        row = connection.execute(f"SELECT count(*) FROM ({select})", [self.name, first, end, limit]).fetchone()  # noqa: S608
        return int(row[0])

    def _is_waited_for(self, connection: SqliteConnection, lane: Lane) -> bool:
        if self.stands_elsewhere(lane):
            return True
        return not self.is_empty and (
            self._first(connection, lane) is not None or self._is_parked_for(connection, lane)
        )

    def _is_parked_for(self, connection: SqliteConnection, subject: str) -> bool:
        select = "SELECT 1 FROM parked WHERE destination = ? AND subject = ? LIMIT 1"
        return connection.execute(select, [self.name, subject]).fetchone() is not None

    def _take_places(self, connection: SqliteConnection, position: int, lanes: Sequence[Lane]) -> None:
        """Stand in each lane by the order of positions; events that need not be waited for step back."""
        self.bring(connection, lanes)
        firsts = [self._first(connection, lane) for lane in lanes]
        # Asked of every lane: it also writes down who is passed.
        passes = [
            first is not None and self._passes(connection, lane, position)
            for lane, first in zip(lanes, firsts, strict=True)
        ]
        blocked = sum(
            first is not None and (first < position or is_passing)
            for first, is_passing in zip(firsts, passes, strict=True)
        )
        connection.executemany("INSERT INTO place VALUES (?, ?, ?)", [(self.name, lane, position) for lane in lanes])
        if blocked:
            update = "UPDATE waiting SET blocked = ? WHERE destination = ? AND position = ?"
            connection.execute(update, [blocked, self.name, position])
        for first in firsts:
            if first is not None and first > position and first not in self.under_way:
                self._count_again(connection, first)

    def _leave_places(self, connection: SqliteConnection, leaving: Mapping[int, Sequence[Lane]]) -> None:
        self.passed -= leaving.keys()
        left = [(lane, position) for position, lanes in leaving.items() for lane in lanes]
        connection.executemany(
            "DELETE FROM place WHERE destination = ? AND lane = ? AND position = ?",
            [(self.name, lane, position) for lane, position in left],
        )
        # By lane, the first that left it: those that stand behind it were waiting for it.
        for lane, position in dict(sorted(left, reverse=True)).items():
            first = self._first(connection, lane)
            if first is None:
                continue
            if first > position and not self.passed:
                connection.execute(PASSED_ON, [self.clock.steady(), self.name, first])
            else:
                self._count_again(connection, first)

    def _vacate(self, connection: SqliteConnection, position: int, lanes: Sequence[Lane]) -> None:
        """Take an event out of its lanes that has not ended: those that waited for it wait no longer."""
        for lane in lanes:
            delete = "DELETE FROM place WHERE destination = ? AND lane = ? AND position = ?"
            connection.execute(delete, [self.name, lane, position])
        firsts = {first for lane in lanes if (first := self._first(connection, lane)) is not None}
        for first in firsts:
            self._count_again(connection, first)

    def _passes(self, connection: SqliteConnection, lane: Lane, position: int) -> bool:
        """Return whether an event is under way that stands behind this position."""
        # Nearly always the last one asks.
        if connection.execute(BEHIND, [self.name, lane, position]).fetchone() is None:
            return False
        # A copy: leases end on the event loop while the writer's thread asks.
        under_way = tuple(self.under_way)
        behind = {other for other in under_way if other > position and self._stands(connection, lane, other)}
        self.passed |= behind
        return bool(behind)

    def _count_again(self, connection: SqliteConnection, position: int) -> None:
        blocked = sum(self._is_blocked(connection, lane, position) for lane in self._lanes(connection, position) or ())
        # A parked event stands in no lane.
        update = "UPDATE waiting SET blocked = ? WHERE destination = ? AND position = ? AND blocked <> ?"
        connection.execute(update, [blocked, self.name, position, PARKED])

    def _is_blocked(self, connection: SqliteConnection, lane: Lane, position: int) -> bool:
        first = self._first(connection, lane)
        return (first is not None and first < position) or self._passes(connection, lane, position)

    def _is_next(
        self, connection: SqliteConnection, lane: Lane, position: int, run: Collection[int], *, is_known: bool
    ) -> bool:
        """Return whether none but a run stands in front, and none behind is under way.

        When that is known of the one in front, the one in front is all that is looked at.
        """
        limit = 1 if is_known else len(run) + 1
        in_front = connection.execute(IN_FRONT, [self.name, lane, position, limit]).fetchall()
        is_passed = bool(self.passed) and self._passes(connection, lane, position)
        return all(row[0] in run for row in in_front) and not is_passed

    def _stands(self, connection: SqliteConnection, lane: Lane, position: int) -> bool:
        select = "SELECT 1 FROM place WHERE destination = ? AND lane = ? AND position = ?"
        return connection.execute(select, [self.name, lane, position]).fetchone() is not None

    def _lanes(self, connection: SqliteConnection, position: int) -> list[Lane] | None:
        select = "SELECT lanes FROM waiting WHERE destination = ? AND position = ?"
        row = connection.execute(select, [self.name, position]).fetchone()
        return json.loads(row[0]) if row else None

    def _first(self, connection: SqliteConnection, lane: Lane) -> int | None:
        select = "SELECT position FROM place WHERE destination = ? AND lane = ? ORDER BY position LIMIT 1"
        row = connection.execute(select, [self.name, lane]).fetchone()
        return row[0] if row else None
