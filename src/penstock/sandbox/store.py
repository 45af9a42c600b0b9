"""What this Custify holds, and how a write changes it. No I/O and no clock: every write brings its time.

Ids are counted, not drawn, so that replaying the same writes gives the same ids.
"""

import collections
import dataclasses
from collections.abc import Callable
from typing import Any, Literal

from penstock.sandbox import rules
from penstock.sandbox.rules import AttributeType, Refused

Fields = dict[str, Any]

# A load test may send millions; the counts go on, the oldest events go.
EVENTS_MAX = 1_000_000
DROPPED_MAX = 10_000


@dataclasses.dataclass(slots=True, kw_only=True)
class Entity:
    """A person or a company. `fields` holds the documented fields that were set."""

    id: str
    fields: Fields
    custom_attributes: Fields
    #: Ids of the companies a person belongs to, in the order of joining; empty for companies.
    companies: list[str]
    updated_at: float
    last_seen_at: float | None = None
    events: int = 0


@dataclasses.dataclass(slots=True, kw_only=True)
class Event:
    """One event, as it was kept or dropped."""

    at: float
    fields: Fields
    person: str | None
    companies: tuple[str, ...]
    #: Why it was dropped; empty if it was kept.
    reason: str = ""


@dataclasses.dataclass(slots=True)
class Counts:
    """How often things happened, whether or not they are still held."""

    events: int = 0
    dropped_events: int = 0
    duplicate_events: int = 0


