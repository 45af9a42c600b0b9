"""Finding events on SQLite. Opens both files read-only for each question; every question does bounded work."""

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path

from penstock.buffer.port.query import Query, keys_of
from penstock.buffer.port.search import Found, Seen
from penstock.buffer.sqlite.connections import SqliteConnection
from penstock.buffer.sqlite.file import DELIVERY, EVENTS, snapshot
from penstock.buffer.sqlite.log.ids import places_of
from penstock.buffer.sqlite.log.segments import event_at, events_before
from penstock.buffer.sqlite.rows import read_story
from penstock.event import Event

# Events looked at for one page; a filter that fits few of them gets a page with a cursor to go on from.
LOOKED_AT_MAX = 2_000
# An event of so many bytes counts as one more.
COUNTED_BYTES = 8_000
UNTIL = 2**62


class SqliteSearch:
    """Both files of a data folder; see port.Search."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir

    def find(self, destination: str, query: Query, *, before_seq: int | None = None, limit: int = 100) -> Found:
        """Return events that fit, the newest first."""
        with snapshot(self.data_dir / DELIVERY) as delivery, snapshot(self.data_dir / EVENTS) as events:
            if events is None:
                return Found(stories=(), next_seq=None)
            stories, looked_at, last = [], 0, 0
            for seq, event in _candidates(events, delivery, destination, query, before_seq or UNTIL):
                looked_at, last = looked_at + 1 + len(event.body) // COUNTED_BYTES, seq
                if query.takes(event):
                    story = read_story(delivery, destination, seq, event)
                    if query.state in {"", story.state}:
                        stories.append(story)
                if len(stories) == limit or looked_at >= LOOKED_AT_MAX:
                    return Found(stories=stories, next_seq=last)
        return Found(stories=stories, next_seq=None)

    def people(self, prefix: str, *, limit: int = 50) -> list[Seen]:
        """Return ids of people that begin with a text."""
        return self._seen("p:", prefix, limit)

    def companies(self, prefix: str, *, limit: int = 50) -> list[Seen]:
        """Return ids of companies that begin with a text."""
        return self._seen("c:", prefix, limit)

    def _seen(self, kind: str, prefix: str, limit: int) -> list[Seen]:
        with snapshot(self.data_dir / DELIVERY) as delivery, snapshot(self.data_dir / EVENTS) as events:
            last = _last_of_keys(delivery, kind + prefix, limit) if delivery else {}
            last |= _last_of_new(delivery, events, kind + prefix) if delivery and events else {}
        return [Seen(id=key.removeprefix(kind), last_seq=last[key]) for key in sorted(last)[:limit]]


def _last_of_keys(delivery: SqliteConnection, prefix: str, limit: int) -> dict[str, int]:
    """Return the first keys that begin with a text, with the last event of each."""
    found = dict[str, int]()
    after = prefix
    while len(found) < limit:
        # One look-up a key: a person with a million events costs no more than one with ten.
        row = delivery.execute("SELECT key FROM found WHERE key >= ? ORDER BY key, seq LIMIT 1", [after]).fetchone()
        if row is None or not row[0].startswith(prefix):
            break
        found[row[0]] = delivery.execute("SELECT max(seq) FROM found WHERE key = ?", [row[0]]).fetchone()[0]
        after = row[0] + "\x00"
    return found


def _last_of_new(delivery: SqliteConnection, events: SqliteConnection, prefix: str) -> dict[str, int]:
    """Return the same of the newest events, whose keys may not be written yet."""
    indexed = delivery.execute("SELECT min(cursor) FROM destination WHERE left_seq IS NULL").fetchone()[0] or 0
    newest = itertools.islice(events_before(events, UNTIL), LOOKED_AT_MAX)
    found = dict[str, int]()
    for seq, event in itertools.takewhile(lambda each: each[0] > indexed, newest):
        for key in keys_of(event):
            if key.startswith(prefix):
                found.setdefault(key, seq)
    return found


def _candidates(
    events: SqliteConnection, delivery: SqliteConnection | None, destination: str, query: Query, before: int
) -> Iterator[tuple[int, Event]]:
    """Yield events that may fit, the newest first, by the best index there is for the question."""
    if query.message_id:
        places = (seq for seq in places_of(events, query.message_id) if seq < before)
        yield from _stored(events, sorted(places, reverse=True))
        return
    keys = query.keys()
    if delivery is None or not (keys or query.state in {"dead", "rejected"}):
        yield from itertools.islice(events_before(events, before), LOOKED_AT_MAX)
        return
    if keys:
        # What came behind the cursor may have its keys, or not yet: all of it is looked at.
        cursor = delivery.execute("SELECT coalesce(max(cursor), 0) FROM destination WHERE name = ?", [destination])
        indexed = cursor.fetchone()[0]
        yield from itertools.takewhile(lambda each: each[0] > indexed, events_before(events, before))
        select = "SELECT seq FROM found WHERE key = ? AND seq < ? ORDER BY seq DESC"
        seqs = delivery.execute(select, [keys[0], min(before, indexed + 1)])
    else:
        select = (
            "SELECT seq FROM outcome WHERE destination = ? AND outcome IN ('dead', 'rejected') AND seq < ?"
            " ORDER BY seq DESC"
        )
        seqs = delivery.execute(select, [destination, before])
    yield from _stored(events, (row[0] for row in seqs))


def _stored(events: SqliteConnection, seqs: Iterable[int]) -> Iterator[tuple[int, Event]]:
    """Yield those that retention has not taken."""
    for seq in seqs:
        event = event_at(events, seq)
        if event is not None:
            yield seq, event
