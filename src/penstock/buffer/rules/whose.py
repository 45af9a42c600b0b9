"""Whose an event is, for those who ask for a person or an account: under every name that is known. Pure.

*A person* is everything that came under any of their ids: the user id, e-mail addresses, and the visitors that are certainly
theirs. An event that names another person by user id is that person's, whatever device it came from.

*An account* is everything that was sent for it: events that name it, events to which its id was given on the way out, and
events of its people that are of no company by either. Custify counts the last for every company of their person.
"""

import dataclasses
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Protocol

import msgspec

from penstock.buffer.port.query import COMPANY, NAME, PERSON, Query, key_of, keys_of
from penstock.buffer.port.selection import Selection
from penstock.buffer.rules import lanes
from penstock.buffer.rules.lanes import EMAIL, USER, VISITOR, Tie
from penstock.event import Event, Lane
from penstock.minimise.notes import is_body_gone
from penstock.placeholders import plain_email

# How a record says that a person was taken out of a company; see ledger/record.py.
LEFT = 0


class KeptRecord(msgspec.Struct, rename={"fields": "f", "companies": "c", "user_id": "u"}):
    """As much of a record of the ledger as says under which names a person is known, and where they belong."""

    fields: dict[str, object] = {}
    companies: dict[str, int] = {}
    user_id: str = ""

    @property
    def email(self) -> str:
        """Return the e-mail address; empty when none is known."""
        email = self.fields.get("email")
        return plain_email(email) if isinstance(email, str) else ""

    @property
    def name(self) -> str:
        """Return what the person or company is called; empty when that is not known."""
        name = self.fields.get("name")
        return name if isinstance(name, str) and not name.startswith("\x00") else ""


_record_of = msgspec.json.Decoder(KeptRecord).decode


def kept_record(raw: bytes | None) -> KeptRecord | None:
    """Return a record; None when there is none, or one of another version."""
    try:
        return None if raw is None else _record_of(raw)
    except msgspec.DecodeError:
        return None


class Acquaintances(Protocol):
    """What one destination knows of people: ties, and the records of its ledger."""

    def tied(self, lane: Lane) -> Tie | None:
        """Return the person that an e-mail address or a visitor was last seen with."""

    def tied_to(self, person: Lane) -> Sequence[tuple[Lane, bool]]:
        """Return what was last seen with a person, each with whether it was seen with others too."""

    def record(self, subject: str) -> bytes | None:
        """Return what the ledger keeps of a subject."""

    def people_of(self, company: str) -> Sequence[str]:
        """Return the subjects of the people who belong to a company."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class KnownPerson:
    """A person, with every name under which their events come."""

    #: As the ledger names them, `user:…` or `email:…`; empty for a visitor, and for a person who is not known.
    subject: str = ""
    user_id: str = ""
    emails: tuple[str, ...] = ()
    visitors: tuple[str, ...] = ()
    #: What was asked for: searched as it is, too.
    asked: str = ""

    @property
    def keys(self) -> frozenset[str]:
        """Return the keys under which their events are found."""
        names = (self.user_id, self.asked, *self.emails, *self.visitors)
        return frozenset(key_of(PERSON, name) for name in names if name)

    def has(self, event: Event, keys: AbstractSet[str]) -> bool:
        """Return whether an event, found under these keys, is theirs."""
        is_others = self.user_id and event.user_id and event.user_id != self.user_id
        return not is_others and not self.keys.isdisjoint(keys)


def person_of(asked: str, known: Acquaintances) -> KnownPerson:
    """Return the person that a text means: a user id, an e-mail address or the id of a visitor."""
    subject = _subject_of(asked, known)
    if not subject:
        emails = (plain_email(asked),) if "@" in asked else ()
        return KnownPerson(asked=asked, emails=emails)
    return dataclasses.replace(person_called(subject, known), asked=asked)


def person_called(subject: str, known: Acquaintances) -> KnownPerson:
    """Return the person that the ledger names so."""
    record = kept_record(known.record(subject))
    tied = known.tied_to(Lane(subject))
    emails = [lane.removeprefix(EMAIL) for lane, _ in tied if lane.startswith(EMAIL)]
    emails += [subject.removeprefix(EMAIL)] * subject.startswith(EMAIL)
    emails += [record.email] if record and record.email else []
    return KnownPerson(
        subject=subject,
        user_id=subject.removeprefix(USER) if subject.startswith(USER) else "",
        emails=tuple(dict.fromkeys(emails)),
        # Of a computer that several people use, it cannot be said whose its visitors were.
        visitors=tuple(
            lane.removeprefix(VISITOR) for lane, several in tied if lane.startswith(VISITOR) and not several
        ),
    )


def _subject_of(asked: str, known: Acquaintances) -> str:
    user = Lane(USER + asked)
    if known.record(user) is not None or known.tied_to(user):
        return user
    email = Lane(EMAIL + plain_email(asked)) if "@" in asked else Lane("")
    if email and (owner := _owner_of(email, known)):
        return owner
    tie = known.tied(Lane(VISITOR + asked))
    if tie is None or tie[1]:
        return ""
    return _owner_of(tie[0], known) if tie[0].startswith(EMAIL) else tie[0]


def _owner_of(email: Lane, known: Acquaintances) -> str:
    """Return the person that an e-mail address belongs to."""
    record = kept_record(known.record(email))
    if record is not None and record.user_id:
        return USER + record.user_id
    tie = known.tied(email)
    if tie is not None and not tie[1]:
        return tie[0]
    return email if record is not None or known.tied_to(email) else ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The person or account that a question is about, with every name that is known of them."""

    person: KnownPerson | None = None
    company: str = ""
    #: Of an account: the user ids of its people, and the keys of those and all their other names.
    users: frozenset[str] = frozenset()
    keys: frozenset[str] = frozenset()

    def takes(self, event: Event, keys: AbstractSet[str], given: str) -> bool:
        """Return whether an event, found under these keys, is theirs; `given` is the company it got on its way out."""
        if self.person is not None and not self.person.has(event, keys):
            return False
        return not self.company or self._is_of_account(event, keys, given)

    def _is_of_account(self, event: Event, keys: AbstractSet[str], given: str) -> bool:
        if given == self.company or key_of(COMPANY, self.company) in keys:
            return True
        own = any(key.startswith(f"{COMPANY}:") for key in keys)
        if own or given:
            return False
        return event.user_id in self.users if event.user_id else not self.keys.isdisjoint(keys)


