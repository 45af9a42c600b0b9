"""The other mapping: what RudderStack would send, quirks included. Quarantined here; shares nothing but plan.py.

Written from observed behaviour as recorded for those who migrate (docs/mapping.md lists every difference). Values follow
JavaScript's rules: 0 and false are kept where "" is not, empty objects are true.
"""

import copy
from collections.abc import Callable, Iterable
from typing import Any

from penstock.convert.plan import Call, Filtered, Mapping, Meaning, Plan, Unmappable

Body = dict[str, object]
MISSING: Any = object()

USER_ID = ("userId", "traits.userId", "traits.id", "context.traits.userId", "context.traits.id")
EMAIL = ("traits.email", "context.traits.email", "properties.email")
PHONE = ("traits.phone", "context.traits.phone", "properties.phone")
TIME = ("timestamp", "originalTimestamp")
PERSON_RESERVED = (
    "userId",
    "email",
    "phone",
    "name",
    "signed_up_at",
    "session_count",
    "unsubscribed_from_emails",
    "unsubscribed_from_calls",
    "company",
)
COMPANY_RESERVED = (
    "id",
    "name",
    "industry",
    "company_id",
    "size",
    "website",
    "plan",
    "monthly_revenue",
    "churned",
)


class _Refused(Exception):
    """RudderStack's own error text; becomes Unmappable."""


def convert_as_rudderstack(event: object, mapping: Mapping) -> Meaning:
    """Return the calls RudderStack would make, or its error text."""
    if not isinstance(event, dict) or not _true(event.get("type")):
        return Unmappable("Message Type is not present. Ignoring message.")
    if not isinstance(event["type"], str):
        return Unmappable("the type is not a text: RudderStack fails on it and repeats it for hours")
    # RudderStack changes the event while it reads it, and depends on that; we change a copy.
    message = copy.deepcopy(event)
    plans: dict[str, Callable[[Any, Mapping], list[Call]]] = {"identify": _identify, "track": _track, "group": _group}
    plan = plans.get(message["type"].lower())
    if plan is None:
        return Filtered("Message type not supported")
    try:
        return Plan(tuple(plan(message, mapping)))
    except _Refused as refused:
        return Unmappable(str(refused))


def _identify(message: Any, mapping: Mapping) -> list[Call]:
    body = _fields(
        message,
        user_id=USER_ID,
        email=EMAIL,
        phone=PHONE,
        session_count=("traits.sessionCount", "context.traits.sessionCount"),
        unsubscribed_from_emails=("traits.unsubscribedFromEmails", "context.traits.unsubscribedFromEmails"),
        unsubscribed_from_calls=("traits.unsubscribedFromCalls", "context.traits.unsubscribedFromCalls"),
        name=("traits.name", "context.traits.name"),
        signed_up_at=("traits.signedUpAt", "context.traits.signedUpAt", *TIME),
        custom_attributes=("traits", "context.traits"),
    )
    _finish_person(body, message)
    _require_person(body, message, mapping)
    return [Call("/people", _mapped_to_destination(body, message))]


def _track(message: Any, mapping: Mapping) -> list[Call]:
    name = _get(message, "event")
    if not _kept(name):
        raise _Refused('Missing required value from "event"')
    body = _fields(message, user_id=USER_ID, email=EMAIL)
    body |= {"name": name} | _fields(message, created_at=TIME)
    if "created_at" not in body:
        raise _Refused('Missing required value from ["timestamp","originalTimestamp"]')
    properties = _entries(message.get("properties"))
    company_id = next(
        (v for k in ("organization_id", "company_id", "companyId") if _true(v := properties.get(k))), None
    )
    metadata = {key: value for key, value in properties.items() if _true(value) and not isinstance(value, dict | list)}
    _require_person(body, message, mapping)
    if _true(body.get("user_id")) and not _true(metadata.get("user_id")) and not _true(metadata.get("userId")):
        metadata["user_id"] = body["user_id"]
    body |= {"company_id": company_id} if company_id is not None else {}
    return [Call("/event", _mapped_to_destination(body | {"metadata": metadata}, message))]


