"""The shelf on SQLite: operate's end. Opens both files read-only for each look, and changes nothing."""

import collections
import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

from penstock.buffer.port.log import SEQ_MAX
from penstock.buffer.port.outcomes import Outcome
from penstock.buffer.port.shelf import Counts, EndedAs, ParkedLongest, Story
from penstock.buffer.rules.lanes import VISITOR
from penstock.buffer.sqlite.connections import SqliteConnection
from penstock.buffer.sqlite.delivery.feeds import Begun, begun_of, notes_of, place_of
from penstock.buffer.sqlite.file import DELIVERY, EVENTS, snapshot
from penstock.buffer.sqlite.log.ids import places_of
from penstock.buffer.sqlite.log.segments import event_at, events_after, events_before, last_seq
from penstock.buffer.sqlite.log.tail import Tail, between
from penstock.buffer.sqlite.notices import notices
from penstock.buffer.sqlite.rows import AHEAD, read_story
from penstock.buffer.sqlite.times import set_since_ms

# Of events that wait for their turn; a parked one waits for its person.
OLDEST = """
SELECT seq, received_at_ms FROM waiting WHERE destination = ? AND blocked <> -1 ORDER BY position LIMIT 1
"""
PARKED_LONGEST = """
SELECT seq, received_at_ms, parked_at, position FROM waiting INDEXED BY waiting_parked_since
WHERE destination = ? AND blocked = -1 ORDER BY parked_at LIMIT 1
"""
AWAITED = "SELECT subject FROM parked WHERE destination = ? AND position = ?"
NOTHING = Counts(received=0, waiting=0, retrying=0, parked=0, outcomes={}, oldest_received_at_ms=None)
BY_STEP = """
SELECT minute / ?1 * ?1, source, outcome, sum(count) FROM (
    SELECT minute, source, outcome, count FROM minute WHERE destination = ?2 AND minute >= ?3
    UNION ALL SELECT hour * 60, source, outcome, count FROM hour WHERE destination = ?2 AND hour >= (?3 + 59) / 60
) GROUP BY 1, 2, 3
"""


