"""Finding events on SQLite. Opens both files read-only for each question; every question does bounded work."""

import itertools
from collections.abc import Collection
from pathlib import Path

from penstock.buffer.port.notes import company_given
from penstock.buffer.port.query import Query, keys_of
from penstock.buffer.port.search import Found, Histogram, Identities, ListedPage, Listing, Seen
from penstock.buffer.rules.whose import KnownPerson, Wanted, person_of, wanted
from penstock.buffer.sqlite.connections import SqliteConnection
from penstock.buffer.sqlite.file import DELIVERY, EVENTS, snapshot
from penstock.buffer.sqlite.log.segments import events_before
from penstock.buffer.sqlite.read.candidates import LOOKED_AT_MAX, UNTIL, Candidates
from penstock.buffer.sqlite.read.gauge import changed_at
from penstock.buffer.sqlite.read.histogram import EventsOverTime
from penstock.buffer.sqlite.read.listed import ListedPeople
from penstock.buffer.sqlite.read.whose import SqliteAcquaintances
from penstock.buffer.sqlite.rows import read_story

# An event of so many bytes counts as one more.
COUNTED_BYTES = 8_000


class SqliteSearch:
    """Both files of a data folder; see port.Search."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        #: What was asked last, and who was meant; one value, for several threads ask.
        self._known: tuple[object, Wanted] = (None, Wanted())

    def find(self, destination: str, query: Query, *, before_seq: int | None = None, limit: int = 100) -> Found:
        """Return events that fit, the newest first."""
        mark = changed_at(self.data_dir, DELIVERY)
        with snapshot(self.data_dir / DELIVERY) as delivery, snapshot(self.data_dir / EVENTS) as events:
            if events is None:
                return Found(stories=(), next_seq=None)
            meant = self._wanted(delivery, destination, query, mark)
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

    def histogram(self, destination: str, sources: Collection[str], query: Query, *, now: float) -> Histogram:
        """Return when the events of some sources that fit came."""
        mark = changed_at(self.data_dir, DELIVERY)
        with snapshot(self.data_dir / DELIVERY) as delivery, snapshot(self.data_dir / EVENTS) as events:
            if events is None:
                return Histogram(first=now, step_s=60, bars=(), looked_at=0)
            meant = self._wanted(delivery, destination, query, mark)
            candidates = Candidates(events, delivery, destination, query, meant)
            return EventsOverTime(candidates, sources).histogram(now)

    def _wanted(self, delivery: SqliteConnection | None, destination: str, query: Query, mark: object) -> Wanted:
        """Return the person or account of a question. Who belongs to an account is looked for once for all that is asked of it in a row."""
        if delivery is None:
            return Wanted()
        asked, (last, meant) = (destination, query.person, query.company, mark), self._known
        if asked != last:
            meant = wanted(query, SqliteAcquaintances(delivery, destination))
            self._known = asked, meant
        return meant

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
