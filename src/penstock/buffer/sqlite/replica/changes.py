"""What a transaction changed, as SQLite's session extension tells it, and how another file takes it in.

A changeset has no row of a table without a primary key, nothing that a trigger or a sequence did by itself, and is passed over
without an error where a table is unknown: `unrecorded` tells which tables would be lost, and messages carry their schema.
"""

import hashlib
from collections.abc import Collection, Iterator

import apsw
import msgspec

from penstock.buffer.sqlite.connections import SqliteConnection
from penstock.buffer.sqlite.replica.messages import StreamMessage
from penstock.buffer.sqlite.replica.place import TABLE
from penstock.errors import ViewRefused

TABLES = """
SELECT name, sql LIKE '%WITHOUT ROWID%' FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
"""
KEY = 'SELECT type, "notnull", pk FROM pragma_table_info(?) WHERE pk > 0'
HAS_SEQUENCES = "SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'"
SEQUENCE = "INSERT INTO sqlite_sequence SELECT ?1, ?2 WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = ?1)"


def recording(connection: SqliteConnection) -> apsw.Session:
    """Begin to record what is changed in the file itself; what is attached to it is read only."""
    session = apsw.Session(connection, "main")
    session.attach()
    return session


def sequences_of(connection: SqliteConnection) -> dict[str, int]:
    """Return by table the last number that it gave; none of a file that has no such tables."""
    if not connection.execute(HAS_SEQUENCES).fetchone():
        return {}
    return dict(connection.execute("SELECT name, seq FROM sqlite_sequence ORDER BY name"))


def take_in(connection: SqliteConnection, message: StreamMessage, *, name: str) -> None:
    """Change what a message says, inside a transaction. Raises ViewRefused when the rows are not as they were there."""
    try:
        apsw.Changeset.apply(message.body, connection)
    except (apsw.AbortError, apsw.ConstraintError, apsw.SchemaChangeError) as error:
        hint = "this file is not what the stream made of it: take it away, and the node begins from a snapshot"
        raise ViewRefused(name, expected="the rows that the owner changed", got=str(error), hint=hint) from error
    for table, number in message.sequences.items():
        connection.execute(SEQUENCE, [table, number])
        connection.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = ?", [number, table])


def unrecorded(connection: SqliteConnection) -> Iterator[str]:
    """Yield a sentence for every table whose rows a changeset would lose, and every trigger that would act twice."""
    for table, is_without_rowid in connection.execute(TABLES).fetchall():
        key = connection.execute(KEY, [table]).fetchall()
        if not key:
            yield f"{table} has no primary key"
        is_number = len(key) == 1 and key[0][0] == "INTEGER"
        # SQLite lets NULL into other keys, and records no row that has one.
        if not (is_without_rowid or is_number or all(not_null for _, not_null, _ in key)):
            yield f"{table} may have NULL in its primary key"
    for name, table in connection.execute("SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger'"):
        yield f"{table} has the trigger {name}, which would act here and at every view"


def sums_of(connection: SqliteConnection, *, without: Collection[str] = ("folder", "migration")) -> dict[str, str]:
    """Return by table what tells its rows from others, the same at every node; of what each node has of its own, nothing."""
    tables = [name for name, _ in connection.execute(TABLES).fetchall() if name not in {*without, TABLE}]
    return {table: _sum_of(connection, table) for table in tables}


def _sum_of(connection: SqliteConnection, table: str) -> str:
    found = hashlib.blake2b(digest_size=16)
    for row in connection.execute(f'SELECT * FROM "{table}" ORDER BY 1, 2'):  # noqa: S608 - our own names
        found.update(msgspec.msgpack.encode(row))
    return found.hexdigest()
