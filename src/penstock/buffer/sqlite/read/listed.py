"""People and accounts in a list, on SQLite: found in the log, or in the records of the ledger, and told with what came of them."""

import bisect
import dataclasses
import itertools
from collections.abc import Collection, Iterator, Sequence

import msgspec

from penstock.buffer.port.notes import company_given
from penstock.buffer.port.outcomes import TAKEN
from penstock.buffer.port.query import COMPANY, KEY_CHARS_MAX, PERSON, key_of, keys_of
from penstock.buffer.port.search import FOLLOWED_MAX, HITS_MAX, ListedPage, ListedSubject, Listing
from penstock.buffer.rules.lanes import EMAIL, USER
from penstock.buffer.rules.whose import KnownPerson, Wanted, kept_record, person_called, person_of
from penstock.buffer.sqlite.connections import SqliteConnection
from penstock.buffer.sqlite.delivery.feeds import place_of
from penstock.buffer.sqlite.log.segments import came_at, event_at, events_before, last_seq
from penstock.buffer.sqlite.read.found import newest_under
from penstock.buffer.sqlite.read.fresh import UNTIL, FreshEvents
from penstock.buffer.sqlite.read.whose import SqliteAcquaintances
from penstock.event import Event

DAYS, DAY_S = 14, 86_400
# Events of the log that are read for one page, and those of one subject that are looked at.
READ_MAX, LOOKED_AT_MAX = 4_000, 60
# Records that are gone through for a text.
RECORDS_MAX = 200_000
# Those who came last are looked for among so many times as many, for some stand on an earlier page.
CANDIDATES = 3
COMPANIES = "company:"
RANGES = {False: ((EMAIL, "email;"), (USER, "user;")), True: ((COMPANIES, "company;"),)}
HITS = """
SELECT subject, record FROM (
    SELECT subject, record FROM ledger WHERE destination = ?1 AND subject >= ?2 AND subject < ?3 LIMIT ?4
) WHERE instr(lower(subject), ?5) OR instr(lower(CAST(record AS TEXT)), ?5) OR instr(CAST(record AS TEXT), ?6) LIMIT ?7
"""
BEYOND = "SELECT 1 FROM ledger WHERE destination = ? AND subject >= ? AND subject < ? LIMIT 1 OFFSET ?"
BY_NAME = """
SELECT subject FROM ledger WHERE destination = ? AND subject >= ? AND subject < ?
ORDER BY CAST(record AS TEXT) ->> '$.f.name' IS NULL, CAST(record AS TEXT) ->> '$.f.name' COLLATE NOCASE, subject LIMIT ? OFFSET ?
"""
MEMBERS = """
SELECT link.key, subject FROM ledger, json_each(CAST(record AS TEXT), '$.c') AS link
WHERE destination = ? AND subject >= 'email:' AND subject < 'user;' AND link.value <> 0
AND link.key IN (SELECT value FROM json_each(?))
"""
OUTCOME = "SELECT outcome, at FROM outcome WHERE destination = ? AND seq = ?"
COUNT = "SELECT seq FROM found WHERE key = ? AND seq > ? AND seq <= ?"
NEWEST = "SELECT max(seq) FROM found WHERE key = ?"


