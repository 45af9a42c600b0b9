"""The ledger on SQLite: table `ledger` of delivery.db, behind a cache of fixed size.

deliver is the only writer of delivery.db, so what it has cached is true until it writes something else itself.
"""

import collections
import functools
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path

from penstock.buffer.port.backlog import Learned
from penstock.buffer.port.ledger import CallFigures, Merges, NewerUpserts
from penstock.buffer.sqlite.connections import SqliteConnection, rows_changed_by_all
from penstock.buffer.sqlite.delivery.retention import DAY_S
from penstock.buffer.sqlite.delivery.ties import forget_ties
from penstock.buffer.sqlite.file import DELIVERY, EVENTS, snapshot
from penstock.buffer.sqlite.group_commit import GroupCommit
from penstock.buffer.sqlite.read import radar
from penstock.buffer.sqlite.read.newer import newer_upserts
from penstock.clock import Clock

# Records of typical people take some 300 bytes: 10 MB at most, and few reads for those who are active.
CACHED_MAX = 20_000
# Records of people with thousands of attributes are larger: then fewer are kept.
CACHED_BYTES_MAX = 33_554_432
SELECT = "SELECT record FROM ledger WHERE destination = ? AND subject = ?"
KEEP = "INSERT OR REPLACE INTO ledger (destination, subject, record, seen_day) VALUES (?, ?, ?, ?)"
# Greater than any character, so that a range takes in everything that begins with a text.
LAST = "\U0010ffff"