def _group(message: Any, mapping: Mapping) -> list[Call]:
    company = _fields(
        message,
        company_id=("groupId", "traits.groupId"),
        name=("traits.name",),
        industry=("traits.industry",),
        size=("traits.size",),
        website=("traits.website", "traits.url"),
        plan=("traits.plan",),
        monthly_revenue=("traits.monthly_revenue", "traits.monthlyRevenue", "traits.mrr"),
        churned=("traits.churned",),
    )
    if not _true(company.get("company_id")):
        raise _Refused("groupId Id is mandatory")
    if _kept(traits := _get(message, "traits")):
        # The deletions reach the event itself: `traits.id` can no more name the person below.
        company["custom_attributes"] = _stripped(traits, COMPANY_RESERVED)
    person = _fields(
        message,
        user_id=USER_ID,
        email=("context.traits.email",),
        phone=("context.traits.phone",),
        session_count=("context.traits.sessionCount",),
        unsubscribed_from_emails=("context.traits.unsubscribedFromEmails",),
        unsubscribed_from_calls=("context.traits.unsubscribedFromCalls",),
        name=("context.traits.name",),
        signed_up_at=("context.traits.signedUpAt", *TIME),
        custom_attributes=("context.traits",),
    )
    _finish_person(person, message)
    calls = [Call("/company", company)]
    try:
        _require_person(person, message, mapping)
    except _Refused:
        # RudderStack has written the company by now, and then aborts the event.
        return calls
    return [*calls, Call("/people", _mapped_to_destination(person, message))]


def _finish_person(body: Body, message: Any) -> None:
    """Join the name, link the company, and clean the custom attributes, in RudderStack's order."""
    if "name" not in body and (name := _joined_name(message)):
        body["name"] = name
    traits = body.get("custom_attributes")
    company_id = _get(traits, "company.id") if isinstance(traits, dict) else MISSING
    company_id = company_id if _true(company_id) else message.get("groupId")
    if _true(company_id):
        remove = _get(traits, "company.remove") if isinstance(traits, dict) else MISSING
        body["companies"] = [{"company_id": company_id, "remove": False if remove is MISSING else remove}]
    if "custom_attributes" in body:
        body["custom_attributes"] = _stripped(traits, PERSON_RESERVED)


def _joined_name(message: Any) -> str:
    parts = []
    for kind in (("firstName", "firstname", "first_name"), ("lastName", "lastname", "last_name")):
        found = _first(message, [*(f"traits.{k}" for k in kind), *(f"context.traits.{k}" for k in kind)])
        if _true(found):
            parts.append(str(found))
    return " ".join(parts)


def _require_person(body: Body, message: Any, mapping: Mapping) -> None:
    if mapping.anonymous_fallback and not _true(body.get("user_id")) and message.get("anonymousId") is not None:
        body["user_id"] = message["anonymousId"]
    if not _true(body.get("user_id")) and not _true(body.get("email")):
        raise _Refused("Email or userId is mandatory")


def _mapped_to_destination(body: Body, message: Any) -> Body:
    """Replace the body by the raw traits if a warehouse already mapped them."""
    if not _true(_get(message, "context.mappedToDestination")):
        return body
    traits, external = message.get("traits"), _get(message, "context.externalId")
    first = external[0] if isinstance(external, list) and external else external
    if not isinstance(traits, dict) or not isinstance(first, dict):
        raise _Refused("mappedToDestination without traits and externalId: RudderStack fails on it and repeats it")
    return traits | {str(first.get("identifierType")): first.get("id")}


def _fields(message: Any, **sources: tuple[str, ...]) -> Body:
    """Return each field that has a value worth keeping."""
    found = {name: _first(message, paths) for name, paths in sources.items()}
    return {name: value for name, value in found.items() if _kept(value)}


def _first(message: Any, paths: Iterable[str]) -> Any:
    return next((value for path in paths if _kept(value := _get(message, path))), MISSING)


def _get(value: Any, path: str) -> Any:
    """Look a dotted path up; keys that contain dots themselves are found too."""
    if not isinstance(value, dict):
        return MISSING
    keys = path.split(".")
    for count in range(1, len(keys) + 1):
        key = ".".join(keys[:count])
        if key in value:
            found = value[key] if count == len(keys) else _get(value[key], ".".join(keys[count:]))
            if found is not MISSING:
                return found
    return MISSING


def _stripped(traits: Any, reserved: tuple[str, ...]) -> object:
    """Delete the reserved keys and every object, array and null, in place, as RudderStack does."""
    if isinstance(traits, list):
        return {str(i): v for i, v in enumerate(traits) if not isinstance(v, dict | list) and v is not None}
    if not isinstance(traits, dict):
        return traits
    for key in reserved:
        traits.pop(key, None)
    for key in [key for key, value in traits.items() if value is None or isinstance(value, dict | list)]:
        del traits[key]
    return dict(traits)


def _entries(properties: Any) -> dict[str, Any]:
    if isinstance(properties, dict):
        return properties
    return {str(i): value for i, value in enumerate(properties)} if isinstance(properties, str | list) else {}


def _true(value: Any) -> bool:
    """Say whether JavaScript takes the value for true."""
    if value is MISSING or value is None or value is False or value == "":
        return False
    return not (isinstance(value, int | float) and value == 0)


def _kept(value: Any) -> bool:
    """Say whether a value survives RudderStack's payload builder: true ones, 0 and false."""
    return _true(value) or value is False or (isinstance(value, int | float) and value == 0)
