"""Whom e-mail addresses and visitors were last seen with, on SQLite: the table `tie` of one destination."""

from collections.abc import Sequence

from penstock.buffer.rules.lanes import VISITOR, Tie, Tied, tie_after, ties_of
from penstock.buffer.sqlite.connections import SqliteConnection
from penstock.event import Lane, Named

SELECT = "SELECT person, several FROM tie WHERE destination = ? AND lane = ?"
KEEP = "INSERT OR REPLACE INTO tie VALUES (?, ?, ?, ?)"


class Ties:
    """The ties of one destination. Every method runs inside a transaction of the writer."""

    def __init__(self, destination: str) -> None:
        self.name = destination

    def reader(self, connection: SqliteConnection) -> Tied:
        """Return what looks a tie up."""
        return lambda lane: self._tie(connection, lane)

    def note(self, connection: SqliteConnection, named: Named, *, only_new: bool = False) -> list[Lane]:
        """Write down what an event ties to whom; return the visitors of whom somebody is known since just now."""
        woken = list[Lane]()
        for lane, person in ties_of(named):
            held = self._tie(connection, lane)
            tie = tie_after(held, person)
            if tie == held or (held and only_new):
                continue
            connection.execute(KEEP, [self.name, lane, *tie])
            if lane.startswith(VISITOR) and not tie[1]:
                woken.append(lane)
        return woken

    def _tie(self, connection: SqliteConnection, lane: Lane) -> Tie | None:
        row = connection.execute(SELECT, [self.name, lane]).fetchone()
        return (Lane(row[0]), bool(row[1])) if row else None


def forget_ties(connection: SqliteConnection, subjects: Sequence[tuple[str, str]]) -> None:
    """Forget what was tied to people, and their e-mails to whom: by destination and subject."""
    connection.executemany("DELETE FROM tie WHERE destination = ? AND person = ?", subjects)
    connection.executemany("DELETE FROM tie WHERE destination = ? AND lane = ?", subjects)