class SqliteLedger:
    """One destination's records; see ledger_port.Ledger."""

    def __init__(
        self,
        destination: str,
        group: GroupCommit[SqliteConnection],
        *,
        clock: Clock,
        before_forgetting: Callable[[SqliteConnection], None] = lambda _: None,
    ) -> None:
        self.name, self.group, self.clock, self.before_forgetting = destination, group, clock, before_forgetting
        #: The WAL may still hold what was forgotten.
        self.has_forgotten = False
        self.cache: collections.OrderedDict[str, bytes | None] = collections.OrderedDict()
        self.cached_bytes = 0
        #: Records were asked for, so that those of who is leased are worth reading.
        self.is_asked = False

    async def known(self, subjects: Collection[str]) -> Mapping[str, bytes]:
        """Return the records there are of these subjects."""
        cached = {subject: self.cache[subject] for subject in subjects if subject in self.cache}
        if len(cached) == len(subjects):
            for subject in cached:
                self.cache.move_to_end(subject)
            return {subject: record for subject, record in cached.items() if record is not None}
        self.is_asked = True
        missing = [subject for subject in subjects if subject not in cached]
        read = await self.group.run(functools.partial(self._read, subjects=missing))
        # What others wrote meanwhile counts; and what they pushed out of the cache was known a moment ago.
        records = {**read, **{subject: self.cache.get(subject, held) for subject, held in cached.items()}}
        self.keep(records)
        return {subject: record for subject, record in records.items() if record is not None}

    async def subjects(self, prefix: str, *, limit: int) -> Sequence[str]:
        """Return up to `limit` subjects that begin with a text, in order."""
        return await self.group.run(functools.partial(_beginning, destination=self.name, prefix=prefix, limit=limit))

    async def forget(self, prefix: str, *, limit: int) -> int:
        """Remove up to `limit` records of subjects that begin with `prefix`; return how many."""

        def operation(connection: SqliteConnection) -> int:
            self.before_forgetting(connection)
            found = _beginning(connection, self.name, prefix, limit)
            delete = "DELETE FROM ledger WHERE destination = ? AND subject = ?"
            # Also of a person of whom nothing else is known.
            forget_ties(connection, [(self.name, subject) for subject in {prefix, *found} - {""}])
            return rows_changed_by_all(connection, delete, [(self.name, subject) for subject in found])

        removed = await self.group.run(operation)
        self.cache.clear()
        self.has_forgotten = self.has_forgotten or removed > 0
        self.cached_bytes = 0
        return removed

    async def newer(self, subject: str, *, after_seq: int, limit: int) -> NewerUpserts:
        """Return what came for a subject behind a place in the log and was taken."""

        def operation(connection: SqliteConnection) -> NewerUpserts:
            return newer_upserts(connection, connection, self.name, subject, after_seq=after_seq, limit=limit)

        return await self.group.run(operation)

    def drop(self, subjects: Collection[str]) -> None:
        """Take subjects out of memory that are no longer in the file."""
        for subject in subjects:
            self.cached_bytes -= len(self.cache.pop(subject, None) or b"")

    def learn(self, connection: SqliteConnection, learned: Learned) -> Mapping[str, bytes | None]:
        """Change records inside a transaction; hand the answer to `keep` once it is committed."""
        records: dict[str, bytes | None] = {}
        today = int(self.clock.steady() // DAY_S)
        for subject, learn in learned.items():
            records[subject] = record = learn(self._read(connection, [subject])[subject])
            if record is None:
                connection.execute("DELETE FROM ledger WHERE destination = ? AND subject = ?", [self.name, subject])
            else:
                connection.execute(KEEP, [self.name, subject, record, today])
        return records

    def ahead(self, connection: SqliteConnection, subjects: Iterable[str]) -> Mapping[str, bytes | None]:
        """Read records that will be asked for next, along with something else; hand the answer to `keep_new`."""
        return self._read(connection, [each for each in subjects if each not in self.cache]) if self.is_asked else {}

    def keep_new(self, records: Mapping[str, bytes | None]) -> None:
        """Remember what was read ahead; what was written since is newer."""
        self.keep({subject: record for subject, record in records.items() if subject not in self.cache})

    def keep(self, records: Mapping[str, bytes | None]) -> None:
        """Remember what the file says now."""
        for subject, record in records.items():
            self.cached_bytes += len(record or b"") - len(self.cache.get(subject) or b"")
            self.cache[subject] = record
            self.cache.move_to_end(subject)
        while len(self.cache) > CACHED_MAX or self.cached_bytes > CACHED_BYTES_MAX:
            _, record = self.cache.popitem(last=False)
            self.cached_bytes -= len(record or b"")

    def _read(self, connection: SqliteConnection, subjects: Collection[str]) -> dict[str, bytes | None]:
        rows = {subject: connection.execute(SELECT, [self.name, subject]).fetchone() for subject in subjects}
        return {subject: row[0] if row else None for subject, row in rows.items()}


class SqliteLedgerShelf:
    """delivery.db in a data folder; see ledger_port.LedgerShelf."""

    def __init__(self, data_dir: Path) -> None:
        self.path = data_dir / DELIVERY

    def merges(self, destination: str) -> Merges:
        """Return people that the destination may take for one by mistake."""
        return radar.merges(self.path.parent, destination)

    def record(self, destination: str, subject: str) -> bytes | None:
        """Return what is kept of a subject."""
        return self.records(destination, [subject])[subject]

    def records(self, destination: str, subjects: Collection[str]) -> dict[str, bytes | None]:
        """Return what is kept of each of some subjects, all of one moment."""
        with snapshot(self.path) as delivery:
            if delivery is None:
                return dict.fromkeys(subjects)
            rows = {subject: delivery.execute(SELECT, [destination, subject]).fetchone() for subject in subjects}
        return {subject: row[0] if row else None for subject, row in rows.items()}

    def subjects(self, destination: str, prefix: str, *, limit: int = 50) -> Sequence[str]:
        """Return subjects that begin with a text, in order."""
        with snapshot(self.path) as delivery:
            return _beginning(delivery, destination, prefix, limit) if delivery else ()

    def newer(self, destination: str, after: Mapping[str, int], *, limit: int) -> dict[str, NewerUpserts]:
        """Return what came for each of some subjects behind its place in the log and was taken."""
        with snapshot(self.path) as delivery, snapshot(self.path.with_name(EVENTS)) as events:
            if delivery is None or events is None:
                return {subject: NewerUpserts(events=(), seen_to=seq, is_all=True) for subject, seq in after.items()}
            return {
                subject: newer_upserts(delivery, events, destination, subject, after_seq=seq, limit=limit)
                for subject, seq in after.items()
            }

    def calls(self, destination: str) -> Mapping[str, CallFigures]:
        """Return the figures by path."""
        figures: dict[str, dict[str, int]] = {}
        with snapshot(self.path) as delivery:
            select = "SELECT path, kind, count FROM calls WHERE destination = ? ORDER BY path"
            for path, kind, count in delivery.execute(select, [destination]) if delivery else ():
                figures.setdefault(path, {"planned": 0, "sent": 0, "saved": 0})[kind] = count
        return {path: CallFigures(**counts) for path, counts in figures.items()}


def _beginning(connection: SqliteConnection, destination: str, prefix: str, limit: int) -> list[str]:
    rows = connection.execute(
        "SELECT subject FROM ledger WHERE destination = ? AND subject >= ? AND subject < ? ORDER BY subject LIMIT ?",
        [destination, prefix, prefix + LAST, limit],
    )
    return [row[0] for row in rows]
