"""How events get into the segments of events.db, and out of them. A segment is a row with several events."""

import itertools
import operator
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from penstock.event import Event, MessageId

# Rows written by one statement: between two of them Python's lock may go to a thread that reads requests meanwhile.
ROWS_MAX = 32
# One event is read by reading its segment: large enough to spare most rows, small enough to be read for one event.
EVENTS_MAX, BYTES_MAX = 64, 64 * 1024
SELECT = "SELECT last_seq, source, ends, heads, bodies FROM segment"
# The segment that an event is in, if it is stored, is the first that ends there or behind.
AT = f"{SELECT} WHERE last_seq >= ? ORDER BY last_seq LIMIT 1"
AFTER = f"{SELECT} WHERE last_seq > ? ORDER BY last_seq"
REACHING = "coalesce((SELECT min(last_seq) FROM segment WHERE last_seq >= ?), ?)"
BEFORE = f"{SELECT} WHERE last_seq <= {REACHING} ORDER BY last_seq DESC"
OLDEST = "SELECT last_seq, source, ends, heads, bodies, received_at_ms FROM segment ORDER BY last_seq LIMIT 1"
REMOVE = """
DELETE FROM segment WHERE last_seq IN (SELECT last_seq FROM segment WHERE last_seq < ? ORDER BY last_seq LIMIT ?)
AND received_at_ms < ? RETURNING count
"""
FIRST = "SELECT last_seq - count + 1 FROM segment ORDER BY last_seq LIMIT 1"
SEQ_MAX = 2**62

source_of = operator.attrgetter("source")
body_of = operator.attrgetter("body")
ends_of = msgspec.json.Decoder(list[int]).decode
heads_of = msgspec.json.Decoder(list[msgspec.Raw]).decode


class Head(msgspec.Struct, array_like=True, gc=False):
    """What is stored beside a body; the source is the segment's."""

    message_id: MessageId
    type: str
    user_id: str
    anonymous_id: str
    company_id: str
    received_at_ms: int
    request_ip: str


head_of = msgspec.json.Decoder(Head).decode
head_fields = operator.attrgetter(*Head.__struct_fields__)


def write(connection: sqlite3.Connection, events: Sequence[Event], *, after_seq: int) -> None:
    """Append events; the first gets the number after `after_seq`."""
    rows = []
    for part in _parts(events):
        after_seq += len(part)
        rows.append(_row(part, last_seq=after_seq))
    insert(connection, "segment", rows)


def insert(connection: sqlite3.Connection, table: str, rows: Iterable[Sequence[object]]) -> None:
    """Insert rows, many with each statement."""
    left = iter(rows)
    while some := list(itertools.islice(left, ROWS_MAX)):
        marks = ", ".join([f"({', '.join('?' * len(some[0]))})"] * len(some))
        connection.execute(f"INSERT INTO {table} VALUES {marks}", list(itertools.chain.from_iterable(some)))  # noqa: S608


def event_at(connection: sqlite3.Connection, seq: int) -> Event | None:
    """Return one event; None when it is not stored."""
    row = connection.execute(AT, [seq]).fetchone()
    if row is None:
        return None
    ends = ends_of(row[2])
    index = seq - row[0] + len(ends) - 1
    return _event(row, ends, heads_of(row[3]), index) if index >= 0 else None


def events_after(connection: sqlite3.Connection, seq: int) -> Iterator[tuple[int, Event]]:
    """Yield numbers and events behind a place, oldest first."""
    for row in connection.execute(AFTER, [seq]):
        yield from (found for found in _events(row) if found[0] > seq)


def events_before(connection: sqlite3.Connection, seq: int) -> Iterator[tuple[int, Event]]:
    """Yield numbers and events in front of a place, newest first."""
    for row in connection.execute(BEFORE, [seq - 1, SEQ_MAX]):
        yield from (found for found in reversed(_events(row)) if found[0] < seq)


def remove(connection: sqlite3.Connection, *, below_seq: int, older_than_ms: int, rows_max: int) -> int:
    """Remove the oldest events: those before a place and of a time, a bounded number; return how many."""
    counts = connection.execute(REMOVE, [below_seq, rows_max, older_than_ms]).fetchall()
    removed: int = sum(row[0] for row in counts)
    row = connection.execute(OLDEST).fetchone()
    # What is left of the oldest segment may begin before the place.
    if row is not None and row[-1] < older_than_ms and row[0] >= below_seq:
        events = _events(row)
        kept = [event for seq, event in events if seq >= below_seq]
        if len(kept) == len(events):
            return removed
        connection.execute("DELETE FROM segment WHERE last_seq = ?", [row[0]])
        insert(connection, "segment", [_row(kept, last_seq=row[0])])
        removed += len(events) - len(kept)
    return removed


def first_seq(connection: sqlite3.Connection) -> int | None:
    """Return the number of the oldest event stored; None when there is none."""
    row = connection.execute(FIRST).fetchone()
    return row[0] if row else None


def last_seq(connection: sqlite3.Connection, *, file: str = "main") -> int:
    """Return the last number that was ever given to an event; `file` is the name events.db is attached by."""
    row = connection.execute(f"SELECT seq FROM {file}.sqlite_sequence WHERE name = 'segment'").fetchone()  # noqa: S608
    return row[0] if row else 0


def is_whole(row: Sequence[Any]) -> bool:
    """Return whether all events of a row of `segment` can be read."""
    try:
        events = _events((row[0], row[2], row[4], row[5], row[6]))
    except (msgspec.DecodeError, IndexError):
        return False
    return bool(len(events) == row[1])


def _parts(events: Sequence[Event]) -> Iterator[Sequence[Event]]:
    """Cut events into segments: of one source each, in the order they came, and bounded."""
    for _, of_source in itertools.groupby(events, source_of):
        while part := list(itertools.islice(of_source, EVENTS_MAX)):
            yield from _halves(part)


def _halves(part: Sequence[Event]) -> Iterator[Sequence[Event]]:
    if len(part) == 1 or sum(map(len, map(body_of, part))) <= BYTES_MAX:
        yield part
        return
    middle = len(part) // 2
    yield from _halves(part[:middle])
    yield from _halves(part[middle:])


def _row(part: Sequence[Event], *, last_seq: int) -> tuple[object, ...]:
    bodies = [event.body for event in part]
    ends = msgspec.json.encode(list(itertools.accumulate(map(len, bodies)))).decode()
    heads = msgspec.json.encode(list(map(head_fields, part))).decode()
    return last_seq, len(part), part[0].source, part[0].received_at_ms, ends, heads, b"".join(bodies)


def _events(row: Sequence[Any]) -> list[tuple[int, Event]]:
    ends, heads = ends_of(row[2]), heads_of(row[3])
    first = row[0] - len(ends) + 1
    return [(first + index, _event(row, ends, heads, index)) for index in range(len(ends))]


def _event(row: Sequence[Any], ends: Sequence[int], heads: Sequence[msgspec.Raw], index: int) -> Event:
    head = head_of(heads[index])
    return Event(
        source=row[1],
        message_id=head.message_id,
        type=head.type,
        user_id=head.user_id,
        anonymous_id=head.anonymous_id,
        company_id=head.company_id,
        received_at_ms=head.received_at_ms,
        request_ip=head.request_ip,
        body=row[4][ends[index - 1] if index else 0 : ends[index]],
    )
