"""Who stands where in which lane, on SQLite: the tables `waiting`, `place` and `link` of one destination.

`blocked` of a waiting event counts those of its lanes in which it may not move: somebody stands in front, or somebody
behind is under way already (a replayed event that was leased before a live one came). An event with 0 can be leased.
"""

import json
import sqlite3
from collections.abc import Container, Iterable

from penstock.buffer.lanes import POSITIONS_OF_A_PRIORITY, lanes_of, names_both
from penstock.buffer.port import Priority
from penstock.clock import Clock
from penstock.errors import LeaseLost
from penstock.event import Event, Lane

UNBLOCK = """
UPDATE waiting SET blocked = blocked - 1, due = max(due, ?)
WHERE destination = ? AND position = (SELECT min(position) FROM place WHERE destination = ? AND lane = ?)
"""


class SqliteLanes:
    """The lanes of one destination. Every method runs inside a transaction of the writer."""

    def __init__(self, destination: str, *, under_way: Container[int], clock: Clock) -> None:
        self.name, self.under_way, self.clock = destination, under_way, clock

    def enter(
        self, connection: sqlite3.Connection, event: Event, *, seq: int, position: int, due: float, job: int = 0
    ) -> None:
        """Give an event its place in its lanes; those of a later priority step back."""
        lanes = lanes_of(
            event,
            linked_user=self._linked_user(connection, event),
            is_waiting=lambda lane: self._first(connection, lane) is not None,
        )
        blocked = sum(self._stands_in_front(connection, lane, position) for lane in lanes)
        priority = position // POSITIONS_OF_A_PRIORITY
        connection.execute(
            "INSERT INTO waiting (destination, position, seq, lanes, blocked, due, received_at_ms, priority, job)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [self.name, position, seq, json.dumps(lanes), blocked, due, event.received_at_ms, priority, job],
        )
        connection.executemany("INSERT INTO place VALUES (?, ?, ?)", [(self.name, lane, position) for lane in lanes])
        if names_both(event):
            connection.execute(
                "INSERT INTO link VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET user_id = excluded.user_id"
                " WHERE user_id <> excluded.user_id",
                [self.name, event.anonymous_id, event.user_id],
            )

    def leave(self, connection: sqlite3.Connection, position: int) -> None:
        """Take an event away that was leased; the next of each lane moves up. Raises LeaseLost."""
        where = [self.name, position]
        lanes = self._lanes(connection, position)
        if lanes is None:
            raise LeaseLost(f"position {position} has its outcome already")
        connection.execute("DELETE FROM waiting WHERE destination = ? AND position = ?", where)
        for lane in lanes:
            place = [self.name, lane, position]
            connection.execute("DELETE FROM place WHERE destination = ? AND lane = ? AND position = ?", place)
            connection.execute(UNBLOCK, [self.clock.now(), self.name, self.name, lane])

    def step_back(self, connection: sqlite3.Connection, positions: Iterable[int]) -> None:
        """Let live events pass replayed ones that are no longer under way: after a retry, a lost lease, a crash."""
        for position in positions:
            for lane in self._lanes(connection, position) or ():
                first = self._first(connection, lane)
                if first is not None and first != position:
                    self._count_again(connection, first)
            self._count_again(connection, position)

    def all_behind(self, connection: sqlite3.Connection) -> list[int]:
        """Return the positions of all events of a later priority that could be leased."""
        rows = connection.execute(
            "SELECT position FROM waiting WHERE destination = ? AND priority > ? AND blocked = 0",
            [self.name, Priority.LIVE],
        )
        return [row[0] for row in rows]

    def _stands_in_front(self, connection: sqlite3.Connection, lane: Lane, position: int) -> bool:
        """Return whether a newcomer must wait in this lane; whoever need not be waited for steps back."""
        first = self._first(connection, lane)
        if first is None:
            return False
        if first < position or first in self.under_way:
            return True
        connection.execute(
            "UPDATE waiting SET blocked = blocked + 1 WHERE destination = ? AND position = ?", [self.name, first]
        )
        return False

    def _count_again(self, connection: sqlite3.Connection, position: int) -> None:
        blocked = sum(self._is_blocked(connection, lane, position) for lane in self._lanes(connection, position) or ())
        connection.execute(
            "UPDATE waiting SET blocked = ? WHERE destination = ? AND position = ?", [blocked, self.name, position]
        )

    def _is_blocked(self, connection: sqlite3.Connection, lane: Lane, position: int) -> bool:
        select = "SELECT position FROM place WHERE destination = ? AND lane = ? AND position {} ? ORDER BY position"
        if connection.execute(f"{select.format('<')} LIMIT 1", [self.name, lane, position]).fetchone():
            return True
        # Only those of a later priority can be under way behind somebody.
        behind = max(position, POSITIONS_OF_A_PRIORITY - 1)
        return any(
            row[0] in self.under_way for row in connection.execute(select.format(">"), [self.name, lane, behind])
        )

    def _lanes(self, connection: sqlite3.Connection, position: int) -> list[Lane] | None:
        select = "SELECT lanes FROM waiting WHERE destination = ? AND position = ?"
        row = connection.execute(select, [self.name, position]).fetchone()
        return json.loads(row[0]) if row else None

    def _first(self, connection: sqlite3.Connection, lane: Lane) -> int | None:
        select = "SELECT position FROM place WHERE destination = ? AND lane = ? ORDER BY position LIMIT 1"
        row = connection.execute(select, [self.name, lane]).fetchone()
        return row[0] if row else None

    def _linked_user(self, connection: sqlite3.Connection, event: Event) -> str:
        if event.user_id or not event.anonymous_id:
            return ""
        select = "SELECT user_id FROM link WHERE destination = ? AND anonymous_id = ?"
        row = connection.execute(select, [self.name, event.anonymous_id]).fetchone()
        return str(row[0]) if row else ""
