"""The other mapping: what RudderStack would send, quirks included. Quarantined in rudderstack*.py; shares plan.py and times.

Written from observed behaviour as recorded for those who migrate (docs/mapping.md lists every difference). Where
RudderStack's code would crash, and repeat the event for hours for nothing, the answer is Unmappable with a sentence.
"""

from collections.abc import Callable
from typing import Any

from penstock import causes
from penstock.destinations.custify.calls import CustifyCall as Call
from penstock.destinations.custify.convert.rudderstack_js import (
    MISSING,
    NESTED,
    as_js_text,
    as_written,
    entries,
    first,
    get,
    kept,
    own_order,
    too_deep,
    truthy,
)
from penstock.destinations.custify.convert.values import as_email, as_id
from penstock.destinations.custify.options import Mapping
from penstock.destinations.plan import Filtered, Meaning, Plan, Unmappable
from penstock.timestamps import parsed, to_text

Body = dict[str, Any]
LookedUp = dict[str, tuple[str, ...]]

UNSUPPORTED = "Message type not supported"
TIME = ("timestamp", "originalTimestamp")
FIRST_NAMES, LAST_NAMES = ("firstName", "firstname", "first_name"), ("lastName", "lastname", "last_name")


def _both(*traits: str) -> tuple[str, ...]:
    """Return the paths of traits, those in `traits` before those in `context.traits`."""
    return tuple(f"{place}.{trait}" for place in ("traits", "context.traits") for trait in traits)


USER_ID = ("userId", *_both("userId", "id"))
EMAIL = (*_both("email"), "properties.email")
# Each field in the order in which it is sent, with its sources in the order of their precedence.
IDENTIFY: LookedUp = {
    "user_id": USER_ID,
    "email": EMAIL,
    "phone": (*_both("phone"), "properties.phone"),
    "session_count": _both("sessionCount"),
    "unsubscribed_from_emails": _both("unsubscribedFromEmails"),
    "unsubscribed_from_calls": _both("unsubscribedFromCalls"),
    "name": _both("name"),
    "signed_up_at": (*_both("signedUpAt"), *TIME),
    "custom_attributes": ("traits", "context.traits"),
}
# On group the person is described by context.traits alone, but for the user id.
MEMBER: LookedUp = {
    field: USER_ID if field == "user_id" else tuple(path for path in paths if path.startswith(("context.", *TIME)))
    for field, paths in IDENTIFY.items()
}
COMPANY: LookedUp = {
    "company_id": ("groupId", "traits.groupId"),
    "name": ("traits.name",),
    "industry": ("traits.industry",),
    "size": ("traits.size",),
    "website": ("traits.website", "traits.url"),
    "plan": ("traits.plan",),
    "monthly_revenue": ("traits.monthly_revenue", "traits.monthlyRevenue", "traits.mrr"),
    "churned": ("traits.churned",),
}
EVENT: LookedUp = {"user_id": USER_ID, "email": EMAIL, "name": ("event",), "created_at": TIME}
PERSON_ORDER, EVENT_ORDER = (*IDENTIFY, "companies"), (*EVENT, "company_id", "metadata")
# Deleted from the custom attributes. Custify's own snake_case names are among them, the camelCase ones are not.
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
    """RudderStack's own error text, or a sentence in place of its crash; becomes Unmappable."""


def convert_as_rudderstack(event: object, mapping: Mapping) -> Meaning:
    """Return the calls RudderStack would make, or its error text."""
    kind = event.get("type") if isinstance(event, dict) else None
    if not isinstance(event, dict) or not truthy(kind):
        return Unmappable("Message Type is not present. Ignoring message.", causes.RUDDERSTACK)
    if not isinstance(kind, str):
        return Unmappable(
            "the type is not a text: RudderStack fails on it and repeats it for hours", causes.RUDDERSTACK
        )
    plan = PLANS.get(kind.lower())
    if plan is None:
        # RudderStack's filter trims the type and the code behind it does not, so a type with spaces is an error.
        if kind.strip().lower() in PLANS:
            return Unmappable(UNSUPPORTED, causes.RUDDERSTACK)
        return Filtered(UNSUPPORTED)
    try:
        return Plan(tuple(plan(_own(event), mapping)))
    except _Refused as refused:
        return Unmappable(str(refused), causes.RUDDERSTACK)


