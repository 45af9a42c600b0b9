"""What the doctor finds where delivery.db and the log speak of different events, or of some that are gone."""

import functools
from collections.abc import Callable, Iterator, Sequence

from penstock.buffer.sqlite.connections import SqliteConnection, rows_changed
from penstock.buffer.sqlite.log import epochs
from penstock.buffer.sqlite.log.epochs import LogGap

Repair = Callable[[SqliteConnection], None]
Ailment = tuple[str, Repair | None]
LOST = """
SELECT position, seq FROM waiting WHERE destination = ? AND seq <= coalesce((SELECT last_seq - count
FROM segment WHERE last_seq >= waiting.seq ORDER BY last_seq LIMIT 1), waiting.seq)
"""


def forked(connection: SqliteConnection) -> Iterator[Ailment]:
    """Both files were written on while they were apart. What this log has from there on is sent: a repeat is harmless."""
    seq = epochs.forked_at(connection)
    if seq is not None:
        sentence = f"delivery.db was written beside another log: from {seq} on the same numbers mean different events"
        yield sentence, functools.partial(_forget_from, seq=seq)


def missing(connection: SqliteConnection, *, at: float) -> Iterator[Ailment]:
    """Numbers were given whose events are gone. They are never given again; the repair is that a person has read this."""
    for gap in epochs.gaps(connection, connection):
        yield str(gap), functools.partial(_note, gap=gap, at=at)


def without_payload(connection: SqliteConnection, name: str) -> Iterator[Ailment]:
    """Every waiting event is in the log. One that is not can never be sent; it must not stop its lane for ever."""
    rows = connection.execute(LOST, [name]).fetchall()
    if rows:
        yield f"{name}: {len(rows)} waiting events are not in the log", functools.partial(_bury, name=name, rows=rows)


def _bury(connection: SqliteConnection, *, name: str, rows: Sequence[tuple[int, int]]) -> None:
    for position, seq in rows:
        for table in ("waiting", "place", "parked"):
            delete = f"DELETE FROM {table} WHERE destination = ? AND position = ?"  # noqa: S608 - our own names
            connection.execute(delete, [name, position])
        reason = "its payload was lost with a damaged events.db"
        insert = "INSERT OR REPLACE INTO outcome VALUES (?, ?, 'dead', ?, 0, 'store.damaged', '', '')"
        connection.execute(insert, [name, seq, reason])
        count = "INSERT INTO tally VALUES (?, 'dead', 1) ON CONFLICT DO UPDATE SET count = count + 1"
        connection.execute(count, [name])


def _note(connection: SqliteConnection, *, gap: LogGap, at: float) -> None:
    """Write down that the gap was seen; one at the end of the log begins an epoch behind it."""
    seen = "UPDATE log.epoch SET after_seq = first_seq - 1 WHERE after_seq = ? AND first_seq = ?"
    if not rows_changed(connection, seen, [gap.first - 1, gap.last + 1]):
        epochs.begin(connection, epochs.known_to(connection), at=at, file="log")
        connection.execute(seen, [gap.first - 1, gap.last + 1])


def _forget_from(connection: SqliteConnection, *, seq: int) -> None:
    """Forget what became of the other log's events, so that deliver takes in this log's."""
    for (name,) in connection.execute("SELECT name FROM destination").fetchall():
        ended = "SELECT outcome, count(*) FROM outcome WHERE destination = ? AND seq >= ? GROUP BY outcome"
        ends = connection.execute(ended, [name, seq]).fetchall()
        for outcome, count in ends:
            connection.execute(
                "UPDATE tally SET count = count - ? WHERE destination = ? AND outcome = ?", [count, name, outcome]
            )
        rows = connection.execute(
            "SELECT position FROM waiting WHERE destination = ? AND seq >= ?", [name, seq]
        ).fetchall()
        for table in ("place", "parked", "waiting"):
            delete = f"DELETE FROM {table} WHERE destination = ? AND position = ?"  # noqa: S608 - our own names
            connection.executemany(delete, [(name, position) for (position,) in rows])
        for table in ("outcome", "attempt"):
            connection.execute(f"DELETE FROM {table} WHERE destination = ? AND seq >= ?", [name, seq])  # noqa: S608
        gone = len(rows) + sum(count for _, count in ends)
        update = "UPDATE destination SET cursor = min(cursor, ?), received = received - ? WHERE name = ?"
        connection.execute(update, [seq - 1, gone, name])
    connection.execute("DELETE FROM found WHERE seq >= ?", [seq])
    connection.execute(
        "DELETE FROM main.epoch WHERE number >= (SELECT min(number) FROM main.epoch WHERE first_seq >= ?)", [seq]
    )
    connection.execute("DELETE FROM main.epoch WHERE (number, token) NOT IN (SELECT number, token FROM log.epoch)")
