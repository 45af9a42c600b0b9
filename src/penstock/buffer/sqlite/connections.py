"""Every connection to a file of ours, through the SQLite that apsw brings along: the same one on every machine.

The one that Python was built with may be of the versions whose write-ahead log can lose a commit: https://sqlite.org/wal.html
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import apsw

from penstock.buffer.sqlite.at_rest import ring
from penstock.buffer.sqlite.at_rest.sealed_keys import CLEAR

#: Which SQLite runs.
VERSION = apsw.sqlite_lib_version()
# Readers and the rare second writer (a restarted process whose predecessor is still closing) wait this long.
BUSY_MS = 10_000
#: What reading may raise: of a text that was damaged, Python says so itself.
FILE_ERRORS = (apsw.Error, UnicodeDecodeError)
WRITING = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE | apsw.SQLITE_OPEN_URI
READING = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI


class Rows(Protocol):
    """What a statement selects; what is in a row, and whether there is one, the statement says."""

    def __iter__(self) -> Iterator[Any]:
        """Go through the rows."""

    def fetchone(self) -> Any:
        """Return the next row; None when there is none."""

    def fetchall(self) -> list[Any]:
        """Return the rows that are left."""


class SqliteConnection(apsw.Connection):
    """A connection of apsw, without a word of its own."""

    if TYPE_CHECKING:

        def execute(self, statement: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> Rows:  # type: ignore[override]
            """Run a statement up to its first row. Raises apsw.Error, and what a function of ours raises."""

        def create_scalar_function(self, name: str, function: Callable[..., Any], values: int) -> None:  # type: ignore[override]
            """Let statements use a function of ours."""


def connect(path: Path, *, is_whole: bool = True) -> SqliteConnection:
    """Open a file to write it, made new if it is not there. Raises apsw.Error, SettingsError without its key.

    An encrypted one that is known not to be whole is opened as far as that goes.
    """
    ring.begin(path)
    return _opened(path, str(path.absolute()), WRITING, is_whole=is_whole)


def connect_to_read(path: Path, how: str = "") -> SqliteConnection:
    """Open a file that is there to look at it. Raises apsw.Error, SettingsError without its key."""
    connection = _opened(path, read_only(path, how), READING)
    # Only the one writer moves what its write-ahead log holds into the file.
    connection.wal_autocheckpoint(0)
    return connection


def attach(connection: SqliteConnection, path: Path, name: str, alias: str) -> None:
    """Attach a file to a connection by a name of it, whichever key that file has. Raises apsw.Error, SettingsError."""
    key = CLEAR
    if any(keys := ring.keys_of(path)):
        key = next((key for key in keys if fits(path, key)), keys[0])
        connection.execute(f"PRAGMA cipher = '{ring.CIPHER}'")
    connection.execute(f"ATTACH ? AS {alias} KEY ?", [name, _raw(key)])


def fits(path: Path, key: str) -> bool:
    """Return whether a key opens an encrypted file. Raises apsw.Error."""
    with contextlib.closing(_with_key(read_only(path), READING, key)) as connection:
        return _reads(connection)


def _opened(path: Path, name: str, flags: int, *, is_whole: bool = True) -> SqliteConnection:
    for key in ring.keys_of(path):
        connection = _with_key(name, flags, key)
        # In the clear, the first statement says whether it is a database.
        if not key or not is_whole or _reads(connection):
            return connection
        connection.close()
    raise apsw.NotADBError(
        "its first page cannot be read with the key of this folder: it is damaged, or the file of another folder"
    )


def _with_key(name: str, flags: int, key: str) -> SqliteConnection:
    connection = SqliteConnection(name, flags=flags)
    connection.set_busy_timeout(BUSY_MS)
    # A statement is planned once. Otherwise this build plans many anew for each value, which takes longer than to run them.
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
    if key:
        connection.execute(f"PRAGMA cipher = '{ring.CIPHER}'")
        connection.execute(f"PRAGMA hexkey = '{_raw(key).encode().hex()}'")
    return connection


def _raw(key: str) -> str:
    """Return a key as the cipher takes it as it is, without making it of a password first, which is slow on purpose."""
    return f"raw:{key}" if key else ""


def _reads(connection: SqliteConnection) -> bool:
    try:
        connection.execute("PRAGMA schema_version").fetchone()
    except apsw.NotADBError:
        return False
    except apsw.Error:
        # No room, or busy: whoever asked for the file meets that with the first statement.
        return True
    return True


def read_only(path: Path, how: str = "") -> str:
    """Return the name by which a file is opened, or attached, to look at it; `how` goes on after what is asked for."""
    return f"{path.absolute().as_uri()}?mode=ro{how}"


def address_with_key(path: Path, key: str) -> str:
    """Return the name by which a file is made with a key. It has the key in it, and so may what SQLite raises."""
    how = f"cipher={ring.CIPHER}&hexkey={_raw(key).encode().hex()}" if key else "key="
    return f"{path.absolute().as_uri()}?{how}"


def rows_changed(connection: SqliteConnection, statement: str, values: Sequence[Any]) -> int:
    """Execute one statement; return how many rows it inserted, changed or deleted."""
    connection.execute(statement, values)
    return connection.changes()


def rows_changed_by_all(connection: SqliteConnection, statement: str, values: Iterable[Sequence[Any]]) -> int:
    """Execute a statement with each of some values; return how many rows they inserted, changed or deleted."""
    before = connection.total_changes()
    connection.executemany(statement, values)
    return connection.total_changes() - before


def is_busy(error: BaseException | None) -> bool:
    """Return whether SQLite says that another process is using the file just now."""
    return isinstance(error, apsw.BusyError)


def is_damage(error: BaseException) -> bool:
    """Return whether the file itself is broken, and not merely cannot be written now."""
    return isinstance(error, apsw.CorruptError | apsw.NotADBError | UnicodeDecodeError)
