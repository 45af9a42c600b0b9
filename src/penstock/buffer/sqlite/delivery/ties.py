"""The people e-mail addresses and visitors were last seen with, on SQLite: the table `tie` of one destination.

What an event ties is written once the file has followed the log up to that event: who reads the log again from there must
find what was known there, and nothing that was learned later.
"""

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
        #: What is not written yet: as it is now, and how it came to be, with the numbers of the events.
        self.unwritten: dict[Lane, Tie] = {}
        self.noted: list[tuple[int, Lane, Tie]] = []

    def reader(self, connection: SqliteConnection) -> Tied:
        """Return what looks a tie up."""
        return lambda lane: self._tie(connection, lane)

    def note(self, connection: SqliteConnection, named: Named, seq: int, *, only_new: bool = False) -> list[Lane]:
        """Note what an event ties together; return the visitors who are known since just now."""
        woken = list[Lane]()
        for lane, person in ties_of(named):
            held = self._tie(connection, lane)
            tie = tie_after(held, person)
            if tie == held or (held and only_new):
                continue
            self.unwritten[lane] = tie
            self.noted.append((seq, lane, tie))
            if lane.startswith(VISITOR) and not tie[1]:
                woken.append(lane)
        return woken

    def write(self, connection: SqliteConnection, *, up_to: int) -> None:
        """Write down what was noted of events up to a number."""
        if not self.noted:
            return
        rows = [(self.name, lane, *tie) for seq, lane, tie in self.noted if seq <= up_to]
        connection.executemany(KEEP, rows)
        self.noted = [note for note in self.noted if note[0] > up_to]
        self.unwritten = {lane: tie for _, lane, tie in self.noted}

    def forget_unwritten(self) -> None:
        """Know only what is written."""
        self.unwritten, self.noted = {}, []

    def _tie(self, connection: SqliteConnection, lane: Lane) -> Tie | None:
        if (tie := self.unwritten.get(lane)) is not None:
            return tie
        row = connection.execute(SELECT, [self.name, lane]).fetchone()
        return (Lane(row[0]), bool(row[1])) if row else None


def forget_ties(connection: SqliteConnection, subjects: Sequence[tuple[str, str]]) -> None:
    """Forget what was tied to people, and what their e-mails were tied to: by destination and subject."""
    connection.executemany("DELETE FROM tie WHERE destination = ? AND person = ?", subjects)
    connection.executemany("DELETE FROM tie WHERE destination = ? AND lane = ?", subjects)
