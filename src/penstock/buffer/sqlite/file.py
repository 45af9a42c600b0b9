"""SQLite as Penstock uses it: how a file is opened, brought to its schema, and written in groups."""

import contextlib
import functools
import hashlib
import importlib.resources
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import apsw

from penstock.buffer.sqlite import folder
from penstock.buffer.sqlite.connections import (
    BUSY_MS,
    FILE_ERRORS,
    SqliteConnection,
    connect,
    connect_to_read,
    is_damage,
)
from penstock.buffer.sqlite.log.older_packing import packed_columns, repacked
from penstock.buffer.sqlite.log.packing import UNREADABLE
from penstock.clock import sleep
from penstock.errors import BufferUnavailable, PenstockError, SettingsError, StoreDamaged

EVENTS, DELIVERY, CONTROL = folder.FILES
ALERTS = folder.BESIDE
SCHEMAS = {
    EVENTS: tuple(f"events_{step:04}.sql" for step in range(1, 8)),
    DELIVERY: tuple(f"delivery_{step:04}.sql" for step in range(1, 15)),
    CONTROL: tuple(f"control_{step:04}.sql" for step in range(1, 9)),
    ALERTS: ("alerts_0001.sql",),
}
#: What only a file has that follows a stream; see replica/place.py.
VIEW_TABLE = "view_of_stream"
# How long a start waits while another process brings the same file forward: up to a minute for each million events.
MIGRATION_MS = 30 * 60_000
# A file is switched to its write-ahead log once in its life, in a moment.
SWITCH_TRIES, SWITCH_REST_S = 40, 0.05
# Larger pages and rarer checkpoints write each page of a growing index less often: a third more events per second.
PAGE_BYTES, CHECKPOINT_PAGES = 8192, 4000
# A WAL that readers kept from being reset shrinks to this again.
WAL_BYTES_MAX = 64 * 1024 * 1024


def open_writer(path: Path, *, checked: bool = True, follows: bool = False) -> SqliteConnection:
    """Open a file for its one writer and bring it to the present schema.

    Beyond one machine a file that changesets are taken in to has the schema that its stream says: who `follows` that opens it as
    it is, everybody else is refused until the stream has brought it forward. `checked` also looks whether the file was cut short, which only its one writer can tell.
    Raises BufferUnavailable, StoreDamaged, SettingsError; FoldersMixed beside a file of another data folder.
    """
    with as_store_errors(path.name):
        connection = connect(path)
        for pragma in (
            f"page_size = {PAGE_BYTES}",
            "auto_vacuum = INCREMENTAL",
            # A commit is on the disk when it returns: this is what a 200 promises.
            "synchronous = FULL",
            f"wal_autocheckpoint = {CHECKPOINT_PAGES}",
            f"journal_size_limit = {WAL_BYTES_MAX}",
            "cache_size = -16000",
            "temp_store = MEMORY",
            # What is deleted is overwritten, and not only taken out of sight.
            "secure_delete = ON",
        ):
            connection.execute(f"PRAGMA {pragma}")
        _switch_to_wal(connection)
        _migrate(connection, path, follows=follows)
        folder.join(connection, path)
        if checked and _is_cut_short(connection, path) and _is_cut_short(connection, path):
            raise StoreDamaged(path.name, "it was cut short")
    return connection


def _switch_to_wal(connection: SqliteConnection) -> None:
    """Give the file a write-ahead log. SQLite does not wait for another process that does so at the same time."""
    for _ in range(SWITCH_TRIES):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except apsw.BusyError:
            sleep(SWITCH_REST_S)
        else:
            return
    connection.execute("PRAGMA journal_mode = WAL")


def damage_of(path: Path) -> str:
    """Read every page of a file; return what SQLite finds, empty when it finds nothing."""
    try:
        with contextlib.closing(connect_to_read(path)) as connection:
            found = [row[0] for row in connection.execute("PRAGMA integrity_check(3)")]
    except FILE_ERRORS as error:
        return str(error)
    return "" if found == ["ok"] else "; ".join(" ".join(text.split()) for text in found)


