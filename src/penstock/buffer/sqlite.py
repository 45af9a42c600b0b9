"""SQLite as Penstock uses it: how a file is opened, brought to its schema, and written in groups."""

import contextlib
import importlib.resources
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from penstock.errors import BufferUnavailable, PenstockError, SettingsError

EVENTS, DELIVERY, CONTROL = "events.db", "delivery.db", "control.db"
SCHEMAS = {
    EVENTS: ("events_0001.sql",),
    DELIVERY: ("delivery_0001.sql", "delivery_0002.sql"),
    CONTROL: ("control_0001.sql",),
}
# Readers and the rare second writer (a restarted process whose predecessor is still closing) wait this long.
BUSY_MS = 10_000
# Larger pages and rarer checkpoints write each page of a growing index less often: a third more events per second.
PAGE_BYTES, CHECKPOINT_PAGES = 8192, 4000
# A WAL that readers kept from being reset shrinks to this again.
WAL_BYTES_MAX = 64 * 1024 * 1024


def open_writer(path: Path) -> sqlite3.Connection:
    """Open a file for its one writer and bring it to the present schema. Raises BufferUnavailable, SettingsError."""
    try:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        for pragma in (
            f"busy_timeout = {BUSY_MS}",
            f"page_size = {PAGE_BYTES}",
            "auto_vacuum = INCREMENTAL",
            "journal_mode = WAL",
            # A commit is on the disk when it returns: this is what a 200 promises.
            "synchronous = FULL",
            f"wal_autocheckpoint = {CHECKPOINT_PAGES}",
            f"journal_size_limit = {WAL_BYTES_MAX}",
            "cache_size = -16000",
            "temp_store = MEMORY",
        ):
            connection.execute(f"PRAGMA {pragma}")
        _migrate(connection, path)
    except sqlite3.Error as error:
        raise BufferUnavailable(f"{path.name} cannot be opened: {error}") from error
    return connection


def open_reader(path: Path) -> sqlite3.Connection | None:
    """Open a file to look at it; None when it is not there yet."""
    if not path.exists():
        return None
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
    connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
    return connection


@contextlib.contextmanager
def snapshot(path: Path) -> Iterator[sqlite3.Connection | None]:
    """Open a file to look at it as it is now; None when it is not there, or not of the present schema yet."""
    connection = open_reader(path)
    try:
        ready = connection is not None and connection.execute("PRAGMA user_version").fetchone()[0] == len(
            SCHEMAS[path.name]
        )
        if connection is not None and ready:
            connection.execute("BEGIN")
        yield connection if ready else None
    finally:
        if connection is not None:
            connection.close()


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Run what this file lacks, each step in one transaction."""
    steps = SCHEMAS[path.name]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > len(steps):
        raise SettingsError(
            str(path), expected=f"schema {len(steps)} or older", got=version, hint="it was written by a newer Penstock"
        )
    for number, name in enumerate(steps[version:], version + 1):
        script = importlib.resources.files("penstock.buffer").joinpath("migrations", name).read_text(encoding="utf-8")
        # Two processes may open a new file at once; the second finds the work done.
        connection.execute("BEGIN IMMEDIATE")
        try:
            if connection.execute("PRAGMA user_version").fetchone()[0] < number:
                for statement in _statements(script):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {number}")
        finally:
            connection.execute("COMMIT")


def _statements(script: str) -> list[str]:
    lines = [line for line in script.splitlines() if not line.lstrip().startswith("--")]
    return [statement for statement in "\n".join(lines).split(";") if statement.strip()]


class SqliteTransactions:
    """Runs groups of operations on one connection; see group_commit.Transactions."""

    def __init__(self, connection: sqlite3.Connection, *, before_commit: Callable[[], None] = lambda: None) -> None:
        self.connection, self.before_commit = connection, before_commit

    def commit(self, operations: Sequence[Callable[[sqlite3.Connection], Any]]) -> list[Any]:
        """Run all in one transaction, synced to disk."""
        try:
            # Deferred: a group that wrote nothing takes no lock and syncs nothing.
            self.connection.execute("BEGIN")
            answers = [self._answer(operation) for operation in operations]
            self.before_commit()
            self.connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise BufferUnavailable(f"the store cannot be written: {error}") from error
        finally:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
        return answers

    def _answer(self, operation: Callable[[sqlite3.Connection], Any]) -> Any:
        try:
            return operation(self.connection)
        except BufferUnavailable:
            raise
        except PenstockError as error:
            return error