class SqliteShelf:
    """Both files of a data folder, to look at; see port.Shelf."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.tails: dict[tuple[str, str], Tail] = collections.defaultdict(Tail)

    def accepted(self) -> Mapping[str, int]:
        """Return the number of events ever stored, by source."""
        with snapshot(self.data_dir / EVENTS) as events:
            return dict(events.execute("SELECT source, count FROM accepted")) if events else {}

    def stored(self, source: str, *, since: float) -> int:
        """Return how many events of a source that came since a time are in store."""
        with snapshot(self.data_dir / EVENTS) as events:
            if events is None:
                return 0
            last = last_seq(events)
            return between(events, place_of(events, int(since * 1000), last=last), last, (source,))

    def counts(self, destination: str, sources: Sequence[str]) -> Counts:
        """Return the sums for a destination.

        delivery.db is read first, in one snapshot: an event that is taken in meanwhile is then counted once, as not
        yet taken in.
        """
        with snapshot(self.data_dir / DELIVERY) as delivery:
            cursor, begun, received, ahead, outcomes, (retrying, parked), first = _taken(delivery, destination)
            longest = _parked_longest(delivery, destination) if delivery and parked else None
        with snapshot(self.data_dir / EVENTS) as events:
            oldest = first[1] + set_since_ms(events, first[0]) if events and first else None
            if events and longest:
                at_ms = longest[1].received_at_ms + set_since_ms(events, longest[0])
                longest = longest[0], dataclasses.replace(longest[1], received_at_ms=at_ms)
            untaken, oldest_untaken = self._untaken(
                events, destination, {source: max(cursor, begun.get(source, 0)) for source in sources}
            )
        return Counts(
            received=received + untaken - ahead,
            waiting=received - sum(outcomes.values()) + untaken - ahead,
            retrying=retrying,
            parked=parked,
            outcomes=outcomes,
            oldest_received_at_ms=min(filter(None, (oldest, oldest_untaken)), default=None),
            parked_longest=longest[1] if longest else None,
        )

    def _untaken(
        self, events: SqliteConnection | None, destination: str, places: Mapping[str, int]
    ) -> tuple[int, int | None]:
        """Return how many events of each source behind its place are not taken in yet, and when the first came."""
        count, oldest = 0, list[int | None]()
        if events is None:
            return 0, None
        for source, place in places.items():
            if untaken := self.tails[destination, source].after(events, place, (source,)):
                count += untaken
                oldest.append(_oldest(events, place, (source,)))
        return count, min(filter(None, oldest), default=None)

    def stories(
        self,
        destination: str,
        *,
        after_seq: int = 0,
        before_seq: int = SEQ_MAX,
        limit: int = 100,
        newest: bool = False,
    ) -> Sequence[Story]:
        """Return events between two places in the log, oldest first; the first `limit`, or the newest."""
        with snapshot(self.data_dir / EVENTS) as events, snapshot(self.data_dir / DELIVERY) as delivery:
            if events is None:
                return ()
            found = events_before(events, before_seq) if newest else events_after(events, after_seq)
            between = itertools.takewhile(lambda each: after_seq < each[0] < before_seq, found)
            some = list(itertools.islice(between, limit))
            return [read_story(delivery, destination, *each) for each in (reversed(some) if newest else some)]

    def by_minute(self, destination: str, *, since: int, step: int = 1) -> Mapping[int, Mapping[EndedAs, int]]:
        """Return how many events ended how in each `step` minutes."""
        steps: dict[int, dict[EndedAs, int]] = {}
        with snapshot(self.data_dir / DELIVERY) as delivery:
            for first, source, outcome, count in (
                delivery.execute(BY_STEP, [step, destination, since]) if delivery else ()
            ):
                steps.setdefault(first, {})[source, Outcome(outcome)] = count
        return steps

    def story(self, destination: str, message_id: str) -> Story | None:
        """Return one event by its message id."""
        with snapshot(self.data_dir / EVENTS) as events, snapshot(self.data_dir / DELIVERY) as delivery:
            if events is None:
                return None
            stored = ((seq, event_at(events, seq)) for seq in places_of(events, message_id))
            stories = (read_story(delivery, destination, seq, event) for seq, event in stored if event is not None)
            story = next(stories, None)
            if story is None or delivery is None:
                return story
            return dataclasses.replace(story, readings=notes_of(delivery, destination).get("readings", {}))

    def notices(self) -> Sequence[str]:
        """Return what people must know of the store itself."""
        return notices(self.data_dir)


def _taken(
    delivery: SqliteConnection | None, destination: str
) -> tuple[int, Begun, int, int, dict[Outcome, int], tuple[int, int], tuple[int, int] | None]:
    """Return the cursor, where each source began, what was received and how much of that behind the cursor, how that ended, and how many of the rest failed or are parked.

    Last, where in the log the oldest of the rest stands, and when it came.
    """
    row = None
    if delivery is not None:
        select = f"SELECT cursor, received, notes, {AHEAD} FROM destination WHERE name = ?"  # noqa: S608 - our own text
        row = delivery.execute(select, [destination]).fetchone()
    if delivery is None or row is None:
        return 0, {}, 0, 0, {}, (0, 0), None
    tally = delivery.execute("SELECT outcome, count FROM tally WHERE destination = ?", [destination])
    outcomes = {Outcome(outcome): count for outcome, count in tally if count}
    # Named, for SQLite takes the primary key otherwise and reads the whole backlog.
    count = "SELECT count(*) FROM waiting INDEXED BY {} WHERE destination = ? AND"
    retrying = delivery.execute(
        f"{count.format('waiting_retrying')} attempt > 1 AND blocked <> -1", [destination]
    ).fetchone()[0]
    parked = delivery.execute(f"{count.format('waiting_parked')} blocked = -1", [destination]).fetchone()[0]
    oldest = delivery.execute(OLDEST, [destination]).fetchone()
    return row[0], begun_of(row[2]), row[1], row[3], outcomes, (retrying, parked), oldest


def _parked_longest(delivery: SqliteConnection, destination: str) -> tuple[int, ParkedLongest] | None:
    """Return the event that is parked for longest, with its place in the log."""
    row = delivery.execute(PARKED_LONGEST, [destination]).fetchone()
    if row is None:
        return None
    awaited = delivery.execute(AWAITED, [destination, row[3]]).fetchall()
    is_visitors = any(subject.startswith(VISITOR) for (subject,) in awaited)
    return row[0], ParkedLongest(received_at_ms=row[1], parked_at=row[2], is_visitors=is_visitors)


def _oldest(events: SqliteConnection, cursor: int, sources: Sequence[str]) -> int | None:
    """Return when the first event behind the cursor was received, by the clock as it is set now."""
    marks = ", ".join("?" * len(sources))
    select = f"SELECT last_seq, received_at_ms FROM segment WHERE last_seq > ? AND source IN ({marks}) ORDER BY last_seq LIMIT 1"  # noqa: S608
    row = events.execute(select, [cursor, *sources]).fetchone()
    return row[1] + set_since_ms(events, row[0]) if row else None
