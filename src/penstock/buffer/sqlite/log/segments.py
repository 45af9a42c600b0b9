"""How events get into the segments of events.db, and out of them. A segment is a row with several events, in a frame.

What reads a segment raises StoreDamaged when it cannot be unpacked.
"""

import functools
import itertools
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

import msgspec

from penstock.buffer.port.log import SEQ_MAX
from penstock.buffer.sqlite.connections import SqliteConnection
from penstock.buffer.sqlite.file import EVENTS
from penstock.buffer.sqlite.log import packing
from penstock.errors import StoreDamaged
from penstock.event import Batch, Event, Head

Unpacked = TypeVar("Unpacked")

# Rows written by one statement: between two of them Python's lock may go to a thread that reads requests meanwhile.
ROWS_MAX = 32
# One event is read by reading its segment: large enough for a request of an SDK, small enough to be read for one event.
EVENTS_MAX, BYTES_MAX = 128, 128 * 1024
SELECT = "SELECT last_seq, count, frame FROM segment"
# The segment that an event is in, if it is stored, is the first that ends there or behind.
AT = f"{SELECT} WHERE last_seq >= ? ORDER BY last_seq LIMIT 1"
CAME_AT = "SELECT received_at_ms, last_seq - count FROM segment WHERE last_seq >= ? ORDER BY last_seq LIMIT 1"
SOURCE_AT = "SELECT source, last_seq - count FROM segment WHERE last_seq >= ? ORDER BY last_seq LIMIT 1"
AFTER = f"{SELECT} WHERE last_seq > ? ORDER BY last_seq"
REACHING = "coalesce((SELECT min(last_seq) FROM segment WHERE last_seq >= ?), ?)"
BEFORE = f"{SELECT} WHERE last_seq <= {REACHING} ORDER BY last_seq DESC"
OLDEST = "SELECT last_seq, count, frame, received_at_ms FROM segment ORDER BY last_seq LIMIT 1"
REMOVE = """
DELETE FROM segment WHERE last_seq IN (SELECT last_seq FROM segment WHERE last_seq < ? ORDER BY last_seq LIMIT ?)
AND received_at_ms < ? RETURNING count
"""
FIRST = "SELECT last_seq - count + 1 FROM segment ORDER BY last_seq LIMIT 1"


class SegmentPart(NamedTuple):
    """A batch as it goes into a segment: alone, or with others behind it."""

    source: str
    ids: Sequence[str]
    received_at_ms: int
    encoding: bytes

    def without(self, known: Container[str]) -> "list[SegmentPart]":
        """Return what is left of it without some ids, and without its own repeats."""
        batch, first_of_each = packing.decoded(self.encoding), dict[str, tuple[Head, bytes | msgspec.Raw]]()
        for head, body in batch.pairs():
            if head.message_id not in known:
                first_of_each.setdefault(head.message_id, (head, body))
        return [part(piece) for piece in batch.cut(first_of_each.values(), events_max=EVENTS_MAX, bytes_max=BYTES_MAX)]


def fits(batch: Batch) -> bool:
    """Return whether a batch goes into a segment as it came."""
    return len(batch.heads) == 1 or (len(batch.heads) <= EVENTS_MAX and len(batch.text) <= BYTES_MAX)


def parts(batch: Batch) -> Iterator[SegmentPart]:
    """Make ready what is too large for a segment, piece by piece."""
    return map(part, batch.cut(batch.pairs(), events_max=EVENTS_MAX, bytes_max=BYTES_MAX))


def part(batch: Batch) -> SegmentPart:
    """Make ready what fits into a segment."""
    ids = [head.message_id for head in batch.heads]
    return SegmentPart(batch.source, ids, batch.received_at_ms, packing.encoded(batch))


def write(connection: SqliteConnection, parts: Sequence[SegmentPart], *, after_seq: int) -> int:
    """Append events, one at least; the first gets the number after `after_seq`. Return the number of the last."""
    rows = _rows(list(_together(parts)), after_seq=after_seq)
    insert(connection, "segment", rows)
    return rows[-1][0]


def insert(connection: SqliteConnection, table: str, rows: Iterable[Sequence[object]]) -> None:
    """Insert rows, many with each statement."""
    left = iter(rows)
    while some := list(itertools.islice(left, ROWS_MAX)):
        marks = ", ".join([f"({', '.join('?' * len(some[0]))})"] * len(some))
        connection.execute(f"INSERT INTO {table} VALUES {marks}", list(itertools.chain.from_iterable(some)))  # noqa: S608


def event_at(connection: SqliteConnection, seq: int) -> Event | None:
    """Return one event; None when it is not stored."""
    return Neighbours(connection).at(seq)


class Neighbours:
    """Reads one event after the other, and a segment once for all of its events that follow one another."""

    def __init__(self, connection: SqliteConnection) -> None:
        self.connection = connection
        self.row: tuple[int, int, bytes] = (0, 0, b"")

    def at(self, seq: int) -> Event | None:
        """Return one event; None when it is not stored."""
        last, count, frame = self.row
        if not last - count < seq <= last:
            found = self.connection.execute(AT, [seq]).fetchone()
            if found is None:
                return None
            last, count, frame = self.row = found
        index = seq - last + count - 1
        return _readable(packing.unpacked_one, frame, index, count=count) if index >= 0 else None


