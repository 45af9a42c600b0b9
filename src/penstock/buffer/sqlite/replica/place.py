"""How far a file has followed its stream: kept in the file itself, so that a transaction moves both or neither.

Only a file that is a view has the table: it is made when the file is opened as one, and it is in no changeset, for each node
writes its own.
"""

from penstock.buffer.sqlite.connections import SqliteConnection
from penstock.buffer.sqlite.replica.messages import ViewPlace

TABLE = "view_of_stream"
MADE = f"""
CREATE TABLE IF NOT EXISTS {TABLE} (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    stream TEXT    NOT NULL,
    number INTEGER NOT NULL,
    chain  BLOB    NOT NULL,
    epoch  INTEGER NOT NULL,
    floor  INTEGER NOT NULL DEFAULT 1
) STRICT
"""
READ = f"SELECT number, chain, epoch FROM {TABLE}"  # noqa: S608 - our own constant
MOVE = f"UPDATE {TABLE} SET number = ?, chain = ?, epoch = ?"  # noqa: S608 - our own constant


def become_view(connection: SqliteConnection, stream: str) -> ViewPlace:
    """Let a file follow a stream from now on, if it does not yet; return how far it has come."""
    connection.execute(MADE)
    connection.execute(f"INSERT OR IGNORE INTO {TABLE} VALUES (1, ?, 0, x'', 0, 1)", [stream])  # noqa: S608 - our own
    return place_of(connection)


def place_of(connection: SqliteConnection) -> ViewPlace:
    """Return how far a view has come."""
    number, chain, epoch = connection.execute(READ).fetchone()
    return ViewPlace(number=number, chain=chain, epoch=epoch)


def move(connection: SqliteConnection, place: ViewPlace) -> None:
    """Write down how far a view has come, in the transaction that brought it there."""
    connection.execute(MOVE, [place.number, place.chain, place.epoch])


def floor_of(connection: SqliteConnection) -> int:
    """Return the number below which the stream had all events removed."""
    found: int = connection.execute(f"SELECT floor FROM {TABLE}").fetchone()[0]  # noqa: S608 - our own constant
    return found


def raise_floor(connection: SqliteConnection, floor: int) -> None:
    """Write down that events below a number are gone."""
    connection.execute(f"UPDATE {TABLE} SET floor = max(floor, ?)", [floor])  # noqa: S608 - our own constant