def subjects(event: Body, mapping: Mapping) -> tuple[str | None, str | None, tuple[str, ...]]:
    """Return the person an event is about, by id and e-mail, and the company it writes; as texts that can be compared."""
    user_id, email, group = (first(event, paths) for paths in (USER_ID, EMAIL, COMPANY["company_id"]))
    if mapping.anonymous_fallback and not truthy(user_id):
        user_id = event.get("anonymousId")
    company = _as_sent(group) if event.get("type") == "group" else None
    return _as_sent(user_id), as_email(email), (company,) if company else ()


def _as_sent(id_: object) -> str | None:
    """Return an id as it arrives: JavaScript writes large numbers with fewer digits."""
    return as_id(as_written(id_) if isinstance(id_, float) else id_)


def _identify(message: Body, mapping: Mapping) -> list[Call]:
    return [_person(message, IDENTIFY, mapping)]


def _track(message: Body, mapping: Mapping) -> list[Call]:
    body = _fields(message, EVENT)
    if "name" not in body:
        raise _Refused('Missing required value from "event"')
    if "created_at" not in body:
        raise _Refused('Missing required value from ["timestamp","originalTimestamp"]')
    _require_person(body, message, mapping)
    properties = entries(message.get("properties"))
    metadata = {key: item for key, item in properties.items() if truthy(item) and not isinstance(item, NESTED)}
    # What counts is what is sent: a user_id among the properties that is an object or array was dropped just now.
    if truthy(body.get("user_id")) and not any(key in metadata for key in ("user_id", "userId")):
        metadata["user_id"] = body["user_id"]
    company_ids = [properties.get(key) for key in ("organization_id", "company_id", "companyId")]
    body["company_id"] = next(filter(truthy, company_ids), company_ids[-1])
    body["metadata"] = metadata
    return [_call("/event", _mapped_to_destination(_ordered(body, EVENT_ORDER), message))]


def _group(message: Body, mapping: Mapping) -> list[Call]:
    company = _fields(message, COMPANY)
    if not truthy(company.get("company_id")):
        raise _Refused("groupId Id is mandatory")
    if kept(traits := get(message, "traits")):
        # The deletions reach the event itself: `traits.id` can no more name the person below.
        company["custom_attributes"] = _stripped(traits, COMPANY_RESERVED)
    calls = [_call("/company", company)]
    try:
        calls.append(_person(message, MEMBER, mapping))
    except _Refused:
        # RudderStack has written the company by now, and then aborts the event. What it sent is what we send.
        return calls
    return calls


PLANS: dict[str, Callable[[Body, Mapping], list[Call]]] = {"identify": _identify, "track": _track, "group": _group}


def _own(event: Body) -> Body:
    """Return the event with traits of its own: RudderStack changes them while it reads, and depends on that."""
    message = own_order(event) | _processed_times(event)
    if isinstance(context := message.get("context"), dict):
        message["context"] = context = own_order(context)
    for holder, key in ((message, "traits"), (message, "context.traits"), (context, "traits")):
        if isinstance(holder, dict) and isinstance(traits := holder.get(key), dict):
            holder[key] = own_order(traits)
    return message


