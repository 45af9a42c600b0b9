"""The events of people in events.db: every segment is unpacked, and read where a name may be in it.

Done a part at a time, each with a look of its own, so that no look keeps the write-ahead log from being emptied.
"""

import array
from collections.abc import Iterator
from pathlib import Path

from penstock.buffer.rules.needles import Needles
from penstock.buffer.sqlite.file import EVENTS, as_store_errors, snapshot
from penstock.buffer.sqlite.log import packing
from penstock.errors import StoreDamaged
from penstock.event import Event
from penstock.identity import names_in

# Segments of one look.
SEGMENTS_AT_ONCE = 500
NEXT = "SELECT last_seq, count, frame FROM segment WHERE last_seq > ? ORDER BY last_seq LIMIT ?"


def sightings(data_dir: Path, names: frozenset[str]) -> dict[frozenset[str], "array.array[int]"]:
    """Return the events that name one of some people, by all that they name."""
    needles = Needles(names)
    found: dict[frozenset[str], array.array[int]] = {}
    for seq, event in _candidates(data_dir, needles):
        named = names_in(event)
        if not named.isdisjoint(names):
            found.setdefault(named, array.array("q")).append(seq)
    return found


def mentions(data_dir: Path, names: frozenset[str], seqs: frozenset[int]) -> int:
    """Return how many other events have one of the names somewhere in them."""
    needles = Needles(names)
    return sum(
        needles.is_in((event.body + event.envelope).decode(errors="replace"))
        for seq, event in _candidates(data_dir, needles)
        if seq not in seqs
    )


def events_of_all(data_dir: Path) -> Iterator[tuple[int, Event]]:
    """Yield every event with its number, oldest first."""
    for last, count, frame in _segments(data_dir):
        yield from enumerate(_events(frame, count), last - count + 1)


def _candidates(data_dir: Path, needles: Needles) -> Iterator[tuple[int, Event]]:
    for last, count, frame in _segments(data_dir):
        try:
            may_be_in = needles.may_be_in(packing.plain(frame))
        except packing.UNREADABLE as error:
            raise StoreDamaged(EVENTS, f"a segment cannot be read: {error}") from error
        if may_be_in:
            yield from enumerate(_events(frame, count), last - count + 1)


def _segments(data_dir: Path) -> Iterator[tuple[int, int, bytes]]:
    last = 0
    while True:
        with snapshot(data_dir / EVENTS) as log, as_store_errors(EVENTS):
            rows = log.execute(NEXT, [last, SEGMENTS_AT_ONCE]).fetchall() if log else []
        yield from rows
        if len(rows) < SEGMENTS_AT_ONCE:
            return
        last = rows[-1][0]


def _events(frame: bytes, count: int) -> list[Event]:
    try:
        return packing.unpacked(frame, count=count)
    except packing.UNREADABLE as error:
        raise StoreDamaged(EVENTS, f"a segment cannot be read: {error}") from error
