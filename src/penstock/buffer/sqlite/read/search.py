"""Finding events on SQLite. Opens both files read-only for each question; every question does bounded work."""

import itertools
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from penstock.buffer.port.notes import company_given
from penstock.buffer.port.query import COMPANY, NAME, Query, key_of, keys_of
from penstock.buffer.port.search import Found, Identities, ListedPage, Listing, Seen
from penstock.buffer.rules.whose import KnownPerson, Wanted, person_of, wanted
from penstock.buffer.sqlite.connections import SqliteConnection
from penstock.buffer.sqlite.file import DELIVERY, EVENTS, snapshot
from penstock.buffer.sqlite.log.ids import places_of
from penstock.buffer.sqlite.log.segments import event_at, events_before
from penstock.buffer.sqlite.read.found import newest_under
from penstock.buffer.sqlite.read.listed import ListedPeople
from penstock.buffer.sqlite.read.whose import SqliteAcquaintances
from penstock.buffer.sqlite.rows import read_story
from penstock.event import Event

# Events looked at for one page; a filter that fits few of them gets a page with a cursor to go on from.
LOOKED_AT_MAX = 2_000
# An event of so many bytes counts as one more.
COUNTED_BYTES = 8_000
UNTIL = 2**62
# Names of an account's people that are followed one by one; of more, so much happens that the log is read instead.
KEYS_MAX = 3_000
ENDED_BADLY = """
SELECT seq FROM outcome WHERE destination = ? AND outcome IN ('dead', 'rejected') AND seq < ? ORDER BY seq DESC
"""


class SqliteSearch:
    """Both files of a data folder; see port.Search."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir

    def find(self, destination: str, query: Query, *, before_seq: int | None = None, limit: int = 100) -> Found:
        """Return events that fit, the newest first."""
        with snapshot(self.data_dir / DELIVERY) as delivery, snapshot(self.data_dir / EVENTS) as events:
            if events is None:
                return Found(stories=(), next_seq=None)
            meant = wanted(query, SqliteAcquaintances(delivery, destination)) if delivery else Wanted()
            stories, looked_at, last = [], 0, 0
            found = Candidates(events, delivery, destination, query, meant).before(before_seq or UNTIL)
            for seq, event, keys in found:
                looked_at, last = looked_at + 1 + len(event.body) // COUNTED_BYTES, seq
                if query.takes(event, keys):
                    story = read_story(delivery, destination, seq, event)
                    is_theirs = meant.takes(story.event, keys, company_given(story.notes))
                    if is_theirs and query.state in {"", story.state}:
                        stories.append(story)
                if len(stories) == limit or looked_at >= LOOKED_AT_MAX:
                    return Found(stories=stories, next_seq=last)
        return Found(stories=stories, next_seq=None)

    def listed(
        self, destination: str, sources: Collection[str], listing: Listing, *, now: float, limit: int = 25
    ) -> ListedPage:
        """Return people, or accounts, as far as events of these sources, or the ledger, know them."""
        with snapshot(self.data_dir / DELIVERY) as delivery, snapshot(self.data_dir / EVENTS) as events:
            if events is None or delivery is None:
                return ListedPage(subjects=(), next_place=None)
            return ListedPeople(events, delivery, destination, sources, now=now).page(listing, limit)

    def identities(self, destination: str, person: str) -> Identities:
        """Return the names of the person that a user id, an e-mail address or the id of a visitor means."""
        with snapshot(self.data_dir / DELIVERY) as delivery:
            known = (
                person_of(person, SqliteAcquaintances(delivery, destination)) if delivery else KnownPerson(asked=person)
            )
        return Identities(subject=known.subject, user_id=known.user_id, emails=known.emails, visitors=known.visitors)

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


class Candidates:
    """Events that may fit a question, the newest first, by the best index there is for it."""

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

    def before(self, before: int) -> Iterator[tuple[int, Event, set[str]]]:
        """Yield them, each with the keys under which it is found."""
        if self.query.message_id:
            places = (seq for seq in places_of(self.events, self.query.message_id) if seq < before)
            yield from self._stored((seq, set()) for seq in sorted(places, reverse=True))
        elif self.delivery is not None and (keys := self._keys()):
            yield from self._under(self.delivery, keys, before)
        elif self.delivery is not None and self.query.state in {"dead", "rejected"} and not self._names_somebody:
            rows = self.delivery.execute(ENDED_BADLY, [self.destination, before])
            yield from self._stored((row[0], set()) for row in rows)
        else:
            yield from itertools.islice(self._read(before), LOOKED_AT_MAX)

    @property
    def _names_somebody(self) -> bool:
        return bool(self.query.person or self.query.company or self.query.event_name)

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
