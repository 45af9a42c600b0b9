"""How far a file has followed its stream: kept in the file itself, so that a transaction moves both or neither.

Only a file that is a view has the table: it is made when the file is opened as one, and it is in no changeset, for each node
writes its own. With the place stands which life of the streams it is in: streams that were made anew have another one, and
numbers of before say nothing there (moves.py).
"""

from pathlib import Path

from penstock.buffer.sqlite.connections import SqliteConnection
from penstock.buffer.sqlite.file import CONTROL, DELIVERY, EVENTS, VIEW_TABLE
from penstock.buffer.sqlite.replica.messages import ViewPlace
from penstock.errors import ViewRefused

TABLE = VIEW_TABLE
MADE = f"""
CREATE TABLE IF NOT EXISTS {TABLE} (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    stream TEXT    NOT NULL,
    number INTEGER NOT NULL,
    chain  BLOB    NOT NULL,
    epoch  INTEGER NOT NULL,
    floor  INTEGER NOT NULL DEFAULT 1,
    life   TEXT    NOT NULL DEFAULT '',
    wiped  INTEGER NOT NULL DEFAULT 1
) STRICT
"""
READ = f"SELECT number, chain, epoch FROM {TABLE}"  # noqa: S608 - our own constant
MOVE = f"UPDATE {TABLE} SET number = ?, chain = ?, epoch = ?"  # noqa: S608 - our own constant

# What only a file that was used has.
SOMETHING_IN = {
    EVENTS: "SELECT 1 FROM accepted LIMIT 1",
    DELIVERY: "SELECT 1 FROM destination LIMIT 1",
    CONTROL: "SELECT 1 FROM revision UNION ALL SELECT 1 FROM user UNION ALL SELECT 1 FROM journal LIMIT 1",
}


def become_view(connection: SqliteConnection, stream: str) -> ViewPlace:
    """Let a file follow a stream from now on, if it does not yet; return how far it has come."""
    connection.execute(MADE)
    connection.execute(f"INSERT OR IGNORE INTO {TABLE} VALUES (1, ?, 0, x'', 0, 1, '', 1)", [stream])  # noqa: S608 - our own
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


def is_view(connection: SqliteConnection) -> bool:
    """Return whether a file follows a stream."""
    return connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", [TABLE]).fetchone() is not None


def life_of(connection: SqliteConnection) -> str:
    """Return which life of its stream a view is in; empty in the first, and for a file that is no view."""
    if not is_view(connection):
        return ""
    found: str = connection.execute(f"SELECT life FROM {TABLE}").fetchone()[0]  # noqa: S608 - our own constant
    return found


def begin_life(connection: SqliteConnection, stream: str, place: ViewPlace, life: str) -> None:
    """Let a file be what its stream begins with, in a transaction."""
    become_view(connection, stream)
    move(connection, place)
    connection.execute(f"UPDATE {TABLE} SET life = ?", [life])  # noqa: S608 - our own constant


def is_wiped(connection: SqliteConnection) -> bool:
    """Return whether nothing that was erased may lie between the rows any more."""
    return bool(connection.execute(f"SELECT wiped FROM {TABLE}").fetchone()[0])  # noqa: S608 - our own constant


def note_wiped(connection: SqliteConnection, *, wiped: bool) -> None:
    """Write down whether something that was erased may lie between the rows, so that a kill forgets it not."""
    connection.execute(f"UPDATE {TABLE} SET wiped = ?", [wiped])  # noqa: S608 - our own constant


def be_no_view(connection: SqliteConnection) -> None:
    """Let a file follow no stream any more."""
    connection.execute(f"DROP TABLE IF EXISTS {TABLE}")


def require_view_or_nothing(connection: SqliteConnection, path: Path) -> None:
    """Refuse a file of one machine that has something in it: two different things would be mixed. Raises ViewRefused."""
    if not is_view(connection) and connection.execute(SOMETHING_IN[path.name]).fetchone():
        hint = (
            "run penstock migrate, which makes the streams of it; or take it away, and the node begins from a snapshot"
        )
        raise ViewRefused(path.name, expected="a file that follows the streams", got="one of one machine", hint=hint)
