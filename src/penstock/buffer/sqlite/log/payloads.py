"""Bodies of events that ended, taken out of the log before the events themselves: settings say how long each is kept.

They go from the oldest event on, a whole segment at a time, and never beyond one that waits: so those without a body are the
beginning of the log, and where it ends is found by halving. Numbers, heads, counts and outcomes stay.
"""

import collections
import itertools
from collections.abc import Sequence
from typing import Any

import msgspec

from penstock.buffer.sqlite.connections import SqliteConnection
from penstock.buffer.sqlite.log import segments
from penstock.event import Batch, Event
from penstock.identity import EMAIL, NOTHING_LEFT, names_in
from penstock.minimise.notes import PAST, Mark, is_body_gone, text_of

# Segments written anew in one transaction: few enough not to delay an append for long.
SEGMENTS_AT_ONCE = 16
NEXT = """
SELECT last_seq, count, frame, received_at_ms FROM segment WHERE last_seq >= ? AND last_seq < ? ORDER BY last_seq LIMIT ?
"""


def strip(connection: SqliteConnection, *, below_seq: int, older_than_ms: int, from_seq: int) -> tuple[int, int]:
    """Take the bodies out of the next segments that are old enough; return of how many events, and where to go on."""
    count = 0
    for row in connection.execute(NEXT, [from_seq, below_seq, SEGMENTS_AT_ONCE]).fetchall():
        if row[3] >= older_than_ms:
            break
        count += _rewrite(connection, row)
        from_seq = row[0] + 1
    return count, from_seq


def first_with_body(connection: SqliteConnection, known: int = 0) -> int:
    """Return the number that the first event with a body may have; `known`: those before it have none."""
    low, high = (
        max(known, segments.first_seq(connection) or 0),
        segments.last_seq(connection, file=_file(connection)) + 1,
    )
    if low >= high or not _is_gone(connection, low):
        return low
    while low + 1 < high:
        middle = (low + high) // 2
        if _is_gone(connection, middle):
            low = middle
        else:
            high = middle
    return high


def _rewrite(connection: SqliteConnection, row: Sequence[Any]) -> int:
    events = segments.events_of(row)
    if all(is_body_gone(event.minimised) for _, event in events):
        return 0
    bare = [_bare(event) for _, event in events]
    parts = [segments.part(Batch.of(*together)) for _, together in itertools.groupby(bare, key=segments.shared)]
    connection.execute("DELETE FROM segment WHERE last_seq = ?", [row[0]])
    segments.put(connection, parts, last_seq=row[0])
    return len(bare)


def _bare(event: Event) -> Event:
    note = event.minimised
    if not is_body_gone(note):
        note = text_of(collections.Counter([Mark(PAST, "")]), note)
    return msgspec.structs.replace(event, body=_whose(event), envelope=b"", request_ip="", minimised=note)


def _whose(event: Event) -> bytes:
    """Return what has to stay of a body, so that the event is still somebody's: to be found for them, and erased with them.

    That is nothing for one that names a user; of others the e-mail address is all that says so.
    """
    emails = sorted(name for name in names_in(event) if name.startswith(EMAIL)) if not event.user_id else []
    places = [{"traits": {"email": name.removeprefix(EMAIL)}} for name in emails]
    if not places:
        return NOTHING_LEFT
    # Two places where an address may stand; see identity.py.
    return msgspec.json.encode({**places[0], "context": places[1]} if places[1:] else places[0])


def _is_gone(connection: SqliteConnection, seq: int) -> bool:
    event = segments.event_at(connection, seq)
    # What is not stored at all is in front of what is.
    return event is None or is_body_gone(event.minimised)


def _file(connection: SqliteConnection) -> str:
    """Return the name by which events.db is open: its own, or as deliver attaches it."""
    names = [name for _, name, _ in connection.execute("PRAGMA database_list")]
    return "log" if "log" in names else "main"