def events_beside(connection: SqliteConnection, seq: int) -> list[tuple[int, Event]]:
    """Return all events of the segment that one is in, with their numbers; none when it is not stored."""
    row = connection.execute(AT, [seq]).fetchone()
    return _events(row) if row else []


def came_at(connection: SqliteConnection, seq: int) -> int | None:
    """Return when an event came, in ms, give or take what one sync takes; None when it is not stored. Unpacks nothing."""
    row = connection.execute(CAME_AT, [seq]).fetchone()
    return row[0] if row and seq > row[1] else None


def source_at(connection: SqliteConnection, seq: int) -> str:
    """Return of which source an event is; empty when it is not stored. Unpacks nothing."""
    row = connection.execute(SOURCE_AT, [seq]).fetchone()
    return row[0] if row and seq > row[1] else ""


def events_after(connection: SqliteConnection, seq: int) -> Iterator[tuple[int, Event]]:
    """Yield numbers and events behind a place, oldest first."""
    for row in connection.execute(AFTER, [seq]):
        yield from (found for found in _events(row) if found[0] > seq)


def events_before(connection: SqliteConnection, seq: int) -> Iterator[tuple[int, Event]]:
    """Yield numbers and events in front of a place, newest first."""
    for row in connection.execute(BEFORE, [seq - 1, SEQ_MAX]):
        yield from (found for found in reversed(_events(row)) if found[0] < seq)


def names_after(connection: SqliteConnection, seq: int, *, holding: bytes = b"") -> Iterator[tuple[int, str, str]]:
    """Yield numbers, sources and message ids of events behind a place, oldest first; of segments that hold some bytes."""
    for last, count, frame in connection.execute(AFTER, [seq]):
        names = _readable(functools.partial(packing.unpacked_names, holding=holding), frame, count=count)
        yield from ((own, *name) for own, name in enumerate(names, last - count + 1) if own > seq)


def remove(connection: SqliteConnection, *, below_seq: int, older_than_ms: int, rows_max: int) -> int:
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
        # What events of a request share would else be written as often as there are events.
        parts = [part(Batch.of(*together)) for _, together in itertools.groupby(kept, key=shared)]
        insert(connection, "segment", _rows([parts], after_seq=row[0] - len(kept)))
        removed += len(events) - len(kept)
    return removed


def put(connection: SqliteConnection, parts: Sequence[SegmentPart], *, last_seq: int) -> None:
    """Write the events of a segment that was taken out, as one again, with the numbers that they had."""
    count = sum(len(part.ids) for part in parts)
    insert(connection, "segment", _rows([parts], after_seq=last_seq - count))


def events_of(row: Sequence[Any]) -> list[tuple[int, Event]]:
    """Return numbers and events of a row that SELECT selected."""
    return _events(row)


def shared(event: Event) -> tuple[str, int, bytes]:
    """Return what events of one request have in common."""
    return event.source, event.received_at_ms, event.envelope


def first_seq(connection: SqliteConnection) -> int | None:
    """Return the number of the oldest event stored; None when there is none."""
    row = connection.execute(FIRST).fetchone()
    return row[0] if row else None


def last_seq(connection: SqliteConnection, *, file: str = "main") -> int:
    """Return the last number that was ever given to an event; `file` is the name events.db is attached by."""
    row = connection.execute(f"SELECT seq FROM {file}.sqlite_sequence WHERE name = 'segment'").fetchone()  # noqa: S608
    return row[0] if row else 0


def is_whole(row: Sequence[Any]) -> bool:
    """Return whether all events of a row of `segment` can be read."""
    try:
        packing.unpacked(row[-1], count=row[1])
    except packing.UNREADABLE:
        return False
    return True


def _together(parts: Sequence[SegmentPart]) -> Iterator[list[SegmentPart]]:
    """Put parts together that fit into one segment: small requests that came at once, above all."""
    some: list[SegmentPart] = []
    count = size = 0
    for part in parts:
        count, size = count + len(part.ids), size + len(part.encoding)
        if some and (count > EVENTS_MAX or size > BYTES_MAX or part.source != some[0].source):
            yield some
            some, count, size = [], len(part.ids), len(part.encoding)
        some.append(part)
    if some:
        yield some


def _rows(segments: Sequence[Sequence[SegmentPart]], *, after_seq: int) -> list[tuple[int, int, str, int, bytes]]:
    """Return rows of `segment`; the first event gets the number after `after_seq`."""
    frames = packing.packed_each([[part.encoding for part in parts] for parts in segments])
    counts = [sum(len(part.ids) for part in parts) for parts in segments]
    lasts = itertools.accumulate(counts, initial=after_seq)
    next(lasts)
    return [
        (last, count, parts[0].source, parts[0].received_at_ms, frame)
        for last, count, parts, frame in zip(lasts, counts, segments, frames, strict=True)
    ]


def _events(row: Sequence[Any]) -> list[tuple[int, Event]]:
    last, count, frame = row[:3]
    return list(enumerate(_readable(packing.unpacked, frame, count=count), last - count + 1))


def _readable(unpack: Callable[..., Unpacked], *arguments: Any, count: int) -> Unpacked:
    try:
        return unpack(*arguments, count=count)
    except packing.UNREADABLE as error:
        raise StoreDamaged(EVENTS, f"a segment cannot be read: {error}") from error
