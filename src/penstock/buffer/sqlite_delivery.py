"""delivery.db: what deliver writes, with the backlogs and ledgers of all destinations; events.db is attached and read."""

import functools
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

from penstock.buffer.group_commit import GroupCommit
from penstock.buffer.sqlite import DELIVERY, EVENTS, SqliteTransactions, open_writer
from penstock.buffer.sqlite_backlog import SqliteBacklog
from penstock.buffer.sqlite_ledger import SqliteLedger
from penstock.buffer.sqlite_quiet import Quiet
from penstock.buffer.sqlite_segments import first_seq
from penstock.clock import Clock

# Index entries looked at by one round of retention.
SWEPT_MAX = 5_000
# How long the figures of a minute are kept.
MINUTES_KEPT = 2 * 24 * 60


class DeliveryStore:
    """delivery.db in a data folder, with the backlogs of all destinations. `open` before use."""

    def __init__(self, data_dir: Path, *, clock: Clock) -> None:
        self.data_dir, self.clock = data_dir, clock

    async def open(self) -> None:
        """Open both files, made new if they are not there. Raises BufferUnavailable, SettingsError."""
        # accept may not have started yet; its file gets its schema here then, and no rows. From then on this connection
        # is only asked whether the log has changed.
        self.log = open_writer(self.data_dir / EVENTS, checked=False)
        self.connection = open_writer(self.data_dir / DELIVERY)
        self.connection.execute("ATTACH ? AS log", [f"{(self.data_dir / EVENTS).absolute()}"])
        self.group: GroupCommit[sqlite3.Connection] = GroupCommit(SqliteTransactions(self.connection))
        self.ledgers: dict[str, SqliteLedger] = {}

    async def close(self) -> None:
        """Write what is pending and close."""
        await self.group.close()
        self.log.close()
        self.connection.close()

    def backlog(self, destination: str, sources: Callable[[], Sequence[str]]) -> SqliteBacklog:
        """Return the backlog of a destination that the named sources are connected to.

        A destination that is new begins with the oldest event still in the log: nothing that was accepted is left out.
        """
        ledger = self.ledger(destination)
        quiet = Quiet(self.log, clock=self.clock)
        return SqliteBacklog(destination, sources, group=self.group, ledger=ledger, quiet=quiet, clock=self.clock)

    def ledger(self, destination: str) -> SqliteLedger:
        """Return the ledger of a destination; there is one, for it knows by heart what it wrote."""
        if destination not in self.ledgers:
            self.ledgers[destination] = SqliteLedger(destination, self.group)
        return self.ledgers[destination]

    async def prune(self) -> int:
        """Remove outcomes and attempts of events that retention took from the log; return how many rows."""
        return await self.group.run(functools.partial(_prune, minute=int(self.clock.now() // 60)))


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
