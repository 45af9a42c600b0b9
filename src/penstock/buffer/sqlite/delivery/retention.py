"""How long delivery.db keeps things: what retention took from the log, minutes for charts, people not heard of again.

Everything is done in slices that are found by a key, so that no round delays a verdict for long, however much is stored.
"""

from collections.abc import Mapping, Sequence

from penstock.buffer.sqlite.connections import SqliteConnection, rows_changed
from penstock.buffer.sqlite.delivery.ties import forget_ties
from penstock.buffer.sqlite.log.payloads import first_with_body
from penstock.buffer.sqlite.log.segments import first_seq, last_seq
from penstock.buffer.sqlite.times import set_forward_s

# Entries looked at by one round.
SWEPT_MAX, LEDGER_SWEPT_MAX = 5_000, 2_000
# How long the figures of a minute are kept, and what they come to by the hour: a month, and the one before to compare with.
MINUTES_KEPT, HOURS_KEPT = 2 * 24 * 60, 62 * 24
BY_HOUR = """
INSERT INTO hour SELECT destination, minute / 60, source, outcome, sum(count) FROM minute WHERE minute < ? GROUP BY 1, 2, 3, 4
ON CONFLICT (destination, hour, source, outcome) DO UPDATE SET count = count + excluded.count
"""
# A look-up names the person in the query of its path, and why an event is dead is said in the destination's words, which quote it.
FORGET_PAYLOADS = (
    """
    UPDATE attempt SET body = NULL, answer = '', path = iif(instr(path, '?'), substr(path, 1, instr(path, '?') - 1), path)
    WHERE destination = ? AND seq >= ? AND seq < ? AND (body IS NOT NULL OR answer <> '' OR instr(path, '?'))
    """,
    """
    UPDATE outcome SET reason = '' WHERE destination = ? AND seq >= ? AND seq < ? AND outcome = 'dead' AND reason <> ''
    """,
)
DAY_S = 86_400
#: Where a walk through the ledger begins: before every destination and subject.
BEGINNING = ("", "")
SLICE = """
SELECT destination, subject, seen_day FROM ledger WHERE (destination, subject) > (?, ?)
ORDER BY destination, subject LIMIT ?
"""


def settled_below(delivery: SqliteConnection, destinations: Sequence[str]) -> int | None:
    """Return the place in the log below which nothing waits for anybody; None for no bound.

    Asks every destination that there ever was: of a removed one, what came until it was seen to be gone is its own.
    """
    known = {row[0] for row in delivery.execute("SELECT name FROM destination")}
    if not known.issuperset(destinations):
        return 0
    waiting = delivery.execute("SELECT min(seq) FROM waiting").fetchone()[0]
    untaken = delivery.execute(
        "SELECT min(cursor) + 1 FROM destination WHERE left_seq IS NULL OR cursor < left_seq"
    ).fetchone()[0]
    return min((place for place in (waiting, untaken) if place is not None), default=None)


def note_left(connection: SqliteConnection, destinations: Sequence[str]) -> None:
    """Write down which destinations are in the settings no more, and where the log ended then; writes nothing else."""
    last = last_seq(connection, file="log")
    for name, left in connection.execute("SELECT name, left_seq FROM destination").fetchall():
        is_here = name in destinations
        if is_here != (left is None):
            update = "UPDATE destination SET left_seq = ? WHERE name = ?"
            connection.execute(update, [None if is_here else last, name])


def prune(connection: SqliteConnection, *, minute: int) -> int:
    """Remove outcomes and attempts of events that are gone, and old figures; return how many rows."""
    _fold_minutes(connection, minute)
    oldest = first_seq(connection) or 0
    removed = 0
    for table in ("outcome", "attempt", "once_parked"):
        for (name,) in connection.execute("SELECT name FROM destination").fetchall():
            delete = f"DELETE FROM {table} WHERE destination = ? AND seq < ?"  # noqa: S608 - our own names
            removed += rows_changed(connection, delete, [name, oldest])
    return removed + _sweep(connection, oldest)


def forget_payloads(connection: SqliteConnection, *, from_seq: int) -> tuple[int, int]:
    """Remove what was sent and answered for the next events whose bodies are gone; return how many rows, and where to go on."""
    bodies_from = first_with_body(connection, from_seq)
    begin = max(from_seq, first_seq(connection) or 0)
    until, removed = min(bodies_from, begin + SWEPT_MAX), 0
    for (name,) in connection.execute("SELECT name FROM destination").fetchall():
        removed += sum(rows_changed(connection, forget, [name, begin, until]) for forget in FORGET_PAYLOADS)
    # Where there is more, the next slice is due at once, also if this one had nothing.
    return removed + (until < bodies_from), until


def _fold_minutes(connection: SqliteConnection, minute: int) -> None:
    """Keep by the hour what minutes came to that are old, and forget hours that are; whole hours, each in one go."""
    minutes_since = _oldest_kept(connection, minute - MINUTES_KEPT)
    minutes_since -= minutes_since % 60
    connection.execute(BY_HOUR, [minutes_since])
    connection.execute("DELETE FROM minute WHERE minute < ?", [minutes_since])
    hours_since = _oldest_kept(connection, minute - 60 * HOURS_KEPT) // 60
    connection.execute("DELETE FROM hour WHERE hour < ?", [hours_since])


def _oldest_kept(connection: SqliteConnection, minute: int) -> int:
    """Return a minute of the past by a clock that was not set forward since."""
    return minute - int(set_forward_s(connection, since=60.0 * minute, file="log") // 60)


def expire(
    connection: SqliteConnection, *, after: Sequence[str], today: int, days: int
) -> tuple[Mapping[str, Sequence[str]], Sequence[str]]:
    """Forget those subjects of the next slice that nothing was learned of for so many days.

    Returns them by destination, and where the next slice begins. Subjects of before days were noted begin today.
    """
    rows = connection.execute(SLICE, [*after, LEDGER_SWEPT_MAX]).fetchall()
    unnoted = [(today, *row[:2]) for row in rows if not row[2]]
    connection.executemany("UPDATE ledger SET seen_day = ? WHERE destination = ? AND subject = ?", unnoted)
    gone = [row[:2] for row in rows if row[2] and row[2] < today - days]
    connection.executemany("DELETE FROM ledger WHERE destination = ? AND subject = ?", gone)
    forget_ties(connection, gone)
    forgotten: dict[str, list[str]] = {}
    for destination, subject in gone:
        forgotten.setdefault(destination, []).append(subject)
    return forgotten, rows[-1][:2] if len(rows) == LEDGER_SWEPT_MAX else BEGINNING


def scrub(connection: SqliteConnection) -> bool:
    """Empty the WAL, which still holds pages as they were; return whether that was possible now.

    Freed pages are overwritten in the file itself (`secure_delete`). Never waits for a reader; outside transactions only.
    """
    waits_ms = connection.execute("PRAGMA busy_timeout").fetchone()[0]
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        is_busy: int = connection.execute("PRAGMA main.wal_checkpoint(TRUNCATE)").fetchone()[0]
    finally:
        connection.execute(f"PRAGMA busy_timeout = {waits_ms}")
    return not is_busy


def _sweep(connection: SqliteConnection, oldest: int) -> int:
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
