"""How events of one destination ended, and what was tried: gathered over a transaction, written with its end in bulk."""

import collections
from collections.abc import Iterable, Sequence

from penstock.buffer.port.backlog import CallCount, Ending
from penstock.buffer.port.outcomes import Attempt, Outcome
from penstock.buffer.sqlite.connections import SqliteConnection
from penstock.buffer.sqlite.rows import ATTEMPT

ENDED = "INSERT INTO outcome VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
ONCE_PARKED = "INSERT OR IGNORE INTO once_parked VALUES (?, ?)"
TALLY = """
INSERT INTO tally VALUES (?, ?, ?) ON CONFLICT (destination, outcome) DO UPDATE SET count = count + excluded.count
"""
MINUTE = """
INSERT INTO minute VALUES (?, ?, ?, ?, ?)
ON CONFLICT (destination, minute, source, outcome) DO UPDATE SET count = count + excluded.count
"""
CALLS = """
INSERT INTO calls VALUES (?, ?, ?, ?) ON CONFLICT (destination, path, kind) DO UPDATE SET count = count + excluded.count
"""


class Endings:
    """What the present transaction says of one destination's events."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.forget()

    def forget(self) -> None:
        """Begin anew: the transaction has ended, one way or the other."""
        self.outcomes: list[tuple[object, ...]] = []
        self.attempts: list[tuple[object, ...]] = []
        self.parked: list[tuple[str, int]] = []
        self.ended: collections.Counter[tuple[int, str, str]] = collections.Counter()
        self.calls: collections.Counter[tuple[str, str]] = collections.Counter()

    def add(self, ending: Ending, *, at: float) -> None:
        """Note an end, at a time in seconds since 1970."""
        lease = ending.lease
        row = (self.name, lease.seq, ending.outcome, ending.reason, at, ending.cause, ending.notes, lease.event.became)
        self._add(row, at, lease.event.source, ending.outcome)
        if lease.parked_at is not None:
            self.parked.append((self.name, lease.seq))
        self.tried(lease.seq, ending.attempts)

    def bury(self, seq: int, *, reason: str, cause: str, at: float) -> None:
        """Note that an event is dead that is not leased."""
        self._add((self.name, seq, Outcome.DEAD, reason, at, cause, "", ""), at, "", Outcome.DEAD)

    def end_as_erased(self, seq: int, *, source: str, reason: str, cause: str, at: float) -> None:
        """Note that nothing is left of an event that waited."""
        self._add((self.name, seq, Outcome.ERASED, reason, at, cause, "", ""), at, source, Outcome.ERASED)

    def tried(self, seq: int, attempts: Iterable[Attempt]) -> None:
        """Note how calls went."""
        self.attempts += [
            (self.name, seq, a.at, a.method, a.path, a.status, a.answer, a.duration_ms, a.reading, a.body_sum, a.body)
            for a in attempts
        ]

    def count(self, calls: Sequence[CallCount]) -> None:
        """Note figures about calls."""
        for each in calls:
            self.calls[each.path, each.kind] += each.count

    def write(self, connection: SqliteConnection) -> None:
        """Write all of it."""
        connection.executemany(ENDED, self.outcomes)
        connection.executemany(ATTEMPT, self.attempts)
        connection.executemany(ONCE_PARKED, self.parked)
        tally: collections.Counter[str] = collections.Counter()
        for (*_, outcome), count in self.ended.items():
            tally[outcome] += count
        connection.executemany(MINUTE, [(self.name, *each, count) for each, count in self.ended.items()])
        connection.executemany(TALLY, [(self.name, *each) for each in tally.items()])
        connection.executemany(CALLS, [(self.name, *kind, count) for kind, count in self.calls.items()])
        self.forget()

    def _add(self, row: tuple[object, ...], at: float, source: str, outcome: Outcome) -> None:
        self.outcomes.append(row)
        self.ended[int(at // 60), source, outcome] += 1