class Store:
    """People, companies and events, found by every id Custify knows them by."""

    def __init__(self) -> None:
        self.people: dict[str, Entity] = {}
        self.companies: dict[str, Entity] = {}
        self.events: collections.deque[Event] = collections.deque(maxlen=EVENTS_MAX)
        self.dropped: collections.deque[Event] = collections.deque(maxlen=DROPPED_MAX)
        self.counts = Counts()
        self.person_attributes: dict[str, AttributeType] = {}
        self.company_attributes: dict[str, AttributeType] = {}
        self._by_user_id: dict[str, str] = {}
        # An e-mail may be several people's; the first of them is found.
        self._by_email: dict[str, list[str]] = {}
        self._by_company_id: dict[str, str] = {}
        self._seen: set[str] = set()
        self._ids = 0

    def people_by(self, *, user_id: str = "", email: str = "") -> list[Entity]:
        """Find people by the sender's id, or by e-mail."""
        if user_id:
            return [self.people[self._by_user_id[user_id]]] if user_id in self._by_user_id else []
        return [self.people[id_] for id_ in self._by_email.get(email, ())]

    def company_by(self, company_id: str) -> Entity | None:
        """Find a company by the sender's id."""
        return self.companies.get(self._by_company_id.get(company_id, ""))

    def members(self, company: str) -> list[Entity]:
        """Return the people of a company."""
        return [person for person in self.people.values() if company in person.companies]

    def upsert_person(self, body: object, *, at: float) -> tuple[Entity, list[str]]:
        """Create or change a person. Returns them, with notes. Raises Refused, and then changes nothing."""
        fields, notes = rules.check("person", body)
        rules.require_one_of(fields, "user_id", "email")
        person = self._matching_person(fields) or self._new("5e", self.people, at=at)
        return person, notes + self._change(person, fields, at)

    def change_person(self, body: Fields, *, at: float) -> tuple[Entity, list[str]]:
        """Change the person who has Custify's own id, who must exist. Raises Refused, and then changes nothing."""
        person = self.people[body["id"]]
        fields, notes = rules.check("person", {name: value for name, value in body.items() if name != "id"})
        user_id = fields.get("user_id") or person.fields.get("user_id")
        if user_id and self._by_user_id.get(user_id, person.id) != person.id:
            raise Refused(422, "user_id: another person has it", {"user_id": "another person has it"})
        if fields.get("user_id"):
            self._by_user_id.pop(person.fields.get("user_id", ""), None)
        return person, notes + self._change(person, fields, at)

    def upsert_company(self, body: object, *, at: float) -> tuple[Entity, list[str]]:
        """Create or change a company, by company_id or by its own id. Raises Refused, and then changes nothing."""
        fields, notes = rules.check("company", body)
        rules.require_one_of(fields, "company_id", "id")
        company = self._matching_company(fields) or self._new("c0", self.companies, at=at)
        fields.pop("id", None)
        attributes = fields.pop("custom_attributes", None) or {}
        if fields.get("company_id"):
            self._by_company_id.pop(company.fields.get("company_id", ""), None)
            self._by_company_id[fields["company_id"]] = company.id
        else:
            fields.pop("company_id", None)
        _merge(company.fields, fields)
        company.updated_at = at
        return company, notes + _write_attributes(company, attributes, self.company_attributes)

    def add_event(self, body: object, *, at: float) -> list[str]:
        """Keep an event, drop it or ignore it, and say so in the notes. Raises Refused."""
        fields, notes = rules.check("event", body)
        rules.require_one_of(fields, "name")
        rules.require_one_of(fields, "user_id", "email", "company_id")
        if fields.get("deduplication_id") in self._seen:
            self.counts.duplicate_events += 1
            return [*notes, "ignored: this deduplication_id was seen before"]
        event, reason = self._placed(fields, at)
        if event.reason:
            self.counts.dropped_events += 1
            self.dropped.append(event)
        else:
            self._keep(event)
        return notes + ([reason] if reason else [])

    def delete_person(self, id_: str) -> None:
        """Forget a person and their events. The person must exist."""
        person = self.people.pop(id_)
        if "user_id" in person.fields:
            del self._by_user_id[person.fields["user_id"]]
        self._forget_email(person)
        self._forget_events(lambda event: event.person == id_)

    def delete_company(self, id_: str) -> None:
        """Forget a company, its links, and the events that named it and no person."""
        company = self.companies.pop(id_)
        self._by_company_id.pop(company.fields.get("company_id", ""), None)
        for person in self.members(id_):
            person.companies.remove(id_)
        self._forget_events(lambda event: event.person is None and event.companies == (id_,))

    def _change(self, person: Entity, fields: Fields, at: float) -> list[str]:
        links, attributes = fields.pop("companies", None) or (), fields.pop("custom_attributes", None) or {}
        self._index_person(person, fields)
        _merge(person.fields, fields)
        notes = _write_attributes(person, attributes, self.person_attributes)
        person.updated_at = at
        return notes + self._link(person, links)

    def _matching_person(self, fields: Fields) -> Entity | None:
        user_id, email = fields.get("user_id") or "", fields.get("email") or ""
        if not user_id or user_id in self._by_user_id:
            return next(iter(self.people_by(user_id=user_id, email=email)), None)
        return next((p for p in self.people_by(email=email) if "user_id" not in p.fields), None)

    def _matching_company(self, fields: Fields) -> Entity | None:
        by_company_id = self.company_by(fields.get("company_id") or "")
        if not fields.get("id"):
            return by_company_id
        company = self.companies.get(fields["id"])
        if company is None:
            raise Refused(404, "no company has this id")
        if by_company_id is not None and by_company_id is not company:
            raise Refused(422, "company_id: another company has it", {"company_id": "another company has it"})
        return company

    def _new(self, kind: Literal["5e", "c0"], into: dict[str, Entity], *, at: float) -> Entity:
        self._ids += 1
        id_ = f"{kind}{self._ids:022x}"
        into[id_] = Entity(id=id_, fields={}, custom_attributes={}, companies=[], updated_at=at)
        return into[id_]

    def _index_person(self, person: Entity, fields: Fields) -> None:
        # Neither null nor an empty text takes away the id or the e-mail a person is found by.
        for name in ("user_id", "email"):
            if name in fields and not fields[name]:
                del fields[name]
        if "user_id" in fields:
            self._by_user_id[fields["user_id"]] = person.id
        if "email" in fields and fields["email"] != person.fields.get("email"):
            self._forget_email(person)
            self._by_email.setdefault(fields["email"], []).append(person.id)

    def _forget_email(self, person: Entity) -> None:
        others = self._by_email.get(person.fields.get("email", ""), [])
        if person.id in others:
            others.remove(person.id)
        if not others:
            self._by_email.pop(person.fields.get("email", ""), None)

    def _link(self, person: Entity, links: list[Fields] | tuple[()]) -> list[str]:
        notes = []
        for link in links:
            company = self.company_by(link["company_id"])
            if company is None:
                notes.append(f"link ignored: no company has the company_id {link['company_id']!r}")
            elif link.get("remove"):
                person.companies = [id_ for id_ in person.companies if id_ != company.id]
            elif company.id not in person.companies:
                person.companies.append(company.id)
        return notes

    def _placed(self, fields: Fields, at: float) -> tuple[Event, str]:
        """Find out whose event it is. The text says what a sender should know, and why it was dropped, if it was."""
        user_id, email, company_id = (fields.get(name) or "" for name in ("user_id", "email", "company_id"))
        person = next(iter(self.people_by(user_id=user_id, email=email)), None)
        company = self.company_by(company_id)
        if person is None and (user_id or email or company is None):
            reason = "unknown person" if user_id or email else "unknown company"
            return Event(at=at, fields=fields, person=None, companies=(), reason=reason), f"dropped: {reason}"
        companies = (company.id,) if company else () if company_id or person is None else tuple(person.companies)
        event = Event(at=at, fields=fields, person=None if person is None else person.id, companies=companies)
        return event, "ignored unknown company_id" if company_id and company is None else ""

    def _keep(self, event: Event) -> None:
        self.counts.events += 1
        self.events.append(event)
        if event.fields.get("deduplication_id"):
            self._seen.add(event.fields["deduplication_id"])
        owners = [self.companies[id_] for id_ in event.companies]
        for owner in owners if event.person is None else [*owners, self.people[event.person]]:
            owner.events += 1
            owner.last_seen_at = event.at

    def _forget_events(self, doomed: Callable[[Event], bool]) -> None:
        kept: collections.deque[Event] = collections.deque(maxlen=EVENTS_MAX)
        for event in self.events:
            if not doomed(event):
                kept.append(event)
                continue
            for owner in filter(None, map(self.companies.get, event.companies)):
                owner.events -= 1
        self.events = kept


def _merge(into: Fields, new: Fields) -> None:
    into.update(new)
    for name in [name for name, value in new.items() if value is None]:
        del into[name]


def _write_attributes(entity: Entity, attributes: Fields, registry: dict[str, AttributeType]) -> list[str]:
    """Merge, and register each new name with the type of its first value; null registers nothing."""
    notes = []
    for name, value in attributes.items():
        if value is None:
            continue
        type_ = rules.type_of(value)
        first = registry.setdefault(name, type_)
        if type_ != first:
            notes.append(f"attribute {name!r} is a {first}, got a {type_}")
    _merge(entity.custom_attributes, attributes)
    return notes
