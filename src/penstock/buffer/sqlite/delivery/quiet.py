"""Whether another look for due events would find any, known without asking the writer.

An idle deliver looks several times a second. Going through the writer's thread and a transaction each time was most of
what an idle Penstock cost; asking SQLite whether the log has changed takes some microseconds.
"""

import dataclasses

import apsw

from penstock.buffer.sqlite.connections import SqliteConnection
from penstock.clock import Clock


@dataclasses.dataclass(frozen=True, slots=True)
class FileMark:
    """How things stand: another log, or news of the backlog, is another mark."""

    log_version: int
    news: int


class Quiet:
    """Remembers that a look found nothing, until something may have changed. Belongs to the event loop."""

    def __init__(self, log: SqliteConnection, *, clock: Clock) -> None:
        self.log, self.clock = log, clock
        self.news = 0
        self.kept: FileMark | None = None
        self.until = float("-inf")

    def lasts(self) -> bool:
        """Return whether a look would find nothing, as it did last time."""
        return self.kept is not None and self.clock.steady() < self.until and self.mark() == self.kept

    def mark(self) -> FileMark | None:
        """Return how things stand now; None when that cannot be told, and the writer must be asked."""
        try:
            # Another number once anybody else has committed: SQLite's own word, where a file's time can miss a commit.
            version = self.log.execute("PRAGMA data_version").fetchone()[0]
        except apsw.Error:
            return None
        return FileMark(version, self.news)

    def keep(self, mark: FileMark | None, *, until: float) -> None:
        """Remember that a look which began at a mark found nothing, and when the next event is due, in steady seconds."""
        self.kept, self.until = mark, until

    def end(self) -> None:
        """Something of the backlog changes."""
        self.news += 1
