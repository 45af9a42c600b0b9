"""track becomes an event of a person, or of a company alone; page and screen views too, if the destination wants them."""

from penstock.convert import values
from penstock.convert.plan import Call, Mapping, Plan, Unmappable
from penstock.convert.traits import Object, event_time, first_text, objects, user_id_of

COMPANY_IDS = ("company_id", "companyId", "organization_id")
NO_NAME = "track without an event name"
NO_SUBJECT = "the event names nobody: it has neither userId nor an email among its traits, and no company"


def plan_track(event: Object, mapping: Mapping) -> Plan | Unmappable:
    """Return one call: the event."""
    name = values.as_text(event.get("event"))
    return _plan(event, name, mapping) if name else Unmappable(NO_NAME)


def plan_view(event: Object, view: str, mapping: Mapping) -> Plan | Unmappable:
    """Return one call: a page or screen view, named after the page."""
    name = values.as_text(event.get("name")) or values.as_text(objects(event, "properties").get("name"))
    return _plan(event, f"Viewed {name} {view.title()}" if name else f"Viewed a {view.title()}", mapping)


def _plan(event: Object, name: str, mapping: Mapping) -> Plan | Unmappable:
    # Only traits say who somebody is. An email among the properties is somebody the event is about: an invited person.
    traits = {**objects(event, "context", "traits"), **objects(event, "traits")}
    properties = objects(event, "properties")
    subject = {
        "user_id": user_id_of(event, traits, mapping),
        "email": values.as_text(traits.get("email")),
        "company_id": _company_id(event, properties),
    }
    if not any(subject.values()):
        return Unmappable(NO_SUBJECT)
    facts = subject | {
        "name": name,
        "created_at": event_time(event),
        "deduplication_id": values.as_text(event.get("messageId")),
    }
    body = {key: value for key, value in facts.items() if value is not None}
    rest = {key: value for key, value in properties.items() if key not in COMPANY_IDS}
    return Plan((Call("/event", body | {"metadata": values.attributes(rest, nested=mapping.nested)}),))


def _company_id(event: Object, properties: Object) -> str | None:
    return first_text(properties, COMPANY_IDS) or values.as_text(objects(event, "context").get("groupId"))
