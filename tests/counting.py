"""Counts what code does, so that a test can hold it to that: figures that are the same on every machine."""

import contextlib
import dataclasses
import sys
import tracemalloc
from collections.abc import Iterator

import apsw


@dataclasses.dataclass
class Counted:
    """So much of something; known once it is over."""

    count: int = 0


@contextlib.contextmanager
def calls() -> Iterator[Counted]:
    """Count the functions that this thread calls, Python's own and those of extensions."""
    found = Counted()

    def seen(_frame: object, event: str, _argument: object) -> None:
        if event in {"call", "c_call"}:
            found.count += 1

    before = sys.getprofile()
    sys.setprofile(seen)
    try:
        yield found
    finally:
        sys.setprofile(before)


@contextlib.contextmanager
def bytes_at_once() -> Iterator[Counted]:
    """Measure how much memory is taken at most, beyond what there was before."""
    found = Counted()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        yield found
        found.count = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


class Written:
    """What the writer of a file does meanwhile."""

    def __init__(self, connection) -> None:
        self.connection, self.statements, self.syncs = connection, 0, 0
        self.rows, self.pages = connection.total_changes(), self._pages()
        self.page_bytes = connection.execute("PRAGMA page_size").fetchone()[0]
        connection.trace_v2(apsw.SQLITE_TRACE_STMT, self._seen)

    def _seen(self, told: dict) -> None:
        self.statements += 1
        # With synchronous = FULL, each transaction that wrote is synced once.
        self.syncs += told["sql"] == "COMMIT"

    def _pages(self) -> int:
        return self.connection.status(apsw.SQLITE_DBSTATUS_CACHE_WRITE)[0]

    def of_each(self, events: int) -> dict[str, float]:
        """Return how much of it there was for each event."""
        self.connection.trace_v2(0, None)
        done = {
            "syncs": self.syncs,
            "statements": self.statements,
            "rows": self.connection.total_changes() - self.rows,
            "bytes": (self._pages() - self.pages) * self.page_bytes,
        }
        return {name: count / events for name, count in done.items()}