def _processed_times(event: Body) -> Body:
    """Return what RudderStack's server makes of the times before it maps an event; nothing for one that has not arrived.

    A `timestamp` that is a date text stays; otherwise what lies between `originalTimestamp` and `sentAt`, two readings of the
    sender's clock, is counted back from the arrival. Numbers are no times, and the future is none of its concern.
    """
    received = parsed(event.get("receivedAt"))
    if received is None:
        return {}
    original, sent = parsed(event.get("originalTimestamp")) or received, parsed(event.get("sentAt")) or received
    stated = parsed(event.get("timestamp"))
    try:
        happened = received - (sent - original) if stated is None else stated
    except OverflowError:
        happened = received
    times = {"receivedAt": received, "originalTimestamp": original, "sentAt": sent, "timestamp": happened}
    return {field: to_text(moment) for field, moment in times.items()}


def _person(message: Body, sources: LookedUp, mapping: Mapping) -> Call:
    """Join the name, link the company, clean the custom attributes, ask who it is: in RudderStack's order."""
    body = _fields(message, sources)
    if "name" not in body and (name := _joined_name(message)) is not MISSING:
        body["name"] = name
    traits = body.get("custom_attributes")
    # Looked up from outside the traits: a key "company.id" counts only where there is no `company` to go into.
    around = {"custom_attributes": traits}
    linked = get(around, "custom_attributes.company.id")
    company_id = linked if truthy(linked) else message.get("groupId")
    if truthy(company_id):
        remove = get(around, "custom_attributes.company.remove")
        body["companies"] = [{"company_id": company_id, "remove": False if remove is MISSING else remove}]
    if "custom_attributes" in body:
        body["custom_attributes"] = _stripped(traits, PERSON_RESERVED)
    _require_person(body, message, mapping)
    return _call("/people", _mapped_to_destination(_ordered(body, PERSON_ORDER), message))


def _joined_name(message: Body) -> Any:
    """Return both names as one text, else what JavaScript's `||` gives: the first if it is true, or whatever the last is."""
    first_name, last_name = (first(message, _both(*names)) for names in (FIRST_NAMES, LAST_NAMES))
    if not (truthy(first_name) and truthy(last_name)):
        return first_name if truthy(first_name) else last_name
    if too_deep([first_name, last_name]):
        raise _Refused("the name is nested too deeply to be read")
    return f"{as_js_text(first_name)} {as_js_text(last_name)}"


def _require_person(body: Body, message: Body, mapping: Mapping) -> None:
    if mapping.anonymous_fallback and not truthy(body.get("user_id")):
        body["user_id"] = message.get("anonymousId")
    if not truthy(body.get("user_id")) and not truthy(body.get("email")):
        raise _Refused("Email or userId is mandatory")


def _mapped_to_destination(body: Body, message: Body) -> Body:
    """Replace the body by the raw traits if a warehouse already mapped them."""
    if not truthy(get(message, "context.mappedToDestination")):
        return body
    traits = first(message, ("traits", "context.traits"))
    if not isinstance(traits, dict):
        raise _Refused("mappedToDestination without traits: RudderStack fails on it and repeats it for hours")
    key, id_ = (get(message, f"context.externalId.0.{name}") for name in ("identifierType", "id"))
    return traits if id_ is MISSING or not isinstance(key, str) or not key else traits | {key: id_}


def _fields(message: Body, sources: LookedUp) -> Body:
    """Return each field that has a value worth keeping."""
    found = ((name, first(message, paths)) for name, paths in sources.items())
    return {name: value for name, value in found if value is not MISSING}


def _ordered(body: Body, order: tuple[str, ...]) -> Body:
    return {name: value for name in order if (value := body.get(name)) is not None}


def _stripped(traits: Any, reserved: tuple[str, ...]) -> object:
    """Delete the reserved keys and every object, array and null, in place, as RudderStack does."""
    if isinstance(traits, list) and traits:
        traits = entries(traits)
    if not isinstance(traits, dict):
        return traits
    for key in reserved:
        traits.pop(key, None)
    for key in [key for key, value in traits.items() if value is None or isinstance(value, NESTED)]:
        del traits[key]
    return dict(traits)


def _call(path: str, body: Body) -> Call:
    if too_deep(body):
        raise _Refused("the event is nested too deeply to be sent")
    written: Body = as_written(body)
    return Call(path, written)
