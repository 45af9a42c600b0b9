"""How people, companies and events are written down: in Custify's answers, and for /_sandbox/state."""

import datetime as dt
from collections.abc import Mapping

from penstock.sandbox.rules import AttributeType, Rule
from penstock.sandbox.store import Entity, Event, Store

_TYPES = {
    "signed_up_at": "date",
    "session_count": "number",
    "size": "number",
    "monthly_revenue": "number",
} | dict.fromkeys(("churned", "unsubscribed_from_emails", "unsubscribed_from_calls"), "boolean")
_IDS = {"user_id": None, "email": None}
_NO_ATTRIBUTES = {"id", "companies", "parent_companies", "custom_attributes"}


def person(entity: Entity) -> dict[str, object]:
    """Write a person as POST /people answers: `companies` holds Custify's own ids.

    A person has both ids, null where there is none: clients read them without asking (testmonitor/custify-client).
    """
    return {
        "id": entity.id,
        **_IDS,
        **entity.fields,
        "companies": entity.companies,
        "custom_attributes": entity.custom_attributes,
    }


def company(entity: Entity) -> dict[str, object]:
    """Write a company as POST /company answers."""
    return {"id": entity.id, **entity.fields, "custom_attributes": entity.custom_attributes}


def member(entity: Entity) -> dict[str, object]:
    """Write a person as /company/people/{id} does: details and activity apart."""
    last_seen_at = None if entity.last_seen_at is None else utc(entity.last_seen_at)
    activity = {"last_seen_at": last_seen_at, "session_count": entity.fields.get("session_count", 0)}
    details = {**_IDS, **entity.fields, "custom_attributes": entity.custom_attributes}
    return {"id": entity.id, "details": details, "activity": activity}


def attributes(documented: Mapping[str, Rule], custom: Mapping[str, AttributeType]) -> list[dict[str, object]]:
    """Write the attribute registry; the shape beyond name and type is ours."""
    standard = [(name, _TYPES.get(name, "string")) for name in documented if name not in _NO_ATTRIBUTES]
    listed = [(*pair, False) for pair in standard] + [(*pair, True) for pair in custom.items()]
    return [{"name": name, "type": type_, "custom": is_custom} for name, type_, is_custom in listed]


def event(kept: Event) -> dict[str, object]:
    """Write an event with what it was taken for; `person` and `companies` are Custify's own ids."""
    reason = {"reason": kept.reason} if kept.reason else {}
    placed = {"at": utc(kept.at), "person": kept.person, "companies": kept.companies}
    return {**kept.fields, "created_at": happened_at(kept), **placed, **reason}


def state(store: Store) -> dict[str, object]:
    """Write everything that is held."""
    return {
        "people": [person(entity) for entity in store.people.values()],
        "companies": [company(entity) for entity in store.companies.values()],
        "events": [event(kept) for kept in store.events],
        "dropped_events": [event(dropped) for dropped in store.dropped],
        "counts": store.counts,
    }


def happened_at(kept: Event) -> str:
    """Return the time an event says it happened, else the time it came."""
    said = kept.fields.get("created_at")
    return said if isinstance(said, str) else utc(kept.at)


def utc(seconds: float) -> str:
    """Write seconds since 1970 in Custify's own form."""
    moment = dt.datetime.fromtimestamp(seconds, tz=dt.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"