def _is_cut_short(connection: SqliteConnection, path: Path) -> bool:
    """Return whether the end of the file is missing: SQLite would notice only when it needs the lost pages."""
    busy = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    pages, size = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
    all_written = busy[0] == 0 and busy[1] == busy[2]
    return bool(all_written and path.stat().st_size < pages * size)


def open_reader(path: Path) -> SqliteConnection | None:
    """Open a file to look at it; None when it is not there yet."""
    if not path.exists():
        return None
    connection = connect_to_read(path)
    try:
        connection.execute("SELECT 1 FROM sqlite_master")
    except apsw.Error as error:
        if is_damage(error):
            raise
        # Beside the file SQLite makes two of its own, for which a full disk has no room. A file that was closed cleanly
        # and cannot be opened by a writer either does not change meanwhile.
        connection.close()
        is_alone = not any(path.with_name(path.name + ending).exists() for ending in ("-wal", "-journal"))
        connection = connect_to_read(path, "&immutable=1" if is_alone else "")
    return connection


@contextlib.contextmanager
def snapshot(path: Path, *, any_schema: bool = False) -> Iterator[SqliteConnection | None]:
    """Open a file to look at it as it is now; None when it is not there, or not of the present schema yet.

    Raises BufferUnavailable and StoreDamaged, also for what the body reads, and FoldersMixed.
    """
    connection: SqliteConnection | None = None
    try:
        connection = open_reader(path)
        is_present = connection is not None and _is_present(connection, path)
        if connection is not None:
            connection.execute("BEGIN")
            if is_present:
                folder.agree(path, connection.execute(folder.IDENTITY).fetchone()[0])
        yield connection if is_present or any_schema else None
    except FILE_ERRORS as error:
        if is_damage(error):
            raise StoreDamaged(path.name, str(error)) from error
        raise BufferUnavailable(f"{path.name} cannot be read now: {error}") from error
    finally:
        if connection is not None:
            connection.close()


