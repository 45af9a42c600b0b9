"""Events taken out of their segments: what stays has their numbers, their times and their source, so that all sums hold.

Written by the one writer of events.db, inside its transactions, some segments at a time. A segment is written anew under its
own number; the pages of the old one are overwritten (`secure_delete`).
"""

import itertools
from collections.abc import Iterator, Sequence

import msgspec

from penstock.buffer.rules.needles import Needles
from penstock.buffer.sqlite.connections import SqliteConnection
from penstock.buffer.sqlite.log import segments
from penstock.buffer.sqlite.log.ids import ids_of, seqs_of
from penstock.event import Batch, Event, MessageId
from penstock.identity import ERASED, NOTHING_LEFT, is_left, left_of, names_shared, without_person

# Events in one transaction: few enough not to delay an append for long.
EVENTS_AT_ONCE = 200
MESSAGES = "SELECT run, source, first_id, ids, seqs FROM message WHERE instr(ids, ?)"


class ErasedNumbers(msgspec.Struct, frozen=True, array_like=True):
    """What an erasure does to a log, by numbers alone: the same at every node that has the same events, and no name in it."""

    #: Events of which nothing is left.
    gone: Sequence[int] = ()
    #: Those of them whose message id told a person.
    renamed: Sequence[int] = ()
    #: Events of others whose batch named the person.
    trimmed: Sequence[int] = ()


def erase(connection: SqliteConnection, seqs: Sequence[int], names: Sequence[str]) -> bool:
    """Take events out, those that are stored; return whether ids of theirs told a person and are others now."""
    return erase_numbers(connection, numbers_of(connection, seqs, names))


def numbers_of(connection: SqliteConnection, seqs: Sequence[int], names: Sequence[str]) -> ErasedNumbers:
    """Return what taking events out does, of those that are stored."""
    needles, gone = Needles(names), list[int]()
    renamed, trimmed = list[int](), list[int]()
    for row, here in _segments_with(connection, seqs):
        for seq, event in segments.events_of(row):
            if seq in here and not is_left(event):
                gone.append(seq)
                if needles.tells(event.message_id):
                    renamed.append(seq)
            elif event.envelope and not needles.names.isdisjoint(names_shared(event.envelope)):
                trimmed.append(seq)
    return ErasedNumbers(gone, renamed, trimmed)


def erase_numbers(connection: SqliteConnection, numbers: ErasedNumbers) -> bool:
    """Do what an erasure does; return whether message ids are others now."""
    forgotten = set[str]()
    seqs = sorted({*numbers.gone, *numbers.trimmed})
    gone, renamed = frozenset(numbers.gone), frozenset(numbers.renamed)
    for row, here in _segments_with(connection, seqs):
        forgotten |= _rewrite(connection, row, gone & here, renamed & here, here - gone)
    for id_ in forgotten:
        _forget_id(connection, id_)
    return bool(forgotten)


def _segments_with(
    connection: SqliteConnection, seqs: Sequence[int]
) -> Iterator[tuple[Sequence[object], frozenset[int]]]:
    """Yield the segments that some events are in, each with the numbers of those."""
    left = list(seqs)
    while left:
        row = connection.execute(segments.AT, [left[0]]).fetchone()
        if row is None:
            break
        last, count = row[0], row[1]
        here = frozenset(seq for seq in left if last - count < seq <= last)
        left = [seq for seq in left if seq > last]
        if here:
            yield row, here


def _rewrite(
    connection: SqliteConnection,
    row: Sequence[object],
    gone: frozenset[int],
    renamed: frozenset[int],
    trimmed: frozenset[int],
) -> set[str]:
    """Write a segment anew; return the message ids that are others now."""
    events = segments.events_of(row)
    kept = [
        _left(seq, event, is_renamed=seq in renamed)
        if seq in gone
        else (_of_others(event) if seq in trimmed else event)
        for seq, event in events
    ]
    if kept == [event for _, event in events]:
        return set()
    parts = [segments.part(Batch.of(*together)) for _, together in itertools.groupby(kept, key=segments.shared)]
    connection.execute("DELETE FROM segment WHERE last_seq = ?", [row[0]])
    segments.put(connection, parts, last_seq=events[-1][0])
    return {event.message_id for seq, event in events if seq in renamed and not is_left(event)}


def _left(seq: int, event: Event, *, is_renamed: bool) -> Event:
    if is_left(event):
        return event
    message_id = MessageId(f"erased-{seq}") if is_renamed else event.message_id
    head = left_of(event, type_=ERASED, message_id=message_id)
    fields = msgspec.structs.asdict(head)
    return msgspec.structs.replace(event, **fields, body=NOTHING_LEFT, envelope=b"")


def _of_others(event: Event) -> Event:
    """Return another person's event; what its batch said of the person goes, for it is not about this one."""
    return msgspec.structs.replace(event, envelope=without_person(event.envelope)) if event.envelope else event


def _forget_id(connection: SqliteConnection, id_: str) -> None:
    """Take a message id out of the runs."""
    quoted = msgspec.json.encode(id_).decode()
    for run, source, first, ids, seqs in connection.execute(MESSAGES, [quoted]).fetchall():
        pairs = [pair for pair in zip(ids_of(ids), seqs_of(seqs), strict=True) if pair[0] != id_]
        connection.execute("DELETE FROM message WHERE run = ? AND source = ? AND first_id = ?", [run, source, first])
        if pairs:
            segments.insert(connection, "message", [_row(run, source, pairs)])


def _row(run: int, source: str, pairs: Sequence[tuple[str, int]]) -> tuple[int, str, str, str, str]:
    ids, seqs = zip(*pairs, strict=True)
    return run, source, ids[0], msgspec.json.encode(ids).decode(), msgspec.json.encode(seqs).decode()


def in_steps(seqs: Sequence[int]) -> Iterator[Sequence[int]]:
    """Yield the numbers of events, as many at once as go into one transaction."""
    for start in range(0, len(seqs), EVENTS_AT_ONCE):
        yield seqs[start : start + EVENTS_AT_ONCE]
