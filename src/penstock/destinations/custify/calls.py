"""Calls to Custify's API: which fields mean what, and what its answers to reads say. Pure.

Where a fact is not from Custify's help pages, its own client has it (reference: CustifyOfficial/custify-mcp, client.ts).
"""

import dataclasses
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import msgspec

from penstock.destinations.plan import About, AttributeType, Call, Value
from penstock.destinations.subjects import company_subject, email_subject

PEOPLE, COMPANY, EVENT = "/people", "/company", "/event"
#: Paths of calls that keep a record. Every other call tells what happened, and to which person.
RECORDS: Mapping[str, About] = {PEOPLE: "person", COMPANY: "company"}
#: Where all attributes of such records are listed.
ATTRIBUTE_LISTS: Mapping[str, str] = {PEOPLE: "/customer/attributes", COMPANY: "/company/attributes"}
# Where Custify's own client looks people up, by the sender's ids.
BY_USER_ID, BY_EMAIL = "/people?user_id=", "/people?email="
ATTRIBUTES = "custom_attributes"
#: In front of an attribute's name, among the fields of a record.
CUSTOM = ATTRIBUTES + "."
IDS = frozenset({"user_id", "company_id"})
#: Objects in a call whose names people made up.
NESTED = (ATTRIBUTES, "metadata")
#: By this Custify tells an event that it has.
REPEAT_ID = "deduplication_id"
#: Fields that hold when something happened.
TIMES = frozenset({("created_at",), ("signed_up_at",)})
# Types as Custify's clients name them, whatever their case.
TYPES: Mapping[str, AttributeType] = {
    "date": "date", "number": "number", "currency": "number", "boolean": "boolean", "string": "string", "text": "string",
}  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True)
class CustifyCall(Call):
    """An upsert of a person or a company, or an event. See Call."""

    company_field: ClassVar[str] = "company_id"
    attribute_group: ClassVar[str] = ATTRIBUTES

    @property
    def about(self) -> About:
        """Return what the call is about, which its path tells."""
        return RECORDS.get(self.path, "event")

    @property
    def kind(self) -> str:
        """Return `people` or `company`; `event`, of which no record is kept."""
        return self.path[1:]

    @property
    def subject(self) -> str:
        """Return whose record it is."""
        if self.path == COMPANY:
            return company_subject(str(self.body.get("company_id", "")))
        # Asked several times for each event; most have an id.
        user_id = self.body.get("user_id")
        return f"user:{user_id}" if user_id else self.person

    @property
    def person(self) -> str:
        """Return the person it names."""
        user_id, email = self.body.get("user_id"), self.body.get("email")
        return f"user:{user_id}" if user_id else email_subject(str(email)) if email else ""

    @property
    def company(self) -> str:
        """Return the company it names."""
        return str(self.body.get("company_id", ""))

    @property
    def email(self) -> object:
        """Return the e-mail address it names, of a person or a company."""
        return self.body.get("email")

    def fields(self) -> Mapping[str, Value | None]:
        """Return its fields of one value, custom attributes among them as `custom_attributes.NAME`."""
        fields: dict[str, Any] = {}
        for name, value in self.body.items():
            if name == ATTRIBUTES and isinstance(value, dict):
                fields |= {CUSTOM + attribute: each for attribute, each in value.items()}
            elif name not in IDS and isinstance(value, Value | None):
                fields[name] = value
        return fields

    def links(self) -> Mapping[str, bool]:
        """Return the companies that it links or removes."""
        named = self.body.get("companies")
        return {str(link["company_id"]): not link.get("remove") for link in named} if isinstance(named, list) else {}

    def attributes(self) -> Iterator[tuple[str, object]]:
        """Yield its custom attributes. What is taken back makes no attribute."""
        named = self.body.get(ATTRIBUTES)
        for name, value in named.items() if isinstance(named, dict) else ():
            if value is not None:
                yield f"{self.kind}.{name}", value

    def rewritten(self, said: Sequence[Call], fields: Mapping[str, Value | None], links: Mapping[str, bool]) -> Call:
        """Return one upsert that says this; a person without an id is found by e-mail."""
        body: dict[str, Any] = _named(said, "user_id", "company_id") or _named(said, "email")
        body |= {name: value for name, value in fields.items() if not name.startswith(CUSTOM)}
        if links:
            body["companies"] = [{"company_id": company, "remove": not wanted} for company, wanted in links.items()]
        body[ATTRIBUTES] = {
            name.removeprefix(CUSTOM): value for name, value in fields.items() if name.startswith(CUSTOM)
        }
        return CustifyCall(self.path, body)

    def introductions(self) -> Sequence[Call]:
        """Return the upsert of a person with nothing but ids."""
        return (CustifyCall(PEOPLE, self._ids()),)

    def of_company(self, company_id: str) -> Call:
        """Return the event with a company's id; ids stand before the rest, as in a call that named its company itself."""
        return CustifyCall(self.path, {**self._ids(), "company_id": company_id, **self.body})

    @property
    def repeat_id(self) -> str:
        """Return the id of an event, if the mapping gives it one. An upsert counts nothing."""
        return str(self.body.get(REPEAT_ID) or "") if self.path == EVENT else ""

    def anew(self, mark: str) -> Call:
        """Return an event that counts once more."""
        return CustifyCall(self.path, {**self.body, REPEAT_ID: self.repeat_id + mark}) if self.repeat_id else self

    def look_ups(self) -> Sequence[str]:
        """Return a read by user id, then one by e-mail, of those that it names."""
        user_id, email = self.body.get("user_id"), self.body.get("email")
        by_user = [BY_USER_ID + urllib.parse.quote(str(user_id), safe="")] if user_id else []
        return by_user + ([BY_EMAIL + urllib.parse.quote(str(email), safe="")] if email else [])

    def found(self, text: str) -> Mapping[str, object] | None:
        """Return the fields of the first person in an answer; None when that is another person: of another user id.

        Lists of people come wrapped in an array of one element, and details may be nested.
        """
        answer = _decoded(text)
        wrapped = answer[0] if isinstance(answer, list) and answer else answer
        people = wrapped.get("people") if isinstance(wrapped, dict) else None
        if not isinstance(people, list) or not people or not isinstance(people[0], dict):
            return None
        details = people[0].get("details")
        person = {**people[0], **(details if isinstance(details, dict) else {})}
        own, theirs = self.body.get("user_id"), person.get("user_id")
        if own and theirs and str(own) != str(theirs):
            return None
        attributes = person.get(ATTRIBUTES)
        return person | ({CUSTOM + k: v for k, v in attributes.items()} if isinstance(attributes, dict) else {})

    @property
    def attribute_list(self) -> str:
        """Return the read that lists the attributes of people, or of companies."""
        return ATTRIBUTE_LISTS[self.path]

    def listed(self, text: str) -> dict[str, AttributeType | None] | None:
        """Return the attributes in an answer, each with its type; an array, or an object around one."""
        answer = _decoded(text)
        items = answer.get("attributes") if isinstance(answer, dict) else answer
        if not isinstance(items, list):
            return None
        named = [each for each in items if isinstance(each, dict) and "name" in each]
        if items and not named:
            return None
        return {str(each["name"]): TYPES.get(str(each.get("type", "")).lower()) for each in named}

    def _ids(self) -> dict[str, object]:
        return {name: self.body[name] for name in ("user_id", "email") if name in self.body}


def _named(said: Sequence[Call], *ids: str) -> dict[str, Any]:
    return {name: call.body[name] for call in said for name in ids if name in call.body}


def _decoded(text: str) -> object:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None