def _is_present(connection: SqliteConnection, path: Path) -> bool:
    """Return whether the file has the present schema. Raises SettingsError for a newer one."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > len(SCHEMAS[path.name]):
        raise SettingsError(
            str(path),
            expected=f"schema {len(SCHEMAS[path.name])} or older",
            got=version,
            hint="it was written by a newer Penstock",
        )
    return version == len(SCHEMAS[path.name])


def _migrate(connection: SqliteConnection, path: Path, *, follows: bool) -> None:
    """Run what this file lacks, each step in one transaction: whenever it is cut, the next start goes on."""
    steps = SCHEMAS[path.name]
    if _is_present(connection, path):
        _assert_unedited(connection, path)
        return
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if path.name != EVENTS and _is_view(connection):
        if follows:
            return
        raise BufferUnavailable(f"{path.name} has schema {version}, until a node of this version writes to its stream")
    for number in range(version + 1, len(steps) + 1):
        with _waited_for(connection):
            # Two processes may open a file at once; the second finds the work done.
            bring_forward(connection, path, number)


def bring_forward(connection: SqliteConnection, path: Path, schema: int) -> None:
    """Run the steps that a file lacks of a schema, in a transaction that goes on. Raises as `open_writer` does."""
    connection.create_scalar_function("packed_columns", packed_columns, 4)
    connection.create_scalar_function("repacked", repacked, 1)
    steps = SCHEMAS[path.name]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    for number in range(version + 1, schema + 1):
        for statement in _statements(_script(steps[number - 1])):
            _step(connection, path, statement)
        _note_digests(connection, steps[:number])
        connection.execute(f"PRAGMA user_version = {number}")


def _is_view(connection: SqliteConnection) -> bool:
    return connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", [VIEW_TABLE]).fetchone() is not None


def _script(name: str) -> str:
    return importlib.resources.files("penstock.buffer.sqlite").joinpath("migrations", name).read_text(encoding="utf-8")


@functools.cache
def digest_of(name: str) -> str:
    """Return what tells a step from one that was edited."""
    return hashlib.sha256(_script(name).encode()).hexdigest()[:16]


def _note_digests(connection: SqliteConnection, steps: Sequence[str]) -> None:
    """Write down which steps made the file, once it has the table for it; older files count as made by the present ones."""
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'migration'").fetchone():
        rows = [(number, digest_of(name)) for number, name in enumerate(steps, 1)]
        connection.executemany("INSERT OR IGNORE INTO migration VALUES (?, ?)", rows)


def _assert_unedited(connection: SqliteConnection, path: Path) -> None:
    for number, digest in connection.execute("SELECT number, digest FROM migration"):
        name = SCHEMAS[path.name][number - 1]
        if digest != digest_of(name):
            raise SettingsError(
                str(path),
                expected=f"a file that was made by this {name}",
                got="one that another one made",
                hint="its tables may differ: use the Penstock that made it, or restore a backup",
            )


@contextlib.contextmanager
def _waited_for(connection: SqliteConnection) -> Iterator[None]:
    """Run the body in one transaction, when no other process is bringing the file forward any more."""
    connection.set_busy_timeout(MIGRATION_MS)
    try:
        with transaction(connection):
            yield
    finally:
        connection.set_busy_timeout(BUSY_MS)


def _step(connection: SqliteConnection, path: Path, statement: str) -> None:
    try:
        connection.execute(statement)
    except UNREADABLE as error:
        # What a function of ours raised comes out of the statement as it is.
        raise StoreDamaged(path.name, "a segment of an older schema cannot be read") from error


def _statements(script: str) -> list[str]:
    lines = [line for line in script.splitlines() if not line.lstrip().startswith("--")]
    statements, begun = [], ""
    for part in "\n".join(lines).split(";")[:-1]:
        begun += f"{part};"
        # What a trigger does stands inside the statement that makes it.
        if apsw.complete(begun):
            statements.append(begun)
            begun = ""
    return statements


@contextlib.contextmanager
def as_store_errors(name: str) -> Iterator[None]:
    """Turn what SQLite raises in the body into BufferUnavailable, or StoreDamaged."""
    try:
        yield
    except FILE_ERRORS as error:
        if is_damage(error):
            raise StoreDamaged(name, str(error)) from error
        raise BufferUnavailable(f"{name} cannot be used now: {error}") from error


@contextlib.contextmanager
def transaction(connection: SqliteConnection) -> Iterator[None]:
    """Run the body in one transaction: a part of the one that goes on, if there is one."""
    if connection.in_transaction:
        yield
    else:
        with _transaction(connection):
            yield


@contextlib.contextmanager
def _transaction(connection: SqliteConnection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


class SqliteTransactions:
    """Runs groups of operations on one connection; see group_commit.Transactions."""

    def __init__(
        self,
        connection: SqliteConnection,
        *,
        before_commit: Callable[[], None] = lambda: None,
        after_failure: Callable[[], None] = lambda: None,
    ) -> None:
        self.connection, self.before_commit, self.after_failure = connection, before_commit, after_failure
        self.name = Path(connection.execute("PRAGMA database_list").fetchone()[2]).name

    def commit(self, operations: Sequence[Callable[[SqliteConnection], Any]], *, begin: str = "BEGIN") -> list[Any]:
        """Run all in one transaction, synced to disk."""
        is_done = False
        try:
            # Deferred: a group that wrote nothing takes no lock and syncs nothing.
            self.connection.execute(begin)
            answers = [self._answer(operation) for operation in operations]
            self.before_commit()
            self.connection.execute("COMMIT")
            is_done = True
        except FILE_ERRORS as error:
            # Rows that contradict each other: trying again would find the same, and the doctor can mend it.
            if is_damage(error) or isinstance(error, apsw.ConstraintError):
                raise StoreDamaged(self.name, str(error)) from error
            raise BufferUnavailable(f"the store cannot be written: {error}") from error
        finally:
            if not is_done:
                self.after_failure()
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
        return answers

    def _answer(self, operation: Callable[[SqliteConnection], Any]) -> Any:
        try:
            return operation(self.connection)
        except (BufferUnavailable, StoreDamaged):
            raise
        except PenstockError as error:
            return error
