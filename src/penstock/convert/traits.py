"""Who an event is about, and which trait becomes which field. The tables here are those of docs/mapping.md."""

import dataclasses
from collections.abc import Callable, Mapping

from penstock.convert import values
from penstock.convert.dates import as_date
from penstock.convert.plan import Mapping as Options

Object = Mapping[str, object]
NOTHING: Object = {}


@dataclasses.dataclass(frozen=True, slots=True)
class Field:
    """One field of Custify, and where its value is read from: the first that can be read as its type wins."""

    name: str
    read: Callable[[object], object]
    #: The field under its own name; never repeated among the custom attributes, readable or not.
    spellings: tuple[str, ...]
    #: Traits of other names that may stand in for it. One that says something else stays a custom attribute.
    stand_ins: tuple[str, ...] = ()


SIGNED_UP_AT = Field("signed_up_at", as_date, ("signedUpAt", "signed_up_at"), ("createdAt", "created_at"))
PERSON_FIELDS = (
    Field("phone", values.as_text, ("phone",)),
    Field("session_count", values.as_number, ("sessionCount", "session_count")),
    Field("unsubscribed_from_emails", values.as_flag, ("unsubscribedFromEmails", "unsubscribed_from_emails")),
    Field("unsubscribed_from_calls", values.as_flag, ("unsubscribedFromCalls", "unsubscribed_from_calls")),
    SIGNED_UP_AT,
)
COMPANY_FIELDS = (
    Field("name", values.as_text, ("name",)),
    Field("industry", values.as_text, ("industry",)),
    Field("size", values.as_whole, ("size",)),
    Field("website", values.as_text, ("website",), ("url",)),
    Field("plan", values.as_text, ("plan",)),
    Field("monthly_revenue", values.as_number, ("monthlyRevenue", "monthly_revenue"), ("mrr",)),
    Field("churned", values.as_flag, ("churned",)),
    SIGNED_UP_AT,
    Field("owners_csm", values.as_text, ("owners_csm", "ownersCsm")),
    Field("owners_account", values.as_text, ("owners_account", "ownersAccount")),
)
FIRST_NAMES, LAST_NAMES = ("firstName", "firstname", "first_name"), ("lastName", "lastname", "last_name")
USER_IDS, COMPANY_IDS = ("userId", "user_id", "id"), ("groupId", "company_id", "id")
LINK_IDS = ("id", "company_id")


def objects(event: Object, *path: str) -> Object:
    """Return the object at a path, an empty one if there is none."""
    value: object = event
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else NOTHING


def first_text(fields: Object, names: tuple[str, ...]) -> str | None:
    """Return the first of the named fields that is a text."""
    for name in names:
        if name in fields and (text := values.as_text(fields[name])):
            return text
    return None


def traits_of(event: Object) -> Object:
    """Return the person's traits: `traits` and `context.traits` merged, `traits` wins key by key; a null says nothing."""
    traits, older = objects(event, "traits"), objects(event, "context", "traits")
    if not traits or not older:
        return traits or older
    return {**older, **{key: value for key, value in traits.items() if value is not None}}


def user_id_of(event: Object, traits: Object, mapping: Options) -> str | None:
    """Return the person's id: userId, else the traits', else, if the destination falls back, the anonymousId."""
    known = values.as_text(event.get("userId")) or first_text(traits, USER_IDS)
    if known is None and mapping.anonymous_fallback:
        return values.as_text(event.get("anonymousId"))
    return known


def event_time(event: Object) -> str | None:
    """Return when the event happened."""
    return as_date(event.get("timestamp")) or as_date(event.get("originalTimestamp"))


def person_body(traits: Object, *, user_id: str | None, mapping: Options) -> dict[str, object]:
    """Return the body of an upsert of a person, without its companies. What was mapped is not repeated."""
    left = dict(traits)
    fields = {"user_id": user_id, "email": values.as_email(left.pop("email", None)), "name": _take_name(left)}
    body: dict[str, object] = {name: value for name, value in fields.items() if value is not None}
    _take_fields(left, PERSON_FIELDS, body)
    _leave_out_repeats(left, USER_IDS, user_id)
    if isinstance(company := left.get("company"), dict):
        left["company"] = {key: value for key, value in company.items() if key not in {*LINK_IDS, "remove"}}
    body["custom_attributes"] = values.attributes(left, nested=mapping.nested)
    return body


def company_body(traits: Object, *, company_id: str, mapping: Options) -> dict[str, object]:
    """Return the body of an upsert of a company."""
    left, body = dict(traits), dict[str, object](company_id=company_id)
    _take_fields(left, COMPANY_FIELDS, body)
    _leave_out_repeats(left, COMPANY_IDS, company_id)
    body["custom_attributes"] = values.attributes(left, nested=mapping.nested)
    return body


def _take_fields(left: dict[str, object], fields: tuple[Field, ...], body: dict[str, object]) -> None:
    """Move what has a field of its own from the traits that are left into the body."""
    for field in fields:
        found: object = None
        for trait in field.spellings:
            if trait in left:
                reading = field.read(left.pop(trait))
                found = reading if found is None else found
        for trait in field.stand_ins:
            reading = field.read(left[trait]) if trait in left else None
            if reading is not None and found in {None, reading}:
                found = reading
                del left[trait]
        if found is not None:
            body[field.name] = found


def _take_name(left: dict[str, object]) -> str | None:
    """Take the full name: `name`, else first and last name joined. Parts that were not needed stay attributes."""
    if name := values.as_text(left.pop("name", None)):
        return name
    parts = [text for names in (FIRST_NAMES, LAST_NAMES) if (text := first_text(left, names))]
    for trait in (*FIRST_NAMES, *LAST_NAMES) if parts else ():
        left.pop(trait, None)
    return " ".join(parts) or None


def _leave_out_repeats(left: dict[str, object], names: tuple[str, ...], id_: str | None) -> None:
    """Leave out the traits that only repeat the id. Another id, of an older system perhaps, is an attribute."""
    for name in names:
        if id_ is not None and name in left and values.as_text(left[name]) == id_:
            del left[name]
