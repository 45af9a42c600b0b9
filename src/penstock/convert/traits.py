"""Who an event is about, and which trait becomes which field. The tables here are those of docs/mapping.md."""

import dataclasses
from collections.abc import Callable, Mapping

from penstock.convert import values
from penstock.convert.plan import Mapping as Options

Object = Mapping[str, object]
NOTHING: Object = {}


@dataclasses.dataclass(frozen=True, slots=True)
class Field:
    """One field of Custify: the traits it is read from, first match wins, and its type."""

    name: str
    traits: tuple[str, ...]
    read: Callable[[object], object]


SIGNED_UP_AT = Field("signed_up_at", ("signedUpAt", "signed_up_at", "createdAt", "created_at"), values.as_date)
PERSON_FIELDS = (
    Field("phone", ("phone",), values.as_text),
    Field("session_count", ("sessionCount", "session_count"), values.as_number),
    Field("unsubscribed_from_emails", ("unsubscribedFromEmails", "unsubscribed_from_emails"), values.as_flag),
    Field("unsubscribed_from_calls", ("unsubscribedFromCalls", "unsubscribed_from_calls"), values.as_flag),
    SIGNED_UP_AT,
)
COMPANY_FIELDS = (
    Field("name", ("name",), values.as_text),
    Field("industry", ("industry",), values.as_text),
    Field("size", ("size",), values.as_whole),
    Field("website", ("website", "url"), values.as_text),
    Field("plan", ("plan",), values.as_text),
    Field("monthly_revenue", ("monthlyRevenue", "monthly_revenue", "mrr"), values.as_number),
    Field("churned", ("churned",), values.as_flag),
    SIGNED_UP_AT,
    Field("owners_csm", ("owners_csm", "ownersCsm"), values.as_text),
    Field("owners_account", ("owners_account", "ownersAccount"), values.as_text),
)
FIRST_NAMES, LAST_NAMES = ("firstName", "firstname", "first_name"), ("lastName", "lastname", "last_name")
USER_IDS, COMPANY_IDS = ("userId", "user_id", "id"), ("groupId", "company_id", "id")


def objects(event: Object, *path: str) -> Object:
    """Return the object at a path, an empty one if there is none."""
    value: object = event
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else NOTHING


def first_text(fields: Object, names: tuple[str, ...]) -> str | None:
    """Return the first of the named fields that is a text."""
    return next((text for name in names if (text := values.as_text(fields.get(name)))), None)


def user_id_of(event: Object, traits: Object, mapping: Options) -> str | None:
    """Return the person's id: userId, else the traits', else, if the destination falls back, the anonymousId."""
    known = values.as_text(event.get("userId")) or first_text(traits, USER_IDS)
    if known is None and mapping.anonymous_fallback:
        return values.as_text(event.get("anonymousId"))
    return known


def event_time(event: Object) -> str | None:
    """Return when the event happened."""
    return values.as_date(event.get("timestamp")) or values.as_date(event.get("originalTimestamp"))


def person_body(traits: Object, *, user_id: str | None, mapping: Options) -> dict[str, object]:
    """Return the body of an upsert of a person, without its companies. What was mapped is not repeated."""
    name, name_traits = _name(traits)
    fields = {"user_id": user_id, "email": values.as_text(traits.get("email")), "name": name}
    mapped, used = read_fields(traits, PERSON_FIELDS)
    used |= {"email", *name_traits, *_named(traits, USER_IDS, user_id)}
    if isinstance(traits.get("company"), dict):
        used.add("company")
    body = {key: value for key, value in (fields | mapped).items() if value is not None}
    return body | {"custom_attributes": rest(traits, used, mapping)}


def company_body(traits: Object, *, company_id: str, mapping: Options) -> dict[str, object]:
    """Return the body of an upsert of a company."""
    mapped, used = read_fields(traits, COMPANY_FIELDS)
    used |= _named(traits, COMPANY_IDS, company_id)
    return {"company_id": company_id, **mapped, "custom_attributes": rest(traits, used, mapping)}


def read_fields(traits: Object, fields: tuple[Field, ...]) -> tuple[dict[str, object], set[str]]:
    """Return the fields that have a value, and all traits that belong to a field."""
    found: dict[str, object] = {}
    for field in fields:
        readings = (field.read(traits[trait]) for trait in field.traits if trait in traits)
        value = next((reading for reading in readings if reading is not None), None)
        if value is not None:
            found[field.name] = value
    return found, {trait for field in fields for trait in field.traits}


def rest(traits: Object, used: set[str], mapping: Options) -> dict[str, object]:
    """Return what no field took, as flat attributes."""
    return values.attributes({k: v for k, v in traits.items() if k not in used}, nested=mapping.nested)


def _name(traits: Object) -> tuple[str | None, set[str]]:
    """Return the full name and the traits it is made of: `name`, else first and last name joined."""
    if name := values.as_text(traits.get("name")):
        return name, {"name"}
    parts = [first_text(traits, FIRST_NAMES), first_text(traits, LAST_NAMES)]
    joined = " ".join(part for part in parts if part)
    return joined or None, {"name", *FIRST_NAMES, *LAST_NAMES}


def _named(traits: Object, names: tuple[str, ...], id_: str | None) -> set[str]:
    """Return the traits that only repeat the id."""
    return {name for name in names if id_ is not None and values.as_text(traits.get(name)) == id_}
