"""Where in the log each source of a destination begins; kept in the destination's notes, so that it is decided once.

A source that is connected later may begin before the place up to which the log was read for the others. Then the log is
read again from there, and of the others nothing is taken twice.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from penstock.buffer.rules.begin import AUTO, since_ms
from penstock.buffer.sqlite.connections import SqliteConnection
from penstock.buffer.sqlite.log.segments import first_seq, last_seq

#: By source: numbers up to this one are not taken, or were.
Begun = Mapping[str, int]
BEGUN, READ = "begun", "read_to"
#: How the lanes of what waits are named, up to which place, and whether all are; see naming.py.
NAMED = "named"
# The segment that a number stands in tells when it came.
CAME = "SELECT last_seq, received_at_ms FROM {} WHERE last_seq >= ? ORDER BY last_seq LIMIT 1"


class Feeds:
    """The sources of one destination. `begin` says what people chose for one: see begin.py."""

    def __init__(self, name: str, sources: Callable[[], Sequence[str]], begin: Callable[[str], str]) -> None:
        self.name, self.sources, self.begin = name, sources, begin
        self.begun: Begun = {}
        #: Up to here the log was read once; some of it may be known already.
        self.read_to = 0

    def are_others(self) -> bool:
        """Return whether a source was connected or removed since the last look."""
        return self.begun.keys() != set(self.sources())

    def look(self, connection: SqliteConnection, cursor: int, now: float) -> int:
        """Let sources that are new here begin; return the place behind which to read."""
        notes = notes_of(connection, self.name)
        sources, begun, self.read_to = self.sources(), notes.get(BEGUN), int(notes.get(READ, 0))
        # Who was connected before places were kept goes on as ever.
        known = dict(begun) if begun is not None else dict.fromkeys(sources if cursor else (), 0)
        fresh = {source: self._place(connection, source, now) for source in sources if source not in known}
        if fresh or begun is None:
            # Of the others, all up to the cursor was seen, even where the log is read again.
            known = {source: max(place, cursor) for source, place in known.items()} | fresh
            self.read_to = max(self.read_to, cursor)
            cursor = min(known.values()) if not cursor and known else min([cursor, *fresh.values()])
            kept = json.dumps(notes | {BEGUN: known, READ: self.read_to})
            connection.execute("UPDATE destination SET notes = ?, cursor = ? WHERE name = ?", [kept, cursor, self.name])
        self.begun = {source: known[source] for source in sources}
        return cursor

    def takes(self, seq: int, source: str) -> bool:
        """Return whether an event is to be sent; what is read again may be known."""
        return source in self.begun and seq > self.begun[source]

    def _place(self, connection: SqliteConnection, source: str, now: float) -> int:
        """Return the number behind which a new source begins."""
        choice = self.begin(source)
        is_first = choice != AUTO or not _feeds_another(connection, self.name, source)
        since = since_ms(choice, now_ms=int(now * 1000), is_first=is_first)
        last = last_seq(connection, file="log")
        return last if since is None else place_of(connection, since, last=last, segment="log.segment") if since else 0


def place_of(connection: SqliteConnection, since: int, *, last: int, segment: str = "segment") -> int:
    """Return the number behind which what came since a time, in ms, begins; found by halving, for time goes with numbers."""
    low, high = (first_seq(connection) or 1) - 1, last
    came = CAME.format(segment)
    while low < high:
        middle = (low + high) // 2
        row = connection.execute(came, [middle + 1]).fetchone()
        if row is None or row[1] >= since:
            high = middle
        else:
            low = min(row[0], high)
    return low


def begun_of(notes: str) -> Begun:
    """Return where each source began, of a destination's notes as they are kept."""
    begun: Begun = json.loads(notes).get(BEGUN, {})
    return begun


def notes_of(connection: SqliteConnection, name: str) -> dict[str, Any]:
    """Return what is kept of a destination."""
    row = connection.execute("SELECT notes FROM destination WHERE name = ?", [name]).fetchone()
    return dict(json.loads(row[0])) if row else {}


def remembered(notes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the notes without what is kept here among them."""
    return {key: value for key, value in notes.items() if key not in {BEGUN, READ, NAMED}}


def _feeds_another(connection: SqliteConnection, name: str, source: str) -> bool:
    """Return whether the source began at another destination."""
    rows = connection.execute("SELECT notes FROM destination WHERE name != ?", [name])
    return any(source in begun_of(notes) for (notes,) in rows)