def wanted(query: Query, known: Acquaintances) -> Wanted:
    """Return the person or account that a question is about."""
    person = person_of(query.person, known) if query.person else None
    if not query.company:
        return Wanted(person=person)
    people = [person_called(subject, known) for subject in known.people_of(query.company)]
    return Wanted(
        person=person,
        company=query.company,
        users=frozenset(each.user_id for each in people if each.user_id),
        keys=frozenset().union(*(each.keys for each in people)),
    )


class Chosen:
    """The events of a selection, with every name that is known of its person or account."""

    def __init__(self, selection: Selection, known: Acquaintances) -> None:
        self.selection = selection
        self.meant = wanted(Query(person=selection.person, company=selection.company), known)

    @property
    def keys(self) -> frozenset[str]:
        """Return the keys of which a chosen event has one; none when it may have any."""
        chosen, meant = self.selection, self.meant
        if meant.person is not None:
            return meant.person.keys
        if chosen.company:
            return meant.keys | {key_of(COMPANY, chosen.company)}
        return frozenset({key_of(NAME, chosen.event_name.strip())} if chosen.event_name.strip() else ())

    def takes(self, event: Event) -> bool:
        """Return whether an event passes all filters but those by its end, which is not the event's."""
        # Of an event without its body nothing can be sent.
        is_whole = not event.minimised or not is_body_gone(event.minimised)
        return is_whole and self.selection.takes(event) and self.meant.takes(event, keys_of(event), "")


class Newer:
    """Which events may be newer upserts of a subject, as the ledger names it: `user:…`, `email:…` or `company:…`."""

    def __init__(self, keys: frozenset[str], person: KnownPerson | None = None) -> None:
        self.keys, self.person = keys, person

    def has(self, event: Event) -> bool:
        """Return whether an event that is found under these keys is of the subject."""
        return self.person is None or self.person.has(event, keys_of(event) | self.keys)


def newer_of(subject: str, known: Acquaintances) -> Newer:
    """Return which events may be newer upserts of a subject."""
    if subject.startswith(lanes.COMPANY):
        return Newer(frozenset({key_of(COMPANY, subject.removeprefix(lanes.COMPANY))}))
    person = person_called(subject, known)
    return Newer(person.keys, person)


def belongs(record: KeptRecord | None, company: str) -> bool:
    """Return whether a person with this record belongs to a company."""
    return record is not None and record.companies.get(company, LEFT) != LEFT
