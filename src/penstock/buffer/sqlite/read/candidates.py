"""Events that may fit a question, the newest first, by the best index there is for it, on SQLite."""

import itertools
from collections.abc import Iterable, Iterator

from penstock.buffer.port.query import COMPANY, NAME, Query, key_of, keys_of
from penstock.buffer.rules.whose import Wanted
from penstock.buffer.sqlite.connections import SqliteConnection
from penstock.buffer.sqlite.delivery.feeds import place_of
from penstock.buffer.sqlite.log.ids import places_of
from penstock.buffer.sqlite.log.segments import event_at, events_before, last_seq
from penstock.buffer.sqlite.read.found import newest_under
from penstock.event import Event

# Events read for one page where no index leads to what fits.
LOOKED_AT_MAX = 2_000
UNTIL = 2**62
# What came in one sync has one time in the index: so much earlier and later is looked at too.
SLACK_MS = 2_000
# Names of an account's people that are followed one by one; of more, so much happens that the log is read instead.
KEYS_MAX = 3_000
ENDED_BADLY = """
SELECT seq FROM outcome WHERE destination = ? AND outcome IN ('dead', 'rejected') AND seq < ? ORDER BY seq DESC
"""


class Candidates:
    """Events that may fit one question."""

    def __init__(
        self, events: SqliteConnection, delivery: SqliteConnection | None, destination: str, query: Query, meant: Wanted
    ) -> None:
        self.events, self.delivery, self.destination, self.query, self.meant = (
            events,
            delivery,
            destination,
            query,
            meant,
        )

    @property
    def are_indexed(self) -> bool:
        """Return whether an index leads to them; else the log is read."""
        return bool(self.query.message_id or (self.delivery is not None and (self._keys() or self._are_bad)))

    def before(self, before: int) -> Iterator[tuple[int, Event, set[str]]]:
        """Yield them, each with the keys under which it is found."""
        after, before = self._after(), self._before(before)
        yield from itertools.takewhile(lambda each: each[0] > after, self._all_before(before))

    def _after(self) -> int:
        """Return a place behind which everything is that came since the question begins."""
        since = self.query.since
        return 0 if since is None else self._place_of(since * 1000 - SLACK_MS)

    def _before(self, before: int) -> int:
        """Return a place in front of which everything is that came until the question ends."""
        until = self.query.until
        return before if until is None else min(before, self._place_of(until * 1000 + SLACK_MS) + 1)

    def _place_of(self, at_ms: float) -> int:
        return place_of(self.events, int(at_ms), last=last_seq(self.events))

    def _all_before(self, before: int) -> Iterator[tuple[int, Event, set[str]]]:
        if self.query.message_id:
            places = (seq for seq in places_of(self.events, self.query.message_id) if seq < before)
            yield from self._stored((seq, set()) for seq in sorted(places, reverse=True))
        elif self.delivery is not None and (keys := self._keys()):
            yield from self._under(self.delivery, keys, before)
        elif self.delivery is not None and self._are_bad:
            rows = self.delivery.execute(ENDED_BADLY, [self.destination, before])
            yield from self._stored((row[0], set()) for row in rows)
        else:
            yield from itertools.islice(self._read(before), LOOKED_AT_MAX)

    @property
    def _are_bad(self) -> bool:
        names_somebody = self.query.person or self.query.company or self.query.event_name
        return self.query.state in {"dead", "rejected"} and not names_somebody

    def _keys(self) -> frozenset[str]:
        """Return the keys of which an event must have one; none when there are so many that reading is quicker."""
        if self.meant.person is not None:
            return self.meant.person.keys
        if self.query.company:
            keys = self.meant.keys | {key_of(COMPANY, self.query.company)}
            return keys if len(keys) <= KEYS_MAX else frozenset()
        return frozenset({key_of(NAME, self.query.event_name)} if self.query.event_name else ())

    def _under(
        self, delivery: SqliteConnection, keys: frozenset[str], before: int
    ) -> Iterator[tuple[int, Event, set[str]]]:
        # What came behind the cursor may have its keys, or not yet: all of it is looked at.
        select = "SELECT coalesce(max(cursor), 0) FROM destination WHERE name = ?"
        indexed = delivery.execute(select, [self.destination]).fetchone()[0]
        yield from itertools.takewhile(lambda each: each[0] > indexed, self._read(before))
        # Events of before a kind of key was written are read, until they have theirs.
        unwritten = delivery.execute("SELECT from_seq FROM found_anew").fetchone()[0] if _needs_anew(keys) else 0
        yield from self._stored(
            newest_under(delivery, sorted(keys), before=min(before, indexed + 1), after=max(0, unwritten - 1))
        )
        if unwritten:
            yield from self._read(min(before, unwritten, indexed + 1))

    def _read(self, before: int) -> Iterator[tuple[int, Event, set[str]]]:
        return ((seq, event, keys_of(event)) for seq, event in events_before(self.events, before))

    def _stored(self, places: Iterable[tuple[int, set[str]]]) -> Iterator[tuple[int, Event, set[str]]]:
        """Yield those that retention has not taken."""
        for seq, keys in places:
            event = event_at(self.events, seq)
            if event is not None:
                yield seq, event, keys | keys_of(event)


def _needs_anew(keys: frozenset[str]) -> bool:
    """Return whether some of the keys are of a kind that older Penstocks did not write: of e-mail addresses."""
    return any(key.startswith("p:") and "@" in key for key in keys)