class ListedPeople:
    """People, or accounts, of one destination."""

    def __init__(
        self,
        events: SqliteConnection,
        delivery: SqliteConnection,
        destination: str,
        sources: Collection[str],
        *,
        now: float,
    ) -> None:
        self.events, self.delivery, self.name, self.sources = events, delivery, destination, sources
        self.known = SqliteAcquaintances(delivery, destination)
        self.last = last_seq(events)
        days = [int((now - DAY_S * number) * 1000) for number in range(DAYS, -1, -1)]
        #: Behind which places in the log the last days begin, and where the last of them ends.
        self.bounds = [place_of(events, at, last=self.last) for at in days[:-1]] + [self.last]

        select = "SELECT coalesce(max(cursor), 0) FROM destination WHERE name = ?"
        self.cursor = delivery.execute(select, [destination]).fetchone()[0]
        #: By company: the subjects of some of its people, once they were looked for.
        self.members = dict[str, list[str]]()
        #: Companies that have more of them than those.
        self.larger = set[str]()
        #: What came behind the cursor may have its keys, or not yet.
        self.fresh = FreshEvents(events, after=self.cursor, read_max=READ_MAX)

    def page(self, listing: Listing, limit: int) -> ListedPage:
        """Return a page of the list."""
        if listing.text:
            hits, is_cut = self._hits(listing)
            return dataclasses.replace(self._of(listing, hits, limit), is_cut=is_cut)
        if listing.by_name:
            rows = [
                row[0]
                for low, high in RANGES[listing.accounts][-1:]
                for row in self.delivery.execute(BY_NAME, [self.name, low, high, limit + 1, listing.place])
            ]
            more = listing.place + limit if len(rows) > limit else None
            self._know_members(listing, rows[:limit])
            return ListedPage(subjects=[self._told(listing, each) for each in rows[:limit]], next_place=more)
        return self._seen(listing, limit)

    def _seen(self, listing: Listing, limit: int) -> ListedPage:
        """Return those first whose events came last: the log is read backwards."""
        before, candidates = listing.place or UNTIL, dict[str, int]()
        is_all, seq = True, 0
        for read, (seq, event) in enumerate(events_before(self.events, before), 1):
            for subject in self._about(listing, seq, event) if event.source in self.sources else ():
                candidates.setdefault(subject, seq)
            if len(candidates) >= CANDIDATES * limit or read >= READ_MAX:
                is_all = False
                break
        self._know_members(listing, candidates)
        found = list[str]()
        for subject, place in candidates.items():
            if len(found) >= limit and place != candidates[found[-1]]:
                return self._page_of(listing, found, candidates[found[-1]])
            if not (listing.place and self._came_since(listing, subject, before)):
                found.append(subject)
        return self._page_of(listing, found, None if is_all else seq)

    def _page_of(self, listing: Listing, subjects: Sequence[str], next_place: int | None) -> ListedPage:
        return ListedPage(subjects=[self._told(listing, each) for each in subjects], next_place=next_place)

    def _about(self, listing: Listing, seq: int, event: Event) -> Iterator[str]:
        """Yield the subjects that an event is about: one person, or the accounts that it belongs to."""
        if not listing.accounts:
            who = event.user_id or next((k[2:] for k in sorted(keys_of(event)) if k.startswith("p:") and "@" in k), "")
            # An event that was erased names no person.
            if asked := who or event.anonymous_id:
                yield person_of(asked, self.known).subject or f"anon:{asked}"
            return
        own = [key[2:] for key in sorted(keys_of(event)) if key.startswith(f"{COMPANY}:")]
        row = self.delivery.execute("SELECT notes FROM outcome WHERE destination = ? AND seq = ?", [self.name, seq])
        given = [company for (notes,) in row if (company := company_given(notes))]
        record = kept_record(self.known.record(USER + event.user_id)) if event.user_id else None
        theirs = [company for company, state in record.companies.items() if state] if record else []
        yield from (COMPANIES + company for company in own or given or theirs)

    def _came_since(self, listing: Listing, subject: str, before: int) -> bool:
        """Return whether something of a subject came later, so that an earlier page has it."""
        return self._newest_under(self._keys(listing, subject)) >= before

    def _hits(self, listing: Listing) -> tuple[list[str], bool]:
        """Return the subjects that a text is a part of, those first whose events came last, or by name; and whether more may fit."""
        text, hits, is_cut = listing.text.lower(), list[str](), False
        for low, high in RANGES[listing.accounts]:
            asked = [self.name, low, high, RECORDS_MAX, text, listing.text, HITS_MAX]
            rows = self.delivery.execute(HITS, asked).fetchall()
            hits += [subject for subject, raw in rows if self._fits(subject, raw, text)]
            is_cut |= len(rows) == HITS_MAX or self._has_beyond(low, high)
        unknown = list(self._unknown(listing))
        hits += [each for each in unknown if each not in set(hits)]
        is_cut |= len(unknown) == HITS_MAX
        if listing.by_name:
            return sorted(hits, key=lambda each: (self._name(each).lower(), each)), is_cut
        return sorted(hits, key=lambda each: -self._newest(listing, each)), is_cut

    def _has_beyond(self, low: str, high: str) -> bool:
        """Return whether there are more records than are gone through for a text."""
        return self.delivery.execute(BEYOND, [self.name, low, high, RECORDS_MAX]).fetchone() is not None

    def _fits(self, subject: str, raw: bytes, text: str) -> bool:
        record = kept_record(raw)
        if record is None or record.user_id:
            return False  # an address that is a user's is found with that user
        return any(text in each.lower() for each in (subject.partition(":")[2], record.name, record.email))

    def _unknown(self, listing: Listing) -> Iterator[str]:
        """Yield those that the ledger does not know, and whose id begins with the text."""
        kind, prefix = (COMPANY, COMPANIES) if listing.accounts else (PERSON, "")
        after = first = key_of(kind, listing.text)
        for _ in range(HITS_MAX):
            row = self.delivery.execute(
                "SELECT key FROM found WHERE key >= ? ORDER BY key, seq LIMIT 1", [after]
            ).fetchone()
            if row is None or not row[0].startswith(first):
                return
            id_ = row[0].partition(":")[2]
            person = None if listing.accounts else person_of(id_, self.known)
            yield prefix + id_ if person is None else person.subject or f"anon:{id_}"
            after = row[0] + "\x00"

    def _of(self, listing: Listing, hits: Sequence[str], limit: int) -> ListedPage:
        shown = hits[listing.place : listing.place + limit]
        self._know_members(listing, shown)
        more = listing.place + limit if len(hits) > listing.place + limit else None
        return ListedPage(subjects=[self._told(listing, each) for each in shown], next_place=more)

    def _name(self, subject: str) -> str:
        record = kept_record(self.known.record(subject))
        return (record.name if record else "") or subject.partition(":")[2]

    def _newest(self, listing: Listing, subject: str) -> int:
        return self._newest_under(self._keys(listing, subject))

    def _newest_under(self, keys: frozenset[str]) -> int:
        """Return the place of the newest event that is found under any of some keys."""
        places = (self.delivery.execute(NEWEST, [key]).fetchone()[0] or 0 for key in keys)
        return max(itertools.chain([self.fresh.newest(keys)], places))

    def _person(self, subject: str) -> KnownPerson:
        kind, _, id_ = subject.partition(":")
        return person_called(subject, self.known) if kind in {"user", "email"} else KnownPerson(asked=id_)

    def _keys(self, listing: Listing, subject: str) -> frozenset[str]:
        """Return the keys under which events of a subject are found; of an account, also those of some of its people."""
        if not listing.accounts:
            return self._person(subject).keys
        company = subject.removeprefix(COMPANIES)
        people = self._members(company)
        return frozenset({key_of(COMPANY, company)}).union(*(person.keys for person in people))

    def _know_members(self, listing: Listing, subjects: Collection[str]) -> None:
        """Look for the people of some accounts: the records are gone through once for all of them."""
        companies = [subject.removeprefix(COMPANIES) for subject in subjects] if listing.accounts else []
        self.members |= {company: [] for company in companies}
        rows = self.delivery.execute(MEMBERS, [self.name, msgspec.json.encode(companies).decode()]) if companies else ()
        for company, subject in rows:
            if len(self.members[company]) < FOLLOWED_MAX:
                self.members[company].append(subject)
            else:
                self.larger.add(company)

    def _members(self, company: str) -> list[KnownPerson]:
        return [person_called(subject, self.known) for subject in self.members.get(company, ())]

    def _told(self, listing: Listing, subject: str) -> ListedSubject:
        record, id_ = kept_record(self.known.record(subject)), subject.partition(":")[2]
        meant, own = self._meant(listing, subject)
        newest = self._newest_of(meant)
        waiting = sum(ended is None for _, ended in newest)
        taken = next((ended[1] for _, ended in newest if ended and ended[0] in TAKEN), None)
        is_person = not listing.accounts
        return ListedSubject(
            id=id_[:KEY_CHARS_MAX],
            name=record.name if record else "",
            email=(record.email if record else "") or (id_ if subject.startswith(EMAIL) else ""),
            companies=[c for c, state in record.companies.items() if state] if record and is_person else [],
            seen_at=newest[0][0] / 1000 if newest else None,
            taken_at=taken,
            waiting=waiting,
            more_wait=waiting == LOOKED_AT_MAX,
            days=self._days(own),
            more_people=subject.removeprefix(COMPANIES) in self.larger,
        )

    def _meant(self, listing: Listing, subject: str) -> tuple[Wanted, frozenset[str]]:
        """Return what a subject means, and the keys that are its own."""
        if not listing.accounts:
            person = self._person(subject)
            return Wanted(person=person), person.keys
        company = subject.removeprefix(COMPANIES)
        people = self._members(company)
        users = frozenset(person.user_id for person in people if person.user_id)
        keys = frozenset[str]().union(*(person.keys for person in people))
        return Wanted(company=company, users=users, keys=keys), frozenset({key_of(COMPANY, company)})

    def _newest_of(self, meant: Wanted) -> list[tuple[int, tuple[str, float] | None]]:
        """Return when the newest events of a person or an account came, in ms, and how and when each ended."""
        keys = meant.person.keys if meant.person else meant.keys | {key_of(COMPANY, meant.company)}
        # What is found under one of these needs no second look: no other person, and no other company, has it.
        sure = key_of(PERSON, meant.person.user_id) if meant.person else key_of(COMPANY, meant.company)
        fresh = ((seq, *self.fresh.events[seq]) for seq in self.fresh.under(keys))
        found: list[tuple[int, tuple[str, float] | None]] = [
            (event.received_at_ms, self._ended(seq)) for seq, event, own in fresh if self._is_of(meant, event, own)
        ]
        walk = newest_under(self.delivery, sorted(keys), before=self.cursor + 1)
        for seq, own in itertools.islice(walk, LOOKED_AT_MAX):
            ended = self._ended(seq)
            if not (ended and sure in own):
                event = event_at(self.events, seq)
                if event is None or not self._is_of(meant, event, own | keys_of(event)):
                    continue
            if (came := came_at(self.events, seq)) is not None:
                found.append((came, ended))
        return found[:LOOKED_AT_MAX]

    def _ended(self, seq: int) -> tuple[str, float] | None:
        row: tuple[str, float] | None = self.delivery.execute(OUTCOME, [self.name, seq]).fetchone()
        return row

    def _is_of(self, meant: Wanted, event: Event, own: set[str]) -> bool:
        return event.source in self.sources and meant.takes(event, own, "")

    def _days(self, keys: frozenset[str]) -> list[int]:
        """Return how many events came on each of the last days."""
        seqs = {seq for seq in self.fresh.under(keys) if seq > self.bounds[0]} | {
            row[0] for key in keys for row in self.delivery.execute(COUNT, [key, self.bounds[0], self.bounds[-1]])
        }
        counts = [0] * DAYS
        for seq in seqs:
            counts[bisect.bisect_left(self.bounds, seq) - 1] += 1
        return counts
