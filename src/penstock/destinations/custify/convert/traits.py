"""Who an event is about, and which trait becomes which field. The tables here are those of docs/mapping.md."""

import dataclasses
from collections.abc import Callable

from penstock.destinations.custify.convert import values
from penstock.destinations.custify.convert.dates import as_sign_up, dates_among, is_no_date
from penstock.destinations.custify.convert.whom import (
    COMPANY_IDS,
    LINK_IDS,
    USER_IDS,
    Object,
    company_id_of,
    email_of,
    is_placeholder_of,
)
from penstock.destinations.custify.options import Mapping as Options
from penstock.destinations.times import is_ahead
from penstock.timestamps import date_of

NOTHING: Object = {}
# What says which company is meant, and nothing of it; and how many of them a person is linked to by one event.
NAMING, LINKS_MAX = frozenset({*LINK_IDS, "remove"}), 100


@dataclasses.dataclass(frozen=True, slots=True)
class Field:
    """One field of Custify, and where its value is read from: the first that can be read as its type wins."""

    name: str
    read: Callable[[object], object]
    #: The field under its own name; never repeated among the custom attributes, readable or not.
    spellings: tuple[str, ...]
    #: Traits of other names that may stand in for it. One that says something else stays a custom attribute.
    stand_ins: tuple[str, ...] = ()


SIGNED_UP_AT = Field("signed_up_at", as_sign_up, ("signedUpAt", "signed_up_at"), ("createdAt", "created_at"))
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


def objects(event: Object, *path: str) -> Object:
    """Return the object at a path, an empty one if there is none."""
    for key in path:
        value = event.get(key)
        if not isinstance(value, dict):
            return NOTHING
        event = value
    return event


def traits_of(event: Object, *, nulls: bool = False) -> Object:
    """Return the person's traits: `traits` and `context.traits` merged, `traits` wins key by key.

    A null among them says nothing, unless `nulls` take a field back.
    """
    traits, older = objects(event, "traits"), objects(event, "context", "traits")
    if not traits or not older:
        return traits or older
    return {**older, **{key: value for key, value in traits.items() if nulls or value is not None}}


def companies_among(traits: Object) -> list[Object]:
    """Return what a person's traits name as companies: `company`, then each of `companies`."""
    company, listed = traits.get("company"), traits.get("companies")
    if company is None and listed is None:
        return []
    given = [company, *(listed[:LINKS_MAX] if isinstance(listed, list) else ())]
    return [each for each in given if isinstance(each, dict)]


def id_of_company(company: Object, mapping: Options) -> str | None:
    """Return the id of a company among the traits."""
    return company_id_of(mapping, *(company.get(name) for name in LINK_IDS))


def says_when_signed_up(traits: Object) -> bool:
    """Return whether a trait says when a person signed up, readable or not. Null and an empty text say nothing."""
    names = (*SIGNED_UP_AT.spellings, *SIGNED_UP_AT.stand_ins)
    given = (traits.get(name) for name in names)
    return any(value is not None and (not isinstance(value, str) or bool(value.strip())) for value in given)


def without_future_sign_up(body: dict[str, object], event: Object, mapping: Options) -> None:
    """Take a person's sign-up date out that had not come when the event arrived. A company's contract may begin later."""
    signed_up = date_of(body.get("signed_up_at"))
    if signed_up and is_ahead(signed_up, event, mapping):
        del body["signed_up_at"]


def person_body(traits: Object, *, user_id: str | None, mapping: Options) -> dict[str, object]:
    """Return the body of an upsert of a person, without its companies. What was mapped is not repeated."""
    left = dict(traits)
    left.pop("email", None)
    is_nameless = mapping.null_clears and _says_no_name(traits)
    fields = {"user_id": user_id, "email": email_of(traits, mapping), "name": _take_name(left)}
    body: dict[str, object] = {name: value for name, value in fields.items() if value is not None}
    if is_nameless:
        body["name"] = None
    _take_fields(left, PERSON_FIELDS, body, nulls=mapping.null_clears)
    _leave_out_repeats(left, USER_IDS, user_id, field="user_id", mapping=mapping)
    _leave_out_companies(left, mapping)
    dates, nulls = dates_among(mapping.date_attributes, "people"), mapping.null_clears
    body["custom_attributes"] = values.attributes(left, nested=mapping.nested, dates=dates, nulls=nulls)
    return body


def company_body(traits: Object, *, company_id: str, mapping: Options) -> dict[str, object]:
    """Return the body of an upsert of a company."""
    left, body = dict(traits), dict[str, object](company_id=company_id)
    _take_fields(left, COMPANY_FIELDS, body, nulls=mapping.null_clears)
    _leave_out_repeats(left, COMPANY_IDS, company_id, field="company_id", mapping=mapping)
    dates, nulls = dates_among(mapping.date_attributes, "company"), mapping.null_clears
    body["custom_attributes"] = values.attributes(left, nested=mapping.nested, dates=dates, nulls=nulls)
    return body


def _take_fields(left: dict[str, object], fields: tuple[Field, ...], body: dict[str, object], *, nulls: bool) -> None:
    """Move what has a field of its own from the traits that are left into the body."""
    for field in fields:
        found: object = None
        is_taken_back = False
        for trait in field.spellings:
            if trait in left:
                is_taken_back = is_taken_back or (nulls and left[trait] is None)
                reading = field.read(left.pop(trait))
                found = reading if found is None else found
        for trait in field.stand_ins:
            reading = field.read(left[trait]) if trait in left else None
            if reading is not None and found in {None, reading}:
                found = reading
                del left[trait]
            elif field is SIGNED_UP_AT and trait in left and is_no_date(left[trait]):
                del left[trait]
        # A sign-up cannot be taken back.
        if found is not None or (is_taken_back and field is not SIGNED_UP_AT):
            body[field.name] = found


def _says_no_name(traits: Object) -> bool:
    """Return whether the traits take the name back, and say no other."""
    return "name" in traits and not any(traits.get(name) for name in ("name", *FIRST_NAMES, *LAST_NAMES))


def _leave_out_companies(left: dict[str, object], mapping: Options) -> None:
    """Leave out the companies that the person is linked to: what is said of them is theirs."""
    company, listed = left.get("company"), left.get("companies")
    if isinstance(company, dict) and id_of_company(company, mapping) is not None:
        del left["company"]
    elif isinstance(company, dict):
        left["company"] = {key: value for key, value in company.items() if key not in NAMING}
    if isinstance(listed, list):
        rest = [each for each in listed if not isinstance(each, dict) or id_of_company(each, mapping) is None]
        left["companies"] = rest
        if not rest:
            del left["companies"]


def _take_name(left: dict[str, object]) -> str | None:
    """Take the full name: `name`, else first and last name joined. Parts that were not needed stay attributes."""
    if name := values.as_text(left.pop("name", None)):
        return name
    given = ((left.get(name) for name in names) for names in (FIRST_NAMES, LAST_NAMES))
    parts = [text for values_ in given if (text := next(filter(None, map(values.as_text, values_)), None))]
    for trait in (*FIRST_NAMES, *LAST_NAMES) if parts else ():
        left.pop(trait, None)
    return " ".join(parts) or None


def _leave_out_repeats(
    left: dict[str, object], names: tuple[str, ...], id_: str | None, *, field: str, mapping: Options
) -> None:
    """Leave out the traits that only repeat the id, or that are none. Another id, of an older system, is an attribute."""
    for name in names:
        if name in left and (
            left[name] is None
            or (id_ is not None and values.as_id(left[name]) == id_)
            or is_placeholder_of(field, left[name], mapping)
        ):
            del left[name]
